"""Two who would take servers out of the same load balancer take turns, on every shell; no turn lasts for ever."""

from __future__ import annotations

import os
import shutil
import socket as unix
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.rollout import turn
from tests.rollout.shells import SHELLS
from tests.support.missing import FORBIDDEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@pytest.fixture
def socket(tmp_path: Path) -> Iterator[str]:
    """A real socket that nobody else uses, open to its user; what lies around of its turns is removed."""
    path = tmp_path / "s"
    with unix.socket(unix.AF_UNIX) as wire:
        wire.bind(str(path))
        path.chmod(0o600)
        yield str(path)
    for link in links(str(path)):
        link.unlink(missing_ok=True)


def base(socket: str) -> Path:
    """Give what the names of its turns begin with."""
    return Path(run(f'{turn._opening(socket, "x")}\necho "$l"'))


def links(socket: str) -> list[Path]:
    name = base(socket)
    return list(name.parent.glob(f"{name.name}.*"))


def owners(socket: str) -> list[str]:
    return [link.name.rpartition(".")[2] for link in links(socket)]


def make(socket: str, until: object, owner: str, *, uid: int = 0) -> Path:
    """Make a turn by hand, as another user if `uid` is given."""
    link = Path(f"{base(socket)}.{until}.{owner}")
    link.symlink_to("v2")
    if uid:
        os.lchown(link, uid, uid)
    return link


def run(script: str, shell: Sequence[str] = ("/bin/sh",)) -> str:
    ran = subprocess.run([*shell, "-c", script], capture_output=True, text=True, check=True, timeout=100)  # fmt: skip
    return ran.stdout.strip()


@pytest.mark.parametrize("shell", sorted(SHELLS))
def test_one_has_the_turn_and_another_gets_it_when_it_is_given_back(
    socket: str, shell: str
) -> None:
    argv = SHELLS[shell]
    assert run(turn.take(socket, owner="ana1"), argv) == "taken"
    assert run(turn.take(socket, owner="ben2"), argv) == "held ana1"
    assert owners(socket) == ["ana1"]
    run(turn.give(socket, owner="ana1"), argv)
    assert run(turn.take(socket, owner="ben2"), argv) == "taken"


@pytest.mark.parametrize("shell", sorted(SHELLS))
def test_a_turn_is_had_for_longer_or_it_is_said_that_it_was_over(socket: str, shell: str) -> None:
    argv = SHELLS[shell]
    assert run(turn.take(socket, owner="ana1"), argv) == "taken"
    assert run(turn.take(socket, owner="ana1"), argv) == "kept"
    assert owners(socket) == ["ana1"]
    run(turn.give(socket, owner="ana1"), argv)
    make(socket, int(time.time()) - 1, "ana1")
    assert run(turn.take(socket, owner="ana1"), argv) == "taken"
    assert owners(socket) == ["ana1"]


def test_a_turn_of_who_died_ends_by_itself(socket: str) -> None:
    for until in (int(time.time()) - 1, int(time.time()) + 9999):
        make(socket, until, "dead")
        assert run(turn.take(socket, owner="ben2")) == "taken"
        assert owners(socket) == ["ben2"]
        run(turn.give(socket, owner="ben2"))


def test_a_link_that_opskit_would_not_have_made_is_no_turn(socket: str) -> None:
    soon = int(time.time()) + 20
    for until, owner in (("x", "a"), ("", "a"), (soon, "a\nweb01  done\n"), (soon, "A"), (soon, "a.b"), (10**12, "a")):  # fmt: skip
        make(socket, until, owner)
    assert run(turn.take(socket, owner="ben2")) == "taken"


def test_two_paths_of_one_socket_are_one_turn(socket: str) -> None:
    here = Path(socket).parent
    other = here.parent / f"{here.name}-link"
    other.symlink_to(here)
    assert run(turn.take(socket, owner="ana1")) == "taken"
    assert run(turn.take(f"{other}/s", owner="ben2")) == "held ana1"


def test_thousands_of_links_cost_a_few_programs_and_no_time(socket: str, tmp_path: Path) -> None:
    name = base(socket)
    for number in range(3000):
        Path(f"{name}.1.junk{number}").symlink_to("x")
    counted = tmp_path / "counted"
    counted.mkdir()
    for tool in ("rm", "ls", "id", "ln"):
        (counted / tool).write_text(
            f'#!/bin/sh\necho >>"{counted}/runs"\nexec {shutil.which(tool)} "$@"\n'
        )
        (counted / tool).chmod(0o755)
    assert run(f'PATH="{counted}:$PATH"\n{turn.take(socket, owner="ana1")}') == "taken"
    runs = len((counted / "runs").read_text())
    assert turn.MOST_CLEARED <= runs <= turn.MOST_CLEARED + 10


@pytest.mark.skipif(os.geteuid() != 0, reason=f"{FORBIDDEN}only root makes links of others")
def test_who_may_not_open_the_socket_has_no_turn_there(socket: str) -> None:
    link = make(socket, int(time.time()) + 20, "evil", uid=1)
    assert run(turn.take(socket, owner="ana1")) == "taken"
    run(turn.give(socket, owner="ana1"))
    assert run(turn.take(socket, owner="ana1", anybody=True)) == "held evil"
    for mode, owner, group in ((0o600, 1, 0), (0o660, 0, 1), (0o666, 0, 0)):
        Path(socket).chmod(mode)
        os.chown(socket, owner, group)
        assert run(turn.take(socket, owner="ana1")) == "held evil", (oct(mode), owner, group)
    assert link.is_symlink()


def test_of_many_at_the_same_moment_never_two_have_it(socket: str) -> None:
    def take(number: int) -> str:
        return run(turn.take(socket, owner=f"run{number}"))

    with ThreadPoolExecutor(8) as pool:
        for _ in range(10):
            said = list(pool.map(take, range(8)))
            assert said.count("taken") <= 1
            for number in range(8):
                run(turn.give(socket, owner=f"run{number}"))


def test_who_goes_on_with_a_rollout_waits_for_no_dead_run_of_it(socket: str) -> None:
    for owner in ("abc", "abc~f00"):
        assert run(turn.take(socket, owner=owner)) == "taken"
    assert run(turn.take(socket, owner="abc~b42")) == "taken"
    assert run(turn.take(socket, owner="abcd")) == "held abc~b42"
