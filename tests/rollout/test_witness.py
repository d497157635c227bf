"""Hosts as witnesses: their receipts against the changelog, through `verify --hosts` and `status`."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.rollout import layout
from opskit.rollout.witness import read_receipts

if TYPE_CHECKING:
    from tests.support.light import Light


def doubts(light: Light, *arguments: str, expect: int = 1) -> list[Any]:
    done = light.opskit("changelog", "verify", "--hosts", *arguments, "--json", expect=expect)
    (service,) = done.json["data"]["hosts"]
    return [(doubt["host"], doubt["kind"]) for doubt in service["doubts"]]


def verdicts(light: Light) -> dict[str, tuple[str, str]]:
    done = light.opskit("status", "shop", "--json", expect=None)
    hosts = done.json["data"]["services"][0]["hosts"]
    return {host["host"]: (host["verdict"], host["note"]) for host in hosts}


def test_hosts_that_agree_are_no_matter(any_light: Light) -> None:
    any_light.deploy("v1")
    any_light.restart()
    assert doubts(any_light, expect=0) == []
    said = any_light.opskit("changelog", "verify", "--hosts").stdout
    assert "shop: 8 receipts on hosts" in said


def test_a_rollout_of_a_laptop_that_nobody_knows_is_found(light: Light) -> None:
    light.deploy("v1")
    stranger = {"OPSKIT_STATE_DIR": str(light.folder / "other"), "OPSKIT_ACTOR": "mallory"}
    light.commit("v2")
    light.deploy("v2", "-H", "web02", env=stranger)
    assert doubts(light) == [("web02", "unknown")]
    done = light.opskit("changelog", "verify", "--hosts", expect=1)
    end = "\n".join((done.stdout + done.stderr).splitlines()[-2:])
    assert "not all that hosts say fits" in end, "the end does not contradict what stands above it"
    verdict, note = verdicts(light)["web02"]
    assert verdict == "unrecorded"
    assert re.fullmatch(
        r"deploy \w{10} by mallory at [-\d]+ [:\d]+, which this changelog does not know", note
    )
    light.deploy("v1", "-H", "web02")
    assert verdicts(light)["web02"][0] == "ok"
    assert doubts(light) == [("web02", "unknown")], "the receipt stays as evidence"


def test_an_unknown_restart_leaves_the_release_and_is_still_told(light: Light) -> None:
    light.deploy("v1")
    light.restart("-H", "web03", env={"OPSKIT_STATE_DIR": str(light.folder / "other")})
    verdict, note = verdicts(light)["web03"]
    assert verdict == "unrecorded"
    assert note.startswith("restart ")
    assert "which this changelog does not know" in note


def test_a_host_that_was_set_back_does_not_confirm(light: Light) -> None:
    light.deploy("v1")
    receipts = light.place("web02", ".opskit", "receipts")
    before = receipts.read_text()
    light.restart()
    receipts.write_text(before)
    assert doubts(light) == [("web02", "unconfirmed")]
    verdict, note = verdicts(light)["web02"]
    assert verdict != "ok"
    assert "does not confirm restart" in note


def test_receipts_that_were_lost_are_told_until_a_rollout_leaves_one_again(light: Light) -> None:
    light.deploy("v1")
    light.restart()
    light.place("web02", ".opskit", "receipts").unlink()
    verdict, note = verdicts(light)["web02"]
    assert (verdict, "no receipt of a rollout is left on it" in note) == ("drifted", True)
    assert "changed by no rollout" not in note
    assert doubts(light) == [("web02", "unconfirmed")] * 2
    light.restart("-H", "web02")
    assert verdicts(light)["web02"][0] == "ok"
    assert doubts(light, expect=0) == []
    said = light.opskit("changelog", "verify", "--hosts").stdout
    assert re.search(
        r"web02, shop: its receipts begin with restart \w+: those of 2 older rollouts are gone",
        said,
    )


def test_a_receipt_that_was_rewritten_is_named(light: Light) -> None:
    light.deploy("v1")
    receipts = light.place("web04", ".opskit", "receipts")
    said = json.loads(receipts.read_text())
    receipts.write_text(json.dumps({**said, "hash": "0" * 64}) + "\n")
    assert doubts(light) == [("web04", "other event")]


def test_a_host_that_is_gone_is_told_and_no_alarm_about_the_others(light: Light) -> None:
    light.deploy("v1")
    shutil.rmtree(light.place("web01", ".opskit"))
    assert doubts(light) == [("web01", "unconfirmed"), ("web01", "not compared")]
    text = light.opskit("changelog", "verify", "--hosts", "web02", "--json").json
    assert text["data"]["hosts"][0]["doubts"] == []


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_whatever_stands_in_the_file_only_receipts_come_out(text: str) -> None:
    assert read_receipts("h", text) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"rollout": 7}, {"rollout": "../x"}, {"at": -1}, {"at": "1"}, {"seq": 2**60}, {"seq": None},
        {"hash": "xyz"}, {"writer": "0"}, {"actor": None}, {"to": []},
    ],
)  # fmt: skip
def test_a_line_with_a_wrong_value_is_left_out(wrong: dict[str, object]) -> None:
    right = {
        "writer": "a" * 64, "seq": 1, "hash": "b" * 64, "actor": "ana", "rollout": "abcdefghjk",
        "action": "deploy", "from": "", "to": "r1", "at": 1,
    }  # fmt: skip
    assert len(read_receipts("h", json.dumps(right))) == 1
    assert read_receipts("h", json.dumps({**right, **wrong})) == ()


def test_reading_receipts_is_one_bounded_script() -> None:
    assert layout.receipts("~/my shop") == (
        "set -eu; umask 022; p=\"$HOME\"/'my shop'\n"
        '[ ! -f "$p/.opskit/receipts" ] || tail -n 4000 "$p/.opskit/receipts"'
    )


def test_a_rollout_that_was_written_down_again_is_known_host_by_host(light: Light) -> None:
    stranger = {"OPSKIT_STATE_DIR": str(light.folder / "other"), "OPSKIT_ACTOR": "mallory"}
    light.deploy("v1", env=stranger)
    light.hosts.stop("web03")
    partly = light.opskit("changelog", "rebuild", "--from", "hosts", expect=3)
    rollout = light.log()[0]["id"]
    assert partly.stdout.splitlines() == [
        "1 rollout written down again that only hosts remembered",
        f"  opskit log {rollout}",
    ]
    assert "web03 was not asked: " in partly.stderr
    light.hosts.start("web03")
    assert doubts(light) == [("web03", "unknown")]
    light.opskit("changelog", "rebuild", "--from", "hosts")
    assert doubts(light, expect=0) == []
    assert {verdict for verdict, _ in verdicts(light).values()} == {"ok"}
    page = light.opskit("log", rollout).stdout
    assert "4 hosts: 4 unknown" in page


def test_a_rollout_that_was_put_back_is_written_down_again_forwards(light: Light) -> None:
    light.commit("v2", good=False)
    stranger = {"OPSKIT_STATE_DIR": str(light.folder / "other"), "OPSKIT_ACTOR": "mallory"}
    light.deploy("v1", env=stranger)
    light.deploy("v2", env=stranger, expect=5)
    light.opskit("changelog", "rebuild", "--from", "hosts")
    last = light.last()
    host = last["hosts"]["web01"]
    assert (host["outcome"], host["live"]) == ("reverted", host["before"]["release"])
    assert host["to"] == last["to"]["release"] != host["before"]["release"]
    assert {verdict for verdict, _ in verdicts(light).values()} == {"ok"}
