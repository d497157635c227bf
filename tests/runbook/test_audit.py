"""Which runbooks nobody should trust: too old, skipped again and again, missing, twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from opskit.config import load
from opskit.runbook import shelf
from opskit.runbook.audit import audit
from tests.changelog import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.changelog import Changelog
    from opskit.config.model import Config

TOML = """
[environments.production]
hosts = ["web01"]
[services.shop]
path = "/srv/shop"
hosts = "web01"
source = { git = "." }
[services."site"]
path = "/srv/site"
hosts = "web01"
source = { git = "." }
"""
PAGE = """---
opskit: 1
id: haproxy-queue
services: [shop, site]
---
# HAProxy is queuing

## 1. Look

## 2. Drain
"""
STEPS = {"look": ("Look", (0,)), "drain": ("Drain", (0,))}
SOON = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def changelog(tmp_path: Path) -> Iterator[Changelog]:
    with running.people(tmp_path / "state", "ann")[0] as opened:
        yield opened


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "opskit.toml").write_text(TOML)
    write(tmp_path, "haproxy-queue", PAGE)
    return load(tmp_path / "opskit.toml")


NEVER = "nobody has followed it to its end yet"


def write(folder: Path, name: str, page: str) -> Path:
    file = folder / "runbooks" / f"{name}.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page)
    return file


def skip(changelog: Changelog, why: str, *, step: str = "drain", outcome: str = "done") -> None:
    run = running.begin(changelog, page=STEPS)
    running.act(changelog, run, "look", 0, mutates=False)
    running.step(changelog, run, step, -1, "skipped", why=why)
    running.finish(changelog, run, outcome)


def all_said(config: Config, changelog: Changelog, now: datetime = SOON) -> list[str]:
    pages = shelf.pages(config.root)
    found = audit(pages, config, changelog, now)
    return [f"{p.file.name}:{p.line}: {p.what}{'' if p.fatal else '?'}" for p in found]


def said(config: Config, changelog: Changelog, now: datetime = SOON) -> list[str]:
    """Give what is said but for that nobody has followed a page yet."""
    return [line for line in all_said(config, changelog, now) if NEVER not in line]


def test_of_a_young_page_it_is_remarked_that_nobody_has_followed_it_yet(
    config: Config, changelog: Changelog
) -> None:
    assert all_said(config, changelog) == [f"haproxy-queue.md:1: {NEVER}, nor rehearsed it?"]
    running.finish(changelog, running.begin(changelog, page=STEPS))
    assert all_said(config, changelog) == []


def test_a_page_that_nobody_followed_for_too_long_is_told_of_with_the_line_of_its_review(
    config: Config, changelog: Changelog
) -> None:
    reviewed = "last_reviewed_on: 2026-01-01\nreview_in: 3 months\n"
    write(config.root, "haproxy-queue", PAGE.replace("services", f"{reviewed}services"))
    assert said(config, changelog, SOON + timedelta(days=300)) == [
        "haproxy-queue.md:4: its review of 2026-01-01 was good for 90 days",
        "haproxy-queue.md:4: nobody has followed it to its end in 90 days, nor rehearsed it",
    ]


def test_a_step_that_was_skipped_in_each_of_the_last_three_runs_is_told_of_with_the_reasons(
    config: Config, changelog: Changelog
) -> None:
    skip(changelog, "not\nneeded")
    skip(changelog, "no such server")
    assert said(config, changelog) == []
    skip(changelog, "it drains by itself", outcome="failed")
    running.begin(changelog)  # which is not over yet
    (line,) = said(config, changelog)
    assert line.startswith(
        "haproxy-queue.md:10: '2. Drain' was skipped in each of the last 3 runs: "
    )
    for reason in ('"not needed" (ann@laptop, ', '"no such server"', '"it drains by itself"'):
        assert reason in line


def test_a_step_whose_command_was_skipped_and_whose_decision_was_made_was_skipped(
    config: Config, changelog: Changelog
) -> None:
    for _ in range(3):
        run = running.begin(changelog, page=STEPS)
        running.step(changelog, run, "drain", 0, "skipped", why="too slow")
        running.step(changelog, run, "drain", 1, "answered", kind="decide", value="go on")
        running.finish(changelog, run, "done")
    (line,) = said(config, changelog)
    assert "was skipped in each of the last 3 runs" in line


def test_a_step_that_was_done_once_among_the_last_three_is_not_told_of(
    config: Config, changelog: Changelog
) -> None:
    for step in ("drain", "look", "drain", "drain"):
        skip(changelog, "why not", step=step)
    (line,) = said(config, changelog) or [""]
    assert line == ""


def test_two_pages_with_one_id_are_told_of(config: Config, changelog: Changelog) -> None:
    write(config.root, "more/second", PAGE)
    assert said(config, changelog) == [
        "second.md:3: haproxy-queue.md has the id 'haproxy-queue', too"
    ]


def test_a_service_that_no_runbook_is_about_is_a_remark_with_its_line(
    config: Config, changelog: Changelog
) -> None:
    write(config.root, "haproxy-queue", PAGE.replace(", site", ""))
    assert said(config, changelog) == ["opskit.toml:8: no runbook is about the service site?"]


def test_a_page_without_opskits_front_matter_is_no_runbook(config: Config) -> None:
    write(config.root, "README", "# How we write runbooks\n")
    write(config.root, "jekyll", "---\ntitle: opskit\n---\n# x\n## y\nopskit: 1\n")
    broken = write(
        config.root, "deep/broken", "---\r\n# a remark\r\nopskit: 1\r\nid: [\r\n---\r\n"
    )
    assert shelf.files(config.root) == (broken, config.root / "runbooks" / "haproxy-queue.md")
