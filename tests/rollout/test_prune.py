"""Old releases go; the live one, the newest good ones and some evidence stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.rollout import layout
from opskit.rollout.facts import Teller, Warned
from opskit.rollout.probe import HostState, Release
from opskit.rollout.prune import prune, removable
from tests.fleet.opening import all_of

if TYPE_CHECKING:
    from tests.support.hosts import Hosts

NAMES = [f"r{n}" for n in range(9)]


def state(there: str, *, live: str, good: str = "", bad: str = "") -> HostState:
    return HostState(
        "h",
        live=live,
        releases=tuple(Release(name) for name in there),
        good=tuple(good),
        bad=frozenset(bad),
    )


@pytest.mark.parametrize(
    ("host", "keep", "gone"),
    [
        (state("abcde", live="e", good="abcde"), 3, "ab"),
        (state("abcde", live="e", good="abcde"), 9, ""),
        (state("abcde", live="e", good="abcde"), 0, "abc"),
        (state("abcde", live="a", good="abcde"), 1, "bc"),
        (state("abcdef", live="b", good="ab", bad="cdef"), 2, "cd"),
        (state("abcdef", live="f", good="abf"), 2, "ac"),
        (state("abc", live="x", good="abc", bad="abc"), 1, "a"),
        (state("", live="", good="abc"), 1, ""),
    ],
)
def test_what_may_go(host: HostState, keep: int, gone: str) -> None:
    assert "".join(removable(host, keep=keep)) == gone


@given(
    there=st.lists(st.sampled_from(NAMES), unique=True),
    live=st.sampled_from(["", *NAMES]),
    good=st.lists(st.sampled_from(NAMES), unique=True),
    bad=st.frozensets(st.sampled_from(NAMES)),
    keep=st.integers(0, 5),
)
def test_neither_the_live_one_nor_the_one_to_go_back_to_ever_goes(
    there: list[str], live: str, good: list[str], bad: frozenset[str], keep: int
) -> None:
    releases = tuple(Release(name) for name in there)
    host = HostState("h", live=live, releases=releases, good=tuple(good), bad=bad)
    gone = removable(host, keep=keep)
    assert live not in gone
    assert set(gone) <= set(there)
    back = host.last_good()
    if back:
        assert back.id not in gone


def test_one_revision_deployed_again_and_again_does_not_push_out_the_way_back() -> None:
    releases = (Release("a", "1" * 40), *(Release(name, "2" * 40) for name in "bcdef"))
    host = HostState("h", live="f", releases=releases, good=tuple("abcdef"))
    assert host.last_good() == releases[0]
    assert "a" not in removable(host, keep=2)
    assert "b" in removable(host, keep=2)


def test_hosts_are_pruned_and_one_that_fails_is_only_told_of(hosts: Hosts) -> None:
    facts: list[object] = []
    for name in hosts.names:
        root = hosts.folder(name) / "shop"
        for release in "abcde":
            (root / "releases" / release).mkdir(parents=True)
        (root / "current").symlink_to("releases/a")
        (root / ".opskit" / "locks").mkdir(parents=True)
        if name != "web02":
            (root / ".opskit/locks/run1").symlink_to("v1:run1:ana:1:9999999999:deploy")
    guard = layout.guard("~/shop", rollout="run1", seconds=900)
    with all_of(hosts) as fleet:
        teller = Teller(facts.append)
        prune(fleet, hosts.names, path="~/shop", keep=2, guard=guard, tell=teller)
    left = {n: sorted(p.name for p in (hosts.folder(n) / "shop/releases").iterdir()) for n in hosts.names}  # fmt: skip
    assert left == {n: list("abcde" if n == "web02" else "ade") for n in hosts.names}
    (warning,) = facts
    assert isinstance(warning, Warned)
    assert warning.what.startswith("web02: old releases are still there: ")
