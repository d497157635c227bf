"""What opskit's own kinds of events did, in words: those that are no part of a rollout and no note."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from opskit.changelog.body import number, parts, text, texts
from opskit.changelog.clock import moment
from opskit.cli.render.text import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opskit.changelog import Event, OtherEntry
    from opskit.changelog.event import Header

DIGITS = 10  # of a hash that name an event, as everywhere
WRITER = 12
SHA = 10


def told(entry: OtherEntry) -> tuple[str, str]:
    """Give what an event did, and why it did."""
    event = entry.event
    header = entry.event.header
    known: dict[str, Callable[[Mapping[str, object]], tuple[str, str]]] = {
        "writer.revoked": _revoked,
        "body.redacted": _redacted,
        "writer.succeeds": _succeeds,
        "lock.broken": _broke,
        "bisect.started": functools.partial(_bisected, header),
        "bisect.resumed": _bisects_on,
        "bisect.step": _bisect_step,
        "bisect.finished": _bisect_ended,
        "freeze": functools.partial(_froze, header),
        "thaw": functools.partial(_thawed, header),
    }
    words = known.get(header.kind)
    return words(event.body) if words and not event.damage else _as_it_stands(event)


def raw(body: object) -> str:
    """Give a body that opskit does not know as it stands."""
    import json

    return json.dumps(body, ensure_ascii=False, sort_keys=True)


def _revoked(body: Mapping[str, object]) -> tuple[str, str]:
    return f"revoked writer {_begin(body, 'writer', WRITER)}", _text(body, "why")


def _redacted(body: Mapping[str, object]) -> tuple[str, str]:
    return f"redacted {_begin(body, 'event', DIGITS)}", _text(body, "why")


def _succeeds(body: Mapping[str, object]) -> tuple[str, str]:
    return "goes on as a new writer", f"after writer {_begin(body, 'writer', WRITER)}"


def _froze(header: Header, body: Mapping[str, object]) -> tuple[str, str]:
    until = number(body, "until")
    end = f" until {moment(until).astimezone():%Y-%m-%d %H:%M}" if until > 0 else ""
    return f"{_scoped('freeze', header)}{end}", _text(body, "why")


def _thawed(header: Header, body: Mapping[str, object]) -> tuple[str, str]:
    return _scoped("thaw", header), _text(body, "why")


def _bisected(header: Header, body: Mapping[str, object]) -> tuple[str, str]:
    place = _text(body, "host") or "a folder"
    span = f"{_begin(body, 'good', SHA)}..{_begin(body, 'bad', SHA)}"
    return f"bisect {header.service} {span} on {place}", _text(body, "why")


def _bisects_on(body: Mapping[str, object]) -> tuple[str, str]:
    return f"goes on with bisection {_begin(body, 'bisect', DIGITS)}", ""


def _bisect_step(body: Mapping[str, object]) -> tuple[str, str]:
    of, sha = _begin(body, "bisect", DIGITS), _begin(body, "sha", SHA)
    what, word = _text(body, "what"), _text(body, "word")
    if what == "tested":
        return f"bisection {of}: {sha} is {word}", _text(body, "reason")
    about = " ".join(filter(None, (what, sha, _text(body, "rollout"))))
    return f"bisection {of} {about}", ""


def _bisect_ended(body: Mapping[str, object]) -> tuple[str, str]:
    suspects = ", ".join(sha[:SHA] for sha in texts(body, "suspects"))
    said = " ".join(filter(None, (_text(body, "outcome"), suspects)))
    return f"bisection {_begin(body, 'bisect', DIGITS)}: {said}", _text(body, "reason")


def _scoped(word: str, header: Header) -> str:
    """Give the word and what is meant by it; of one environment's the log says the name anyway."""
    return " ".join(
        filter(None, (word, header.service, "" if header.environment else "everywhere"))
    )


def _broke(body: Mapping[str, object]) -> tuple[str, str]:
    """Say whose locks were broken, where, and how old they were."""
    locks = parts(body, "locks")
    whose = dict.fromkeys(" ".join(text(lock, name) for name in ("actor", "action", "rollout")) for lock in locks)  # fmt: skip
    ages = [number(lock, "now") - number(lock, "since") for lock in locks]
    old = f", {duration(max(ages))} old" if ages and max(ages) > 0 else ""
    hosts = ",".join(dict.fromkeys(text(lock, "host") for lock in locks))
    return f"broke the lock of {', '.join(whose)} on {hosts}{old}", _text(body, "why")


def _as_it_stands(event: Event) -> tuple[str, str]:
    return event.header.kind, f"[{event.damage}]" if event.damage else raw(event.body)


def _begin(body: Mapping[str, object], name: str, digits: int) -> str:
    return _text(body, name)[:digits]


def _text(body: Mapping[str, object], name: str) -> str:
    return str(body.get(name, ""))
