"""What a host says is read whatever it is, and the release to go back to is the right one."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from opskit.errors import HostUnfitError
from opskit.rollout import layout
from opskit.rollout.locks import locked
from opskit.rollout.probe import HostState, Release, read_lock, read_probe, unfit
from opskit.rollout.prune import removable
from tests.rollout.shells import SHELLS

if TYPE_CHECKING:
    from pathlib import Path

ANSWER = """now 1000
writable
free 2048
lacks tar
live releases/r2
release r1 {"revision": "AAA", "label": "v1"}
release r2 {"revision": "BBB", "label": "v2"}
mark good r1 run1 900
mark good r2 run2 950

receipt {"to": "r2"}

lock v1:run3:ana%40laptop:990:1890:deploy
lock v1:run0:ben:10:999:deploy
end
""".replace("AAA", "a" * 40).replace("BBB", "b" * 64)
LINES = st.one_of(
    st.text(max_size=40),
    st.builds(
        lambda word, rest: f"{word} {rest}",
        st.sampled_from(
            [
                "now",
                "writable",
                "free",
                "lacks",
                "live",
                "blocked",
                "release",
                "mark",
                "receipt",
                "lock",
                "end",
            ]
        ),
        st.one_of(
            st.text(max_size=60),
            st.sampled_from(["9" * 5000, "[" * 100_000, "v1:a:b:" + "9" * 20 + ":1:x", "{} {}"]),
            st.builds(lambda n: f"r{n} {{}}", st.integers(0, 3)),
        ),
    ),
)


@pytest.mark.parametrize("shell", SHELLS.values(), ids=SHELLS.keys())
def test_a_receipt_that_a_full_disk_tore_does_not_hide_the_whole_one_before(
    tmp_path: Path, shell: list[str]
) -> None:
    whole = """{"to": "r2", "why": "it's * $HOME \\\\n"}"""
    torn = "".join(f"\n{whole[:n]}" for n in (1, 9, 20, len(whole) - 1))
    for said, expected, is_torn in (
        (f"\n{whole}\n", json.loads(whole), False),
        (f"\n{whole}\n{torn}", json.loads(whole), True),
        (f'\n{whole}\n{torn}\n{{"to": "r3"}}\n{torn}', {"to": "r3"}, True),
        (f'\n{whole}\n{torn}\n{{"to": "r3"}}\n', {"to": "r3"}, False),
        (torn, {}, True),
        ("", {}, False),
    ):
        (tmp_path / ".opskit").mkdir(exist_ok=True)
        (tmp_path / ".opskit" / "receipts").write_text(said)
        ran = subprocess.run([*shell, "-c", layout.probe(str(tmp_path))], capture_output=True, check=True, text=True)  # fmt: skip
        state = read_probe("web01", ran.stdout)
        assert (state.receipt, state.torn) == (expected, is_torn), said


def test_an_answer_is_read() -> None:
    state = read_probe("web01", ANSWER)
    assert (state.host, state.live, state.free, state.now) == ("web01", "r2", 2048, 1000)
    assert state.current == Release("r2", "b" * 64, "v2")
    assert (state.good, state.bad) == (("r1", "r2"), frozenset())
    assert state.receipt == {"to": "r2"}
    assert state.lacks == ("tar",)
    assert state.writable
    assert not state.blocked
    assert [(lock.rollout, lock.actor) for lock in state.locks] == [("run3", "ana@laptop")]
    assert state.last_good() == Release("r1", "a" * 40, "v1")


@pytest.mark.parametrize("cut", ["", "now 1", ANSWER.removesuffix("end\n"), "<html>no shell</html>"])  # fmt: skip
def test_an_answer_that_breaks_off_is_no_answer(cut: str) -> None:
    with pytest.raises(HostUnfitError, match="did not answer the probe"):
        read_probe("web01", cut)


@given(lines=st.lists(LINES, max_size=12), whole=st.booleans())
@settings(deadline=None)
def test_whatever_a_host_says_gives_a_state_or_is_unfit(lines: list[str], whole: bool) -> None:
    try:
        state = read_probe("web01", "\n".join([*lines, "end" if whole else ""]))
    except HostUnfitError:
        assert not whole
        return
    assert state.last_good() is None or state.last_good() != state.current
    assert set(removable(state, keep=1)) <= {release.id for release in state.releases}
    assert isinstance(unfit(state, needed_kib=1), str)
    for lock in state.locks:
        assert time.localtime(lock.until)


@given(data=st.text())
def test_whatever_stands_in_a_lock_names_somebody(data: str) -> None:
    error = locked("web01", data)
    assert error.what.startswith("web01 is ")
    assert (read_lock(data) is None) == ("something else" in error.what)


@given(who=st.text(min_size=1).filter(str.isascii))
def test_characters_that_split_lines_elsewhere_do_not_here(who: str) -> None:
    line = f"live releases/a\x0bb\x1cc\x85d\u2028{who}".replace("\n", "")
    assert read_probe("h", f"{line}\nend").live == line.removeprefix("live releases/")


@pytest.mark.parametrize(
    ("release", "title"),
    [
        (Release("r1", "a" * 40, "v1"), "v1 (aaaaaaaa)"),
        (Release("r1", "a" * 40, "a" * 8), "aaaaaaaa"),
        (Release("r1", "a" * 40), "aaaaaaaa"),
        (Release("r1", "", "v1"), "v1"),
        (Release("r1"), "r1"),
    ],
)
def test_people_name_a_release_by_label_and_revision(release: Release, title: str) -> None:
    assert release.title == title


FIT = HostState("h", free=100 * 1024, writable=True)


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (FIT, ""),
        (HostState("h", free=0, writable=True, lacks=("tar", "gzip")), "lacks tar, gzip"),
        (HostState("h", free=0, writable=True, blocked=True), "`current` is not a symbolic link"),
        (HostState("h", free=999999), "cannot be written"),
        (HostState("h", free=9 * 1024, writable=True), "9 MiB free, 10 MiB needed"),
    ],
)
def test_an_unfit_host_is_told_why(state: HostState, why: str) -> None:
    said = unfit(state, needed_kib=10 * 1024)
    assert why in said
    assert bool(said) == bool(why)


def test_a_host_that_is_to_go_back_by_itself_must_be_able_to() -> None:
    assert unfit(FIT, waits=True) == "lacks setsid, which confirm_within needs"
    assert unfit(replace(FIT, detaches=True), waits=True) == ""


@pytest.mark.parametrize(
    ("marks", "live", "there", "back_to"),
    [
        ("", "", "", None),
        ("+a", "a", "a", None),
        ("+a +b", "b", "ab", "a"),
        ("+a +b +c", "c", "abc", "b"),
        ("+a -b", "a", "ab", None),
        ("+a +b -b", "b", "ab", "a"),
        ("+a +b -b +a", "a", "ab", None),
        ("+a +b +c -c +b", "b", "abc", "a"),
        ("+a +b", "b", "b", None),
        ("+a -a +a +b", "b", "ab", "a"),
        ("-b", "b", "b", None),
        ("+a +b", "x", "ab", "b"),
    ],
)
def test_back_means_the_last_that_was_good_here(
    marks: str, live: str, there: str, back_to: str | None
) -> None:
    host = Host(live=live, there=list(there), marks=marks.split())
    found = host.state().last_good()
    assert (found.id if found else None) == back_to


@dataclass
class Host:
    """A host as its probe would show it; marks are written +release and -release."""

    live: str = ""
    there: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)

    def state(self) -> HostState:
        lines = [f"live releases/{self.live}"] if self.live else []
        lines += [f"release {name} {{}}" for name in self.there]
        words = {"+": "good", "-": "bad"}
        lines += [f"mark {words[mark[0]]} {mark[1:]} run 1" for mark in self.marks]
        return read_probe("h", "\n".join([*lines, "end", ""]))


class History(RuleBasedStateMachine):
    """Deploys and rollbacks on one host, against the pile of releases that work, the live one on top."""

    def __init__(self) -> None:
        super().__init__()
        self.host = Host()
        self.pile: list[str] = []
        self.number = 0

    @rule()
    def a_good_deploy(self) -> None:
        new = self._stage()
        self.host.live = new
        self.host.marks.append(f"+{new}")
        self.pile.append(new)

    @rule()
    def a_bad_deploy(self) -> None:
        new, before = self._stage(), self.host.live
        self.host.marks.append(f"-{new}")
        if before in self.pile:
            self.host.marks.append(f"+{before}")
        elif not before:
            self.host.live = new

    @precondition(lambda self: self.host.state().last_good())
    @rule(healthy=st.booleans())
    def a_rollback(self, healthy: bool) -> None:
        goal = self.host.state().last_good()
        assert goal is not None
        self.host.marks.append(f"-{self.host.live}")
        if self.host.live in self.pile:
            self.pile.remove(self.host.live)
        self.host.live = goal.id
        if healthy:
            self.host.marks.append(f"+{goal.id}")

    @rule(keep=st.integers(1, 4))
    def old_ones_go(self, keep: int) -> None:
        gone = removable(self.host.state(), keep=keep)
        assert self.host.live not in gone
        self.host.there = [name for name in self.host.there if name not in gone]
        self.pile = self.pile[-max(2, keep) :]  # the way back always stays

    @invariant()
    def back_is_the_next_of_the_pile(self) -> None:
        below = [name for name in self.pile if name != self.host.live]
        found = self.host.state().last_good()
        assert (found.id if found else None) == (below[-1] if below else None)

    @invariant()
    def what_is_live_is_there(self) -> None:
        assert not self.host.live or self.host.live in self.host.there

    def _stage(self) -> str:
        self.number += 1
        self.host.there.append(f"r{self.number:03}")
        return f"r{self.number:03}"


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
