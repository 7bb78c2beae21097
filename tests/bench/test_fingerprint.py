"""Code counts, words do not; what a module does not import does not matter to it."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faceveil.bench import fingerprint as module
from faceveil.bench.fingerprint import fingerprint
from faceveil.core.errors import UsageError
from faceveil.masks.registry import METHODS

Edit = Callable[[str, str, str], None]


@pytest.fixture
def edit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Edit:
    """``edit(module, old, new)``: from now on the module's source is read with that change."""
    changed: dict[str, Path] = {}
    find = module._source
    monkeypatch.setattr(module, "_source", lambda name: changed.get(name) or find(name))
    for function in ("_tree", "_digest", "_imports"):
        usual = getattr(module, function)

        def read(name: str, usual: Any = usual) -> Any:
            """Not remembered if it is of what was changed."""
            return (usual.__wrapped__ if name.partition(":")[0] in changed else usual)(name)

        monkeypatch.setattr(module, function, read)

    def change(name: str, old: str, new: str) -> None:
        path = changed.get(name) or find(name)
        assert path is not None
        text = path.read_text(encoding="utf-8")
        assert old in text
        changed[name] = tmp_path / f"{name}.py"
        changed[name].write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


MIM = "faceveil.masks.iterative"
STEP = "self.momentum * velocity + normalised(gradient)"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (STEP, "self.momentum * velocity - normalised(gradient)"),
        ("momentum: NonNegative = 1.0", "momentum: NonNegative = 0.9"),
        (
            "from faceveil.masks.views import Views",
            "from faceveil.masks.views import View as Views",
        ),
    ],
)
def test_code_counts(edit: Edit, old: str, new: str) -> None:
    before = fingerprint(MIM)
    edit(MIM, old, new)
    assert fingerprint(MIM) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (STEP, f"({STEP})  # as in the paper"),
        ('"""The momentum iterative method', '"""A momentum iterative method'),
        ('"""Descend with momentum towards the target nearest', '"""Go towards the target nearest'),
        ('"""Descend with momentum towards the mean of the targets."""\n', ""),
        ("    steps: Count = 50\n", '    steps: Count = 50\n    """How many."""\n\n\n'),
        ("import torch\n", "# Heavy.\nimport torch\n"),
    ],
)
def test_words_and_layout_do_not_count(edit: Edit, old: str, new: str) -> None:
    before = fingerprint(MIM)
    edit(MIM, old, new)
    assert fingerprint(MIM) == before


def test_what_is_imported_counts_and_what_is_not_does_not(edit: Edit) -> None:
    before = fingerprint(MIM), fingerprint("faceveil.masks.obfuscate")
    edit("faceveil.masks.lowkey", "def masks", "def masks_")
    assert (fingerprint(MIM), fingerprint("faceveil.masks.obfuscate")) == before
    edit("faceveil.core.goal", "-squared_distance(embedding", "+squared_distance(embedding")
    assert fingerprint(MIM) != before[0]


def test_an_import_inside_a_function_counts(edit: Edit) -> None:
    before = fingerprint("faceveil.core.seeds")
    edit(
        "faceveil.core.seeds",
        "    return hashlib.sha256(data).hexdigest()",
        "    from faceveil.core import errors\n    return hashlib.sha256(data).hexdigest()",
    )
    inside = fingerprint("faceveil.core.seeds")
    edit("faceveil.core.errors", "exit_code = 3", "exit_code = 5")
    assert len({before, inside, fingerprint("faceveil.core.seeds")}) == 3


def test_no_method_depends_on_the_list_of_all(edit: Edit) -> None:
    names = {method.__module__ for method in METHODS.values()}
    before = {name: fingerprint(name) for name in names}
    edit("faceveil.masks.registry", "METHODS: dict", "ALL_METHODS: dict")
    assert {name: fingerprint(name) for name in names} == before


def test_a_function_counts_alone(edit: Edit) -> None:
    goal_of, propose = "faceveil.app.engine:goal_of", "faceveil.app.protect:Protector.propose"
    before = fingerprint(goal_of, propose)
    edit("faceveil.app.engine", "def resolve(device: str)", "def resolved(device: str)")
    edit("faceveil.app.protect", "def __call__(", "def call(")
    assert fingerprint(goal_of, propose) == before
    edit("faceveil.app.protect", "seeds.derive(run.seed,", "seeds.derive(run.seed + 1,")
    changed = fingerprint(goal_of, propose)
    edit("faceveil.app.engine", "return Dodge()", "return Dodge() & Dodge()")
    assert len({before, changed, fingerprint(goal_of, propose)}) == 3


def test_a_module_of_another_package_counts_with_what_it_imports_of_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edit: Edit
) -> None:
    (tmp_path / "veils_of_mine.py").write_text(
        "from faceveil.masks.method import Method\n\nclass Mine(Method):\n    steps = 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    __import__("veils_of_mine")
    before = fingerprint("veils_of_mine")
    edit("veils_of_mine", "steps = 1", "steps = 2")
    changed = fingerprint("veils_of_mine")
    edit("faceveil.masks.enforce", "_HALVINGS = 10", "_HALVINGS = 11")
    assert len({before, changed, fingerprint("veils_of_mine")}) == 3


def test_code_that_lies_in_no_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "notebook", types.ModuleType("notebook"))
    with pytest.raises(UsageError, match="notebook lies in no file"):
        fingerprint("notebook")
