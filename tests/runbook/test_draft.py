"""A page to begin with, and what was done once as a page."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, Filter
from opskit.config import load
from opskit.runbook import draft, lint
from opskit.runbook.parse import parse
from tests.changelog import running, writing
from tests.runbook.test_audit import TOML

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.runbook.model import Runbook

TODAY = date(2026, 11, 26)


def clean(text: str) -> Runbook:
    """Give a page as a runbook, of which nothing is to be said."""
    page = parse(text, Path("page.md"))
    assert lint.lint(page) == (), text
    assert page.runbook
    return page.runbook


@pytest.fixture
def changelog(tmp_path: Path) -> Iterator[Changelog]:
    with running.people(tmp_path, "ann")[0] as opened:
        yield opened


def test_a_page_to_begin_with_looks_asks_changes_and_looks_again() -> None:
    book = clean(draft.blank("disk-full", "Disk *full*", today=TODAY))
    assert (book.id, book.title, book.last_reviewed_on) == ("disk-full", "Disk *full*", TODAY)
    assert [step.id for step in book.steps] == ["look", "put-it-right", "look-again"]
    assert [(a.language, a.on) for a in book.steps[0].actions] == [
        ("opskit", "local"),
        ("sh", "@*"),
    ]


def test_a_page_to_begin_with_of_a_service_knows_its_hosts_and_its_owner(tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text(
        TOML.replace('hosts = "web01"\n', 'hosts = "web01"\nowner = "ana"\n', 1)
    )
    service = load(tmp_path / "opskit.toml").service("shop")
    book = clean(draft.blank("shop-slow", "Shop is slow", today=TODAY, service=service))
    assert (book.services, book.owner) == (("shop",), "ana")
    assert [action.text for action in book.steps[1].actions] == ["opskit restart shop\n"]
    assert [action.on for action in book.steps[0].actions] == ["local", "web01"]


def test_what_was_done_in_a_run_is_a_page_with_its_commands_values_and_ways_back(
    changelog: Changelog,
) -> None:
    run = changelog.run(running.whole(changelog))
    text = draft.drafted("queue", [run], (), title="Queue", today=TODAY)
    book = clean(text)
    assert [step.title for step in book.steps] == ["1. Look at the queue", "2. Drain the slow server", "3. Wait until it is empty", "4. Put it back"]  # fmt: skip
    (drain,) = book.steps[1].actions
    assert (drain.on, drain.rollback, drain.text) == ("@lb", "put-it-back", "echo $server\n")
    assert "Said then (ask server): web03" in text
    assert book.parameters[0].default == "web03"


def test_a_secret_of_a_run_is_asked_for_anew_by_its_draft(changelog: Changelog) -> None:
    run = running.begin(changelog)
    running.act(changelog, run, "look", 1, mutates=False, script='curl -H "X: $token" x\n')
    record = changelog.run(run)
    book = clean(draft.drafted("queue", [record], (), title="Queue", today=TODAY))
    (parameter,) = book.parameters
    assert (parameter.name, parameter.secret, parameter.default) == ("token", True, "")


def test_what_was_done_about_an_incident_is_a_page_in_the_order_of_time(
    changelog: Changelog,
) -> None:
    command = ["/usr/bin/opskit", "deploy", "shop", "v2", "-m", "it's slow"]
    writing.start(changelog, incident="INC-7", command=command)
    run = running.whole(changelog)
    writing.start(
        changelog,
        action="restart",
        incident="INC-7",
        during=run,
        command=["opskit", "restart", "shop"],
    )
    of = Filter(incident="INC-7")
    book = clean(
        draft.drafted("inc-7", changelog.runs(of), changelog.rollouts(of), title="x", today=TODAY)
    )
    assert [step.title for step in book.steps][:2] == ["1. Deploy shop", "2. Look at the queue"]
    assert len(book.steps) == 5, "what was rolled out in a run is in that run's own steps"
    (deploy,) = book.steps[0].actions
    assert (deploy.language, deploy.text) == (
        "opskit",
        "opskit deploy shop v2 -m 'it'\"'\"'s slow'\n",
    )


def test_what_did_nothing_is_a_page_with_one_step() -> None:
    assert len(clean(draft.drafted("nothing", (), (), title="Nothing", today=TODAY)).steps) == 1
