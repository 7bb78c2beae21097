"""A real browser, verdicts to show in it, and one loaded protector that every test shares."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from faceveil.app.protect import Outcome, Protector
from faceveil.app.settings import Settings
from faceveil.app.verdict import Condition, FaceVerdict, Match, Role, Verdict
from faceveil.io import photo

CHROMIUM = Path("/usr/bin/chromium")
THRESHOLDS = {
    "mobilefacenet": (0.372, 0.474, 0.56),
    "faceres": (0.559, 0.62, 0.68),
    "dlib": (0.911, 0.928, 0.941),
}
BOX = (175.0, 60.0, 275.0, 195.0)
QUICK: dict[str, dict[str, Any]] = {
    "method": {"steps": 2},
    "run": {"surrogates": ["mobilefacenet"], "held_out": []},
}
"""Two steps against one surrogate: enough to change the face, not to hide it."""


class Browser:
    """Headless Chromium, driven through the pipes of its DevTools protocol.

    ``complaints`` collects what pages log, throw or are refused.
    """

    def __init__(self, profile: Path):
        self._to_browser, write = os.pipe(), os.pipe()
        self._in, self._out = self._to_browser[1], write[0]
        command = (
            f"exec {CHROMIUM} --headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
            "--disable-background-networking --disable-component-update --disable-sync "
            f"--remote-debugging-pipe --user-data-dir={profile} about:blank "
            f"3<&{self._to_browser[0]} 4>&{write[1]}"
        )
        self._process = subprocess.Popen(
            ["bash", "-c", command],
            pass_fds=(self._to_browser[0], write[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(self._to_browser[0])
        os.close(write[1])
        self._n_calls = 0
        self._rest = b""
        self.complaints: list[str] = []
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._session = session
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of one command of the protocol."""
        self._n_calls += 1
        message = {"id": self._n_calls, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._in, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._read()
            if reply.get("id") == self._n_calls:
                assert "error" not in reply, reply
                return reply["result"]

    def open(self, path: Path) -> None:
        """Load a page and wait until it has loaded."""
        self.complaints.clear()
        self.call("Page.navigate", url=path.as_uri())
        while self._read().get("method") != "Page.loadEventFired":
            pass

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=39
            )

    def close(self) -> None:
        """End the browser."""
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            chunk = os.read(self._out, 1 << 20)
            assert chunk, "the browser has gone"
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        if message.get("method") in {
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
            "Log.entryAdded",
        }:
            self.complaints.append(json.dumps(message["params"]))
        if message.get("method") == "Network.requestWillBeSent":
            url = message["params"]["request"]["url"]
            if not url.startswith(("data:", "file:")):
                self.complaints.append(f"asked the network for {url}")
        return message


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}")
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def protector() -> Protector:
    """One surrogate and two steps, with real models."""
    return Protector.load(Settings.build(QUICK), device="cpu")


@pytest.fixture(scope="session")
def outcome(protector: Protector, portrait_path: Path) -> Outcome:
    """The example portrait, veiled."""
    return protector(photo.read(portrait_path))


def make_face(
    similarities: Mapping[str, tuple[float | None, ...]],
    roles: Mapping[str, Role],
    *,
    index: int = 0,
    box: tuple[float, float, float, float] = BOX,
    conditions: tuple[str, ...] = ("as written", "JPEG 75"),
) -> FaceVerdict:
    """A face with one similarity per recogniser and condition."""
    return FaceVerdict(
        index,
        box,
        tuple(
            Condition(
                condition,
                tuple(
                    Match(name, roles[name], values[at], THRESHOLDS[name])
                    for name, values in similarities.items()
                ),
            )
            for at, condition in enumerate(conditions)
        ),
    )


def make_verdict(*faces: FaceVerdict, notes: tuple[str, ...] = ()) -> Verdict:
    """A verdict on ``me.png`` and ``me.veiled.png``."""
    return Verdict("me.png", "me.veiled.png", faces, notes)
