"""The host of a bisection goes back to what it ran, whatever became of that release meanwhile; on real hosts, without a load balancer."""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from tests.support.light import finish
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.support.light import Light

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
BROKEN = 3


@pytest.fixture
def shas(light: Light) -> dict[str, str]:
    """Commits v2 to v4 beside the v1 that web01 runs: v3 broke it."""
    light.configure()
    light.deploy("v1", "-H", "web01")
    found = {}
    for number in range(2, 5):
        files = {"broken": "it is"} if number >= BROKEN else {}
        found[f"v{number}"] = light.commit(f"v{number}", author="ben", files=files)
    return found


def words(light: Light, good: str, bad: str, check: str = "") -> tuple[str, ...]:
    command = f'{check}test ! -e "{light.place("web01", "current", "broken")}"'
    return ("bisect", "shop", "--good", good, "--bad", bad, "--check", command, "-H", "web01", "-y")  # fmt: skip


def live(light: Light) -> str:
    """Give the name of the release that web01 runs."""
    return light.place("web01", "current").readlink().name


def killed_at_its_third_check(light: Light) -> str:
    """Begin a bisection from v1, kill it at its third check, and give its id."""
    home = light.hosts.folder("web01")
    wait = f'echo x >>"{home}/checks"; [ "$(wc -l <"{home}/checks")" != 3 ] || {{ touch "{home}/waits"; sleep 60; }}; '
    process = light.start(*words(light, "v1", "v4", wait))
    until((home / "waits").exists, what="the third check", within=120)
    process.send_signal(signal.SIGKILL)
    finish(process)
    entries = light.opskit("log", "--json").json["data"]["entries"]
    events = [each["event"] for each in entries if each["type"] == "event"]
    return str(next(e["id"] for e in events if e["kind"] == "bisect.started"))


@pytest.mark.parametrize("runs", ["v1", "v4", "v2"])
def test_an_end_or_a_middle_that_runs_there_is_there_again_in_its_own_release(
    light: Light, shas: dict[str, str], runs: str
) -> None:
    light.deploy(runs, "-H", "web01")
    origin, others = live(light), light.releases("web01")
    said = light.opskit(*words(light, "v1", "v4")).stdout
    assert f"\n{shas['v3'][:10]} v3 broke it\n  ask       ben <" in said
    assert live(light) == origin
    assert light.releases("web01") == others


def test_the_good_end_that_runs_there_is_not_brought_anew_unless_it_was_changed_by_hand(
    light: Light, shas: dict[str, str]
) -> None:
    light.opskit(*words(light, "v1", "v2"), expect=5)
    assert light.restarts("web01") == ["v1", "v2", "v1"]
    light.place("web01", "current", "version").write_text("by hand\n")
    altered = f'! grep -q hand "{light.place("web01", "current", "version")}" && '
    said = light.opskit(*words(light, "v1", "v3", altered)).stdout
    assert f"\n{shas['v3'][:10]} v3 broke it\n" in said
    assert light.live_on("web01") == "by hand"


def test_the_line_that_is_printed_goes_on_with_it_also_where_a_reason_is_asked_for(
    light: Light, shas: dict[str, str]
) -> None:
    light.configure(require_why=True)
    flag = light.hosts.folder("web01") / "dies"
    flag.touch()
    asked = words(light, "v1", "v4", f'[ ! -e "{flag}" ] || kill -9 $$; ')
    assert "asks for a reason" in light.opskit(*asked, expect=2).stderr
    said = light.opskit(*asked, "-m", "the cart is empty", expect=1).stderr
    line = next(line for line in said.splitlines() if line.startswith("to go on: opskit "))
    flag.unlink()
    told = light.opskit(*line.removeprefix("to go on: opskit ").split(), "-y").stdout
    assert f"{shas['v3'][:10]} v3 broke it" in told


def test_where_its_release_is_gone_the_host_is_put_back_by_another_of_the_same_revision(
    light: Light, shas: dict[str, str]
) -> None:
    light.place("web01", "current", "version").write_text("drifted")
    name, origin = killed_at_its_third_check(light), light.place("web01", "releases")
    assert shas
    (drifted,) = [each for each in origin.iterdir() if (each / "version").read_text() == "drifted"]
    shutil.rmtree(drifted)
    said = light.opskit("bisect", "--resume", name, "--stop", "-y").stdout
    assert "web01 is as it was" in said
    assert light.live_on("web01") == "v1"
    assert light.releases("web01") == ["v1"]


def test_where_no_release_of_its_revision_is_left_the_host_gets_it_from_git(
    light: Light, shas: dict[str, str]
) -> None:
    name, origin = killed_at_its_third_check(light), light.place("web01", "releases")
    assert shas
    (first,) = [each for each in origin.iterdir() if (each / "version").read_text() == "v1\n"]
    shutil.rmtree(first)
    said = light.opskit("bisect", "--resume", name, "--stop", "-y").stdout
    assert "web01 is as it was" in said
    assert light.live_on("web01") == "v1"
    assert light.releases("web01") == ["v1"]
    assert light.locks() == []


def test_what_broke_it_is_said_before_the_host_is_put_back_and_again_when_that_fails(
    light: Light, shas: dict[str, str]
) -> None:
    home = light.hosts.folder("web01")
    (home / "sick").write_text("nothing")
    check = f'test -e "{light.place("web01", "current", "broken")}" && printf v1 >"{home}/sick"; '
    done = light.opskit(*words(light, "v1", "v4", check), expect=1)
    answer = f"\n{shas['v3'][:10]} v3 broke it\n  ask       ben <"
    assert done.stdout.count(answer) == 2
    assert "web01 is not back as it was" in done.stderr
    (home / "sick").unlink()
    (name,) = [w for w in done.stderr.split() if len(w) == 10 and w.isalnum()][-1:]
    assert "outcome" in light.opskit("log", name, "--json").stdout
    assert light.opskit("log", name, "--json").json["data"]["bisection"]["outcome"] == "found"
    light.opskit("bisect", "--resume", name, "--stop", "-y")
    assert light.live_on("web01") == "v1"
