"""The page tells of signatures what the log tells: marks in the list, reasons beside it, words that the search finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.changelog.keys import Keys, line
from tests.changelog.writing import put, start, whole
from tests.cli.web.conftest import TOML
from tests.cli.web.test_page import ids, page, set_field

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.changelog import Changelog
    from tests.cli.web.conftest import Maker
    from tests.support.browser import Page

__all__ = ["page"]


@pytest.fixture
def signed(web: Maker, tmp_path: Path) -> Maker:
    """A project whose file of signers knows Ann's key."""
    key = Keys(tmp_path).make("key")
    (tmp_path / "allowed_signers").write_text(f"ann@example.com {line(key)}\n")
    more = 'name = "fleet"\nallowed_signers = "allowed_signers"\nsigning_key = "key"'
    (tmp_path / "opskit.toml").write_text(TOML.replace('name = "fleet"', more))
    return web


def test_what_nobody_vouches_for_is_marked_in_the_list_and_explained_beside_it(
    signed: Maker, changelog: Changelog, page: Page
) -> None:
    early = whole(changelog, why="at 3 am")
    signed.opskit("changelog", "enroll")
    good = whole(changelog, why="by day")
    last = changelog.rollout(good).events[-1]
    thief = whole(changelog, why="the thief")
    revoke = ("changelog", "revoke", last.header.writer, "--after", last.id)
    signed.opskit(*revoke, "-m", "stolen laptop", "-y")
    page.open(signed())
    assert page.text(f"#row-{early}").endswith("\n[unattested] at 3 am")
    assert page.text(f"#row-{good}").endswith("\nby day")
    assert page.text(f"#row-{thief}").endswith("\n[revoked] the thief")
    page.click(f"#row-{thief}")
    told = page.text("#detail")
    assert "revoked: its writer was revoked by ann@example.com: stolen laptop" in told
    assert "(signed by ann@example.com)" in told
    page.press("Escape")
    page.click(f"#row-{good}")
    assert "Signed\nann@example.com" in page.text("#detail")
    page.press("Escape")
    for word, expected in (("[unattested]", early), ("[revoked] thief", thief)):
        set_field(page, "#search", word)
        assert ids(page) == [expected]


def test_events_of_our_own_kinds_and_redacted_ones_are_said_in_words(
    web: Maker, changelog: Changelog, page: Page
) -> None:
    note = changelog.append("note", {"text": "hunter2"}, environment="production")
    redaction = changelog.redact(note.hash.hex(), why="a password")
    revoked = changelog.append(
        "writer.revoked", {"writer": "ab" * 32, "last_seq": 0, "why": "lost"}
    )
    page.open(web())
    assert page.text(f"#row-{note.id}").endswith("\n[redacted]")
    assert f"redacted {note.id}" in page.text(f"#row-{redaction.id}")
    assert page.text(f"#row-{redaction.id}").endswith("\na password")
    assert "revoked writer abababababab" in page.text(f"#row-{revoked.id}")
    assert page.text(f"#row-{revoked.id}").endswith("\nlost")


def test_no_two_lanes_are_called_the_same(web: Maker, changelog: Changelog, page: Page) -> None:
    start(changelog)
    for environment in ("", "production"):
        changelog.append("strange.kind", {}, environment=environment)
        changelog.append("note", {"text": "x"}, environment=environment)
    page.open(web())
    names = page.ask("document.getElementById('lanes').dataset.names").split("\n")
    assert names == ["shop", "events", "notes"]


def test_whoever_wrote_down_what_another_did_is_named_as_that(
    web: Maker, changelog: Changelog, page: Page
) -> None:
    host = {"name": "web01", "from": "r1", "to": "r2", "at": 1_700_000_000_000}
    body = {"at": 1_700_000_000_000, "actor": "dan@vm", "hosts": [host]}
    put(changelog, "rollout.recovered", body, "lost123456")
    page.open(web())
    row = page.text("#row-lost123456")
    assert "dan@vm" in row
    assert row.endswith("\nwritten down by ann@laptop")


def test_a_verdict_is_a_mark_of_its_rollout_and_stands_on_its_page(
    web: Maker, changelog: Changelog, page: Page
) -> None:
    bad, good = whole(changelog, why="faster"), whole(changelog, why="prettier")
    web.opskit("verdict", bad, "innocent", "-m", "it was the disk")
    web.opskit("verdict", bad, "guilty", "-m", "<b>its cache</b>")
    event = changelog.verdicts()[0]
    page.open(web())
    assert page.text(f"#row-{bad}").endswith("\n[guilty] faster")
    assert page.text(f"#row-{good}").endswith("\nprettier")
    assert page.text(f"#row-{event.id}").endswith("\n<b>its cache</b>")
    page.click(f"#row-{bad}")
    told = page.text("#detail")
    assert "2 verdicts" in told
    assert told.index("it was the disk") < told.index("<b>its cache</b>")
    page.press("Escape")
    page.click(f"#row-{event.id}")
    assert "deploy shop" in page.text("#detail")
