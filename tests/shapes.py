"""Annotations that hold a shape are executed in every module imported after this one.

The other annotations are mypy's; and tests hand over wrong values on purpose, to see them refused
in a sentence. Where that is a wrong shape, they use the fixture ``any_shape``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray, install_import_hook

_CHECK = beartype(conf=BeartypeConf(is_pep484_tower=True))  # int stands for float, as in mypy


REFUSED_BY_THEMSELVES = "faceveil.recognisers.onnx"
"""Operators say in errors what is wrong with a file, its shapes too."""


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, made by jaxtyping, checked in its annotations that hold a shape."""
    if function.__module__.startswith(REFUSED_BY_THEMSELVES):
        return function
    hints = function.__annotations__
    function.__annotations__ = {name: hint for name, hint in hints.items() if _holds_shape(hint)}
    return _CHECK(function) if function.__annotations__ else function


def _holds_shape(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return True
    return any(_holds_shape(inner) for inner in get_args(hint))


install_import_hook("faceveil", "tests.shapes.checked")
