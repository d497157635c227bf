from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.runbook import parse
from opskit.runbook.model import Parameter
from tests.runbook.pages import FILE

BODY = "# Page\n## Do it\nwith {{ a }} and {{ b }}\n"


def front(*lines: str) -> str:
    return "\n".join(["---", "opskit: 1", "id: page", *lines, "---", BODY])


def told(text: str) -> list[str]:
    return [str(problem) for problem in parse.parse(text, FILE).problems]


def parameter(given: str) -> Parameter:
    read = parse.parse(front("params:", f"  a: {given}"), FILE)
    assert read.runbook, read.problems
    (one,) = read.runbook.parameters
    return one


def test_all_keys_are_read():
    read = parse.parse(
        front(
            "owner: infra", "services: [shop, till]", "alerts: QueueHigh", "last_reviewed_on: 2026-11-01",
            "review_in: 2 weeks", "params:", "  a: {ask: \"Why?\", default: 2h, required: true}", "  b:",
        ),
        FILE,
    )  # fmt: skip
    assert read.problems == ()
    runbook = read.runbook
    assert runbook
    assert (runbook.owner, runbook.services, runbook.alerts) == (
        "infra",
        ("shop", "till"),
        ("QueueHigh",),
    )
    assert (runbook.last_reviewed_on, runbook.review_days) == (date(2026, 11, 1), 14)
    assert runbook.parameters == (Parameter("a", "Why?", "2h", required=True), Parameter("b"))
    assert read.places["services"] == 5
    assert read.places["params.a"] == 10


@pytest.mark.parametrize(
    ("said", "value"),
    [("no", "no"), ("010", "010"), ("1e3", "1e3"), ("2026-01-01", "2026-01-01"), ("1:30", "1:30"), ("", ""), ("'x y'", "x y"), ('"é"', "é"), ("~", "")],
)  # fmt: skip
def test_a_default_is_the_text_that_it_looks_like(said, value):
    assert parameter(f"{{default: {said}}}").default == value


@pytest.mark.parametrize(
    ("said", "days"),
    [("1 day", 1), ("30 days", 30), ("2 weeks", 14), ("3 months", 90), ("1 year", 365)],
)
def test_a_review_is_good_for_days(said, days):
    runbook = parse.parse(front(f"review_in: {said}"), FILE).runbook
    assert runbook
    assert runbook.review_days == days


