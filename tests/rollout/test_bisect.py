"""`opskit bisect` on a real host behind a real HAProxy: out of it while commits are tried, and back as it was at every way out."""

from __future__ import annotations

import os
import random
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from opskit.blame.bisect.record import tries
from opskit.changelog import Changelog
from tests.changelog.faults import HEAVY
from tests.rollout.test_drain import ALL_UP, answers, configure, edge, tell
from tests.rollout.victims import MOMENTS, Point, Server
from tests.support.light import finish
from tests.support.processes import at_home
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.haproxy import HAProxy
    from tests.support.light import Light

__all__ = ["answers", "edge"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if HEAVY else 300)]
TRIES = 40 if HEAVY else 2
VERSIONS = range(2, 9)
BROKEN, UNHEALTHY = 7, 5


@pytest.fixture
def shas(light: Light, edge: HAProxy) -> dict[str, str]:
    """Commits v2 to v8 beside the v1 that all hosts run: v7 broke it, and v5 never comes up."""
    configure(light, edge)
    found = {}
    for number in VERSIONS:
        files = {"broken": "it is"} if number >= BROKEN else {}
        found[f"v{number}"] = light.commit(f"v{number}", good=number != UNHEALTHY, author="ben", files=files)  # fmt: skip
    return found


@pytest.fixture
def server(tmp_path: Path, light: Light) -> Iterator[Server]:
    server = Server(tmp_path / "victims", light.folder)
    yield server
    server.close()


def words(light: Light, check: str = "", *more: str) -> tuple[str, ...]:
    command = f'{check}test ! -e "{light.place("web01", "current", "broken")}"'
    ends = ("--good", "v2", "--bad", "v8", "--check", command)
    return ("bisect", "shop", *ends, "-H", "web01", "-y", *more)


def demand_as_it_was(light: Light, edge: HAProxy) -> None:
    """Nothing of a bisection is left on any host, and all of them serve."""
    assert edge.words() == ALL_UP
    assert light.live() == light.on_all("v1")
    assert light.releases("web01") == ["v1"]
    assert light.locks() == []


def waiting(light: Light) -> str:
    """Give a piece of a check that waits at its third commit, until the file `go` is there, and the file that says that it does."""
    home = light.hosts.folder("web01")
    return f'echo x >>"{home}/checks"; [ "$(wc -l <"{home}/checks")" != 3 ] || [ -e "{home}/go" ] || {{ touch "{home}/waits"; sleep 60; }}; '


def begun(light: Light) -> Any:
    process = light.start(*words(light, waiting(light)))
    until((light.hosts.folder("web01") / "waits").exists, what="the third check", within=120)
    (light.hosts.folder("web01") / "go").touch()
    return process


def id_of(light: Light) -> str:
    entries = light.opskit("log", "--json").json["data"]["entries"]
    events = [each["event"] for each in entries if each["type"] == "event"]
    return str(next(e["id"] for e in events if e["kind"] == "bisect.started"))


def test_the_commit_is_found_on_a_host_that_nobody_uses_meanwhile(
    light: Light, edge: HAProxy, shas: dict[str, str]
) -> None:
    seen = light.hosts.folder("web01") / "seen"
    look = f'{tell(edge, "show stat shop 4 -1")} | cut -d, -f2,18 | grep , >>"{seen}"; '
    said = light.opskit(*words(light, look)).stdout
    assert f"{shas['v5'][:10]} cannot be tested: it does not come up: " in said
    assert f"\n{shas['v7'][:10]} v7 broke it\n  ask       ben <" in said
    told = seen.read_text().split()
    states = {line for line in told if line.startswith("web01,")}
    assert states == {"web01,DRAIN"}
    assert {line for line in told if line.startswith("web02,")} == {"web02,UP"}
    demand_as_it_was(light, edge)
    log = light.opskit("log", "--json").json["data"]["entries"]
    rollouts = [each for each in log if each["type"] == "rollout"]
    assert rollouts[0]["action"] == "restore"
    assert rollouts[0]["why"] == f"bisection {id_of(light)} puts it back"
    assert {len(each["hosts"]) for each in rollouts[:-1]} == {1}
    light.rollback("-H", "web01", expect=None)
    assert light.live_on("web01") == "v1", "nothing that was tried is a release to go back to"


