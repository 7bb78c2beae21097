"""A checkpoint: tensors as safetensors, everything else as JSON in the same file's header.

Nothing in it can be run, unlike in a pickle. It is written whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor, nn

from faceveil.core.errors import ModelError
from faceveil.io import atomic

CHECKPOINT = "checkpoint.safetensors"
"""Its name in the folder of a run."""


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write ``state``, nested dicts, lists, plain values and tensors, in place of what was there.

    Raises:
        PhotoError: the disk is full or read-only; what was there before is unchanged.
    """
    tensors: dict[str, Tensor] = {}
    packed = json.dumps(_pack(state, "state", tensors))
    atomic.write(path, safetensors.torch.save(tensors, {"state": packed}), overwrite=True)


def load(path: Path) -> dict[str, Any]:
    """The state a file holds, its tensors on the CPU.

    Raises:
        ModelError: the file is missing, damaged or no checkpoint.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            packed = json.loads((file.metadata() or {})["state"])
            state: dict[str, Any] = _unpack(packed, file)
    except (OSError, KeyError, ValueError, safetensors.SafetensorError) as error:
        raise ModelError(
            f"{path} cannot be read as a checkpoint ({error}): train into a new folder."
        ) from error
    return state


def restore(module: nn.Module, state: Mapping[str, Any], path: Path) -> None:
    """Load ``state`` into ``module``, having checked that it is of a network like this.

    Raises:
        ModelError: it is of another; the first weight that differs is named.
    """
    for name, value in module.state_dict().items():
        there = state.get(name)
        if isinstance(value, Tensor):
            shape = tuple(there.shape) if isinstance(there, Tensor) else "missing"
            if shape != tuple(value.shape):
                raise _misfit(path, name, shape, tuple(value.shape))
    if unknown := state.keys() - module.state_dict().keys():
        raise _misfit(path, min(unknown), "there", "not")
    module.load_state_dict(state)


def _misfit(path: Path, name: str, there: object, here: object) -> ModelError:
    return ModelError(
        f"{path} was made with other settings or other people: {name} is {there} in it and {here} "
        "here. Go on with the recipe beside it, or train into a new folder."
    )


def _pack(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors[path] = value.detach().cpu().contiguous()
        return {"tensor": path}
    if isinstance(value, Mapping):
        items = [[key, _pack(inner, f"{path}.{key}", tensors)] for key, inner in value.items()]
        return {"items": items}
    if isinstance(value, (list, tuple)):
        return {"list": [_pack(inner, f"{path}.{i}", tensors) for i, inner in enumerate(value)]}
    return value


def _unpack(packed: Any, file: Any) -> Any:
    match packed:
        case {"tensor": path}:
            return file.get_tensor(path)
        case {"items": items}:
            return {key: _unpack(inner, file) for key, inner in items}
        case {"list": values}:
            return [_unpack(inner, file) for inner in values]
    return packed
