"""A digest of the code a result came from, so that changed code never meets an old result."""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
from pathlib import Path

from faceveil.core.errors import UsageError

PACKAGE = "faceveil"


def fingerprint(*names: str) -> str:
    """A digest of modules and of all that they import from the package, and of single functions.

    Comments, docstrings and layout do not count, so rewording keeps what was worked out.

    Args:
        names: of modules, such as ``faceveil.masks.tip_im`` or a loaded one of another package; or
            ``module:function`` and ``module:Class.method``, which count alone.

    Raises:
        UsageError: a module lies in no file, so nobody can tell whether it has changed.
    """
    reached: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(_imports(name) if ":" not in name else ())
    parts = "".join(f"{name} {_digest(name)}\n" for name in sorted(reached))
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


@functools.cache
def _digest(name: str) -> str:
    """Of the code of a module, or of a function or class in it."""
    module, _, path = name.partition(":")
    code: ast.AST = _tree(module)
    for part in path.split(".") if path else ():
        code = next(one for one in ast.iter_child_nodes(code) if getattr(one, "name", "") == part)
    return hashlib.sha256(ast.dump(code).encode()).hexdigest()


@functools.cache
def _tree(module: str) -> ast.Module:
    """The module's code without docstrings."""
    path = _source(module)
    if path is None:
        raise UsageError(
            f"{module} lies in no file, so it cannot be told whether its code has changed: write "
            "the method into a file and import it from there."
        )
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = [line for line in node.body if not _is_text(line)]
    return tree


def _is_text(line: ast.stmt) -> bool:
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    )


@functools.cache
def _imports(module: str) -> frozenset[str]:
    """The package's modules that ``module`` imports, at its top or inside a function."""
    imported: set[str] = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            # ``from room import name``: the name may be a module of its own.
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        imported.update(name for name in names if name.partition(".")[0] == PACKAGE)
    return frozenset(name for name in imported if _source(name) is not None)


@functools.cache
def _source(module: str) -> Path | None:
    """The file of a module, None where the name is none."""
    if module.partition(".")[0] != PACKAGE:
        file = getattr(sys.modules.get(module), "__file__", None)
        return None if file is None else Path(file)
    root = Path(__file__).parents[1]
    place = root.joinpath(*module.split(".")[1:])
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.is_file():
            return path
    return None
