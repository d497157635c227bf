from __future__ import annotations

from datetime import date

import pytest

from opskit.runbook import parse
from opskit.runbook.model import (
    Action,
    Approve,
    Ask,
    Check,
    Choice,
    Confirm,
    Decide,
    Expect,
    Prose,
    Wait,
)
from tests.runbook.pages import FILE, WHOLE, action, book, page, problem, step, told


def test_a_whole_page_is_what_it_says():
    read = parse.parse(WHOLE, FILE)
    assert read.problems == ()
    runbook = read.runbook
    assert runbook
    assert (runbook.id, runbook.title) == ("haproxy-queue", "HAProxy is queuing")
    assert runbook.owner == "infra"
    assert (runbook.services, runbook.alerts) == (("shop",), ("HaproxyQueueHigh",))
    assert (runbook.last_reviewed_on, runbook.review_days) == (date(2026, 11, 1), 90)
    assert [one.name for one in runbook.parameters] == ["backend"]
    assert runbook.intro == (Prose(14, "What $backend waits for."),)
    assert [one.id for one in runbook.steps] == ["look", "drain-the-slow-server", "escalate"]


def test_a_step_holds_what_is_run_asked_and_looked_at_in_its_order():
    runbook = parse.parse(WHOLE, FILE).runbook
    assert runbook
    look, drain, escalate = runbook.steps
    expected = Expect("regex", "^[0-9]+$", 23)
    wait = Wait(
        27, "until `queue` is not 7, every 2s, at most 5m, else go to [Escalate](#3-escalate).",
        300.0, "queue", "7", True, 2.0, "escalate",
    )  # fmt: skip
    assert look.parts == (
        Action(18, "sh", "echo 0\n", "@lb", 0, 10.0, "queue", mutates=False, expect=expected),
        wait,
    )
    assert drain.parts == (
        Prose(30, "> [!CAUTION]\n> Never drain the last one."),
        Ask(33, "server", "Which server is slow?"),
        Confirm(35, "Drain {{ server }}?", typed=True),
        Action(
            38, "sh", 'echo "$backend $server"\n', "@lb!{{ server }}", 1, capture="out",
            rollback="escalate", sudo="root",
        ),
        Check(42, "Paste the link", evidence=True),
        Check(43, "It is well"),
        Decide(
            45, "Is it well? If not, go to [Escalate](#3-escalate).",
            (Choice("Escalate", "escalate"), Choice("go on", "")),
        ),
    )  # fmt: skip
    assert drain.cautious
    assert escalate.parts == (Approve(48, "by the owner"),)


def test_text_between_what_is_done_stays_as_it_stands():
    one = step(
        "a *b*\n\n- c\n  1. d\n\n<!-- opskit: -->\n```sh\ntrue\n```\n\n> e\n\n```sh\nshown\n```\n"
    )
    assert [type(part) for part in one.parts] == [Prose, Action, Prose]
    assert one.parts[0] == Prose(7, "a *b*\n\n- c\n  1. d")
    assert one.parts[2] == Prose(17, "> e\n\n```sh\nshown\n```")


def test_what_is_left_of_a_lists_item_is_no_code():
    one = step("- [ ] look\n\n      well\n\n    end\n")
    assert one.parts == (Check(7, "look"), Prose(9, "  well\n\nend"))


@pytest.mark.parametrize("mark", ["```", "~~~", "````", "~~~~~~"])
@pytest.mark.parametrize("indent", ["", " ", "   "])
def test_a_fence_of_any_marks_and_small_indent_is_run(mark, indent):
    one = step(f"<!-- opskit: -->\n{indent}{mark} sh\n{indent}echo ``\n{indent}{mark}\n")
    assert [one.text for one in one.actions] == ["echo ``\n"]


@pytest.mark.parametrize("info", ["sh", "SH", "bash title=x", "shell", "&#115;h"])
def test_the_first_word_of_the_info_string_is_the_language_as_renderers_see_it(info):
    assert action("", f"```{info}\ntrue\n```").language == "sh"


