from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from faceveil.core.seeds import content_hash, derive, generator

part = st.one_of(st.text(max_size=5), st.integers(), st.binary(max_size=5))


def test_content_hash_is_sha256() -> None:
    assert content_hash(b"abc").startswith("ba7816bf8f01cfea414140de5dae2223b00361a396177a9c")


@given(st.integers(), st.lists(part, max_size=4))
def test_a_derived_seed_fits_every_generator_and_is_repeatable(
    seed: int, parts: list[str | int | bytes]
) -> None:
    derived = derive(seed, *parts)
    assert 0 <= derived < 2**63
    assert derived == derive(seed, *parts)
    generator(derived)


@given(st.lists(part, max_size=4), st.lists(part, max_size=4))
def test_other_parts_give_another_seed(
    one: list[str | int | bytes], other: list[str | int | bytes]
) -> None:
    assert (derive(0, *one) == derive(0, *other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a", "b"), ("ab",)), (("1",), (1,)), ((b"a",), ("a",)), (("", "a"), ("a", "")), ((), ("",))],
)
def test_parts_are_told_apart(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert derive(0, *one) != derive(0, *other)


def test_derived_seeds_are_the_same_in_every_process_and_version() -> None:
    """Receipts hold seeds, so the derivation may never change."""
    assert derive(7, "photo.jpg", 3, b"\x00\xff") == 8300251025845001965
    code = "from faceveil.core.seeds import derive; print(derive(7, 'photo.jpg', 3, b'\\x00\\xff'))"
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(printed) == 8300251025845001965


def test_a_generator_repeats_and_leaves_the_global_one_alone() -> None:
    before = torch.random.get_rng_state()
    draws = [torch.rand(3, generator=generator(5)) for _ in range(2)]
    assert torch.equal(draws[0], draws[1])
    assert torch.equal(torch.random.get_rng_state(), before)
