"""The names the package offers, and what importing it and asking for help costs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import faceveil

NAMES = {
    "METHODS",
    "Budget",
    "Card",
    "Detector",
    "Dodge",
    "Ensemble",
    "Face",
    "FaceveilError",
    "Gallery",
    "Goal",
    "Impersonate",
    "Method",
    "ModelError",
    "NoFaceError",
    "Outcome",
    "Patch",
    "Photo",
    "PhotoError",
    "Protector",
    "Recogniser",
    "Settings",
    "Trace",
    "UsageError",
    "Verdict",
    "Views",
    "compare",
    "extract",
    "load_recogniser",
    "paste",
    "protect",
    "read_photo",
    "trace",
}
"""What others build on; a name leaves this list only with a new major version."""

HEAVY = {"torch", "numpy", "PIL", "onnx", "pydantic"}


def imported(code: str) -> set[str]:
    """Which of the heavy packages a fresh interpreter holds after ``code``."""
    report = (
        f"import json, sys; print(json.dumps([m for m in {sorted(HEAVY)} if m in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, check=True, timeout=60
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def after_command(*arguments: str) -> str:
    """Code that runs the command line to its end."""
    return (
        "import sys\n"
        f"sys.argv = {['faceveil', *arguments]}\n"
        "from faceveil.cli.main import run\n"
        "try:\n    run()\nexcept SystemExit as end:\n    assert not end.code, end.code"
    )


def test_no_name_vanishes_and_none_appears_unnoticed() -> None:
    assert set(faceveil.__all__) == NAMES
    assert len(faceveil.__all__) == len(NAMES)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_name_is_what_type_checkers_take_it_for(name: str) -> None:
    room, own_name = typed_imports()[name]
    module = __import__(room, fromlist=[own_name])
    assert getattr(faceveil, name) is getattr(module, own_name)


def test_type_checkers_see_the_same_names() -> None:
    assert set(typed_imports()) == NAMES
    assert set(faceveil._HOMES) == NAMES
    assert set(dir(faceveil)) == NAMES


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'unveil'"):
        _ = faceveil.unveil


def test_the_import_is_light() -> None:
    assert imported("import faceveil; dir(faceveil)") == set()
    assert imported("from faceveil import FaceveilError, NoFaceError") == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("protect", "--help"),
        ("check", "--help"),
        ("models", "--help"),
        ("train", "--help"),
        ("models", "list", "--json"),
    ],
    ids=" ".join,
)
def test_the_command_line_answers_without_torch(arguments: tuple[str, ...]) -> None:
    assert "torch" not in imported(after_command(*arguments))


def typed_imports() -> dict[str, tuple[str, str]]:
    """Public name to (module, its name there), from the block only type checkers read."""
    tree = ast.parse(Path(faceveil.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.asname or alias.name: (line.module or "", alias.name)
        for line in block.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }
