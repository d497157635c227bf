"""A deploy as a person at a terminal has it: the question, the live table, Ctrl-C, odd screens."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import pytest

from opskit.cli.stopping import SAID
from tests.cli.screen import Drawing, Screen
from tests.support.cli import REPOSITORY
from tests.support.light import Light
from tests.support.terminal import on_terminal
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.hosts import Hosts

# A restart that waits until the test lets it go on, so that the live table stands still.
SLOW = 'touch "$HOME/waits"; until test -e "$HOME/go"; do sleep 0.05; done'
FINISHES = SAID[1].partition(";")[0]
LATE = """
import threading
from opskit.cli.render.progress import Board
from opskit.rollout.facts import Warned
from tests.cli.render.samples import plan

def tell(board, begun):
    for _ in range(20):
        board.take(Warned("stops"))
        begun.set()

for _ in range(20):
    board, begun = Board(plan()), threading.Event()
    teller = threading.Thread(target=tell, args=(board, begun))
    with board.live():
        teller.start()
        begun.wait()
    teller.join()
"""
HEARS = """
from pathlib import Path
from opskit.cli import main, stopping

def tell(*given, told=stopping._tell):
    try:
        told(*given)
    finally:
        Path("heard").touch()

stopping._tell = tell
main()
"""
ROW = re.compile(r"restart  \d")
SOME_ROWS = re.compile(rf"(?:{ROW.pattern}[\s\S]*?){{4}}")
COLOURS = re.compile(r"\x1b\[[\d;]*m")


@pytest.fixture
def light(tmp_path: Path, hosts: Hosts) -> Light:
    return Light.create(tmp_path / "project", hosts)


@pytest.fixture
def deploy(light: Light) -> Iterator[Callable[..., Screen]]:
    """Start a deploy on a terminal of its own."""
    screens: list[Screen] = []

    def start(*arguments: str, **environment: object) -> Screen:
        screen = Screen(light.folder, "deploy", "shop", "v1", *arguments, **environment)  # type: ignore[arg-type]
        screens.append(screen)
        return screen

    yield start
    for screen in screens:
        screen.close()
        screen.process.kill()
        screen.process.wait()


@pytest.fixture
def slow(light: Light, deploy: Callable[..., Screen]) -> Callable[..., Screen]:
    """Start a deploy that stands still in the restart of the canary."""
    light.configure(restart=json.dumps(SLOW))

    def start(**environment: object) -> Screen:
        screen = deploy("--yes", **environment)
        screen.wait_for("(canary)")
        until(light.hosts.folder("web01").joinpath("waits").exists)
        return screen

    return start


def drawn(screen: Screen) -> str:
    """Wait until the table has been drawn some times more; gives that."""
    screen.said = ""
    assert screen.until(SOME_ROWS) is not None
    return screen.said


def widest(drawing: str) -> int:
    rows = re.split(r"[\r\n]+", drawing)
    return max(len(re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", row)) for row in rows)


def let_go(light: Light) -> None:
    for name in light.hosts.names:
        light.hosts.folder(name).joinpath("go").touch()


def test_n_changes_nothing(light: Light, deploy: Callable[..., Screen]) -> None:
    before = light.tree()
    screen = deploy()
    screen.wait_for("deploy on 4 of 4 hosts? [y/N]:")
    assert "at most 1 host can be bad before the gate stops it" in screen.said
    screen.type("n\n")
    assert screen.end() == 5
    assert "not agreed; nothing was changed" in screen.said
    assert light.tree() == before
    assert light.log() == []


@pytest.mark.parametrize(("keys", "code"), [("\n", 5), ("\x04", 5), ("\x03", 130)])
def test_no_answer_is_no(
    light: Light, deploy: Callable[..., Screen], keys: str, code: int
) -> None:
    screen = deploy()
    screen.wait_for("[y/N]:")
    screen.type(keys)
    assert screen.end() == code
    assert "Traceback" not in screen.said
    assert light.live() == light.on_all("")
    assert light.log() == []
    question, *rest = screen.drawing.text.partition("[y/N]:")[2].splitlines()
    assert "opskit: " not in question, "the error begins on a line of its own"
    assert rest[0].startswith("opskit: ")


def test_another_answer_is_asked_for_again(light: Light, deploy: Callable[..., Screen]) -> None:
    screen = deploy()
    screen.wait_for("[y/N]:")
    screen.type("maybe\n")
    screen.wait_for("please answer y or n")
    screen.type("n\n")
    assert screen.end() == 5
    assert "invalid input" not in screen.said


def test_y_goes_on_and_the_table_lives_then_leaves_lines(
    light: Light, deploy: Callable[..., Screen]
) -> None:
    screen = deploy()
    screen.wait_for("[y/N]:")
    screen.type("y\n")
    assert screen.end() == 0
    assert light.live() == light.on_all("v1")
    assert "\x1b[?25l" in screen.said, "no live table was drawn"
    assert "0/4 hosts" in screen.said
    assert not screen.drawing.cursor_hidden
    shown = screen.drawing.text
    assert "/4 hosts" not in shown, "a row of the live table was left behind"
    for name in light.hosts.names:
        assert re.search(rf"^{name}  ✓ done", shown, re.MULTILINE), shown
    assert "deploy shop: done (4 done)" in shown
    assert COLOURS.search(screen.said)


def test_the_table_says_what_each_host_does_and_for_how_long(
    light: Light, slow: Callable[..., Screen]
) -> None:
    screen = slow()
    screen.wait_for("web01  restart")
    assert re.search(r"batch 1 of 3 \(canary\): web01  0/4 hosts, ", screen.said)
    let_go(light)
    assert screen.end() == 0


def test_ctrl_c_stops_after_the_batch(light: Light, slow: Callable[..., Screen]) -> None:
    screen = slow()
    screen.type("\x03")
    screen.wait_for(FINISHES)
    let_go(light)
    assert screen.end() == 130
    assert light.live() == {**light.on_all(""), "web01": "v1"}
    assert "deploy shop: interrupted (1 done, 3 skipped)" in screen.drawing.text
    assert "\nweb[02-04]  · skipped\n" in screen.drawing.text
    assert light.last()["outcome"] == "interrupted"
    assert light.locks() == []


def test_the_second_ctrl_c_stops_now_and_says_what_each_host_runs(
    light: Light, slow: Callable[..., Screen]
) -> None:
    screen = slow()
    screen.type("\x03")
    screen.wait_for(FINISHES)
    screen.type("\x03")
    screen.wait_for("stops now")
    assert screen.end() == 130
    assert light.last()["outcome"] == "interrupted"
    assert light.outcomes()["web01"] == "failed"
    assert light.outcomes()["web02"] == "skipped"
    assert light.live_on("web01") == "v1"
    assert not screen.drawing.cursor_hidden


def test_the_third_ctrl_c_leaves_at_once_and_gives_the_cursor_back(
    light: Light, slow: Callable[..., Screen]
) -> None:
    screen = slow()
    for said in (FINISHES, "stops now", "\x1b[?25h"):
        screen.type("\x03")
        screen.wait_for(said)
    assert screen.end(within=60) == 130
    assert not screen.drawing.cursor_hidden
    assert light.last()["outcome"] in ("unfinished", "interrupted")


def test_a_terminal_that_closes_stops_the_run_after_the_batch(
    light: Light, slow: Callable[..., Screen]
) -> None:
    screen = slow(program=[sys.executable, "-c", HEARS])
    screen.close()
    until((light.folder / "heard").exists)
    let_go(light)
    assert screen.process.wait(60) != 0
    assert light.last()["outcome"] == "interrupted"
    assert light.outcomes() == {
        "web01": "done", "web02": "skipped", "web03": "skipped", "web04": "skipped",
    }  # fmt: skip
    assert light.locks() == []


def test_no_color_is_respected(light: Light, deploy: Callable[..., Screen]) -> None:
    screen = deploy("--yes", NO_COLOR="1")
    assert screen.end() == 0
    assert {code for code in COLOURS.findall(screen.said) if code != "\x1b[0m"} == set()
    assert "✓ done" in screen.said


def test_a_dumb_terminal_gets_plain_lines(light: Light, deploy: Callable[..., Screen]) -> None:
    screen = deploy("--yes", TERM="dumb")
    assert screen.end() == 0
    assert "\x1b" not in screen.said
    assert "web01  done  switch" in screen.said
    assert "web04  restart" in screen.said


def test_a_narrow_screen_is_drawn_without_leftovers(
    light: Light, slow: Callable[..., Screen]
) -> None:
    screen = slow(width=40)
    drawn(screen)
    let_go(light)
    assert screen.end() == 0
    shown = screen.drawing.text
    assert not ROW.search(shown), shown
    assert "/4 hosts" not in shown, shown
    assert "done (4 done)" in shown.replace("\n", "")


def test_a_window_made_narrow_is_drawn_as_wide_as_it_is(
    light: Light, slow: Callable[..., Screen]
) -> None:
    screen = slow(width=120)
    screen.wait_for("web01  restart")
    screen.resize(30)
    until(lambda: widest(drawn(screen)) <= 30, what="what was drawn before to be over")
    assert widest(drawn(screen)) <= 30
    let_go(light)
    assert screen.end() == 0


def test_what_is_told_while_the_table_goes_away_leaves_no_row_of_it() -> None:
    drawing = Drawing(80)
    said = on_terminal([sys.executable, "-c", LATE], cwd=REPOSITORY)
    drawing.feed(said.replace("\n", "\r\n"))
    assert drawing.text.rstrip().splitlines() == ["warning: stops"] * 400


def test_the_drawing_knows_what_a_screen_does() -> None:
    drawing = Drawing(5)
    for piece in ("abcdefg\r\n", "x\x1b", "[2K\ry\x1b[1A\r", "Z\x1b[?25l\x1b[31m"):
        drawing.feed(piece)
    assert drawing.text == "abcde\nZg\ny"
    assert drawing.cursor_hidden