def test_a_check_that_runs_on_the_host_itself_is_asked_there(
    light: Light, edge: HAProxy, shas: dict[str, str]
) -> None:
    check = f"""echo "$OPSKIT_HOST $OPSKIT_FOLDER" >>"$HOME/asked"
    case $OPSKIT_REVISION in {shas["v6"]}) exit 125;; esac; test ! -e broken"""
    ends = ("--good", "v2", "--bad", "v8", "--check", check, "--on-host")
    done = light.opskit("bisect", "shop", *ends, "-H", "web01", "-y", "--json", expect=3)
    suspects = [each["sha"] for each in done.json["data"]["suspects"]]
    assert (suspects[0], {*suspects}) == (shas["v7"], {shas[v] for v in ("v7", "v6", "v5")})
    asked = (light.hosts.folder("web01") / "asked").read_text().splitlines()
    assert {line.split()[0] for line in asked} == {"web01"}
    assert all(f"{light.place('web01')}/releases/" in line for line in asked)
    assert f"  check      on web01: {check.splitlines()[0]}"[:40] in light.opskit("log", id_of(light)).stdout  # fmt: skip
    demand_as_it_was(light, edge)


@pytest.mark.parametrize("how", ["a signal", "a limit", "Ctrl-C"])
def test_a_check_on_the_host_that_does_not_end_by_itself_blames_no_commit(
    light: Light, edge: HAProxy, shas: dict[str, str], how: str
) -> None:
    waits = light.hosts.folder("web01") / "waits"
    check = "kill -9 $$" if how == "a signal" else f'echo $$ >"{waits}"; exec sleep 60'
    more = ("--check-timeout", "1s") if how == "a limit" else ()
    process = light.start("bisect", "shop", "--good", "v2", "--bad", "v8", "--check", check, "--on-host", "-H", "web01", "-y", *more)  # fmt: skip
    if how == "Ctrl-C":
        until(lambda: waits.exists() and waits.read_text().endswith("\n"), what="the check", within=60)  # fmt: skip
        process.send_signal(signal.SIGINT)
    code, said, complained = finish(process, within=200)
    expected = {
        "a signal": (1, "the check was ended by a signal"),
        "a limit": (5, "cannot be tested: the check took longer than 1 s"),
        "Ctrl-C": (130, "to go on: opskit bisect --resume"),
    }[how]
    assert (code, expected[1] in said + complained) == (expected[0], True), (said, complained)
    if waits.exists():
        pid = int(waits.read_text())
        until(lambda: pid not in at_home([light.hosts.folder("web01")]), what="the check to end")
    demand_as_it_was(light, edge)


def test_what_was_killed_is_gone_on_with_and_the_host_is_put_back(
    light: Light, edge: HAProxy, shas: dict[str, str]
) -> None:
    process = begun(light)
    process.send_signal(signal.SIGKILL)
    finish(process)
    assert edge.words() == ALL_UP | {"web01": "DRAIN"}
    data = light.opskit("bisect", "--resume", id_of(light), "-y", "--json").json["data"]
    assert [each["sha"] for each in data["suspects"]] == [shas["v7"]]
    demand_as_it_was(light, edge)


def test_after_a_kill_the_host_can_simply_be_put_back_and_until_then_it_is_said_whose_it_is(
    light: Light, edge: HAProxy, shas: dict[str, str]
) -> None:
    process, name = begun(light), id_of(light)
    who = rf"bisection {name} of shop \(\S+ on \S+\), which"
    there = rf"web01 is with {who} tries commits there: Ctrl-C there ends it"
    assert re.search(there, light.opskit("status", "shop").stdout)
    assert re.search(there, light.opskit("blame", "-s", "shop", expect=None).stdout)
    assert re.search(there, light.opskit(*words(light), expect=4).stderr)
    process.send_signal(signal.SIGKILL)
    finish(process)
    left = rf"web01 was left by {who} tried commits there: to put it back: (opskit bisect --resume {name} --stop)\n"
    told = re.search(left, light.opskit("status", expect=1).stdout)
    assert told
    assert re.search(left, light.opskit("blame", "-s", "shop", expect=None).stdout)
    undo = suspects_of(light, "-s", "shop", "-H", "web01")
    assert {undo[each] for each in undo if each in tries_of(light)} == {told[1]}
    (data,) = light.opskit("status", "--json", expect=1).json["data"]["bisected"]
    assert (data["bisection"], data["host"], data["goes_on"]) == (name, "web01", False)
    said = light.opskit(*told[1].split()[1:], "-y").stdout
    assert "web01 is as it was" in said
    demand_as_it_was(light, edge)
    assert name not in light.opskit("status", "shop").stdout
    undo = suspects_of(light, "-s", "shop", "-H", "web01")
    assert undo
    assert undo.keys().isdisjoint(tries_of(light))


