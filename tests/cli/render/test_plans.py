"""A plan says from what to what, in which batches, what can go wrong at most, and with which commands."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from opskit.cli.render import plans
from opskit.rollout.gates import Floor, Gates
from opskit.rollout.git import Commit
from opskit.rollout.plan import Plan
from opskit.rollout.seats import Drains, Seat, Socket
from tests.cli.render.samples import NASTY, NEW, OLD, plan


def test_a_dry_run_shows_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert plans.show(plan(), command="deploy", as_json=False) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert out == (
        "deploy shop to v2 (bbbbbbbb) in production, 4 hosts: nothing is changed (dry run)\n"
        "BATCH  HOST   FROM           TO\n"
        "1      web01  v1 (aaaaaaaa)  v2 (bbbbbbbb)\n"
        "2      web02  v1 (aaaaaaaa)  v2 (bbbbbbbb)\n"
        "2      web03  -              v2 (bbbbbbbb)\n"
        "-      db01   v1 (aaaaaaaa)  v2 (bbbbbbbb)  no route; is it up?\n"
        "batches: 1 + 2; at most 1 host can be bad before the gate stops it\n"
        "cccccccc Subject (Ana)\n"
        "note: the tree was dirty\n"
        "\n"
        "commands, for each host in turn:\n"
        "  # switch\n    set -eu\n    ln -s\n"
        "  # check\n    GET /\n"
    )


@pytest.mark.parametrize(("budget", "code"), [(0, 1), (1, 0)])
def test_the_exit_code_of_a_dry_run_says_whether_it_could_be_done(budget: int, code: int) -> None:
    assert plans.show(plan(max_failures=budget), command="deploy", as_json=True) == code


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    plans.show(plan(max_failures=1), command="deploy", as_json=True)
    data = json.loads(capsys.readouterr().out)["data"]
    assert data["dry_run"] is True
    assert data["plan"]["batches"] == [["web01"], ["web02", "web03"]]
    assert data["plan"]["most_bad"] == 3
    hosts = {host["name"]: host for host in data["plan"]["hosts"]}
    assert hosts["web01"]["from"] == {
        "id": "r1",
        "revision": "a" * 40,
        "label": "v1",
        "irreversible": "",
        "manifest": "",
    }
    assert (hosts["web03"]["from"], hosts["web03"]["batch"]) == (None, 2)
    assert (hosts["db01"]["problem"], hosts["db01"]["batch"]) == ("no route", 0)
    assert data["plan"]["commands"][0] == {"step": "switch", "script": "set -eu\nln -s"}


def test_before_the_question_the_plan_is_said_in_a_few_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plans.summarise(plan())
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "deploy shop to v2 (bbbbbbbb) in production, 4 hosts",
        "  2 hosts: from v1 (aaaaaaaa) to v2 (bbbbbbbb)",
        "  1 host: from - to v2 (bbbbbbbb)",
        "  batches: 1 + 2; at most 1 host can be bad before the gate stops it",
        "  cccccccc Subject (Ana)",
        "  note: the tree was dirty",
        "  db01: no route",
        "  so nothing is changed: max_failures is 0; the others alone are -H web01,web02,web03",
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gated": False}, "no health check and no restart: nothing would stop a bad release"),
        ({"max_failures": 1}, "at most 3 hosts can be bad before the gate stops it; 1 failure allowed"),
        ({"batches": ()}, "batches: 0; at most 0 hosts"),
    ],
)  # fmt: skip
def test_the_arithmetic_of_a_plan(changes: dict[str, object], said: str) -> None:
    assert said in plans.arithmetic(plan(**changes))[0]


def test_what_each_service_on_the_hosts_asks_for_is_said() -> None:
    floors = (Floor("shop", frozenset(f"web0{n}" for n in range(6)), 3),)
    said = plans.arithmetic(plan(gates=Gates(floors=floors)))
    assert said[1] == "between batches: 3 of 6 hosts of shop stay healthy"


def test_a_load_balancer_that_does_not_answer_is_not_said_to_drain() -> None:
    sockets = {"lb01": Socket("/run/haproxy.sock"), "lb02": Socket("/run/haproxy.sock")}
    drains = Drains((Seat("web01", "lb02", "shop", "web01"),), sockets, drain=30, restore=30)
    said = plans.arithmetic(plan(drains=drains))
    assert said[1] == "drained before, put back after on lb02; 30 s for sessions"
    assert len(plans.arithmetic(plan(drains=replace(drains, seats=())))) == 1


def test_a_command_has_no_batches_to_speak_of() -> None:
    made = Plan("r", "exec", "production", (), ((),), script="df -h")
    assert plans.arithmetic(made) == []
    assert plans.headline(made) == "exec df -h in production, 0 hosts"


def test_a_restart_goes_to_no_other_release() -> None:
    made = plan(action="restart", after=OLD)
    assert plans.headline(made) == "restart shop in production, 4 hosts"
    staying = tuple(replace(t, after=OLD, before=OLD) for t in made.targets)
    assert plans._from_to(replace(made, targets=staying)) == []


def test_many_commits_are_cut_and_counted() -> None:
    commits = tuple(Commit(f"{n:040x}", f"S{n}", "Ana") for n in range(13))
    lines = plans.remarks(plan(commits=commits, notes=()))
    assert len(lines) == 11
    assert lines[-1] == "and 3 more commits"


def test_what_a_commit_says_is_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    nasty = plan(commits=(Commit("c" * 40, NASTY, NASTY),), after=replace(NEW, label=NASTY))
    plans.summarise(nasty)
    plans.show(nasty, command="deploy", as_json=False)
    out, err = capsys.readouterr()
    assert not {"\x1b", "\r"} & set(out + err)
    assert "evil\\x1b[2J\\x0dline" in err
