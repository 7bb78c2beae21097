"""Protecting and checking a photo asks nobody on the network for anything."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

RUN = """
import json, sys

asked = []

def refuse(event, arguments):
    if event.startswith("socket.") and event != "socket.__new__":
        asked.append(event)
        raise OSError(f"no network here: {event}")

sys.addaudithook(refuse)  # sees every call, whichever name of it was imported
from faceveil.cli.main import run

codes = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["faceveil", *arguments]
    try:
        run()
    except SystemExit as end:
        codes.append(end.code or 0)
print(json.dumps({"codes": codes, "asked": asked}))
"""


def offline(folder: Path, *commands: list[str]) -> dict[str, list[object]]:
    """Exit codes of ``commands``, and what they asked of the network, which they were refused."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(commands)],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()
    result: dict[str, list[object]] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_protect_and_check_work_without_a_network(tmp_path: Path, portrait_path: Path) -> None:
    shutil.copy(portrait_path, tmp_path / "me.png")
    quick = ["--set", "method.steps=2", "--surrogate", "mobilefacenet", "--held-out", "dlib"]
    done = offline(
        tmp_path,
        ["models", "list", "--json"],
        ["protect", "me.png", *quick],
        ["check", "me.png", "me.veiled.png"],
    )
    assert done["asked"] == []
    assert done["codes"][0] == 0
    assert set(done["codes"][1:]) <= {0, 5}
    assert (tmp_path / "me.veiled.png").exists()


def test_pulling_a_model_is_what_does_ask(tmp_path: Path) -> None:
    done = offline(tmp_path, ["models", "pull", pullable(tmp_path)])
    assert done["asked"]
    assert done["codes"] == [3]


def pullable(folder: Path) -> str:
    """A recogniser that can be pulled."""
    done = subprocess.run(
        [sys.executable, "-c", "from faceveil.recognisers import pull; print(*pull.URLS)"],
        cwd=folder,
        capture_output=True,
        check=True,
        timeout=60,
    )
    return done.stdout.decode().split()[0]
