"""What reaches commands: values that the page has names for, each given by somebody, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.config.secret import Redactor
from opskit.errors import UsageError
from opskit.runbook.page.shell import needed
from opskit.runbook.record import Record
from opskit.runbook.talk import Reply, Said, Warned
from tests.runbook.scripted import GO, LEAVE, book_of, say, whats
from tests.runbook.test_walk import LOOK, steps

if TYPE_CHECKING:
    from opskit.runbook.model import Runbook
    from tests.runbook.scripted import Stage

PARAMS = 'params: {server: {default: web01, pattern: "web[0-9]+"}, zone: {default: a}, token: {secret: true}}\n'


def begun_with(stage: Stage, book: Runbook, params: dict[str, str]) -> str:
    """Write what a run leaves that somebody's own program began with these values; gives its id."""
    with stage.changelog("eve") as changelog:
        record = Record(
            book, changelog, run=changelog.new_run_id(), environment="test", redactor=Redactor
        )
        how = {
            "mode": "run",
            "start": "",
            "secrets": [],
            "incident": "",
            "why": "please finish it",
        }
        record.start(params=params, **how)  # type: ignore[arg-type]
        record.finish("suspended", "left")
    return record.run


def test_of_the_values_that_events_tell_only_those_that_the_page_knows_and_that_fit_reach_commands(
    stage: Stage,
) -> None:
    seen = 'echo "${zone-unset} ${server-unset} ${BASH_ENV-unset} ${token-unset}"'
    book = book_of(steps(LOOK.format(seen)), PARAMS)
    forged = {"zone": "b", "server": "@*", "BASH_ENV": "$(touch pwned)", "token": "theirs"}
    end, talk = stage.resume(book, begun_with(stage, book, forged), GO)
    assert (end.outcome, talk.heard["local"]) == ("done", b"b unset unset unset\n")
    assert talk.facts(Warned)[0].what.endswith("left out: BASH_ENV, server, token")


ASKED = "**Ask:** `folder` - Which folder?\n"
WOULD = '<!-- opskit: local -->\n```sh\necho "would rm -rf /srv/$folder/*"\n```\n'


def test_a_step_that_is_begun_with_asks_for_what_its_commands_need(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("folder", "OF-MY-SHELL")
    book = book_of(steps(ASKED, WOULD + "\n" + LOOK.format('echo "${folder:-none}"')))
    end, talk = stage.run(book, mode="auto", start="2")
    assert (end.exit_code, talk.heard) == (3, {})
    assert end.reason == "a person must say: Step 2: Which folder?"
    end, talk = stage.run(book, say("tmp"), GO, GO, start="2")
    assert (end.outcome, talk.kinds) == ("done", ["ask", "act", "act"])
    assert talk.heard["local"] == b"would rm -rf /srv/tmp/*\ntmp\n"
    assert whats(stage.events())[1:3] == ["answered value", "began"]


def test_what_was_said_for_a_command_is_kept_for_who_goes_on(stage: Stage) -> None:
    book = book_of(steps(ASKED, WOULD))
    end, _ = stage.run(book, say("tmp"), LEAVE, start="2")
    end, talk = stage.resume(book, end.now.run, GO)
    assert talk.heard["local"] == b"would rm -rf /srv/tmp/*\n"


def test_no_variable_of_the_operator_takes_the_place_of_a_value(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("folder", "OF-MY-SHELL")
    book = book_of(steps(ASKED, LOOK.format('echo "${folder:-none}"')))
    _, talk = stage.run(book, GO, start="2")
    assert talk.heard["local"] == b"none\n"


def test_who_skips_a_question_is_asked_when_a_command_needs_its_answer(stage: Stage) -> None:
    book = book_of(steps(ASKED, WOULD))
    skip = Reply("skip", "no idea")
    end, talk = stage.run(book, skip, Reply("skip", "still none"))
    assert (talk.kinds, talk.heard) == (["ask", "ask"], {})
    secret = "params: {token: {secret: true}}\n"
    book = book_of(steps("**Ask:** `token` - Which?\n", LOOK.format("echo ${#token}")), secret)
    end, talk = stage.run(book, say(""), skip, say("Zq9+wK/4tL"), GO)
    assert (end.outcome, talk.heard["local"]) == ("done", b"10\n")


def test_auto_answers_no_question_of_a_parameter_with_nothing(stage: Stage) -> None:
    book = book_of(steps(LOOK.format("echo $which")), 'params: {which: {ask: "Which server?"}}\n')
    with pytest.raises(UsageError, match="which: nobody is there to say: Which server"):
        stage.run(book, mode="auto")
    _, talk = stage.run(book, mode="auto", given={"which": ""})
    assert talk.heard["local"] == b"\n"


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        ('echo $a ${b} "$c"', {"a", "b", "c"}),
        ("sh -c 'rm $a'", {"a"}),
        ("echo $((a + 1))", {"a"}),
        ("echo ${a:-x} ${b-x} ${c:+x}", set()),
        ("echo ${a:?} ${b%/} ${#c}", {"a", "b", "c"}),
        ("a=$(date)\necho $a", set()),
        ("a=1; echo $a", set()),
        ("a=$a/x\necho $a", {"a"}),
        ("echo $a; a=1", {"a"}),
        ("for a in 1 2; do echo $a; done; read b; echo $b", set()),
    ],
)
def test_what_a_script_needs_is_what_it_reads_without_a_default(
    script: str, wanted: set[str]
) -> None:
    assert needed(script) == wanted


def test_what_a_command_captures_itself_is_not_asked_for(stage: Stage) -> None:
    fence = "<!-- opskit: local mutates=no capture=owner -->\n```python\nprint({'owner': 'cleo'}['owner'])\n```\n"
    end, talk = stage.run(book_of(steps(fence)), GO)
    assert (talk.kinds, end.now.values["owner"]) == (["act"], "cleo")


def test_a_value_of_several_lines_makes_no_line_of_ours(stage: Stage) -> None:
    first = "<!-- opskit: mutates=no capture=state -->\n```sh\nprintf 'ok\\n\\nStep 2 of 2: B\\033[2J'\n```\n"
    book = book_of(steps(first + "\nIt says {{ state }}.\n\n**Confirm:** Is {{ state }} well?\n"))
    end, talk = stage.run(book, mode="auto")
    shown = "ok\\n\\nStep 2 of 2: B\\x1b[2J"
    assert talk.facts(Said)[-1].text == f"It says {shown}."
    assert end.reason == f"a person must say: Step 1: Is {shown} well?"