def suspects_of(light: Light, *told: str) -> dict[str, str]:
    """Give whom blame names, cleared or not, each with what undoes it."""
    said = light.opskit("blame", *told, "--json", expect=None).json["data"]
    return {each["id"]: each.get("undo", "") for each in (*said["suspects"], *said["cleared"])}


def tries_of(light: Light) -> set[str]:
    """Give what bisections tried, by the folder of this machine's changelog."""
    with Changelog(Path(os.environ["OPSKIT_STATE_DIR"]) / "test" / "changelog.db") as changelog:
        found = set(tries(changelog))
    assert found
    return found


def test_an_interrupt_puts_the_host_back_and_it_can_be_gone_on_with(
    light: Light, edge: HAProxy, shas: dict[str, str]
) -> None:
    process = begun(light)
    process.send_signal(signal.SIGINT)
    code, _, said = finish(process)
    assert code == 130, said
    assert f"to go on: opskit bisect --resume {id_of(light)}" in said
    demand_as_it_was(light, edge)
    done = light.opskit("bisect", "--resume", id_of(light), "-y", "--json").json["data"]
    assert [each["sha"] for each in done["suspects"]] == [shas["v7"]]
    demand_as_it_was(light, edge)


def test_who_was_taken_over_stops_and_leaves_the_host_to_whoever_has_it(
    light: Light, edge: HAProxy, shas: dict[str, str]
) -> None:
    process, name = begun(light), id_of(light)
    told = light.opskit("bisect", "--resume", name, "--stop", "-y", expect=4).stderr
    assert f"bisection {name} goes on on this machine just now" in told
    light.opskit("bisect", "--resume", name, "--stop", "--take-over", "-y")
    demand_as_it_was(light, edge)
    before = len(light.log())
    process.send_signal(signal.SIGINT)
    code, _, said = finish(process)
    assert (code, f"bisection {name} is gone on with by " in said) == (4, True), said
    assert len(light.log()) == before, "and says nothing more"
    demand_as_it_was(light, edge)


def test_what_a_kill_left_live_and_never_comes_up_does_not_end_it(
    light: Light, edge: HAProxy, shas: dict[str, str]
) -> None:
    process = begun(light)
    process.send_signal(signal.SIGKILL)
    finish(process)
    left = light.live_on("web01")
    light.make_sick("web01", left)
    done = light.opskit("bisect", "--resume", id_of(light), "-y", "--json", expect=None)
    assert done.exit in (0, 3), done.stderr
    assert shas["v7"] == done.json["data"]["suspects"][0]["sha"]
    (test,) = [each for each in done.json["data"]["tests"] if each["sha"] == shas[left]]
    assert (test["word"], test["reason"][:20]) == ("skip", "it does not come up:")
    demand_as_it_was(light, edge)


def test_what_cannot_be_taken_back_and_a_last_server_are_left_alone(
    light: Light, edge: HAProxy, shas: dict[str, str]
) -> None:
    light.commit("v9", subject="Drop it\n\nIrreversible: drops a table")
    one_way = light.opskit(*words(light)[:5], "v9", *words(light)[6:], expect=5)
    assert "could not be put back over what cannot be taken back: drops a table" in one_way.stderr
    for host in ("web02", "web03", "web04"):
        edge.say(f"set server shop/{host} state maint")
    light.opskit(*words(light), expect=5)
    assert edge.words()["web01"] == "UP"
    assert light.live() == light.on_all("v1")


def test_killed_at_any_step_the_host_comes_back_as_it_was(
    light: Light, edge: HAProxy, server: Server, shas: dict[str, str]
) -> None:
    chance, steps, kills = random.Random(7), 160, 0
    for _ in range(TRIES):
        at = Point(chance.randint(1, steps), chance.choice(MOMENTS), chance.random() * 25)
        ended = server.run(*words(light), at=at)
        kills += ended.killed
        steps = steps if ended.killed else ended.calls
        stop = ("--stop",) if chance.random() < 0.5 else ()
        if ended.killed and "bisect.started" in light.opskit("log", "--json").stdout:
            back = server.run("bisect", "--resume", id_of(light), "-y", *stop)
            assert back.code in (0, 5), (at, ended.said, back.said)
        assert edge.words() == ALL_UP, (at, ended.said)
        assert light.live() == light.on_all("v1"), (at, ended.said)
        assert light.locks() == [], (at, ended.said)
    print(f"points {TRIES}, kills {kills}; calls {steps}")
