"""The same work on many things: one after the other, or in several processes at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any, TypeVar

import torch

from faceveil.core.errors import FaceveilError

T = TypeVar("T")
R = TypeVar("R")


def n_cores() -> int:
    """The processor cores this process may use: on a shared machine often not all there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def each(
    tasks: Sequence[T], start: Callable[[], Callable[[T], R]], *, n_processes: int
) -> Iterator[R]:
    """The result of every task as it is finished, in no particular order.

    Args:
        tasks: what is to be done; sent to other processes, so they must be picklable.
        start: makes the worker, once in each process; the processor's cores are shared out among
            them. It must be picklable.
        n_processes: how many work at a time.

    Raises:
        FaceveilError: what ``start`` or a task raised; or a process was killed, and what the other
            tasks had finished is lost only to the caller who did not take it yet.
    """
    if not tasks:
        return
    n_processes = min(n_processes, len(tasks))
    if n_processes <= 1:
        work = start()
        for task in tasks:
            yield work(task)
        return
    threads = max(1, n_cores() // n_processes)
    with ProcessPoolExecutor(
        n_processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_Worker.begin,
        initargs=(start, threads),
    ) as pool:
        futures: list[Future[R]] = [pool.submit(_Worker.do, task) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise FaceveilError(
                "A process ended unexpectedly, most likely for lack of memory. What is finished is "
                "kept: go on (protect: with --resume) with fewer --jobs."
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class _Worker:
    """One process of the pool."""

    work: Callable[[Any], Any]

    @classmethod
    def begin(cls, start: Callable[[], Callable[[Any], Any]], threads: int) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the task in hand is finished
        torch.set_num_threads(threads)
        threading.Thread(target=_end_with_parent, daemon=True).start()
        try:
            cls.work = start()
        except FaceveilError as error:
            cls.work = partial(_refuse, error)  # the pool would only say that it is broken

    @classmethod
    def do(cls, task: Any) -> Any:
        return cls.work(task)


def _end_with_parent() -> None:
    """Nothing else ends a process whose parent was killed: it would wait for tasks for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _refuse(error: FaceveilError, task: Any) -> Any:
    raise error
