"""One event of the changelog: as people read it, as it was signed, and as data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from opskit.cli.render import terminal, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from opskit.changelog.showing import Shown
    from opskit.changelog.standing import Standing

WIDTH = 13  # of the names of facts


def show(facts: Iterable[tuple[str, str]]) -> None:
    """Print facts, a line for each."""
    for name, value in facts:
        text.say(f"{name:<{WIDTH}}{value}")


def plain(shown: Shown, standing: Standing | None) -> Iterator[tuple[str, str]]:
    """Give what people want to know of an event; `standing` is None where nobody's signature is asked for."""
    from opskit.changelog.clock import moment

    event, header = shown.event, shown.event.header
    yield "event", event.hash.hex()
    yield "kind", _one(header.kind) or "its header cannot be read; see --raw"
    yield "when", moment(header.at_ms).astimezone().isoformat(" ", "seconds")
    yield "actor", _one(header.actor)
    yield "writer", f"{header.writer}, its event {header.seq}"
    if standing is not None:
        yield "standing", _one(in_words(standing))
    for name in ("service", "environment", "rollout", "action"):
        if value := getattr(header, name):
            yield name, _one(value)
    for log, place in shown.places.items():
        yield "upstream", f"place {place} of log {log}"
    yield (
        "body",
        event.damage or json.dumps(event.body, indent=2, ensure_ascii=False, sort_keys=True),
    )


def in_words(standing: Standing) -> str:
    """Give who vouches for an event, or why nobody does."""
    if not standing.reason:
        return f"{standing.state}: {standing.principal} signs for its writer"
    by = f" (signed by {standing.principal})" if standing.principal else ""
    return f"{standing.state}: {standing.reason}{by}"


def raw(shown: Shown) -> Iterator[tuple[str, str]]:
    """Give the fields of the packet: bytes in hex, header and body as the text that was signed."""
    packet = shown.packet
    for name in ("hash", "prev", "writer", "key", "signature", "nonce"):
        value = getattr(packet, name)
        yield name, "" if value is None else value.hex()
    yield "header", packet.header.decode("utf-8", "backslashreplace")
    yield "body", (packet.body or b"").decode("utf-8", "backslashreplace")


def as_data(shown: Shown, standing: Standing | None) -> dict[str, object]:
    """Give an event as plain values; standing, principal and doubt as in `opskit log --json`."""
    return {
        "id": shown.event.id,
        "hash": shown.event.hash.hex(),
        "packet": json.loads(shown.packet.to_json()),
        "damage": shown.event.damage,
        "places": shown.places,
        "standing": standing.state if standing else "",
        "principal": standing.principal if standing else "",
        "doubt": standing.reason if standing else "",
    }


def _one(value: str) -> str:
    """Give what a stranger wrote on one line, so that it cannot pass for another fact."""
    return terminal.visible(value, one_line=True)
