from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from faceveil.core import config
from faceveil.core.errors import ModelError
from faceveil.recognisers import pull as module
from faceveil.recognisers import zoo
from faceveil.recognisers.card import read_card
from faceveil.recognisers.pull import pull

WEIGHTS = bytes(range(256)) * 2000


@dataclass
class Shop:
    """What a server does, and what it was asked for."""

    data: bytes = WEIGHTS
    ranges: bool = True
    breaks_after: int | None = None
    status: int | None = None
    asked: list[str | None] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    def __init__(self, *args: object, shop: Shop):
        self.shop = shop
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        shop, wanted = self.shop, self.headers["Range"]
        shop.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and shop.ranges else 0
        if shop.status or start >= len(shop.data):
            self.send_error(shop.status or 416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(shop.data) - start))
        self.end_headers()
        end = len(shop.data) if shop.breaks_after is None else start + shop.breaks_after
        self.wfile.write(shop.data[start:end])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Shop]:
    """A server on this machine that has the model ``sface``, with weights of our own."""
    shop = Shop()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, shop=shop))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    card = replace(module.cards()["sface"], sha256=hashlib.sha256(WEIGHTS).hexdigest())
    monkeypatch.setattr(module, "cards", lambda: {"sface": card})
    monkeypatch.setitem(module.URLS, "sface", f"http://127.0.0.1:{server.server_port}/sface.onnx")
    monkeypatch.setenv("FACEVEIL_HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield shop
    server.shutdown()
    server.server_close()
    thread.join()


def ignore(n_bytes: int, n_total: int | None) -> None:
    pass


def files() -> set[str]:
    return {path.name for path in zoo.home().iterdir()}


def test_weights_and_card_arrive(shop: Shop) -> None:
    seen: list[tuple[int, int | None]] = []
    path = pull("sface", lambda *progress: seen.append(progress))
    assert read_card(path).sha256 == hashlib.sha256(WEIGHTS).hexdigest()
    assert (zoo.home() / "sface.onnx").read_bytes() == WEIGHTS
    assert seen[-1] == (len(WEIGHTS), len(WEIGHTS))
    assert files() == {"sface.toml", "sface.onnx"}
    assert "sface" in zoo.names()


def test_a_model_that_is_there_is_not_fetched_again_and_keeps_its_card(shop: Shop) -> None:
    path = pull("sface", ignore)
    changed = config.write(replace(read_card(path), title="calibrated since"))
    path.write_text(changed)
    pull("sface", ignore)
    assert len(shop.asked) == 1
    assert path.read_text() == changed


def test_a_broken_download_goes_on_where_it_stopped(shop: Shop) -> None:
    shop.breaks_after = 200_000
    with pytest.raises(ModelError, match=r"broke off\. 0\.2 MB are kept; the same command goes on"):
        pull("sface", ignore)
    assert files() == {"sface.onnx.part"}
    shop.breaks_after = None
    seen: list[tuple[int, int | None]] = []
    pull("sface", lambda *progress: seen.append(progress))
    assert shop.asked == [None, "bytes=196608-"]
    assert seen[0][0] > 196_608
    assert seen[-1] == (len(WEIGHTS), len(WEIGHTS))
    assert (zoo.home() / "sface.onnx").read_bytes() == WEIGHTS
    assert files() == {"sface.toml", "sface.onnx"}


def test_a_server_without_ranges_is_asked_for_the_whole_file(shop: Shop) -> None:
    shop.ranges, shop.breaks_after = False, 100_000
    with pytest.raises(ModelError, match=r"0\.1 MB are kept"):
        pull("sface", ignore)
    shop.breaks_after = None
    pull("sface", ignore)
    assert (zoo.home() / "sface.onnx").read_bytes() == WEIGHTS


@pytest.mark.parametrize("part", [WEIGHTS, WEIGHTS + b"more"])
def test_a_part_as_long_as_the_file_is_thrown_away(shop: Shop, part: bytes) -> None:
    zoo.home().mkdir(parents=True)
    (zoo.home() / "sface.onnx.part").write_bytes(part)
    pull("sface", ignore)
    assert shop.asked == [f"bytes={len(part)}-", None]
    assert (zoo.home() / "sface.onnx").read_bytes() == WEIGHTS


def test_another_file_is_refused_and_removed(shop: Shop) -> None:
    shop.data = WEIGHTS[:-1] + b"!"
    with pytest.raises(ModelError, match=r"not the file faceveil knows .* It was removed"):
        pull("sface", ignore)
    assert files() == set()


def test_a_part_of_another_file_is_found_out(shop: Shop) -> None:
    zoo.home().mkdir(parents=True)
    (zoo.home() / "sface.onnx.part").write_bytes(b"something else")
    with pytest.raises(ModelError, match="not the file"):
        pull("sface", ignore)
    assert files() == set()
    pull("sface", ignore)


@pytest.mark.parametrize("status", [404, 403, 500])
def test_a_server_that_refuses_is_a_sentence(shop: Shop, status: int) -> None:
    shop.status = status
    with pytest.raises(ModelError, match=rf"the server answers {status} .*Try again later"):
        pull("sface", ignore)


def test_no_server_is_a_sentence(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.URLS, "sface", "http://127.0.0.1:9/sface.onnx")
    with pytest.raises(ModelError, match="the server cannot be reached"):
        pull("sface", ignore)


def test_a_server_that_hangs_is_a_sentence(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> None:
        raise requests.ReadTimeout

    monkeypatch.setattr(requests, "get", hang)
    with pytest.raises(ModelError, match=r"does not answer\. Try again later"):
        pull("sface", ignore)


def test_a_folder_that_cannot_be_written_is_a_sentence(shop: Shop) -> None:
    zoo.home().write_text("a file where the folder should be")
    with pytest.raises(ModelError, match=r"sface\.onnx: cannot be written"):
        pull("sface", ignore)


def test_another_recogniser_of_that_name_is_kept(shop: Shop) -> None:
    path = pull("sface", ignore)
    path.write_text(config.write(replace(read_card(path), sha256="b" * 64)))
    with pytest.raises(ModelError, match="another recogniser has the name sface"):
        pull("sface", ignore)


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ModelError, match="no model 'nobody' to pull; known are sface"):
        pull("nobody", ignore)


@pytest.mark.parametrize("name", module.URLS)
def test_every_card_can_be_pulled_by_a_pinned_hash(name: str) -> None:
    card = module.cards()[name]
    assert card.name == name
    assert card.weights == f"{name}.onnx"
    assert len(bytes.fromhex(card.sha256)) == 32
    assert module.URLS[name].startswith("https://")
    assert name not in zoo.RECOGNISERS
