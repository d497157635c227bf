"""A real Chromium without a window, driven by its DevTools protocol over a pipe: no port, no library.

The protocol: JSON messages with a NUL after each, read by the browser from descriptor 3, written to 4.
https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe"),
)
PATIENCE = 60.0


def chromium() -> str | None:
    """Give the browser of this machine, None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One browser process; `page()` opens pages in it, `close()` ends it."""

    def __init__(self, program: str, folder: Path) -> None:
        self._read, theirs_out = os.pipe()
        theirs_in, self._write = os.pipe()
        self._next = 0
        self._buffer = b""
        self.events: list[dict[str, Any]] = []
        for end in (theirs_in, theirs_out):
            os.set_inheritable(end, True)
        moves = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
            (os.POSIX_SPAWN_DUP2, 0, 1),
            (os.POSIX_SPAWN_DUP2, 0, 2),
            (os.POSIX_SPAWN_DUP2, theirs_in, 103),
            (os.POSIX_SPAWN_DUP2, theirs_out, 104),
            (os.POSIX_SPAWN_DUP2, 103, 3),
            (os.POSIX_SPAWN_DUP2, 104, 4),
        ]
        argv = [program, *FLAGS, f"--user-data-dir={folder}", "about:blank"]
        env = {**os.environ, "HOME": str(folder), "TZ": "UTC"}
        self._pid = os.posix_spawn(program, argv, env, file_actions=moves, setpgroup=0)
        os.close(theirs_in)
        os.close(theirs_out)

    def send(self, method: str, session: str = "", **params: Any) -> Any:
        """Call a method of the protocol and give its result."""
        self._next += 1
        message = {"id": self._next, "method": method, "params": params}
        message |= {"sessionId": session} if session else {}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self.receive()).get("id") != self._next:
            self.events.append(answer)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def receive(self, within: float = PATIENCE) -> dict[str, Any]:
        """Give the next message."""
        deadline = time.monotonic() + within
        while b"\0" not in self._buffer:
            left = deadline - time.monotonic()
            assert left > 0, "the browser says nothing"
            if select.select([self._read], [], [], left)[0]:
                piece = os.read(self._read, 2**20)
                assert piece, "the browser is gone"
                self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)  # type: ignore[no-any-return]

    @contextlib.contextmanager
    def page(self, **look: Any) -> Iterator[Page]:
        """Open a page of its own; `look` as in `Page.look`."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.send(f"{domain}.enable")
        page.look(**look)
        yield page
        self.send("Target.closeTarget", targetId=target)

    def close(self) -> None:
        """End the browser and all its processes."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._read)
        os.close(self._write)


@dataclass
class Page:
    """One page: open a file, ask it with JavaScript, click, type, and see what went wrong in it."""

    browser: Browser
    session: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def send(self, method: str, **params: Any) -> Any:
        """Call a method of the protocol for this page."""
        return self.browser.send(method, self.session, **params)

    def look(
        self, *, width: int = 1280, height: int = 800, dark: bool = False, phone: bool = False
    ) -> None:
        """Set the size of the window in CSS pixels, the scheme of colours, and whether fingers touch it."""
        size = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1}
        self.send("Emulation.setDeviceMetricsOverride", mobile=phone, **size)
        self.send("Emulation.setTouchEmulationEnabled", enabled=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, file: Path, anchor: str = "") -> None:
        """Open a page that lies in a file, and wait until it stands."""
        self.send("Page.navigate", url=file.absolute().as_uri() + anchor)
        self.until("document.readyState === 'complete' && location.protocol === 'file:'")
        self.settle()

    def ask(self, script: str) -> Any:
        """Give the value of a JavaScript expression (awaited, if it is a promise)."""
        told = self.send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def until(self, script: str) -> Any:
        """Wait until an expression is true, and give it."""
        return until(lambda: self.ask(script), what=script)

    def settle(self) -> None:
        """Let the page draw what is due."""
        frame = "new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
        for _ in range(2):
            self.ask(frame)

    def text(self, selector: str) -> str:
        """Give the text of an element, as a reader sees it."""
        return str(self.ask(f"document.querySelector({json.dumps(selector)}).innerText"))

    def texts(self, selector: str) -> list[str]:
        """Give the texts of all such elements."""
        script = f"[...document.querySelectorAll({json.dumps(selector)})].map((n) => n.innerText)"
        return [str(text) for text in self.ask(script)]

    def click(self, selector: str) -> None:
        """Click in the middle of an element, as a mouse does."""
        script = f"""(() => {{ const node = document.querySelector({json.dumps(selector)});
            node.scrollIntoView({{block: "nearest"}}); const box = node.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2]; }})()"""
        x, y = self.ask(script)
        self.click_at(x, y)

    def click_at(self, x: float, y: float) -> None:
        """Click at a place of the window."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.mouse(kind, x, y)
        self.settle()

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Let the mouse do one thing."""
        button = {} if kind in ("mouseMoved", "mouseWheel") else {"button": "left"}
        count = {"clickCount": 1} if button else {}
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button, **count, **more)

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        """Let fingers touch (touchStart), move (touchMove) or leave (touchEnd)."""
        at = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(points)]
        self.send("Input.dispatchTouchEvent", type=kind, touchPoints=at)

    def press(self, key: str) -> None:
        """Press and release a key; a character types itself."""
        typed = {"text": key} if len(key) == 1 else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **typed)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)
        self.settle()

    def type(self, text: str) -> None:
        """Type into the field that has the focus."""
        self.send("Input.insertText", text=text)
        self.settle()

    def trouble(self) -> list[str]:
        """Give what the page asked of a network, complained about, or threw, since it was opened."""
        self.ask("1")
        found = []
        for event in self.browser.events:
            if event.get("sessionId") == self.session:
                found += _trouble(event["method"], event["params"])
        return found

    def picture(self, file: Path) -> None:
        """Take a picture of the window."""
        shot = self.send("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(shot["data"]))


def _trouble(method: str, params: dict[str, Any]) -> list[str]:
    if method == "Network.requestWillBeSent":
        url = params["request"]["url"]
        return [] if url.startswith(("file:", "data:", "about:")) else [f"asked for {url}"]
    if method == "Runtime.consoleAPICalled":
        return [f"console: {params['args']}"]
    if method == "Runtime.exceptionThrown":
        return [f"threw: {params['exceptionDetails']}"]
    if method == "Log.entryAdded":
        return [f"log: {params['entry']['text']}"]
    return []
