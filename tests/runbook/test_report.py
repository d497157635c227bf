"""The report of a run: all that happened, readable, harmless whatever stands in events, and the draft of a runbook."""

from __future__ import annotations

import html.parser
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.changelog.runrecords import (
    Act,
    Approval,
    Awaited,
    Goer,
    Liability,
    Printed,
    RunRecord,
    RunStep,
    Value,
)
from opskit.runbook import draft, lint, quoting, report, webreport
from opskit.runbook.page import blocks
from opskit.runbook.parse import parse
from tests.changelog import running, writing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.changelog import Changelog, RolloutRecord
    from opskit.runbook.model import Page

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NOW = AT + timedelta(hours=2)
ZONE = timezone(timedelta(hours=1), "CET")
FILE = Path("report.md")
SIGNS = "`*_[]()<>&|~#!\\\"'${}-+=.:;/@%1a \n\r\t\x00\x1b\x7f\x85\u2028\u202e\u200b\ud800é漢"
NASTY = (
    "```\n## 9. Gone", "~~~\nrm -rf /\n~~~", "<!-- opskit: local -->\n```sh\nid\n```", "--> <script>alert(1)</script>", "---\nopskit: 1\n---",
    "**Ask:** `x` - y", "- [ ] x (evidence)", "> [!CAUTION]\n> x", "[x](#gone)", "{{ server }}", "](javascript:alert(1))", "\x1b[2J\x1b]0;x\x07", "a\r\nb\rc",
    "````````", "|---|", "$(id)", "'", '"', "\\", "&#x60;", "2. Drain", "x" * 3000,
)  # fmt: skip
texts = st.one_of(
    st.sampled_from(NASTY), st.text(st.sampled_from(SIGNS), max_size=30), st.text(max_size=20)
)
moments = st.integers(0, 7200).map(lambda seconds: AT + timedelta(seconds=seconds))
whats = st.sampled_from(("began", "ended", "answered", "skipped", "marked", "went", "undone", "cleared", "odd"))  # fmt: skip
values = st.builds(Value, texts, texts)
steps = st.sampled_from(("look", "drain", "2", "")) | texts
printed = st.builds(Printed, texts, texts, st.none() | st.integers(), st.integers(0, 9), texts, texts)  # fmt: skip
languages = st.sampled_from(("sh", "task", "opskit", "python", "ruby", "")) | texts
acts = st.builds(
    Act, at=moments, actor=texts, writer=texts, hash=texts, step=steps, part=st.integers(-1, 3), what=whats, damage=st.just("") | texts,
    hosts=st.lists(texts, max_size=2).map(tuple), on=st.just("local") | texts, language=languages, script=texts, mutates=st.booleans(), rollback=steps,
    outcome=texts, results=st.lists(printed, max_size=2).map(tuple), capture=st.none() | values, rollouts=st.lists(texts, max_size=2).map(tuple),
    timeout=st.integers(-9, 10**9) | st.just(30_000), batch=st.integers(-1, 3), sudo=st.sampled_from(("", "root", "deploy")) | texts,
    captures=st.sampled_from(("", "queue")) | texts, expect=st.none() | st.builds(Value, st.sampled_from(("exact", "contains", "regex")) | texts, texts),
    awaited=st.none() | st.builds(Awaited, st.sampled_from(("queue", "")) | texts, st.just("0") | texts, st.booleans(), st.just(5000) | st.integers(), st.just(5000) | st.integers(), steps),
    text=texts, choices=st.lists(st.builds(Value, texts, steps), max_size=3).map(tuple),
    kind=st.sampled_from(("ask", "confirm", "check", "evidence", "decide", "approve", "wait")) | texts, name=st.just("server") | texts, value=texts, secret=st.booleans(), why=texts, to=steps, how=texts, of=texts,
)  # fmt: skip
acts |= acts.map(lambda act: act._replace(what="went", how="decide"))
records = st.builds(
    RunRecord, id=texts, at=moments, actor=texts, runbook=texts, title=texts, outcome=texts, service=texts, environment=texts, mode=texts, incident=texts,
    why=texts, reason=texts, ms=st.none() | st.integers(0, 9), file=texts, start=steps, services=st.lists(texts, max_size=2).map(tuple),
    params=st.lists(st.builds(Value, st.sampled_from(("server", "PATH")) | texts, texts), max_size=3).map(tuple), secrets=st.lists(texts, max_size=2).map(tuple),
    steps=st.lists(st.builds(RunStep, steps, texts), max_size=3).map(tuple), acts=st.lists(acts, max_size=5).map(tuple),
    resumed=st.lists(st.builds(Goer, moments, texts, texts, texts, texts), max_size=1).map(tuple),
    approvals=st.lists(st.builds(Approval, moments, texts, texts, texts, steps, st.just(0), texts, st.booleans()), max_size=1).map(tuple),
    liabilities=st.lists(st.builds(Liability, steps, st.just(0), steps, moments, texts), max_size=1).map(tuple), doubts=st.lists(texts, max_size=1).map(tuple),
)  # fmt: skip


