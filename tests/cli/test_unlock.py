"""`opskit unlock`: locks of dead runs are broken with a reason, on the record, and those of living ones are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rollout.test_locks import held, let_go
from tests.support.light import Light, finish
from tests.support.processes import at_home
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.hosts import Hosts


@pytest.fixture
def light(tmp_path: Path, hosts: Hosts) -> Iterator[Light]:
    made = Light.create(tmp_path / "project", hosts)
    yield made
    made.end()


@pytest.fixture
def ben(tmp_path: Path) -> dict[str, str]:
    return {"OPSKIT_STATE_DIR": str(tmp_path / "other laptop"), "OPSKIT_ACTOR": "ben"}


def dead(light: Light) -> str:
    """Leave the locks of a run that was killed; gives its id."""
    first = held(light)
    first.kill()
    finish(first)
    let_go(light)
    until(lambda: not at_home([light.hosts.folder("web01")]), what="the orphan to end")
    light.configure()
    return str(light.log()[0]["id"])


def test_a_lock_is_broken_with_a_reason_and_on_the_record(
    light: Light, ben: dict[str, str]
) -> None:
    rollout = dead(light)
    light.deploy("v2", expect=4, env=ben)
    done = light.opskit("unlock", "shop", "-y", expect=2, env=ben)
    assert "breaking a lock asks for a reason" in done.stderr
    assert len(light.locks()) == 4
    done = light.opskit("unlock", "shop", "-m", "ana's laptop is gone", "-y", env=ben)
    assert f"web[01-04] are held by ana: deploy {rollout}, since" in done.stderr
    assert ": slow; at most until" in done.stderr
    assert "web04: the lock is broken" in done.stdout
    assert light.locks() == []
    (event,) = [
        entry["event"]
        for entry in light.opskit("log", "--json", env=ben).json["data"]["entries"]
        if entry["type"] == "event"
    ]
    assert event["kind"] == "lock.broken"
    assert event["body"]["why"] == "ana's laptop is gone"
    assert [lock["host"] for lock in event["body"]["locks"]] == list(light.hosts.names)
    assert all(lock["now"] >= lock["since"] > 0 for lock in event["body"]["locks"])
    said = light.opskit("log", env=ben).stdout
    assert f"broke the lock of ana deploy {rollout} on web01,web02,web03,web04" in said
    light.deploy("v2", env=ben)


def test_a_run_that_lives_here_is_not_robbed(light: Light) -> None:
    first = held(light)
    done = light.opskit("unlock", "shop", "-m", "impatience", "-y", expect=5)
    assert "runs on this machine now" in done.stderr
    assert len(light.locks()) == 4
    let_go(light)
    assert finish(first)[0] == 0


def test_who_was_robbed_is_refused_by_the_hosts(light: Light, ben: dict[str, str]) -> None:
    first = held(light)
    light.opskit("unlock", "shop", "-m", "ana does not answer", "-y", env=ben)
    let_go(light)
    code, said, _ = finish(first)
    assert code == 1
    assert "the lock of this run is gone" in said
    assert light.live()["web02"] == "v1"


def test_only_the_hosts_asked_for_and_nothing_in_a_dry_run(
    light: Light, ben: dict[str, str]
) -> None:
    dead(light)
    before = light.tree()
    said = light.opskit("unlock", "shop", "-n", env=ben).stdout
    assert said.count("held by ana") == said.count("web[01-04] are held by ana") == 1
    assert light.tree() == before
    light.opskit("unlock", "shop", "-H", "web01", "-m", "x", "-y", "--offline", env=ben)
    assert light.locks() == ["web02", "web03", "web04"]


def test_nobody_agrees_and_nothing_happens(light: Light, ben: dict[str, str]) -> None:
    dead(light)
    done = light.opskit("unlock", "shop", "-m", "x", expect=5, env=ben)
    assert "add --yes" in done.stderr
    assert len(light.locks()) == 4


def test_a_free_service_has_nothing_to_break(light: Light) -> None:
    light.deploy("v1")
    assert "no host that answers is held" in light.opskit("unlock", "shop").stdout
    data = light.opskit("unlock", "shop", "--json").json["data"]
    assert data == {"locks": [], "broken": False, "errors": {}}


@pytest.mark.parametrize("content", ["v1:..%2F..%2Fcurrent:eve:1:{end}:deploy", "v1:a%2Fb:e:1:{end}:x"])  # fmt: skip
def test_a_lock_with_a_name_that_is_none_leads_nowhere(light: Light, content: str) -> None:
    light.deploy("v1")
    lock = light.place("web01", ".opskit", "locks", "odd")
    lock.symlink_to(content.format(end="1999999999"))
    light.opskit("unlock", "shop", "-m", "x", "-y")
    assert light.live() == light.on_all("v1")
    assert lock.is_symlink()
