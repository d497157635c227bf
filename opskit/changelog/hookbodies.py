"""What hooks are sent: one event in the words and the shape that each kind of receiver documents.

opskit's own body is a written contract: fields may be added, none is removed or changes its meaning.

    {"opskit": 1, "id": "0123456789", "hash": "...", "kind": "rollout.finished", "at": "2026-08-02T14:03:05.123+00:00",
     "changelog": "fleet", "actor": "ana@mac", "service": "shop", "environment": "production", "rollout": "k7x...",
     "action": "deploy", "text": "deploy shop in production: done after 42 s (ana@mac, opskit log k7x...)", "body": {...}}

`id` begins `hash`, which is the same if an event is sent twice. `body` is the event's own, as the changelog
keeps it; {} if it is larger than 256 KiB.
"""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opskit.changelog import body as read
from opskit.changelog.event import (
    ABANDONED,
    FINISHED,
    NOTE,
    RUN_FINISHED,
    RUN_STARTED,
    STARTED,
    VERDICT,
)
from opskit.changelog.records import title_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opskit.changelog.event import Event

VERSION = 1
LARGEST = 256 * 1024
MOST_TEXT = 1000  # PagerDuty allows 1024 characters in a summary
MOST_WHY = 500
SECOND, MINUTE = 1000, 60_000
# Line breaks, control characters, and characters that hide or turn the text around them.
_ODD = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")


def opskit(event: Event, changelog: str) -> Mapping[str, object]:
    """Give opskit's own body, as the module describes it."""
    header = event.header
    large = len(json.dumps(event.body)) > LARGEST
    return {
        "opskit": VERSION,
        "id": event.id,
        "hash": event.hash.hex(),
        "kind": header.kind,
        "at": _iso(header.at_ms),
        "changelog": changelog,
        "actor": header.actor,
        "service": header.service,
        "environment": header.environment,
        "rollout": header.rollout,
        "action": header.action,
        "text": in_words(event),
        "body": {} if large else dict(event.body),
    }


def slack(event: Event, _: str) -> Mapping[str, object]:
    """Give the body of an incoming webhook: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks."""
    escaped = html.escape(in_words(event), quote=False)  # so that <!channel> calls nobody
    return {"text": escaped}


def grafana(event: Event, changelog: str) -> Mapping[str, object]:
    """Give the body of POST /api/annotations: a rollout's end marks all of its time."""
    header = event.header
    names = (header.action, header.service, header.environment, read.text(event.body, "outcome"))
    tags = ["opskit", changelog, header.kind, *filter(None, names)]
    took = read.number(event.body, "ms") if header.kind == FINISHED else 0
    region = {"timeEnd": header.at_ms} if took else {}
    words = html.escape(in_words(event), quote=False)
    return {"time": header.at_ms - took, **region, "tags": tags, "text": words}


def pagerduty(event: Event, changelog: str) -> Mapping[str, object]:
    """Give the body of a change event (Events API v2), but for its routing_key."""
    header = event.header
    names = ("kind", "actor", "action", "service", "environment", "rollout")
    details = {name: getattr(header, name) for name in names if getattr(header, name)}
    details |= {n: v for n in ("outcome", "why", "reason") if (v := read.text(event.body, n))}
    payload = {
        "summary": in_words(event),
        "timestamp": _iso(header.at_ms),
        "source": f"opskit {changelog}",
        "custom_details": {name: plain(str(said), MOST_WHY) for name, said in details.items()},
    }
    return {"payload": payload}


FORMATS: Mapping[str, Callable[[Event, str], Mapping[str, object]]] = {
    "opskit": opskit,
    "slack": slack,
    "grafana": grafana,
    "pagerduty": pagerduty,
}


def in_words(event: Event) -> str:
    """Give an event as one line for people."""
    header, body = event.header, event.body
    what = " ".join(filter(None, [header.action or "rollout", header.service]))
    where = f" in {header.environment}" if header.environment else ""
    more = f"({header.actor}, opskit log {header.rollout})"
    if header.kind == STARTED:
        said = f"{what}{_release(body)}{where}{_hosts(body)} began{_why(body, 'why')} {more}"
    elif header.kind == FINISHED:
        outcome = read.text(body, "outcome") or "over"
        took = _duration(read.number(body, "ms"))
        said = f"{what}{where}: {outcome} after {took}{_why(body, 'reason')} {more}"
    elif header.kind == ABANDONED:
        said = f"{what}{where}: abandoned, nobody wrote down its end {more}"
    elif header.kind == NOTE:
        about = f" on {header.service}" if header.service else ""
        said = f"{header.actor} noted{about}{where}{_why(body, 'text')}"
    elif header.kind == VERDICT and header.rollout:
        ruled = read.text(body, "verdict") or "judged"
        said = f"{header.rollout}{where}: {ruled}{_why(body, 'why')} {more}"
    elif header.kind == RUN_STARTED:
        told = ": ".join(filter(None, (read.text(body, "incident"), read.text(body, "why"))))
        why = f": {plain(told, MOST_WHY)}" if told else ""
        said = f"runbook {read.text(body, 'runbook')}{where} began{why} {more}"
    elif header.kind == RUN_FINISHED:
        outcome = read.text(body, "outcome") or "over"
        said = f"run of a runbook{where}: {outcome}{_why(body, 'reason')} {more}"
    else:
        said = f"{header.kind}{where} by {header.actor}{_why(body, 'why')}"
    return plain(said, MOST_TEXT)


def plain(text: str, most: int) -> str:
    """Give a text on one line, of at most so many characters, with nothing hidden in it."""
    line = _ODD.sub(" ", text).strip()
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _release(body: Mapping[str, object]) -> str:
    to = read.part(body, "to")
    title = title_of(*(read.text(to, name) for name in ("label", "revision", "release")))
    return f" to {title}" if title else ""


def _hosts(body: Mapping[str, object]) -> str:
    count = len(read.parts(body, "hosts"))
    return f" on {count} {'host' if count == 1 else 'hosts'}" if count else ""


def _why(body: Mapping[str, object], name: str) -> str:
    why = read.text(body, name)
    return f": {plain(why, MOST_WHY)}" if why else ""


def _duration(ms: int) -> str:
    """Give a length of time: `42 s`, `3 min 4 s`."""
    if ms < MINUTE:
        return f"{max(ms, 0) / SECOND:.1f} s" if ms < 10 * SECOND else f"{ms // SECOND} s"
    return f"{ms // MINUTE} min {ms % MINUTE // SECOND} s"


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / SECOND, UTC).isoformat(timespec="milliseconds")
