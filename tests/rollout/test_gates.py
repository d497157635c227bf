"""What must hold before the next batch: enough healthy hosts, a pause, a gate of one's own; and what becomes of the rest."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.config.service import FolderSource, Service
from opskit.errors import ConfigError
from opskit.rollout.batches import split
from opskit.rollout.facts import Doing
from opskit.rollout.gates import AGREED, Answer, Gates, gates_of
from tests.rollout.test_roll import NAMES, Bench
from tests.support.light import finish, hear, interrupt, wait_for_file
from tests.support.processes import at_home
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.light import Light


def service(tmp_path: Path, **changes: Any) -> Service:
    made = Service("shop", "production", "/srv/shop", "@web", FolderSource(tmp_path))
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("wanted", "hosts", "floor"),
    [(None, 4, 0), (3, 4, 3), ("75%", 4, 3), ("50%", 3, 2), ("1%", 200, 2), ("99%", 200, 198)],
)
def test_a_share_of_healthy_hosts_is_rounded_up(
    tmp_path: Path, wanted: int | str | None, hosts: int, floor: int
) -> None:
    assert gates_of(service(tmp_path, min_healthy=wanted), hosts).floor == floor


@pytest.mark.parametrize("wanted", [4, 5, "100%", "76%"])
def test_a_floor_that_lets_no_host_be_changed_is_an_error(
    tmp_path: Path, wanted: int | str
) -> None:
    with pytest.raises(ConfigError, match="of 4 hosts: none may ever be changed"):
        gates_of(service(tmp_path, min_healthy=wanted), 4)


def test_no_batch_is_larger_than_what_may_be_missing() -> None:
    hosts = [f"web{number:02}" for number in range(10)]
    sizes = [len(batch) for batch in split(hosts, [1, "50%"], most=3)]
    assert sizes == [1, 3, 3, 3]


def floored(behaviour: str = "", *, floor: int, **plan: Any) -> Bench:
    gates = Gates(hosts=len(NAMES), floor=floor)
    return Bench(behaviour, gates=gates, max_failures=9, **plan)


def test_a_batch_is_done_in_parts_when_hosts_have_gone_down_before_it() -> None:
    bench = floored("a=raises", floor=3)
    assert bench.run().outcome == "partial"
    assert bench.batches() == [("a",), ("b",), ("c",), ("d",), ("e",)]


def test_the_run_stops_when_one_more_host_would_be_one_too_many() -> None:
    bench = floored("a=raises b=raises", floor=3)
    report = bench.run()
    assert bench.said() == "ffdss" or bench.said() == "ffsss"
    assert report.reason == (
        "3 of 5 hosts are healthy, and min_healthy wants 3 beside the one that is changed; not healthy: a, b"
    )


def test_a_host_that_was_put_back_counts_as_healthy() -> None:
    assert floored("a=bad b=bad c=bad d=bad e=bad", floor=3).run().outcome == "refused"


def test_too_few_healthy_hosts_make_a_rollback_slow_and_do_not_stop_it() -> None:
    bench = floored("a=raises b=raises c=raises", floor=3, problems_count=False)
    bench.run()
    assert bench.said() == "fffdd"
    assert bench.batches()[1:] == [("b",), ("c",), ("d",), ("e",)]


@given(
    words=st.lists(st.sampled_from(["ok", "bad", "raises", "lost"]), min_size=5, max_size=5),
    floor=st.integers(1, 4),
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=3),
)
def test_there_are_never_fewer_healthy_hosts_than_wanted(
    words: Sequence[str], floor: int, sizes: Sequence[int]
) -> None:
    behaviour = " ".join(f"{name}={word}" for name, word in zip(NAMES, words, strict=True))
    bench = floored(behaviour, floor=floor, batches=split(NAMES, sizes))
    bench.run()
    down = 0
    for batch in bench.batches():
        assert len(NAMES) - down - len(batch) >= floor
        down += sum(bench.behaviour[name] in ("raises", "lost") for name in batch)


def test_what_the_gate_says_stops_the_run_before_the_next_batch() -> None:
    bench, asked = Bench(), []

    def ask(number: int, hosts: Sequence[str]) -> Answer:
        asked.append((number, tuple(hosts)))
        return Answer("too many errors", "p99: 900 ms") if number == 2 else AGREED

    bench.roll.run(bench._work, ask=ask)
    bench.roll.close()
    assert asked == [(1, ("a",)), (2, ("b", "c"))]
    assert (bench.said(), bench.roll.report().reason) == ("dddss", "too many errors")
    assert bench.roll.output == "p99: 900 ms"


def test_the_last_batch_is_followed_by_no_question() -> None:
    bench, asked = Bench(), []
    bench.roll.run(bench._work, ask=lambda number, _: asked.append(number) or AGREED)
    assert asked == [1, 2]


def test_hosts_that_have_the_change_are_taken_back_the_last_first() -> None:
    bench = Bench("d=bad", max_failures=0)
    bench.roll.run(bench._work)
    order: list[str] = []

    def back(remote: Any) -> Any:
        order.append(remote.name)
        remote.live = "r1"
        return replace(bench.roll.ends.results[remote.name], outcome="reverted", live="r1")

    bench.roll.take_back(back)
    bench.roll.close()
    assert [set(order[:2]), set(order[2:])] == [{"c", "e"}, {"a", "b"}]
    assert bench.roll.report().outcome == "refused"
    assert any(
        isinstance(f, Doing) and f.what.startswith("puts back a, b, c, e") for f in bench.facts
    )


def test_a_gate_that_does_not_agree_stops_the_run_and_the_canary_goes_back(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    gate = 'echo "$OPSKIT_HOSTS $OPSKIT_RELEASE" >>gate.log; echo "p99: 900 ms" >&2; test "$(wc -l <gate.log)" -lt 2'
    light.configure(gate=json.dumps(gate), on_failure='"rollback"')
    done = light.deploy("v2", expect=5)
    assert "the gate after batch 2: the gate ended with status 1" in done.stdout
    assert "    | p99: 900 ms\n" in done.stdout
    assert "  | p99: 900 ms\n" in light.opskit("log", light.last()["id"]).stdout
    assert light.live() == light.on_all("v1")
    lines = (light.folder / "gate.log").read_text().split("\n")
    assert [line.split()[0] for line in lines[:2]] == ["web01", "web02"]
    assert light.outcomes() == dict.fromkeys(("web01", "web02", "web03"), "reverted") | {
        "web04": "skipped"
    }
    assert light.last()["reason"].startswith("the gate after batch 2")


def test_auto_rollback_takes_the_good_hosts_back_with_the_bad_one(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    light.make_sick("web02", of="v2")
    light.deploy("v2", "--auto-rollback", expect=5)
    assert light.live() == light.on_all("v1")
    assert light.restarts("web01") == ["v1", "v2", "v1"]
    assert light.last()["outcome"] == "refused"


def test_the_operator_can_overrule_the_configuration(light: Light) -> None:
    light.commit("v2")
    light.configure(on_failure='"rollback"')
    light.deploy("v1")
    light.make_sick("web02", of="v2")
    light.deploy("v2", "--no-auto-rollback", expect=3)
    assert light.live_on("web01") == "v2"


def test_a_pause_is_told_and_ctrl_c_ends_it(light: Light) -> None:
    light.configure(pause='"1h"')
    process = light.start("deploy", "shop", "v1", "--yes")
    hear(process, "waits 3600 s before batch 2")
    interrupt(process)
    assert finish(process)[0] == 130
    assert light.live() == light.on_all("") | {"web01": "v1"}
    assert light.locks() == []


def test_health_must_hold_for_the_settling_time(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    falls = 'test ! -e "$HOME/falls" || { n=$(cat "$HOME/n" 2>/dev/null || echo 0); echo $((n+1)) >"$HOME/n"; test "$n" -lt 3; }'
    light.configure(
        health=f"{{ command = {json.dumps(falls)}, within = '5s', interval = '20ms', settle = '10s' }}"
    )
    (light.hosts.folder("web01") / "falls").touch()
    done = light.deploy("v2", expect=1)
    assert "healthy at first, and" in done.stdout
    assert light.live_on("web02") == "v1"


def test_the_plan_says_what_it_may_cost_at_most(light: Light) -> None:
    light.configure(restart_timeout='"54s"', min_healthy='"75%"', batches='["100%"]')
    plan = light.deploy("v1", "--json").json["data"]["plan"]
    assert [len(batch) for batch in plan["batches"]] == [1, 1, 1, 1]
    assert plan["worst_host_minutes"] == 1.0
    said = light.opskit("deploy", "shop", "v1", "--dry-run").stdout
    assert "at most 1 host can be bad before the gate stops it, for 1 host-minute at most" in said
    assert "3 of 4 hosts stay healthy" in said


def test_the_log_sets_plan_against_fact(light: Light) -> None:
    light.commit("v2", good=False)
    light.deploy("v1")
    light.deploy("v2", expect=5)
    page = light.opskit("log", light.last()["id"]).stdout
    fact = r"planned   at most 1 host bad for 2\.1 host-minutes; in fact 1 host for \d+\.\d host-minutes"
    assert re.search(fact, page), page
    older = light.log()[1]["id"]
    assert "; in fact none was" in light.opskit("log", older).stdout


def test_auto_rollback_takes_the_others_back_also_when_the_last_batch_fails(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    light.make_sick("web04", of="v2")
    light.deploy("v2", "--auto-rollback", expect=5)
    assert light.live() == light.on_all("v1")
    assert light.last()["outcome"] == "refused"


GATE = '''
from fabric import task

@task
def gate(c):
    """Fail where there is `fails`, take a moment where there is `slow`, for ever where there is `stuck`."""
    c.run('[ ! -e "$HOME/fails" ]')
    c.run('[ ! -e "$HOME/slow" ] || { sleep 1; cp "$HOME/restarts" "$HOME/seen"; }')
    c.run('[ ! -e "$HOME/stuck" ] || { touch "$HOME/gating"; exec sleep 300; }')
'''


def gated_by_a_task(light: Light, **homes: str) -> None:
    """Have a task gate a deploy of v2; `homes` are files by host, of which the task takes notice."""
    light.commit("v2")
    light.deploy("v1")
    (light.folder / "tasks.py").write_text(GATE)
    for host, mark in homes.items():
        (light.hosts.folder(host) / mark).touch()
    light.configure(gate='{ task = "gate" }', on_failure='"rollback"')


def test_no_host_is_put_back_while_the_gate_still_works_there(light: Light) -> None:
    gated_by_a_task(light, web02="fails", web03="slow")
    light.deploy("v2", expect=5)
    assert light.live() == light.on_all("v1")
    seen = (light.hosts.folder("web03") / "seen").read_text()
    assert seen == "v1\nv2\n", "it was restarted with v1 below the gate's eyes"


def test_ctrl_c_ends_a_gate_that_is_a_task(light: Light) -> None:
    gated_by_a_task(light, web01="stuck")
    process = light.start("deploy", "shop", "v2", "-y")
    wait_for_file(light.hosts.folder("web01") / "gating")
    interrupt(process)
    assert finish(process)[0] == 130
    assert light.outcomes() == dict.fromkeys(("web02", "web03", "web04"), "skipped") | {
        "web01": "done"
    }
    until(lambda: not at_home([light.hosts.folder("web01")]), what="the gate to be over")