def test_fences_in_lists_are_run_without_their_indent():
    one = step(
        "1. First:\n\n   <!-- opskit: -->\n   ```sh\n   echo 1\n     echo 2\n   ```\n2. Then\n"
    )
    assert [one.text for one in one.actions] == ["echo 1\n  echo 2\n"]
    assert one.parts[-1] == Prose(14, "2. Then")


def test_fences_in_details_are_run():
    one = step(
        "<details><summary>More</summary>\n\n<!-- opskit: -->\n```sh\ntrue\n```\n\n</details>\n"
    )
    assert [type(part) for part in one.parts] == [Prose, Action, Prose]


def test_a_comment_over_several_lines_and_with_empty_lines_before_its_fence_is_read():
    assert action("\n  on=@web\n  batch=2\n", "\n\n```sh\ntrue\n```").batch == 2


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_every_end_of_line_gives_the_same_page_and_digest(end):
    read = parse.parse(WHOLE.replace("\n", end), FILE)
    assert read == parse.parse(WHOLE, FILE)
    assert parse.parse(f"\ufeff{WHOLE}", FILE) == read


def test_the_digest_of_a_step_is_that_of_its_own_words():
    one, other = (book(f"## A\na\n\n## B\n{text}\n## C\nc") for text in ("b", "x"))
    same = [a.digest == b.digest for a, b in zip(one.steps, other.steps, strict=True)]
    assert same == [True, False, True]
    assert one.digest != other.digest


def test_steps_are_found_by_id_number_and_anchor():
    runbook = book("## 1. Look\n### More\n## 2. Über `x_y` & Co!\n")
    second = runbook.steps[1]
    assert second.id == "über-x_y--co"
    assert second.anchors == ("2-über-x_y--co",)
    for name in ("2", second.id, *second.anchors):
        assert runbook.step(name) is second
    assert runbook.step("more") is runbook.steps[0]
    for name in ("0", "3", "", "nothing", "9" * 30):
        assert runbook.step(name) is None


def test_a_setext_heading_is_a_step_too():
    assert [one.title for one in book("Look\nwell\n---\n").steps] == ["Look well"]


@pytest.mark.parametrize(
    "body",
    [
        "> ## Quoted\n",
        "- ## In a list\n",
        "1. a\n\n   ## In a list\n",
        "```md\n## Code\n```\n",
        "    ## Indented\n",
        "<!--\n## Hidden\n-->\n",
        "<div>\n## Raw\n</div>\n",
        "####### Seven\n",
        "##Glued\n",
        "\\## Escaped\n",
        "text\n    ## Continued\n",
    ],
)
def test_what_is_no_heading_of_the_page_is_no_step(body):
    assert [one.id for one in book(f"## Only\n\n{body}").steps] == ["only"]


@pytest.mark.parametrize("body", ["> ## a\n", "- ## a\n", "<h2>a</h2>\n"])
def test_a_heading_that_is_no_step_is_told_of(body):
    assert "is no step" in problem(f"## Only\n{body}", fatal=False).what


def test_the_rollback_of_a_step_is_that_of_its_changing_fences_which_name_none():
    one, two, three, _, _ = step_actions(
        "<!-- opskit: -->\n```sh\na\n```\n"
        "<!-- opskit: mutates=no -->\n```sh\nb\n```\n"
        '<!-- opskit: rollback="#other" -->\n```sh\nc\n```\n\n'
        "**Rollback:** [Put it back](#2-back)\n\n## 2. Back\n<!-- opskit: -->\n```sh\nd\n```\n"
        "## Other\n<!-- opskit: -->\n```sh\ne\n```\n"
    )
    assert [one.rollback, two.rollback, three.rollback] == ["back", "", "other"]


def step_actions(body: str) -> list[Action]:
    return [action for step in book(f"## 1. Do it\n{body}").steps for action in step.actions]


