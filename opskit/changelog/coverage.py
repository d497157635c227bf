"""On which hosts a step that undoes something was done: where it was not, what it undoes is still open."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

LOCAL, DONE = "local", "done"


class Coverage:
    """Takes what happened to the commands of steps that change something on hosts, the oldest first."""

    def __init__(self) -> None:
        self._on: dict[tuple[str, int], str] = {}
        self._done: dict[tuple[str, int], set[str]] = {}
        self._by_hand: set[tuple[str, int]] = set()

    def began(self, step: str, part: int, *, on: str, mutates: bool) -> None:
        """Take in that a command begins."""
        if mutates and on not in ("", LOCAL):
            self._on[step, part] = on

    def ended(self, step: str, part: int, hosts: Iterable[str]) -> None:
        """Take in on which hosts a command ended well."""
        if (step, part) in self._on:
            self._done.setdefault((step, part), set()).update(hosts)

    def marked(self, step: str, part: int) -> None:
        """Take in that somebody says that he has done a command by hand."""
        self._by_hand.add((step, part))

    def forget(self, steps: Collection[str]) -> None:
        """Take in that these steps have yet to be done."""
        self._on = {key: on for key, on in self._on.items() if key[0] not in steps}
        self._done = {key: hosts for key, hosts in self._done.items() if key[0] not in steps}
        self._by_hand = {key for key in self._by_hand if key[0] not in steps}

    def left(self, step: str, hosts: tuple[str, ...], *, on: str, bound: bool) -> tuple[str, ...]:
        """Give on which of these hosts a step was not done, of which it is to be expected there.

        It is if it was done on some of them, or names the selector `on` by which they were changed, or (`bound`) was done on others of them before.
        What a step does on other hosts, or here, undoes it everywhere.
        """
        if any(key[0] == step for key in self._by_hand):
            return ()
        done = {host for key, found in self._done.items() if key[0] == step for host in found}
        same = any(key[0] == step and named == on for key, named in self._on.items())
        expected = bound or same or bool(done & {*hosts})
        return tuple(host for host in hosts if host not in done and expected)
