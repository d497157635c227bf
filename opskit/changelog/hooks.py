"""Hooks: events of this machine told to a chat, a dashboard, a pager, beside the changelog and never in its way.

Each hook has a thread and a short queue of its own. What cannot be sent is counted, told once at
the end, and dropped: the changelog has it. Addresses and tokens are secrets, and no message holds them.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

from opskit.changelog.hookbodies import FORMATS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.changelog.event import Event
    from opskit.config.model import Hook

PAGERDUTY = "https://events.pagerduty.com/v2/change/enqueue"
LONGEST_QUEUE = 100
ATTEMPT_LIMIT = 3.0  # seconds for one try, whatever the other side does
PAUSE = 0.3  # seconds before the second and last try
MOST_FAILURES = 3  # in a row, then a hook is left alone for a while
WHILE = 30.0  # seconds
HERE = ("localhost", "127.0.0.1", "::1")
BUSY = frozenset({429, 500, 502, 503, 504})  # answers after which a second try may help


class HookError(Exception):
    """An event that was not sent: why, without any secret; and whether it may be tried again."""

    def __init__(self, why: str, *, again: bool = False) -> None:
        super().__init__(why)
        self.again = again


class Hooks:
    """Tells hooks of events until it is closed. Nothing that happens to it stops the command."""

    def __init__(
        self,
        hooks: Sequence[Hook],
        *,
        changelog: str,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        known = os.environ if environ is None else environ
        self._outlets = [_Outlet(hook, changelog, known) for hook in hooks]

    def sent(self, event: Event) -> None:
        """Send an event to each hook that wants its kind, soon; raises nothing and waits for nothing."""
        for outlet in self._outlets:
            outlet.take(event)

    def close(self, limit: float) -> list[str]:
        """Wait until all is sent, at most `limit` seconds; gives in words what was not, a line for each hook."""
        deadline = time.monotonic() + limit
        for outlet in self._outlets:
            outlet.end()
        return [line for outlet in self._outlets if (line := outlet.lost(deadline))]


def send(hook: Hook, event: Event, *, changelog: str, environ: Mapping[str, str]) -> int:
    """Send an event to a hook, once; gives the status of the answer. Raises HookError."""
    request = _request(hook, event, changelog, environ)
    answered: queue.SimpleQueue[int | HookError] = queue.SimpleQueue()
    # A thread of its own, since a socket's time limit starts anew with every byte that drips in.
    threading.Thread(
        target=lambda: answered.put(_answer(request)), daemon=True, name="hook attempt"
    ).start()
    try:
        answer = answered.get(timeout=ATTEMPT_LIMIT)
    except queue.Empty:
        raise HookError(f"no answer within {ATTEMPT_LIMIT:g} s") from None
    if isinstance(answer, HookError):
        raise answer
    return answer


def trial(actor: str) -> Event:
    """Give an event that is in no changelog: a note that says it is a test."""
    from opskit.changelog.event import NOTE, Event, Header

    now = time.time_ns() // 1_000_000
    nobody = "0" * 64
    header = Header(
        writer=nobody, seq=1, kind=NOTE, hlc=now << 16, ts=now, body=nobody, actor=actor
    )
    body = {"text": "this is a test of the hooks in opskit.toml", "hosts": []}
    digest = secrets.token_bytes(32)
    return Event(header=header, signed=b"", prev=b"", hash=digest, signature=b"", body=body)


class _Outlet:
    """One hook: what waits for it, and what became of what went before."""

    def __init__(self, hook: Hook, changelog: str, environ: Mapping[str, str]) -> None:
        self._hook = hook
        self._changelog = changelog
        self._environ = environ
        self._queue: queue.Queue[Event | None] = queue.Queue()
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._taken = self._sent = self._failures = 0
        self._failed_at = 0.0
        self._why = ""

    def take(self, event: Event) -> None:
        """Put an event into the queue; one too many counts as lost."""
        if event.header.kind not in self._hook.kinds:
            return
        with self._lock:
            self._taken += 1
            if self._queue.qsize() >= LONGEST_QUEUE:
                self._why = self._why or "too many events at once"
                return
            self._queue.put(event)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True, name="hook")
                self._thread.start()

    def end(self) -> None:
        """Let the thread end when the queue is empty."""
        self._queue.put(None)

    def lost(self, deadline: float) -> str:
        """Wait for the last one; gives how many were not sent and why, "" if all were."""
        if self._thread is not None:
            in_time = self._done.wait(max(0.0, deadline - time.monotonic()))
            self._why = self._why or ("" if in_time else "no answer in time")
        missing = self._taken - self._sent
        if not missing:
            return ""
        events = "1 event" if missing == 1 else f"{missing} events"
        return f"hook {self._hook.name} was not told of {events}: {self._why}"

    def _work(self) -> None:
        while (event := self._queue.get()) is not None:
            rested = time.monotonic() - self._failed_at > WHILE
            if self._failures < MOST_FAILURES or rested:
                self._tell(event)
        self._done.set()

    def _tell(self, event: Event) -> None:
        try:
            self._twice(event)
        except HookError as error:
            self._failed(str(error))
        except Exception as error:  # noqa: BLE001 - a bug here must not end a rollout; it is told
            self._failed(f"an error of opskit's own, {type(error).__name__}")
        else:
            self._failures = 0
            self._sent += 1

    def _failed(self, why: str) -> None:
        self._failures += 1
        self._failed_at = time.monotonic()
        self._why = why

    def _twice(self, event: Event) -> None:
        try:
            send(self._hook, event, changelog=self._changelog, environ=self._environ)
        except HookError as error:
            if not error.again:
                raise
            time.sleep(PAUSE)
            send(self._hook, event, changelog=self._changelog, environ=self._environ)


def _request(
    hook: Hook, event: Event, changelog: str, environ: Mapping[str, str]
) -> urllib.request.Request:
    """Give the request as the hook's format documents it; raises HookError if something is missing for it."""
    body = dict(FORMATS[hook.format](event, changelog))
    headers = {"Content-Type": "application/json", "User-Agent": "opskit"}
    token = _variable(hook.token_env, environ)
    if hook.format == "pagerduty":
        body = {"routing_key": token or _missing("token_env names no routing key"), **body}
    elif token:
        headers["Authorization"] = f"Bearer {token}"
    address = _address(hook, environ)
    data = json.dumps(body).encode()
    return urllib.request.Request(address, data, headers, method="POST")  # noqa: S310 - checked