RUN = "<!-- opskit: -->\n```sh\ntrue\n```\n"
WRONG = {
    "nothing else\n": "1: there is no step",
    "## \n": "6: a step needs a heading with a word in it",
    "## 1.\n": "6: a step needs a heading with a word in it",
    "## 1. A\n## 2. A\n": "7: the step in line 6 is called 'a', too",
    "## 2. A\n": "6?: this is step 1, and its heading says 2",
    "# Again\n## A\n": "6?: a second title; steps are headings of level 2",
    RUN + "## A\n": "6: a comment for opskit stands before the first step",
    "**Ask:** `a` - b\n## A\n": "6: **Ask:** stands before the first step",
    "## A\n<!-- opskit: -->\n\ntext\n": "7: no fence follows this comment",
    "## A\n<!-- opskit: -->\n": "7: no fence follows this comment",
    "## A\n<!-- opskit: -->\n## B\n": "7: no fence follows this comment",
    "## A\n<!-- opskit: -->\n    code\n": "7: no fence follows this comment",
    "## A\n<!-- opskit: -->\n" + RUN: "7: no fence follows this comment",
    "## A\n- <!-- opskit: -->\n\n```sh\ntrue\n```\n": "7: no fence follows this comment",
    "## A\n<!-- opskit: --> x\n```sh\ntrue\n```\n": "7: this comment is not read: it must begin with `<!-- opskit:`, and nothing else may stand beside it",
    "## A\n<!-- OPSKIT: -->\n```sh\ntrue\n```\n": "7: this comment is not read: it must begin with `<!-- opskit:`, and nothing else may stand beside it",
    "## A\nx <!-- opskit: -->\n```sh\ntrue\n```\n": "7: this comment is not read: it must stand on lines of its own, right before a fence",
    "## A\n> <!-- opskit: -->\n> ```sh\n> true\n> ```\n": "7: nothing in a block quote is asked or run",
    "## A\n> **Confirm:** a?\n": "7: nothing in a block quote is asked or run",
    "## A\n> - [ ] a\n": "7: nothing in a block quote is asked or run",
    "## A\n<!-- opskit: -->\n```sh\ntrue\n": "8: this fence has no end: all below would be run",
    "## A\n- <!-- opskit: -->\n  ```sh\n  true\n\nx\n```\n": "8: this fence has no end: all below would be run",
    "## A\n<!-- opskit: -->\n```sh\n\n```\n": "8: there is nothing to run",
    "## A\n<!-- opskit: -->\n```ruby\nputs\n```\n": "8: 'ruby' cannot be run",
    "## A\n<!-- opskit: -->\n```\ntrue\n```\n": "8: the fence says no language",
    "## A\n<!-- opskit: expect=exact -->\n```\nx\n```\n": "8: no command stands before this that could print it",
    "## A\n"
    + RUN
    + "<!-- opskit: expect=regex -->\n```\n(\n```\n": "12: this is no regular expression: missing ), unterminated subpattern at position 0",
    "## A\n"
    + RUN
    + "<!-- opskit: expect=regex -->\n```\n[[a]\n```\n": "12: this is no regular expression: Possible nested set at position 1",
    "## A\n```sh opskit on=@web\ntrue\n```\n": "7?: attributes behind the language: not all that shows Markdown can read this",
    "## A\n<!-- opksit: -->\n```sh\ntrue\n```\n": "7: this comment is not read: it must begin with `<!-- opskit:`, and nothing else may stand beside it",
    "## A\n- [] a box\n": "7?: this is no box, and nobody is asked: write `- [ ] …`",
    "## A\n```sh on=@web\ntrue\n```\n": "7?: this is shown and not run",
    '## A\n<!-- opskit: rollback="#b" -->\n```sh\ntrue\n```\n': "8: rollback: there is no step #b",
    '## A\n<!-- opskit: rollback="#a" -->\n```sh\ntrue\n```\n': "8: rollback: a step cannot undo itself",
    '## A\n<!-- opskit: rollback="#page" -->\n```sh\ntrue\n```\n': "8: rollback: #page is before the first step",
    "## A\n[x]: y\ntext\n": "7: text right below the definition of a link",
    "## A\n- <!--\n\n## B\n": "7: this comment has no end",
    "## A\n1. x\n <a>\n": "8: HTML right below a list or a quote",
    "## A\n> x\n<a>\n": "8: HTML right below a list or a quote",
    "## A\n| a |\n| - |\n</b>\n": "9: this may be a row of a table, or something else",
    "## A\n   1. x\n    # z\n": "8: an indented line right below a list or a quote",
    "## A\n- [x] done\n": "7?: this box is ticked in the page already: write `- [ ]`",
    "## A\n[x](#nowhere)\n": "7?: the link #nowhere leads to no heading",
    "## A\n" + "> " * 50 + "x\n": "7: lists or quotes are nested too deeply",
}


