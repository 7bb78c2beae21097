"""The table of formats agrees with itself and with what can be read."""

from __future__ import annotations

import pytest

from faceveil.core.errors import PhotoError
from faceveil.io import formats


def test_suffixes_are_distinct_and_lower_case() -> None:
    every = [suffix for known in formats.SUFFIXES.values() for suffix in known]
    assert len(set(every)) == len(every)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in every)


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [(".jpg", "JPEG"), (".JPEG", "JPEG"), (".HeIc", "HEIF"), (".gif", None), ("", None)],
)
def test_of_suffix(suffix: str, kind: str | None) -> None:
    assert formats.of_suffix(suffix) == kind


def test_every_refusal_says_what_to_do() -> None:
    for data in (b"", b"GIF8", b"\0\0\0\0ftypavif", b"8BPS", b"<svg", b"nothing known"):
        with pytest.raises(PhotoError, match=r"^x\.jpg is .*: .*\.$"):
            formats.sniff(data, "x.jpg")


def test_an_unknown_format_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="GIF"):
        formats.open_image(b"", "GIF", "x")


def test_a_webp_that_lies_about_its_chunks_is_not_lossless() -> None:
    assert not formats.is_lossless(b"RIFF\0\0\0\0WEBPVP8X\xff\xff\xff\xff", "WEBP")
    assert not formats.is_lossless(b"RIFF\0\0\0\0WEBP", "WEBP")
