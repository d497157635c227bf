from __future__ import annotations

import pytest

from opskit.runbook import parse
from opskit.runbook.model import Approve, Ask, Choice, Confirm, Decide, Prose, Wait
from tests.runbook.pages import FILE, FRONT, book, problem, step, told

LOOP = "<!-- opskit: mutates=no capture=queue -->\n```sh\necho 0\n```\n\n"


def part(text: str):
    (one,) = step(text).parts
    return one


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("**Ask:** `server` - Which one?", Ask(7, "server", "Which one?")),
        ("__Ask:__ `server` \u2013 Which one?", Ask(7, "server", "Which one?")),
        ("**Ask:** `server`: Which one?", Ask(7, "server", "Which one?")),
        ("**Ask:** `server` Which\n  one?", Ask(7, "server", "Which one?")),
        ("**Ask:** `server`", Ask(7, "server", "")),
        ("**Ask:**\n`$server` - Which `one`?", Ask(7, "server", "Which `one`?")),
        ("**Confirm:** Is *it* well?", Confirm(7, "Is *it* well?")),
        ("1. **Confirm:** Is it well?", Confirm(7, "Is it well?")),
        ("- x\n\n  **Confirm:** Is it well?", Confirm(9, "Is it well?")),
        ("**Approve:** by Ana", Approve(7, "by Ana")),
        ("**Wait:** 5m", Wait(7, "5m", 300.0)),
        ("**Wait:** for 90s until it is warm", Wait(7, "for 90s until it is warm", 90.0)),
        ("**Wait:** 1.5h, not less.", Wait(7, "1.5h, not less.", 5400.0)),
    ],
)
def test_a_bold_keyword_asks(text, asked):
    assert step(text).parts[-1] == asked


@pytest.mark.parametrize(
    ("text", "value", "negated", "every", "seconds", "otherwise"),
    [
        ("until `queue` is 0, at most 5m", "0", False, 5.0, 300.0, ""),
        ("until `queue` is not `a b`, every 2s, at most 1h.", "a b", True, 2.0, 3600.0, ""),
        ('until `$queue` is "x, y", at most 30s, every 500ms', "x, y", False, 0.5, 30.0, ""),
        ("until `queue` is ``, at most 5m", "", False, 5.0, 300.0, ""),
        ("until `queue`\nis 0, at  most 5m, else go to [it](#2-end)", "0", False, 5.0, 300.0, "end"),
        ("until `queue` is 0, at most 5m, else [it](#end).", "0", False, 5.0, 300.0, "end"),
    ],
)  # fmt: skip
def test_a_wait_says_until_what(text, value, negated, every, seconds, otherwise):
    body = f"## A\n{LOOP}**Wait:** {text}\n## 2. End\n"
    wait = book(body).steps[0].parts[-1]
    assert isinstance(wait, Wait)
    assert (wait.name, wait.value, wait.negated) == ("queue", value, negated)
    assert (wait.every, wait.seconds, wait.otherwise) == (every, seconds, otherwise)


def test_a_decision_has_each_linked_step_once_and_going_on():
    body = "## 1. A\n**Decide:** **[B](#2-b)**, [b again](#b), [more][m] or [a page](https://example.com)?\n\n[m]: #deep\n## 2. B\n## 3. C\n### Deep\n"
    decide = book(body).steps[0].parts[0]
    assert isinstance(decide, Decide)
    assert decide.choices == (Choice("B", "b"), Choice("more", "c"), Choice("go on", ""))


def test_links_lead_where_a_git_host_leads_them():
    runbook = book(
        "## 1. A\n**Decide:** [x](#b) or [y](#2-b) or [z](#%C3%BC)\n### B\n## 2. B\n## Ü\n"
    )
    decide = runbook.steps[0].parts[0]
    assert isinstance(decide, Decide)
    assert [one.target for one in decide.choices] == ["a", "b", "ü", ""]


@pytest.mark.parametrize(
    "text",
    ["**Note:** x", "**Page:** x", "Ask: x", "*Ask:* x", "**Ask** x", "`**Ask:** x`", "x **Ask:** y", "**Rollback:** none is needed"],
)  # fmt: skip
def test_other_words_are_prose(text):
    assert part(text) == Prose(7, text)


@pytest.mark.parametrize(
    "text",
    ["**Ask**: x", "**ask:** x", "**CONFIRM:** x", "**Ask:**x", "**Ask: ** x", "**&#65;sk:** x", "***Ask:*** x", "**Ask\\:** x", "**Ask :** x"],
)  # fmt: skip
def test_what_looks_like_a_keyword_and_is_none_is_refused(text):
    assert "this looks like a keyword and is none" in problem(f"## A\n{text}\n").what


@pytest.mark.parametrize(
    ("text", "hint"),
    [("**Confrim:** x", "Confirm"), ("**Rolback:** x", "Rollback"), ("**Decided:** x", "Decide"), ("**Waits:** x", "Wait")],
)  # fmt: skip
def test_a_misspelt_keyword_is_guessed(text, hint):
    assert problem(f"## A\n{text}\n", fatal=False).hint == f"did you mean **{hint}:**?"


