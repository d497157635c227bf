"""What is said to HAProxy, as exact strings, and what a real one answers, read whatever it says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.rollout import haproxy
from opskit.rollout.haproxy import Server
from tests.support.haproxy import Answers, HAProxy
from tests.support.missing import missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STAT = (
    "# pxname,svname,qcur,qmax,scur,status,weight,act,bck,lastchg,check_status,qtime,\n"
    "shop,web01,0,0,3,UP 1/3,1,1,0,12,L7OK,0,\n"
    "shop,web02,0,0,0,DOWN,1,1,0,2,L4CON,0,\n"
    "shop,spare,0,0,0,no check,1,0,1,99,,0,\n"
    "shop,BACKEND,7,21,3,UP,1,1,1,99,,340,\n\n"
)
STATE = (
    "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_check_health srv_check_state\n"
    "3 shop 1 web01 127.0.0.1 2 0 1 6\n3 shop 2 web02 127.0.0.1 0 8 0 7\n3 shop 3 spare 127.0.0.1 2 0 2 0\n\n"
)


@pytest.fixture(scope="module")
def edge() -> Iterator[HAProxy]:
    with Answers() as answers, HAProxy(dict.fromkeys(("a", "b"), answers.port)) as edge:
        edge.wait_for(a="UP", b="UP")
        yield edge
        answers.shutdown()


def test_what_is_said_is_this() -> None:
    asked = (
        "show stat shop 6 -1;show servers state shop;show stat api 6 -1;show servers state api\n"
    )
    assert haproxy.look(["shop", "api"]) == asked
    assert haproxy.set_servers("shop", ["a", "b"], haproxy.DRAIN) == (
        "set server shop/a state drain;set server shop/b state drain\n",
    )
    lines = haproxy.set_servers("shop", [f"web{n:03}" for n in range(250)], haproxy.READY)
    assert [line.count("set server") for line in lines] == [100, 100, 50]
    assert max(map(len, lines)) < 16_000


def test_only_while_something_waits_are_servers_told_again_what_they_may_have() -> None:
    servers = {
        name: Server(name, "UP", most=most) for name, most in (("a", 9), ("b", 0), ("c", 2))
    }
    waits = haproxy.Backend("shop", servers, queue=1)
    said = ("set maxconn server shop/a 9;set maxconn server shop/c 2\n",)
    assert haproxy.wake(waits, ["a", "b", "c", "gone"]) == said
    assert haproxy.wake(haproxy.Backend("shop", servers), ["a"]) == ()


def test_an_answer_is_read_by_the_names_of_its_columns() -> None:
    (shop,) = haproxy.read(STAT + STATE).values()
    assert (shop.queue, shop.most_queued, shop.waited, shop.sessions) == (7, 21, 340, 3)
    web01, web02, spare = shop.servers.values()
    assert web01 == Server("web01", "UP 1/3", 0, 3, 1, True, "L7OK", 12, checking=6, held=1)
    assert (web01.serves, web01.word) == (True, "UP 1/3")
    assert (web02.is_out, web02.is_well, web02.word) == (True, False, "DRAIN, DOWN")
    assert [server.is_checked for server in shop.servers.values()] == [True, True, False]
    assert [server.is_being_checked for server in shop.servers.values()] == [False, True, False]
    assert (spare.is_well, spare.serves) == (True, False), "a backup takes no part of the load"
    turned = [",".join(reversed(line.split(","))) for line in STAT.splitlines()]
    turned[0] = "# " + turned[0].replace("# ", "")
    assert haproxy.read("\n".join(turned)) == haproxy.read(STAT) or "pxname" not in turned[0][:8]


@pytest.mark.parametrize(
    ("status", "admin", "word", "out", "serves"),
    [
        ("UP", 0, "UP", False, True),
        ("no check", 0, "no check", False, True),
        ("DOWN 1/2", 0, "DOWN 1/2", False, False),
        ("NOLB", 0, "NOLB", False, False),
        ("DRAIN", 8, "DRAIN", True, False),
        ("DRAIN 1/3", 8, "DRAIN 1/3", True, False),
        ("DOWN", 8, "DRAIN, DOWN", True, False),
        ("MAINT", 1, "MAINT", True, False),
        ("MAINT", 9, "MAINT", True, False),
        ("MAINT (via x)", 2, "MAINT (via x)", True, False),
        ("MAINT (resolution)", 32, "MAINT (resolution)", True, False),
    ],
)
def test_how_a_server_is(status: str, admin: int, word: str, *, out: bool, serves: bool) -> None:
    server = Server("a", status, admin)
    assert (server.word, server.is_out, server.serves) == (word, out, serves)


@pytest.mark.parametrize(
    ("status", "check", "answers"),
    [
        ("DRAIN", "L7OK", True),
        ("DRAIN", "* L4OK", True),
        ("DRAIN", "", True),
        ("DRAIN 1/3", "L4CON", False),
        ("DOWN", "L4OK", False),
        ("DRAIN", "INI", False),
    ],
)
def test_a_server_answers_when_its_last_check_held(
    status: str, check: str, *, answers: bool
) -> None:
    assert Server("a", status, 8, check=check).answers == answers


def test_a_weight_of_0_serves_nobody() -> None:
    assert not Server("a", "UP", weight=0).serves


@given(st.text() | st.lists(st.sampled_from([*STAT.splitlines(), *STATE.splitlines(), "", "x,y"])).map("\n".join))  # fmt: skip
def test_whatever_it_answers_is_read(answer: str) -> None:
    for backend in haproxy.read(answer).values():
        for server in backend.servers.values():
            assert server.sessions >= 0
            assert isinstance(server.word, str)


@given(st.integers(0, haproxy.MOST_NUMBER * 10), st.text(max_size=15))
def test_a_number_is_bounded(number: int, other: str) -> None:
    assert haproxy.number(str(number)) in (number, 0)
    assert 0 <= haproxy.number(other) < haproxy.MOST_NUMBER


def test_a_real_one_answers_so(edge: HAProxy) -> None:
    (line,) = haproxy.set_servers("shop", ["a"], haproxy.DRAIN)
    assert haproxy.complaint(edge.say(line.strip())) == ""
    shop = edge.backend()
    assert (shop.servers["a"].word, shop.servers["b"].word, shop.status) == ("DRAIN", "UP", "UP")
    (line,) = haproxy.set_servers("shop", ["a", "zz"], haproxy.READY)
    assert haproxy.complaint(edge.say(line.strip())) == "No such server."
    assert edge.backend().servers["a"].serves
    assert haproxy.read(edge.say(haproxy.look(["nope"]).strip())) == {}


@pytest.mark.parametrize("tool", ["socat", "python3", "perl", "nc"])
def test_every_tool_carries_it_where_it_is_there(edge: HAProxy, tool: str, tmp_path: Path) -> None:
    found = sys.executable if tool == "python3" else shutil.which(tool)
    if not found or (tool == "nc" and "-U" not in _help(found)):
        missing(f"a {tool} that speaks to a socket")
    ran = _by_command(str(edge.socket), only=tool, folder=str(tmp_path))
    assert "BACKEND" in ran.stdout, ran.stderr


def test_what_is_missing_is_said(edge: HAProxy, tmp_path: Path) -> None:
    gone = _by_command("/nowhere/s", only="python3", folder=str(tmp_path))
    assert (gone.returncode, gone.stderr) == (haproxy.NO_SOCKET, "there is no socket /nowhere/s\n")
    (tmp_path / "bare").mkdir()
    none = _by_command(str(edge.socket), only="true", folder=str(tmp_path / "bare"))
    assert none.returncode == haproxy.NO_TOOL
    assert none.stderr == "none of socat, python3, perl and nc with -U is here\n"


def _by_command(socket: str, *, only: str, folder: str) -> subprocess.CompletedProcess[str]:
    """Run the script where of all those tools only one is there."""
    links = {tool: shutil.which(tool) for tool in (only, "id", "grep")}
    links |= {"python3": sys.executable} if only == "python3" else {}
    for tool, where in links.items():
        subprocess.run(["ln", "-sf", str(where), f"{folder}/{tool}"], check=True)
    return subprocess.run(
        ["/bin/sh", "-c", haproxy.by_command(socket, haproxy.look(["shop"]))], text=True,
        env={"PATH": folder}, capture_output=True, check=False, timeout=100,
    )  # fmt: skip


def _help(program: str) -> str:
    ran = subprocess.run([program, "-h"], capture_output=True, text=True, check=False, timeout=100)
    return ran.stdout + ran.stderr