@pytest.mark.parametrize("body", WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_said_with_its_line(body):
    assert told(body) == [WRONG[body]]


PLACES = {
    ("python", "on=@web", "1"): "Python runs on this machine, and not on @web",
    ("opskit", "on=@web", "opskit log"): "an opskit command runs on this machine, and not on @web",
    ("opskit", "", "ls"): "expected one line that begins with `opskit`",
    ("opskit", "", "opskit"): "expected one line that begins with `opskit`",
    ("opskit", "", "opskit log\nopskit log"): "expected one command line",
    ("opskit", "", "opskit log | head"): "`|` is for a shell, and none runs this",
    ("opskit", "", "opskit log >x"): "`>` is for a shell, and none runs this",
    ("opskit", "", "opskit log $(x)"): "`$(` is for a shell, and none runs this",
    ("opskit", "", "opskit log " + "x" * 4000): "a command line is at most 4000 characters long",
    ("opskit", "", "opskit 'log"): "a quote is not closed",
    ("opskit", "", "opskit exec -H web01 --yes -m why 'echo $x'"): "$x would be pasted into what a shell runs",
    ("opskit", "", "opskit exec -H web01 -- sh -c ${x}"): "${x} would be pasted into what a shell runs",
    ("opskit", "", "opskit exec --hosts=web01 -e $x touch a '$x'"): "$x would be pasted into what a shell runs",
    ("opskit", "", "opskit $x -H web01 ls"): "which command of opskit is '$x'?",
    ("task", "", "disk"): "on which hosts does the task run?",
    ("task", "on=@web", "disk /"): "'/' is no --option of a task",
    ("task", "on=@web", "disk --path=/ x"): "'x' is no --option of a task",
    ("task", "on=@web", "disk -p /"): "'-p' is no --option of a task",
    ("task", "on=@web", "# disk"): "there is nothing to run",
    ("task", "on=@web sudo=joe", "disk"): "a task itself says as whom it does what",
    ("sh", "", "echo \u202etxt"): "a sign that turns the direction of writing: it would not run as it reads",
}  # fmt: skip


@pytest.mark.parametrize(("language", "comment", "text"), PLACES)
def test_what_cannot_run_there_is_refused(language, comment, text):
    body = f"## A\n<!-- opskit: {comment} -->\n```{language}\n{text}\n```\n"
    assert told(body) == [f"8: {PLACES[language, comment, text]}"]


def test_one_command_line_may_go_on_behind_a_backslash():
    one = action("", "```opskit\nopskit deploy shop \\\n  -m 'a | b'\n```")
    assert one.language == "opskit"


def test_attributes_behind_the_language_are_taken():
    one = page("## A\n```sh opskit on=@web mutates=no\ntrue\n```\n").runbook
    assert one
    (run,) = one.steps[0].actions
    assert (run.on, run.mutates) == ("@web", False)
