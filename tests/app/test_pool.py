"""Work in one process or in several; nothing is lost, hidden or left running.

Tasks are expressions and the worker is ``eval``: other processes cannot import these tests.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from faceveil.app.pool import each, n_cores
from faceveil.core.errors import FaceveilError, ModelError
from faceveil.recognisers import zoo

start: Callable[[], Callable[[str], object]] = partial(partial, eval)
PID = "__import__('os').getpid()"


def test_one_process_works_here_one_after_the_other() -> None:
    done = each(["1 + 1", PID, "1 / 0"], start, n_processes=1)
    assert next(done) == 2
    assert next(done) == os.getpid()
    with pytest.raises(ZeroDivisionError):
        next(done)


def test_without_a_task_nothing_is_started() -> None:
    def refuse() -> Callable[[str], object]:
        raise AssertionError("started")

    assert list(each([], refuse, n_processes=4)) == []


def test_one_task_needs_no_second_process() -> None:
    assert list(each([PID], start, n_processes=4)) == [os.getpid()]


def test_several_processes_share_tasks_and_cores_and_end_with_the_first_error(
    tmp_path: Path,
) -> None:
    threads = "__import__('torch').get_num_threads()"
    # Each waits for the other to have begun.
    here = f"open({str(tmp_path / 'x')!r} + str({PID}), 'w').close()"
    there = f"len(__import__('os').listdir({str(tmp_path)!r})) < 2"
    wait = f"[__import__('time').sleep(0.01) for _ in iter(lambda: {there}, False)]"
    slow = f"({here}, {wait}, {PID}, {threads})[2:]"
    work = each([*[slow] * 8, *["1 / 0"] * 50], start, n_processes=2)
    done = [next(work) for _ in range(7)]  # the eighth may come after the error
    with pytest.raises(ZeroDivisionError):
        list(work)
    pids = {int(path.name[1:]) for path in tmp_path.iterdir()}
    assert len(pids) == 2
    assert {pid for pid, _ in done} <= pids
    assert os.getpid() not in pids
    assert {count for _, count in done} == {max(1, n_cores() // 2)}
    assert gone(list(pids))


@pytest.mark.slow
def test_what_start_raises_is_raised_here() -> None:
    with pytest.raises(ModelError, match="no recogniser called 'nobody'"):
        list(each(["1", "2"], partial(zoo.load, "nobody"), n_processes=2))


@pytest.mark.slow
def test_a_killed_process_is_a_sentence_and_what_was_done_before_is_not_lost() -> None:
    work = each(
        ["7", f"(__import__('time').sleep(3), __import__('os').kill({PID}, 9))"],
        start,
        n_processes=2,
    )
    assert next(work) == 7
    with pytest.raises(FaceveilError, match=r"ended unexpectedly.* What is finished is kept"):
        next(work)


@pytest.mark.slow
def test_who_stops_listening_stops_the_work() -> None:
    work = each([PID] * 50, start, n_processes=2)
    pid = next(work)
    work.close()  # type: ignore[attr-defined]
    assert isinstance(pid, int)
    assert gone([pid])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_processes_do_not_outlive_a_parent_that_was_killed(tmp_path: Path) -> None:
    code = (
        "from functools import partial\n"
        "from faceveil.app.pool import each\n"
        "if __name__ == '__main__':\n"
        f"    tasks = [\"(__import__('time').sleep(0.1), {PID})[1]\"] * 1000\n"
        "    for pid in each(tasks, partial(partial, eval), n_processes=2):\n"
        "        print(pid, flush=True)\n"
    )
    (tmp_path / "parent.py").write_text(code)
    parent = subprocess.Popen([sys.executable, tmp_path / "parent.py"], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    workers: set[int] = set()
    while len(workers) < 2:
        workers.add(int(parent.stdout.readline()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert gone(list(workers))


def gone(pids: list[int]) -> bool:
    """Whether these processes end within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.05)
    return False


def test_cores_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= n_cores() <= (os.cpu_count() or 1)
    if hasattr(os, "sched_getaffinity"):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5, 7})
        assert n_cores() == 3
        monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert n_cores() == 1
