"""What a new interpreter does with ``python -m faceveil``, its standard streams being files.

Run by path in a forked process, which knows nothing of the tests, with a ``call`` among its
globals: the arguments, where to be, the folder of the streams, and the environment.
"""

from __future__ import annotations

import os
import runpy
import sys

argv, cwd, streams, environ = globals()["call"]

os.environ.clear()
os.environ.update(environ)
os.chdir(cwd)
for descriptor, mode in enumerate(("rb", "wb", "wb")):
    with (streams / str(descriptor)).open(mode) as file:
        os.dup2(file.fileno(), descriptor)
sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115
sys.stdout = open(1, "w", closefd=False, encoding="utf-8")  # noqa: SIM115
sys.stderr = open(2, "w", closefd=False, encoding="utf-8", buffering=1)  # noqa: SIM115
sys.argv = argv
runpy.run_module("faceveil", run_name="__main__", alter_sys=True)
