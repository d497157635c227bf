"""How a runbook looks while it is followed: prose, commands, questions, and what many hosts say."""

from __future__ import annotations

import io

import pytest

from opskit.cli.render import streams, walking
from opskit.runbook.ends import HostEnd
from opskit.runbook.model import Action, Choice
from opskit.runbook.talk import Question, Said


class Shown:
    """Keeps the lines that are said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str = "", **_: object) -> None:
        self.lines.append(line)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Go to [Roll back](#4-roll-back) **now**.", "Go to Roll back now."),
        ('See [the graph](https://graph/1 "all of it").', "See the graph <https://graph/1>."),
        ("> Never.", "  Never."),
        ("a * b ** c [x]", "a * b ** c [x]"),
        ("`[x](#y)`", "`x`"),
    ],
)
def test_markdown_is_shown_as_it_is_read(written: str, read: str) -> None:
    assert walking.plain(written) == read


def test_an_alert_is_named(shown: Shown) -> None:
    walking.prose(shown, "> [!CAUTION]\n> Never drain the last one.")
    assert shown.lines == ["", "CAUTION:", "  Never drain the last one."]


def test_prose_is_drawn_on_a_terminal_and_a_value_in_it_is_what_it_is(shown: Shown) -> None:
    page = "Look at **{{ host }}**, then [go on](#2-do):\n\n- `df {{ path }}`\n\n> [!CAUTION]\n> Not {{ host }}.\n\nEnd."
    values = {"host": "<b>*web*", "path": "/a_b_\x1b[31m"}
    stream = io.StringIO()
    walking.drawn(shown, Said("", page, values), stream)
    drawn = " ".join(stream.getvalue().split())
    assert "Look at <b>*web*, then go on:" in drawn
    assert "• df /a_b_" in drawn
    assert "\x1b[31m" not in drawn
    assert drawn.endswith("End.")
    assert shown.lines == ["", "", "CAUTION:", "  Not <b>*web*.", ""]


def test_a_command_is_shown_with_all_that_is_to_be_known_of_it(shown: Shown) -> None:
    which = Action(
        1,
        language="sh",
        text="one\ntwo\n",
        on="@web",
        batch=2,
        sudo="root",
        rollback="back",
        timeout=30,
    )
    walking.action(shown, which, ("web01", "web02", "web03"))
    assert shown.lines[1:] == [
        "  | one",
        "  | two",
        "  on web[01-03]; by sudo as root; 2 at a time; changes something; undone by back; at most 30 s",
    ]
    local = Action(1, language="python", text="1", mutates=False)
    assert (
        walking.facts(local, ("local",))
        == "on this machine; as python; changes nothing; at most 10 min"
    )


def test_what_came_of_it_is_a_line_for_each_kind_of_end(shown: Shown) -> None:
    ends = [HostEnd(f"web0{n}", "done", 0, 100) for n in (1, 2)]
    walking.ended(
        shown,
        [
            *ends,
            HostEnd("web03", "failed", 2, 300, error="ended with status 2", hint="look there"),
        ],
    )
    assert shown.lines == [
        "  done on web[01-02] in 0.1 s",
        "  failed on web03 in 0.3 s: ended with status 2",
        "    look there",
    ]


def test_the_keys_of_a_question_stand_on_one_line_and_are_explained(shown: Shown) -> None:
    question = Question("act", "", ("go", "shell", "skip", "leave"))
    assert walking.prompt(question) == "Enter do it · o shell · s skip · q leave · ? help"
    assert walking.help_lines(question)[0].split() == ["Enter", "do", "it"]
    asks = Question("ask", "Which?", ("text", "skip"), wanted="server", default="web01")
    assert walking.prompt(asks) == "Enter 'web01' · :s skip · :? help"
    walking.ask(
        shown,
        Question(
            "decide", "Go to [A](#a)?", ("choice",), choices=(Choice("A", "a"), Choice("B", "b"))
        ),
    )
    assert shown.text == "\nDecide: Go to A?\n  1 A\n  2 B"


def test_every_answer_that_can_be_given_has_a_letter_of_its_own_beside_the_others() -> None:
    failed = ("again", "rest", "mark", "undo", "shell", "skip", "back", "abort", "leave")
    for keys in (failed, ("yes", "no", "skip", "back", "abort", "leave"), ("go", "anew", "leave")):
        letters = [walking.KEYS[key][0] for key in keys]
        assert len(set(letters)) == len(letters)
        assert {key for key in keys if key != "go"} <= set(walking.SHORT)


def test_one_host_is_shown_as_it_speaks_and_a_line_without_an_end_at_the_end(shown: Shown) -> None:
    taking = streams.Streams(shown, ["web01"])
    taking.take("web01", "stdout", b"one\ntw")
    assert shown.lines == ["  one"]
    taking.take("web01", "stdout", "o …\nthree".encode()[:6])
    taking.end()
    assert shown.lines[1].startswith("  two")


def test_several_hosts_are_held_back_and_then_shown_under_their_names(shown: Shown) -> None:
    taking = streams.Streams(shown, ["web01", "db1"])
    taking.take("web01", "stdout", b"one\n")
    taking.take("db1", "stderr", b"two\n")
    assert (shown.lines, taking.is_held) == ([], True)
    taking.let_go()
    taking.take("db1", "stdout", b"three\n")
    assert shown.lines == ["  web01 | one", "  db1   | two", "  db1   | three"]


def test_a_line_that_never_ends_is_shown_in_pieces(shown: Shown) -> None:
    taking = streams.Streams(shown, ["web01"])
    for _ in range(5):
        taking.take("web01", "stdout", b"x" * streams.LONGEST)
    assert len(shown.lines) >= 2


def test_equal_output_is_folded(shown: Shown) -> None:
    ends = [HostEnd(name, "done", 0, 1, "same\n") for name in ("web01", "web02")]
    streams.folded(
        shown, [*ends, HostEnd("web03", "done", 0, 1, "other\n"), HostEnd("web04", "done", 0)]
    )
    assert shown.lines == ["  web[01-02] (2 hosts)", "    same", "  web03 (1 host)", "    other"]
