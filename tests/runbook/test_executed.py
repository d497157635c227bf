"""Each shipped runbook, followed at a terminal to its end, in the situation that it is for: it mends it, and the changelog says so."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import subprocess
import sys
from subprocess import DEVNULL
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_changelog_disaster import team
from tests.rollout.test_drain import ALL_UP, BEHIND, answers
from tests.rollout.test_replace import NAMES, cloud
from tests.runbook.follower import Follower, run_of
from tests.support import reboots
from tests.support.haproxy import HAProxy
from tests.support.light import Light
from tests.support.missing import forbidden
from tests.support.project import Project
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.test_changelog_disaster import Team
    from tests.runbook.follower import Answer
    from tests.support.haproxy import Answers
    from tests.support.hosts import Hosts

__all__ = ["answers", "team"]

OWNER = '"Ben, +49 30 1234"'
WELL: list[tuple[str, Answer]] = [
    ("What did you try?", "bought a tea"),
    ("If all is well", "Write down what it was"),
]


@pytest.fixture
def light(tmp_path: Path, hosts: Hosts) -> Iterator[Light]:
    made = Light.create(tmp_path / "project", hosts)
    made.configure(owner=OWNER)
    yield made
    made.end()


@pytest.fixture
def edge(light: Light, answers: Answers) -> Iterator[HAProxy]:
    """HAProxy before web01 to web04, each of which takes one request at a time."""
    light.hosts.odd("lb01")
    servers = dict.fromkeys(light.hosts.names[:4], answers.port)
    options = "check inter 100ms rise 1 fall 1 maxconn 1"
    with HAProxy(servers, options=options, more="  timeout queue 60s") as made:
        light.configure(owner=OWNER, extra=made.toml("lb01"), load_balancer=BEHIND)
        made.wait_for(**ALL_UP)
        light.deploy("v1")
        yield made


def during(project: Project) -> list[tuple[str, str, str]]:
    """Give (action, outcome, why) of what the newest run rolled out, the newest first, and its notes as (note, "", text)."""
    run = run_of(project.opskit)
    assert run["outcome"] == "done"
    entries = project.opskit("log", "--json").json["data"]["entries"]
    own = [entry for entry in entries if entry.get("during") == run["id"]]
    return [
        ("note", "", e["text"]) if "text" in e else (e["action"], e["outcome"], e["why"])
        for e in own
    ]


def test_who_broke_it_takes_a_bad_release_back(light: Light) -> None:
    light.deploy("v1")
    light.commit("v2")
    light.deploy("v2", "-m", "cheaper tea")
    bad = str(light.last()["id"])
    said = Follower(
        light.folder,
        [
            ("Which of these do you suspect?", bad[:6]),
            ("A rollout is suspect", "Roll back"),
            ("Is what people saw gone?", "Check"),
            *WELL,
            ("What was it, in one sentence?", "the price was a word"),
        ],
    ).follow("who-broke-it", service="shop", reason="checkout answers 500", since="2h")
    plain = " ".join(said.split())
    assert "of shop, v1 → v2" in plain
    assert "why cheaper tea" in plain
    assert light.live() == light.on_all("v1")
    assert during(light) == [
        ("note", "", "shop: checkout answers 500. What it was: the price was a word"),
        ("rollback", "done", "checkout answers 500"),
        ("note", "", "looking into it: checkout answers 500"),
    ]


def test_haproxy_queues_no_more_when_servers_that_were_left_out_are_back(
    light: Light, edge: HAProxy, answers: Answers
) -> None:
    out = ("lb", "shop", "--drain", "-H", "web03,web04", "-m", "a look at them", "-y")
    light.opskit(*out, env={"OPSKIT_ACTOR": "cleo"})
    with contextlib.ExitStack() as asked:
        people = [http.client.HTTPConnection("127.0.0.1", edge.port, timeout=60) for _ in range(4)]
        for each in people:
            asked.enter_context(contextlib.closing(each)).request("GET", "/slow")
        until(lambda: edge.backend().queue == 2, what="two to wait")
        said = Follower(
            light.folder,
            [
                ("Is a server in DRAIN or MAINT", "Put servers back"),
                ("Which hosts are to be put back?", "web03,web04"),
                ("How long did it take?", "at once"),
                ("If it is, go to", "Write down what it was"),
                ("What was it, in one sentence?", "Cleo was asleep"),
            ],
        ).follow("haproxy-queue", service="shop", reason="slow pages")
        until(lambda: answers.waiting == 4, what="all four to be served")
        assert edge.backend().queue == 0
        answers.release.set()
        assert [each.getresponse().status for each in people] == [200] * 4
    assert "by cleo" in said
    assert edge.words() == ALL_UP
    assert during(light) == [
        ("note", "", "shop: slow pages. What it was: Cleo was asleep"),
        ("restore", "done", "slow pages"),
    ]


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Put a file system of 24 MiB where a folder is."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        forbidden("a file system of one's own, as only root may mount one")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_has_room_again_and_whoever_writes_its_log_goes_on(light: Light) -> None:
    with small_disk(light.place("web02")):
        light.deploy("v1")
        logs = light.place("web02", "shared", "log")
        logs.mkdir(parents=True)
        with (logs / "shop.log").open("ab", buffering=0) as log:
            with contextlib.suppress(OSError):
                while log.write(b"oh no\n" * 100):
                    pass
            light.commit("v2")
            assert light.deploy("v2", expect=None).exit != 0
            said = Follower(
                light.folder,
                [
                    ("Is it a log?", "Empty a log"),
                    ("Which log?", str(logs / "shop.log")),
                    ("Is there room now?", "Check"),
                    *WELL,
                    ("What was it, in one sentence?", "it is never rotated"),
                ],
            ).follow("disk-full", host="web02", service="shop", path=str(light.place("web02")))
            assert log.write(b"at last\n") == 8
        assert "oh no" in said
        assert (logs / "shop.log").read_text() == "at last\n"
        light.deploy("v2")
        assert light.live() == light.on_all("v2")
    (note,) = during(light)
    assert note[2].endswith("the disk is full. What it was: it is never rotated")


def test_a_host_that_is_down_is_taken_out_brought_back_and_put_back(
    light: Light, edge: HAProxy
) -> None:
    light.hosts.stop("web02")

    def switch_on() -> str:
        assert edge.words()["web02"] != "UP", "nobody is sent to it meanwhile"
        light.hosts.start("web02")
        return "kernel panic"

    said = Follower(
        light.folder,
        [
            ("Do all hosts fail?", "go on"),
            ("Is it UP?", "go on"),
            ("Can it not be switched on", "go on"),
            ("What did its console say before?", switch_on),
            ("It answers: go to", "Is it well?"),
            ("Is it well?", "Let it work again"),
            ("Why was it down", "its memory is broken"),
        ],
    ).follow("host-down", host="web02", service="shop")
    assert "refused the connection" in said
    assert light.restarts("web02") == ["v1", "v1"]
    assert edge.words() == ALL_UP
    run = run_of(light.opskit)["id"]
    assert light.opskit("log", run, "--json").json["data"]["run"]["liabilities"] == [], (
        "what was taken out is back, and nobody owes anything"
    )
    assert [(action, outcome) for action, outcome, _ in during(light)] == [
        ("note", ""), ("restore", "done"), ("restart", "done"), ("drain", "done"),
    ]  # fmt: skip


def test_a_host_that_stays_dead_is_replaced(light: Light) -> None:
    light.hosts.odd("vm01")
    light.configure(hosts='"vm01,web01"', owner=OWNER)
    light.deploy("v1")
    with reboots.rebooting(light, "vm01") as fleet:
        fleet.meanwhile = fleet.new_machine
        light.hosts.stop("vm01")
        Follower(
            light.folder,
            [
                ("Do all hosts fail?", "go on"),
                ("Is it UP?", "Bring it back"),
                ("Can it not be switched on", "Put another in its place"),
                ("The command of this machine", cloud(light)),
                ("Is it well?", "Write down what it was"),
                ("Why was it down", "its disk is gone"),
            ],
        ).follow("host-down", host="vm01", service="shop")
        assert light.live_on("vm01") == "v1"
    done = [action for action, _, _ in during(light)]
    assert done == ["note", "restart", "deploy", "replace"]


def test_what_a_page_took_out_is_put_back_by_undoing_the_run(light: Light, edge: HAProxy) -> None:
    Follower(
        light.folder,
        [
            ("Is a server in DRAIN or MAINT", "Restart the one that hangs"),
            ("Which host hangs?", "web02"),
            ("If it ended well, go to", "go on"),
            ("Which host is to be out?", "web02"),
            ("Is it to stay out for now?", ":a called away"),
        ],
    ).follow("haproxy-queue", service="shop", reason="wrong answers", expect=5)
    assert edge.words()["web02"] != "UP"
    run = run_of(light.opskit)["id"]
    assert "Take one out" in light.opskit("status", expect=None).stdout
    Follower(light.folder, [("Which hosts are to be put back?", "")]).answering("undo", run)
    assert edge.words() == ALL_UP
    assert light.opskit("log", run, "--json").json["data"]["run"]["liabilities"] == []


@contextlib.contextmanager
def squatter(project: Project, host: str) -> Iterator[int]:
    """Let another process have the port of the service on a host; gives its pid."""
    port = project.hosts.host(host).service_port
    home = {**os.environ, "HOME": str(project.hosts.folder(host))}
    argv = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    with subprocess.Popen(argv, env=home, cwd=home["HOME"], stdout=DEVNULL, stderr=DEVNULL) as one:
        until(lambda: project.page(host), what="the squatter to answer")
        yield one.pid
        one.kill()


def test_a_service_whose_port_was_taken_starts_again(tmp_path: Path, hosts: Hosts) -> None:
    project = Project.create(tmp_path / "project", hosts)
    project.configure(owner=OWNER)
    project.opskit("deploy", "shop", "v1", "-y")
    stop = 'cd "$HOME/shop/current" && sh control stop'
    project.opskit("exec", "-H", "web02", "-m", "by mistake", stop)
    with squatter(project, "web02") as pid:
        project.opskit("restart", "shop", "-H", "web02", "-y", expect=1)
        said = Follower(
            project.folder,
            [
                ("Is the port taken?", "Free its port"),
                ("The number of the process", str(pid)),
                ("It has ended:", "Start it"),
                *WELL,
                ("What was it, in one sentence?", "a web server of somebody's lunch break"),
            ],
        ).follow("service-will-not-start", host="web02", service="shop", unit="")
    assert f"pid={pid}," in said, "the page led to the process"
    assert "http.server" in said
    project.wait_for("web02", "v1")
    assert [entry[:2] for entry in during(project)] == [("note", ""), ("restart", "done")]


def test_hosts_are_rebooted_one_after_the_other(light: Light) -> None:
    reboots.configure(light, owner=OWNER)
    light.deploy("v1")
    with reboots.rebooting(light) as fleet:
        before = {name: fleet.boot(name) for name in ("web01", "web02")}
        said = Follower(
            light.folder,
            [
                ("Are machines to be replaced", "go on"),
                ("Are all of them back?", "Check"),
                ("What did you try?", "bought a tea"),
                ("If all is well", "Write it down"),
                ("How did it end", "well"),
            ],
        ).follow("rolling-upgrade", hosts="web[01-02]", service="shop", reason="a new kernel")
        assert fleet.happened == ["web01", "web02"]
        assert all(fleet.boot(name) != boot for name, boot in before.items())
    assert "batches: 1 + 1" in said
    assert during(light) == [
        ("note", "", "a new kernel: well"),
        ("reboot", "done", "a new kernel"),
    ]


def test_machines_are_replaced_the_first_one_alone(light: Light) -> None:
    for name in NAMES:
        light.hosts.odd(name)
    light.configure(hosts='"vm[01-02]"', owner=OWNER)
    light.deploy("v1")
    with reboots.rebooting(light, *NAMES) as fleet:
        fleet.meanwhile = fleet.new_machine
        Follower(
            light.folder,
            [
                ("Are machines to be replaced", "Replace the first one"),
                ("Which host is the first?", "vm01"),
                ("The command of this machine", cloud(light)),
                ("Is anything odd?", lambda: "go on" if fleet.happened == ["vm01"] else "no"),
                ("What did you look at?", "errors"),
                ("Are all of them back?", "Check"),
                ("What did you try?", "bought a tea"),
                ("If all is well", "Write it down"),
                ("How did it end", "well"),
            ],
        ).follow("rolling-upgrade", hosts="vm[01-02]", service="shop", reason="larger ones")
        assert fleet.happened == ["vm01", "vm02"]
        assert [light.live_on(name) for name in NAMES] == ["v1", "v1"]
    done = [entry for entry in during(light) if entry[0] == "replace"]
    assert done == [("replace", "done", "larger ones")] * 2


def test_a_drill_of_the_first_day_changes_nothing_and_keeps_what_was_expected(
    light: Light,
) -> None:
    light.deploy("v1")
    light.commit("v2")
    light.deploy("v2")
    before = light.tree()
    said = Follower(
        light.folder,
        [
            ("Say it in your own words.", "v2, by root"),
            ("Who answered?", "Ben did"),
            ("what do you expect to see?", "web01: done"),
            ("What did you find?", "nobody told me about the phone"),
        ],
    ).follow("first-day", "--drill", service="shop", host="web01")
    assert light.tree() == before
    assert "TO v1" in said
    assert "Ben, +49 30 1234" in said
    assert run_of(light.opskit)["mode"] == "drill"
    assert during(light) == [("note", "", "first day on call: nobody told me about the phone")]
    assert "web01: done" in light.opskit("log", run_of(light.opskit)["id"]).stdout


def test_a_changelog_whose_upstream_and_a_laptop_are_gone_is_whole_again(team: Team) -> None:
    before = team.log("ana")
    lost = team.does("ben", "changelog", "writers", "--json").json["data"]["writers"]
    ben = next(each["writer"] for each in lost if each["here"])
    team.upstream.unlink()
    shutil.rmtree(team.state("ben"))
    said = Follower(
        team.light.folder,
        [
            ("Is it this laptop, go to", "A laptop that is gone"),
            ("Which writer was on the lost laptop?", ben),
            ("If that is all, go to", "go on"),
            ("Does everybody come back", "go on"),
        ],
        env=team.env("ana"),
    ).follow("changelog-disaster")
    assert "it ended with 3" in said, "the upstream could not be looked at"
    assert team.log("ana")[-2:] == before
    known = team.does("new", "log", "--json").json["data"]["entries"]
    assert [entry["id"] for entry in known][-2:] == [rollout for rollout, _, _ in before]
    runs = [(e["runbook"], e["outcome"]) for e in known if e["type"] == "run"]
    assert runs == [("changelog-disaster", "done")]
    assert "all as written" in team.does("new", "changelog", "verify", "--hosts").stdout
