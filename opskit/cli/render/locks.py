"""Locks on hosts, as people and programs read them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from opskit.cli.render import envelope, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.rollout.breaking import Held


def mention(held: Sequence[Held]) -> None:
    """Say on standard error whose locks there are."""
    for line in _lines(held):
        text.mention(line, colour="yellow")


def show(
    held: Sequence[Held], errors: Mapping[str, Exception], *, broken: bool, as_json: bool
) -> int:
    """Show the locks that there are, or that were `broken`; gives 0, or 1 if a host could not be asked or told."""
    exit_code = 1 if errors else 0
    if as_json:
        locks = [{"host": each.host, "now": each.now, **asdict(each.lock)} for each in held]
        said = {host: str(error) for host, error in errors.items()}
        data = {"locks": locks, "broken": broken, "errors": said}
        return envelope.show("unlock", data, exit_code=exit_code)
    for host, error in errors.items():
        text.say(f"{host}: {getattr(error, 'what', error)}", colour="red")
    if not held:
        text.say("no host that answers is held by anybody")
    for line in (f"{each.host}: the lock is broken" for each in held) if broken else _lines(held):
        text.say(line)
    return exit_code


def _lines(held: Sequence[Held]) -> list[str]:
    """Say who holds which hosts, in one line for each who does."""
    from opskit.fleet.selectors import fold
    from opskit.rollout.locks import clock, describe

    found: dict[tuple[str, str], list[Held]] = {}
    for each in held:
        found.setdefault((each.lock.owner, each.lock.actor), []).append(each)
    return [
        f"{fold(each.host for each in of)} {'is' if len(of) == 1 else 'are'} held by "
        f"{describe(of[0].lock, of[0].now)}; at most until {clock(max(each.lock.until for each in of))}"
        for of in found.values()
    ]