class Tags(html.parser.HTMLParser):
    """The tags of a page of HTML, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(page.partition("</head>")[2])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)


def read(text: str) -> Page:
    """Give a page, which must have nothing that keeps it from being run."""
    page = parse(text, FILE)
    assert not [str(problem) for problem in page.problems if problem.fatal], text
    assert page.runbook is not None
    assert not [problem for problem in lint.lint(page) if problem.fatal]
    return page


@given(records)
def test_whatever_stands_in_events_the_report_is_a_runbook_of_the_steps_that_happened(
    record: RunRecord,
) -> None:
    page = read(report.markdown(record, (), now=NOW, zone=ZONE))
    book = page.runbook
    assert book
    assert len(book.steps) == max(1, len({act.step for act in record.acts}))
    scripts = [act.script for act in record.acts if act.what == "began"]
    for action in (action for step in book.steps for action in step.actions):
        assert action.text.removesuffix("\n") in [script.removesuffix("\n") for script in scripts]
    assert not quoting._UNSEEN.search(report.markdown(record, (), now=NOW, zone=ZONE))


@given(records)
def test_whatever_stands_in_events_the_draft_of_a_run_is_a_runbook(record: RunRecord) -> None:
    read(draft.drafted("again", [record], (), title=record.title, today=AT.date()))


@given(records)
def test_what_looks_like_html_in_events_is_text_on_the_page(record: RunRecord) -> None:
    page = webreport.page(
        report.markdown(record, (), now=NOW, zone=ZONE, plain=True), record.title
    )
    found = Tags(page)
    assert found.tags <= {"body", "h1", "h2", "h3", "ul", "li", "p", "table", "thead", "tbody", "tr", "th", "td", "pre", "code"}  # fmt: skip
    assert found.attributes <= {"class"}


@given(texts)
def test_a_text_in_a_line_is_read_as_that_text(text: str) -> None:
    page = blocks.read(f"- Why: {quoting.inline(text)}")
    held = next(block for block in page.all if block.kind == blocks.PARAGRAPH)
    shown = blocks.plain(page.pieces(held.text))
    assert " ".join(shown.split()) == " ".join(f"Why: {quoting.one_line(text)}".split())


@given(texts)
def test_nothing_in_a_fence_ends_it(text: str) -> None:
    page = blocks.read(f"before\n\n{quoting.fence(text)}\n\nafter")
    kinds = [block.kind for block in page.all]
    assert kinds == [blocks.PARAGRAPH, blocks.FENCE, blocks.PARAGRAPH]
    assert page.all[1].text.rstrip("\n") == quoting.visible(text).rstrip("\n")


@pytest.fixture
def people(tmp_path: Path) -> Iterator[list[Changelog]]:
    """The changelogs of Ann and Bob."""
    made = running.people(tmp_path, "ann", "bob")
    yield made
    for each in made:
        each.close()


@pytest.fixture
def story(people: list[Changelog]) -> tuple[Changelog, RunRecord, tuple[RolloutRecord, ...]]:
    """A deploy, then a run that a colleague finishes, with a skip, an approval and a restart in it."""
    ann, bob = people
    deploy = writing.start(ann, why="the new cart")
    writing.results(ann, deploy, {"web01": "done", "web02": "done"})
    run = running.begin(ann)
    running.act(ann, run, "look", 1, mutates=False, output="queue 42\n```\n<b>")
    running.step(ann, run, "drain", 0, "answered", kind="ask", name="server", value="web03")
    running.drain(ann, run)
    running.step(ann, run, "wait", -1, "skipped", why="it was empty already")
    running.tell(ann, bob)
    running.resume(bob, run)
    writing.start(bob, action="restart", during=run, service="shop")
    running.approve(bob, run, "put-back", why="looks well")
    running.finish(bob, run, "aborted", "too late")
    return bob, bob.run(run), report.around(bob, bob.run(run), datetime.now(UTC))


def test_a_report_tells_who_did_what_where_and_what_it_said(
    story: tuple[Changelog, RunRecord, tuple[RolloutRecord, ...]],
) -> None:
    _, record, rollouts = story
    text = report.markdown(record, rollouts, now=datetime.now(UTC), zone=ZONE)
    for said in (
        "- Incident: INC-7", "- By: ann@laptop, bob@laptop", "- Outcome: aborted: too late", "ask server: web03",
        "skipped: it was empty already", "went on with the run on another-laptop", "approved step 4 (Put it back): looks well",
        "- Still open: step 2 (Drain the slow server) on lb01 with server=web03 is not undone, step 4 (Put it back) takes it back",
        "On lb01: done, exit 0, 0.0 s", "````text\nqueue 42\n```\n<b>\n````", "CET", "the new cart", "restart shop", "in this run",
    ):  # fmt: skip
        assert said in text, f"{said}\n{text}"


def test_a_report_tells_who_took_over_and_what_had_no_known_end_then(
    people: list[Changelog],
) -> None:
    ann, bob = people
    run = running.begin(ann)
    running.step(ann, run, "drain", 1, "began", hosts=["lb01"], script="drain it", language="sh")
    running.tell(ann, bob)
    running.resume(bob, run)
    running.step(bob, run, "drain", 1, "went", to="put-back", how="undo")
    text = report.markdown(bob.run(run), (), now=datetime.now(UTC), zone=ZONE)
    for said in (
        "taken over from ann@laptop; nobody knows how sh \\`drain it\\` in step 2 (Drain the slow server) ended, begun by ann@laptop",
        "puts it back by step 4 (Put it back)",
    ):
        assert said in text, text


def test_a_report_can_be_followed_once_more(
    story: tuple[Changelog, RunRecord, tuple[RolloutRecord, ...]],
) -> None:
    _, record, rollouts = story
    page = read(report.markdown(record, rollouts, now=datetime.now(UTC)))
    book = page.runbook
    assert book
    assert [step.id for step in book.steps] == ["look-at-the-queue", "drain-the-slow-server", "wait-until-it-is-empty"]  # fmt: skip
    (drain,) = book.steps[1].actions
    assert (drain.on, drain.text, drain.mutates) == ("@lb", "echo $server\n", True)
    assert [(each.name, each.default) for each in book.parameters] == [("server", "web03")]
    assert lint.lint(page) == ()


def test_rollouts_around_a_run_are_those_of_its_services_and_those_it_did(
    story: tuple[Changelog, RunRecord, tuple[RolloutRecord, ...]],
) -> None:
    changelog, record, rollouts = story
    writing.start(changelog, service="other")
    assert [each.action for each in rollouts] == ["deploy", "restart"]
    again = report.around(changelog, record, datetime.now(UTC))
    assert [each.id for each in again] == [each.id for each in rollouts]


def test_a_long_output_loses_its_beginning_and_says_so() -> None:
    output = "\n".join(f"line {number}" for number in range(1000))
    act = Act(AT, "ann", "", "", "look", 0, "ended", outcome="done", results=(Printed("web01", "done", 0, 1, output),))  # fmt: skip
    record = RunRecord("k7x2", AT, "ann", "queue", "Queue", "done", ms=1, steps=(RunStep("look", "Look"),), acts=(act,))  # fmt: skip
    text = report.markdown(record, (), now=NOW)
    assert "[…]\nline 960\n" in text
    assert "line 959" not in text


def test_hosts_that_said_the_same_stand_together() -> None:
    results = tuple(
        Printed(f"web0{n}", "done", 0, n, "up" if n < 4 else "down") for n in range(1, 5)
    )
    act = Act(AT, "ann", "", "", "look", 0, "ended", outcome="done", results=results)
    record = RunRecord("k7x2", AT, "ann", "queue", "Queue", "done", ms=1, acts=(act,))
    text = report.markdown(record, (), now=NOW)
    assert r"On web\[01-03\]: done, exit 0, 0.0 s" in text
    assert "On web04: done" in text
    assert text.count("```text") == 2


def test_a_report_of_very_much_is_still_a_page() -> None:
    result = Printed("web01", "done", 0, 1, "x" * 4000 + "\n" * 100)
    many = [Act(AT, "ann", "", "", f"step-{n % 50}", n, what, script="y" * 4000, language="sh", outcome="done", results=(result,) if what == "ended" else ()) for n in range(1000) for what in ("began", "ended")]  # fmt: skip
    record = RunRecord("k7x2", AT, "ann", "queue", "Queue", "done", ms=1, acts=tuple(many))
    read(report.markdown(record, (), now=NOW))
