"""`opskit changelog show`: one event, as people read it or byte for byte as it was signed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from opskit.cli import options, wiring
from opskit.cli.render import envelope, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.changelog.showing import Shown


@click.command()
@click.argument("event")
@click.option(
    "--raw", is_flag=True, help="Print what was signed, byte for byte, to check by hand."
)
@options.as_json
def show(event: str, *, raw: bool, as_json: bool) -> int:
    """Show one event of the changelog.

    EVENT is the beginning of its hash, 4 characters or more, as a rollout's page and `opskit log --json` give it.
    """
    config = wiring.read_config()
    with wiring.open_changelog(config) as changelog:
        shown = changelog.show(event)
    if as_json:
        return envelope.show("changelog", _as_data(shown))
    for name, value in _raw(shown) if raw else _plain(shown):
        text.say(f"{name:<11}{value}")
    return 0


def _raw(shown: Shown) -> Iterator[tuple[str, str]]:
    """Give the fields of the packet: bytes in hex, header and body as the text that was signed."""
    packet = shown.packet
    for name in ("hash", "prev", "writer", "key", "signature", "nonce"):
        value = getattr(packet, name)
        yield name, "" if value is None else value.hex()
    yield "header", packet.header.decode("utf-8", "backslashreplace")
    yield "body", (packet.body or b"").decode("utf-8", "backslashreplace")


def _plain(shown: Shown) -> Iterator[tuple[str, str]]:
    from opskit.changelog.folding import moment

    event, header = shown.event, shown.event.header
    yield "event", event.hash.hex()
    yield "kind", header.kind or "its header cannot be read; see --raw"
    yield "when", moment(header.at_ms).astimezone().isoformat(" ", "seconds")
    yield "actor", header.actor
    yield "writer", f"{header.writer}, its event {header.seq}"
    for name in ("service", "environment", "rollout", "action"):
        if value := getattr(header, name):
            yield name, value
    for log, place in shown.places.items():
        yield "upstream", f"place {place} of log {log}"
    yield (
        "body",
        event.damage or json.dumps(event.body, indent=2, ensure_ascii=False, sort_keys=True),
    )


def _as_data(shown: Shown) -> dict[str, object]:
    return {
        "id": shown.event.id,
        "hash": shown.event.hash.hex(),
        "packet": json.loads(shown.packet.to_json()),
        "damage": shown.event.damage,
        "places": shown.places,
    }