@pytest.mark.parametrize("text", ["**Task:** x", "**Page:** x", "**Notes:** x", "**Warning:** x"])
def test_other_bold_words_are_left_alone(text):
    assert told(f"## A\n{text}\n") == []


WRONG = {
    "**Ask:**": "**Ask:** says nothing",
    "**Ask:** which?": "what is the answer called?",
    "**Ask:** `a b` - c": "what is the answer called?",
    "**Ask:** `a-b` - c": "expected a name of A-Z, a-z, 0-9 and `_` that does not begin with a digit, not 'a-b'",
    "**Ask:** `HOME` - c": "$HOME has a meaning of its own for shells or opskit",
    "text\n**Confirm:** well?": "**Confirm:** is hidden in a paragraph",
    "**Ask:** `a` - b\n**Confirm:** well?": "**Confirm:** is hidden in a paragraph",
    "**Decide:** [x](#nowhere)": "there is no step #nowhere",
    "**Decide:** [x](#page)": "#page is before the first step",
    "**Decide:** [x](#a) or [x](#b)\n## B": "two ways are called the same, or 'go on'",
    "**Decide:** [go on](#a)": "two ways are called the same, or 'go on'",
    "**Wait:** a while": "for how long, or until what?",
    "**Wait:** 5 minutes": "for how long, or until what?",
    "**Wait:** 900h": "expected a time above 0 and at most 7 days",
    "**Wait:** until `queue` is 0": "say how long at most",
    "**Wait:** until `queue` is 0, soon": "'soon' cannot be read",
    "**Wait:** until `queue` is 0, at most 5m, at most 6m": "`at most` stands there twice",
    "**Wait:** until `queue` is 0, at most 5m": "no command above in this step captures queue",
    "**Rollback:** [x](#nowhere)": "there is no step #nowhere",
    "**Rollback:** [x](#a)": "rollback: a step cannot undo itself",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_cannot_be_read_is_said_with_its_line(text):
    (first,) = told(f"## A\n{text}\n")
    assert first.startswith("7: ")
    assert WRONG[text] in first


def test_what_is_run_again_and_again_changes_nothing():
    body = LOOP.replace("mutates=no ", "") + "**Wait:** until `queue` is 0, at most 5m\n"
    assert told(f"## A\n{body}") == [
        "12: the command that is run again and again changes something"
    ]


def test_a_second_rollback_of_a_step_is_refused():
    body = "## A\n**Rollback:** [b](#b)\n\n**Rollback:** [b](#b)\n## B\n"
    assert told(body) == ["9: a second rollback of this step"]


def test_only_what_stands_behind_a_caution_is_typed_out():
    one = step(
        "**Confirm:** a?\n\n> [!WARNING]\n> x\n\n**Confirm:** b?\n\n> [!caution]\n> x\n\n**Confirm:** c?\n"
    )
    assert [p.typed for p in one.parts if isinstance(p, Confirm)] == [False, False, True]
    assert not step("> > [!CAUTION]\n\n- > [!CAUTION]\n").cautious


NAMES = {
    "**Ask:** `b` - b\n\n<!-- opskit: -->\n```sh\nb=\necho $b\n```": "10?: this script empties $b, which was asked for",
    "**Confirm:** {{ a }} and {{b}}?": "7?: nothing gives {{ a }} a value",
    '<!-- opskit: on="{{ a }}" -->\n```sh\ntrue\n```': "8: nothing gives {{ a }} a value",
    "<!-- opskit: -->\n```sh\necho {{ a }}\n```": "8?: {{ a }} is not replaced in what is run",
    "**Ask:** `a` - b\n\n<!-- opskit: -->\n```sh\necho {{a}}\n```": "10: {{ a }} is not replaced in what is run",
    "<!-- opskit: -->\n```sh\necho $a\n```": "8?: nothing gives $a a value",
    "<!-- opskit: -->\n```opskit\nopskit log '$a'\n```": "8: nothing gives $a a value",
    "<!-- opskit: on=@web -->\n```task\ndisk --path ${a}\n```": "8: nothing gives $a a value",
    "**Ask:** `b` - b\n\n<!-- opskit: capture=b -->\n```sh\necho $b\n```": "10?: what is captured here takes the place of the b that was asked for",
}


@pytest.mark.parametrize("text", NAMES)
def test_names_that_nobody_gives_a_value_are_told_of(text):
    assert told(f"## A\n{text}\n")[0] == NAMES[text]


def test_what_a_template_of_another_tool_says_is_left_alone():
    assert (
        told(
            "## A\n<!-- opskit: -->\n```sh\ndocker ps --format '{{.Names}} {{json .}} {{end}}'\n```\n"
        )
        == []
    )


@pytest.mark.parametrize(
    "body", ["<!-- opskit: -->\n```opskit\nopskit note $token\n```\n", '<!-- opskit: on="{{ token }}" -->\n```sh\ntrue\n```\n']
)  # fmt: skip
def test_a_secret_stands_in_no_command_line(body):
    front = FRONT.replace("id: page", "id: page\nparams: {token: {secret: true}}")
    read = parse.parse(f"{front}## A\n{body}", FILE)
    assert [p.what for p in read.problems] == [
        "$token is a secret: it cannot stand in a command line"
    ]


def test_what_is_captured_again_is_newer():
    assert told("## A\n" + 2 * LOOP) == []
