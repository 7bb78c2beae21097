"""A run's log: JSON lines always, TensorBoard where it is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from faceveil.training import lines

LOG, BOARD = "log.jsonl", "tensorboard"


class Journal:
    """The log of a run that goes on after ``step`` steps; what was noted later is forgotten."""

    def __init__(self, folder: Path, step: int):
        self._path = folder / LOG
        lines.rewrite(
            self._path, [record for record in lines.read(self._path) if record["step"] <= step]
        )
        self._board = None
        if importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / BOARD), purge_step=step + 1)

    def note(self, step: int, figures: Mapping[str, float]) -> None:
        """Add a record.

        Raises:
            PhotoError: the disk is full.
        """
        lines.append(self._path, {"step": step, **figures})
        if self._board is not None:
            with lines.growing(self._path.with_name(BOARD)):
                for name, value in figures.items():
                    self._board.add_scalar(name, value, step)
                self._board.flush()

    def close(self) -> None:
        """Nothing more will be noted."""
        if self._board is not None:
            self._board.close()
