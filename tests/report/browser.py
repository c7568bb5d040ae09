"""Chromium without a window, driven by DevTools through a pipe: no driver program, no port, no other package."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

#: Screenshots are kept here, for people to look at.
ARTEFACTS = Path(__file__).parent / "artefacts"
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
#: Chromium reads commands from file 3 and answers on file 4.
_ON_3_AND_4 = (
    "import os, sys; commands, answers = map(int, sys.argv[1:3]); os.dup2(commands, 3); os.dup2(answers, 4); "
    "os.execv(sys.argv[3], sys.argv[3:])"
)


def chromium() -> str:
    """Return the path of Chromium; without one a test skips, except on CI, where it fails."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None and os.environ.get("CI"):
        pytest.fail("CI must have Chromium: `make browser` installs Debian's package where it can.")
    if found is None:
        pytest.skip("there is no Chromium here: install it, or run `make browser` as root where there is apt")
    return found


class NavigatedError(Exception):
    """Another page has replaced the requested one."""


class Browser:
    """A running Chromium; its commands wait for their answers."""

    def __init__(self, executable: str, *flags: str) -> None:
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        command_end, self._commands = os.pipe()
        self._answers, answer_end = os.pipe()
        command = [executable, *_FLAGS, *flags, f"--user-data-dir={self._profile}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _ON_3_AND_4, str(command_end), str(answer_end), *command],
            pass_fds=(command_end, answer_end),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(command_end)
        os.close(answer_end)
        self._received = b""
        self._number = 0
        #: The pages' messages and requests, from DevTools.
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        os.close(self._commands)
        os.close(self._answers)
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Return the answer to a command."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        self._send({**message, "sessionId": session} if session else message)
        for answer in self._messages():
            if answer.get("id") == self._number:
                if "navigated" in answer.get("error", {}).get("message", ""):
                    raise NavigatedError(method)
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])
            self.events.append(answer)
        raise AssertionError(f"Chromium ended during {method}")

    def open(self, url: str) -> Page:
        """Open a page in a tab of its own."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        page.call("Page.navigate", url=url)
        return page

    def _send(self, message: dict[str, Any]) -> None:
        left = memoryview(json.dumps(message).encode() + b"\0")
        while left:
            left = left[os.write(self._commands, left) :]

    def _messages(self) -> Iterator[dict[str, Any]]:
        while True:
            while b"\0" in self._received:
                first, self._received = self._received.split(b"\0", 1)
                yield json.loads(first)
            more = os.read(self._answers, 1 << 20)
            if not more:
                return
            self._received += more


class Page:
    """A tab."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the answer to a command of this tab."""
        return self._browser.call(method, self._session, **params)

    def run(self, script: str) -> Any:
        """Return the value of an expression; promises are waited for."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 30) -> Any:
        """Return the value of an expression once it is true, on whatever page is open by then."""
        deadline = time.monotonic() + seconds
        while True:
            with suppress(NavigatedError):
                if value := self.run(condition):
                    return value
            assert time.monotonic() < deadline, f"never: {condition}"
            time.sleep(0.02)

    def look(self, width: int, height: int, scheme: str = "light") -> None:
        """Make the window this large, and its user like light or dark."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.settle()

    def settle(self) -> None:
        """Wait until changes have been drawn."""
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 60))))")

    def point(self, x: float, y: float, click: bool = False) -> None:
        """Move the mouse, and click if wanted."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for type_ in ("mousePressed", "mouseReleased") if click else ():
            self.call("Input.dispatchMouseEvent", type=type_, x=x, y=y, button="left", clickCount=1)

    def complaints(self) -> list[str]:
        """Return scripts' exceptions, and errors in the console."""
        self.run("1")
        mine = [event for event in self._browser.events if event.get("sessionId") == self._session]
        thrown = [json.dumps(each["params"]) for each in mine if each["method"] == "Runtime.exceptionThrown"]
        logged = [each["params"]["entry"] for each in mine if each["method"] == "Log.entryAdded"]
        return thrown + [entry["text"] for entry in logged if entry["level"] == "error"]

    def requested(self) -> list[str]:
        """Return the addresses that the page requested, without its own embedded data."""
        mine = [event for event in self._browser.events if event.get("sessionId") == self._session]
        urls = [each["params"]["request"]["url"] for each in mine if each["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith(("data:", "blob:"))]

    def screenshot(self, name: str) -> Path:
        """Save a screenshot of the window."""
        ARTEFACTS.mkdir(exist_ok=True)
        path = ARTEFACTS / f"{name}.png"
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
        return path
