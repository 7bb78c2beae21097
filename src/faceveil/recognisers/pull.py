"""Public recognisers fetched by name: the SHA-256 in each card is the one its repository states."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceveil.core import config
from faceveil.core.errors import ModelError
from faceveil.io import atomic
from faceveil.recognisers.card import Card, read_card
from faceveil.recognisers.zoo import BUNDLED, home

if TYPE_CHECKING:
    import requests

URLS = {
    "sface": (
        "https://media.githubusercontent.com/media/opencv/opencv_zoo/"
        "966be4cb6eefc2a4f586ed0581bf4bbaa2533070/models/face_recognition_sface/"
        "face_recognition_sface_2021dec.onnx"
    ),
    "sphere20": "https://github.com/yakhyo/uniface/releases/download/weights/sphere20.onnx",
}

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are here and the bytes there are, None while that is unknown."""


def cards() -> dict[str, Card]:
    """The card of every model :func:`pull` can fetch, by name."""
    return {name: read_card(BUNDLED / "pull" / f"{name}.toml") for name in URLS}


def pull(name: str, progress: Progress) -> Path:
    """Fetch the model ``name`` into the user's folder; one that is there already is kept.

    A download that broke off goes on where it stopped, if the server can do that.

    Returns:
        The path of its card.

    Raises:
        ModelError: there is no such model, another one has its name, the network or the disk
            failed, or what came is not the file the card was written for.
    """
    if name not in URLS:
        raise ModelError(f"There is no model {name!r} to pull; known are {', '.join(URLS)}.")
    card = cards()[name]
    card_path = home() / f"{name}.toml"
    if card_path.is_file() and read_card(card_path).sha256 != card.sha256:
        raise ModelError(
            f"{card_path}: another recogniser has the name {name}. `faceveil models remove {name}` "
            "deletes it."
        )
    _fetch(URLS[name], home() / card.weights, card.sha256, progress)
    if not card_path.is_file():
        atomic.write(card_path, config.write(card).encode(), overwrite=False)
    return card_path


def _fetch(url: str, path: Path, sha256: str, progress: Progress) -> None:
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    part = path.with_name(f"{path.name}.part")
    try:
        pooch.retrieve(
            url,
            known_hash=f"sha256:{sha256}",
            fname=path.name,
            path=path.parent,
            downloader=partial(_download, part=part, progress=progress),
        )
    except requests.RequestException as error:
        raise ModelError(f"{url}: {_reason(error)}. {_advice(part)}") from None
    except ValueError:
        raise ModelError(
            f"{url}: what came is not the file faceveil knows (its SHA-256 is not {sha256}). It "
            "was removed."
        ) from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be written ({error.strerror or error}).") from None


def _download(url: str, output: str, _: Any, *, part: Path, progress: Progress) -> None:
    """Pooch's downloader: ``url`` into ``output`` by way of ``part``, which survives a break."""
    import requests

    n_bytes = part.stat().st_size if part.is_file() else 0
    headers = {"Accept-Encoding": "identity"}
    if n_bytes:
        headers["Range"] = f"bytes={n_bytes}-"
    with requests.get(url, headers=headers, stream=True, timeout=30) as response:
        if n_bytes and response.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink()  # it is at least as long as the file, so it is no part of it
            return _download(url, output, _, part=part, progress=progress)
        response.raise_for_status()
        if response.status_code != requests.codes.partial_content:
            n_bytes = 0
        length = response.headers.get("Content-Length")
        n_total = n_bytes + int(length) if length else None
        with part.open("ab" if n_bytes else "wb") as file:
            for chunk in response.iter_content(1 << 16):
                file.write(chunk)
                n_bytes += len(chunk)
                progress(n_bytes, n_total)
    part.replace(output)
    return None


def _reason(error: requests.RequestException) -> str:
    import requests

    if error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "the server does not answer"
    if isinstance(error, requests.ConnectionError):
        return "the server cannot be reached"
    return "the download broke off"


def _advice(part: Path) -> str:
    n_bytes = part.stat().st_size if part.is_file() else 0
    if n_bytes == 0:
        return "Try again later."
    return f"{n_bytes / 1e6:.1f} MB are kept; the same command goes on from there."
