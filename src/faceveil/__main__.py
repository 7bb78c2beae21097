"""``python -m faceveil``."""

from faceveil.cli.main import run

if __name__ == "__main__":
    run()
