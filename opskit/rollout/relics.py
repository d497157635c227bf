"""What a rollout that was interrupted left on a host, and where it left the host: asked there, not read in the log."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.fleet.command import Command
from opskit.rollout import layout
from opskit.rollout.probe import read_probe
from opskit.rollout.witness import read_receipts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opskit.fleet.remote import Remote
    from opskit.rollout.probe import HostState
    from opskit.rollout.witness import Receipt

DONE, HALF, BACK, HALF_BACK, FRESH, CHANGED = (
    "done",  # the new release is live and was found good
    "half",  # the new release is live, and nobody knows yet whether it is healthy, or has told the host that it is
    "back",  # it failed, and the old release is live and good again
    "half back",  # it failed, the old release is live, and nobody knows whether it is healthy
    "fresh",  # nothing was changed yet
    "changed",  # somebody else has changed the host since
)
MOST = 200  # receipts that are looked through


@dataclass(frozen=True, slots=True)
class Relic:
    """What one host said: its state, the key and the marks of the rollout, the digest of the staged manifest, its receipts.

    `waits` says that it goes back by itself unless it is told in time that all is well.
    """

    state: HostState
    key: str = ""
    manifest: str = ""
    marks: tuple[tuple[str, str], ...] = ()
    receipts: tuple[Receipt, ...] = ()
    waits: bool = False


def script(path: str, *, rollout: str, release: str) -> str:
    """Print all that a plan needs of a host, and what the rollout left there; reads only."""
    word = shlex.quote(rollout)
    return "\n".join(
        (
            layout.probe(path),
            f'f="$p/.opskit/heirs/"{word}; [ ! -f "$f" ] || head -n 1 "$f" | sed \'s/^/key /\'',
            f'[ ! -e "$p/.opskit/confirm."{word} ] || echo waits',
            f'f="$p/.opskit/release/"{shlex.quote(release)}/manifest',
            'if command -v sha256sum >/dev/null; then sum="sha256sum"; else sum="shasum -a 256"; fi',
            '[ ! -f "$f" ] || printf \'manifest %s\\n\' "$($sum <"$f")"',
            f'f="$p/.opskit/history"; [ ! -f "$f" ] || sed -n "s/ "{word}" .*//p" "$f" | sed \'s/^/judged /\'',
            f'f="$p/.opskit/receipts"; [ ! -f "$f" ] || tail -n {2 * MOST} "$f" | sed \'s/^/left /\'; echo',
        )
    )


def read(host: str, text: str) -> Relic:
    """Read what `script` printed; raises HostUnfitError when the probe in it did not come to its end."""
    found: dict[str, list[str]] = {}
    for line in text.split("\n"):
        word, _, rest = line.partition(" ")
        found.setdefault(word, []).append(rest)
    marks = (line.partition(" ") for line in found.get("judged", ()))
    return Relic(
        read_probe(host, text),
        key=found.get("key", [""])[0].strip(),
        manifest=found.get("manifest", [""])[0].split(" ")[0],
        marks=tuple((mark, release) for mark, _, release in marks),
        receipts=read_receipts(host, "\n".join(found.get("left", ()))),
        waits="waits" in found,
    )


def asking(path: str, *, rollout: str, releases: Mapping[str, str]) -> Callable[[Remote], Relic]:
    """Give the work that asks one host about a rollout; `releases` is what it was to make live on each."""

    def ask(remote: Remote) -> Relic:
        text = script(path, rollout=rollout, release=releases[remote.name])
        done = remote.execute(Command(text, timeout=60, twice=True))
        done.require("asking what the rollout left")
        return read(remote.name, done.text)

    return ask


def where(relic: Relic, *, before: str, after: str, rollout: str, action: str) -> str:
    """Say where a rollout left a host that ran the release `before` and was to run `after` (the same for a restart)."""
    state = relic.state
    if state.blocked or state.live not in (before, after):
        return CHANGED
    ours = any(receipt.rollout == rollout for receipt in relic.receipts)
    overtaken = ours and relic.receipts[-1].rollout != rollout
    if overtaken:
        return DONE if state.live == after and state.proven else CHANGED
    if action == "restart":
        return DONE if ours and state.proven else FRESH
    if state.live == after:
        return DONE if state.proven and not relic.waits else HALF
    if ours and action == "deploy" and ("bad", after) in relic.marks:
        return BACK if relic.marks[-1] == ("good", before) else HALF_BACK
    return FRESH