def _address(hook: Hook, environ: Mapping[str, str]) -> str:
    address = hook.url or _variable(hook.url_env, environ)
    if not address and hook.format == "pagerduty":
        return PAGERDUTY
    with contextlib.suppress(ValueError):
        parts = urlsplit(address)
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in HERE)
        if parts.hostname and safe and address.isascii() and address.isprintable():
            return address
    return _missing(f"${hook.url_env} holds no https address" if hook.url_env else "no address")


def _variable(name: str, environ: Mapping[str, str]) -> str:
    """Give what a variable of the environment holds, "" for no name; raises HookError if it is not set."""
    value = environ.get(name, "").strip() if name else ""
    if name and not value:
        _missing(f"${name} is not set")
    if not (value.isascii() and value.isprintable()):
        _missing(f"${name} holds characters that no address or token has")
    return value


def _missing(why: str) -> NoReturn:
    raise HookError(why)


def _answer(request: urllib.request.Request) -> int | HookError:
    """Send a request and give the status, or what was in the way; no message of a library, which may hold secrets."""
    try:
        with _opener().open(request, timeout=ATTEMPT_LIMIT) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return HookError(f"it answered {error.code}", again=error.code in BUSY)
    except TimeoutError:
        return HookError(f"no answer within {ATTEMPT_LIMIT:g} s")
    except OSError as error:
        return _unreachable(error)
    except Exception as error:  # noqa: BLE001 - http.client raises what it likes at a broken answer
        return HookError(f"its answer is no HTTP ({type(error).__name__})", again=True)


def _opener() -> urllib.request.OpenerDirector:
    """Give what speaks HTTP and follows no redirect: what is secret goes only where the configuration says."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _unreachable(error: OSError) -> HookError:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return HookError(f"no connection within {ATTEMPT_LIMIT:g} s")
    words = cause.strerror if isinstance(cause, OSError) and cause.strerror else ""
    return HookError(f"it cannot be reached: {words or type(cause).__name__}", again=True)