WRONG = {
    "x\n": "1: there is no front matter",
    "": "1: there is no front matter",
    "---\nopskit: 1\n": "1: the front matter has no end",
    "---\n---\n": "1: front matter: expected lines of `key: value`",
    "---\n- a\n---\n": "1: front matter: expected lines of `key: value`",
    "---\nid: a\n---\n" + BODY: "1: front matter: `opskit` is missing",
    "---\nopskit: 1\n---\n" + BODY: "1: front matter: `id` is missing",
    "---\nopskit: 2\nid: a\n---\n" + BODY: "2: front matter: opskit: expected the version of the format, which is 1, not '2'",
    "---\nopskit: 1\nid: A b\n---\n" + BODY: "3: front matter: id: expected a name of a-z, 0-9 and `-`, not 'A b'",
    front("ownr: x"): "4: front matter: there is no key 'ownr' here",
    front("owner: x", "owner: y"): "5: front matter: `owner` stands there twice",
    front("owner: [x]"): "4: front matter: owner: expected text, not a list",
    front("owner:"): "4: front matter: owner: expected one line of text, not empty, without control characters",
    front('owner: "a\\nb"'): "4: front matter: owner: expected one line of text, without control characters",
    front("services: [a, [b]]"): "4: front matter: services: expected text, not a list",
    front("services: -x"): "4: front matter: services: expected a name of letters, digits, `.`, `_` and `-` that begins with a letter or digit, not '-x'",
    front("last_reviewed_on: 2026-02-30"): "4: front matter: last_reviewed_on: expected a date like 2026-11-24, not '2026-02-30'",
    front("last_reviewed_on: 2026-02-03 10:00:00"): "4: front matter: last_reviewed_on: expected a date like 2026-11-24, not '2026-02-03 10:00:00'",
    front("review_in: soon"): "4: front matter: review_in: expected a time like `3 months`, `30 days`, `2 weeks` or `1 year`, not 'soon'",
    front("review_in: 0 days"): "4: front matter: review_in: expected a time like `3 months`, `30 days`, `2 weeks` or `1 year`, not '0 days'",
    front("params: [a]"): '4: front matter: params: expected a table, like {service: {ask: "Which service?"}}',
    front("params:", "  a: x"): '5: params: a: expected a table, like {ask: "Which service?"}',
    front("params:", "  a: {aks: x}"): "5: front matter: params: a: there is no key 'aks' here",
    front("params:", "  a: {}", "  a: {}"): "6: params: a: stands there twice",
    front("params:", "  PATH: {}"): "5: params: PATH: $PATH has a meaning of its own for shells or opskit",
    front("params:", "  OPSKIT_X: {}"): "5: params: OPSKIT_X: $OPSKIT_X has a meaning of its own for shells or opskit",
    front("params:", "  a-b: {}"): "5: params: a-b: expected a name of A-Z, a-z, 0-9 and `_` that does not begin with a digit, not 'a-b'",
    front("params:", "  a: {required: maybe}"): "5: front matter: params: a: required: expected true or false, without quotes, not 'maybe'",
    front("params:", "  a:", "    secret: 'yes'"): "6: front matter: params: a: secret: expected true or false, without quotes, not 'yes'",
    front("params:", "  a: {pattern: '('}"): "5: front matter: params: a: pattern: this is no regular expression: missing ), unterminated subpattern at position 0",
    front("params:", "  a: {pattern: '[a-z]+', default: '1'}"): "5: params: a: its default does not match its pattern",
    front("params:", "  a: {secret: true, default: x}"): "5: params: a: a secret with a default is one that everybody reads",
    front("params:", "  zz: {}"): "5: params: nothing in the steps uses zz",
    front("owner: &a x"): "4: front matter: `&` and `*` cannot begin a value: put quotes around it",
    front("owner: *a"): "4: front matter: `&` and `*` cannot begin a value: put quotes around it",
    front("owner: !!python/object/apply:os.system [ls]"): "4: front matter: `!` cannot begin a value: put quotes around it",
    front("owner: [[[[[[[x]]]]]]]"): "4: front matter: it is nested too deeply",
    front("owner: {"): "4: front matter: this `{` is not closed, or a comma is missing behind it",
    front("services: [shop\nalerts: [a]"): "4: front matter: this `[` is not closed, or a comma is missing behind it",
    front("owner: 'ana\nservices: [shop]"): "4: front matter: a quote that begins here is not closed",
    front("owner: a: b"): "4: front matter: mapping values are not allowed here",
    front("owner: " + "x" * 70_000): "1: the front matter is larger than 64 KiB",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_said_with_its_line(text):
    assert f"page.md:{WRONG[text]}" in told(text)


@pytest.mark.parametrize("escape", ["\\UFFFFFFFF", "\\U00110000"])
def test_a_character_that_there_is_none_of_is_no_yaml(escape):
    (said, *_) = told(front(f'owner: "{escape}"'))
    assert said.startswith("page.md:2: front matter: this is no YAML: "), "then Python's words"


def test_a_page_without_front_matter_is_told_what_to_write():
    (first, *_) = parse.parse("# Disk full\n", FILE.with_name("Disk full!.md")).problems
    said = re.findall(r"`([^`]+)`", first.hint)
    assert said == ["---", "opskit: 1", "id: disk-full", "---"]
    whole = "\n".join([*said, "# Disk full", "## Look"])
    assert parse.parse(whole, FILE).problems == ()


def test_misspelt_keys_are_guessed():
    (one,) = parse.parse(front("last_review_on: 2026-11-01"), FILE).problems
    assert one.hint == "did you mean 'last_reviewed_on'?"


def test_aliases_that_would_fill_the_memory_are_not_followed():
    lines = ["a: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"b{n}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]" for n in range(30)]
    assert "cannot begin a value" in told(front(*lines))[0]


YAML = st.lists(
    st.sampled_from(["opskit: 1", "id: a", "params:", "  a: ", "{", "}", "[", "]", "- ", "? ", ": ", "&x ", "*x", "!t ", "|", ">-", "'", '"', "\\x", "%YAML 9.9", "...", "--- ", "<<: ", "\t", " ", "\n", "\n", "é", "\u2028", "\x85", "1" * 5000, "services: ", "review_in: 9 years", "default: ", "2026-01-01", "#", ",", "~"])
    | st.text(max_size=5),
    max_size=30,
).map("".join)  # fmt: skip


@given(YAML)
def test_any_front_matter_gives_a_runbook_or_problems(text):
    read = parse.parse(f"---\nopskit: 1\nid: a\n{text}\n---\n{BODY}", FILE)
    assert read.runbook or any(problem.fatal for problem in read.problems)
    for problem in read.problems:
        assert problem.line >= 1
        assert "\n" not in str(problem)
