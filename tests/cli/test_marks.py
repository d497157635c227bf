"""What the log says of events of opskit's own kinds, of what was redacted, and of what somebody else wrote down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, open_changelog
from tests.changelog.keys import Keys, line
from tests.changelog.writing import put, whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.cli import Opskit

TOML = """
default_environment = "production"
[changelog]
name = "test"
[environments.production]
hosts = ["web01"]
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text(TOML)


@pytest.fixture
def changelog() -> Iterator[Changelog]:
    with open_changelog("test", actor="ana@laptop") as opened:
        yield opened


def recovered(changelog: Changelog) -> str:
    """Write down a rollout of Dan's that only hosts remember."""
    host = {"name": "web01", "from": "r1", "to": "r2", "at": 1_700_000_000_000}
    body = {"at": 1_700_000_000_000, "actor": "dan@vm", "hosts": [host]}
    put(changelog, "rollout.recovered", body, "lost123456")
    return "lost123456"


def test_events_of_our_own_kinds_are_said_in_words(opskit: Opskit, changelog: Changelog) -> None:
    note = changelog.append("note", {"text": "the password is hunter2"})
    changelog.redact(note.hash.hex(), why="a password")
    changelog.append("writer.succeeds", {"writer": "ab" * 32, "seq": 3, "hash": "cd" * 32})
    changelog.append("strange.kind", {"x": 1})
    strange, succeeds, redacted, gone = opskit("log").stdout.splitlines()[1:]
    assert strange.endswith('{"x": 1}')
    assert "  goes on as a new writer  " in succeeds
    assert succeeds.endswith("after writer abababababab")
    assert f"  redacted {note.id}  " in redacted
    assert redacted.endswith("  a password")
    assert gone.endswith("  [redacted]")
    assert "{" not in redacted + succeeds


def test_a_redacted_rollout_and_a_note_on_its_page_say_so(
    opskit: Opskit, changelog: Changelog
) -> None:
    name = whole(changelog, why="with hunter2 in it")
    note = put(changelog, "note", {"text": "hunter2"}, name)
    for event in (note, changelog.rollout(name).events[0]):
        changelog.redact(event.hash.hex(), why="a password")
    rows = opskit("log").stdout.splitlines()[1:]
    assert [row.endswith("  [redacted]") for row in rows if "redacted note" not in row].count(
        True
    ) == 2
    page = opskit("log", name).stdout
    assert "its body is redacted" in page
    assert "\n  [redacted]" in page


def test_a_recovered_rollout_is_its_operators_and_names_who_wrote_it_down(
    opskit: Opskit, changelog: Changelog, tmp_path: Path
) -> None:
    whole(changelog)
    key = Keys(tmp_path).make("key")
    (tmp_path / "allowed_signers").write_text(f"ann@example.com {line(key)}\n")
    more = 'allowed_signers = "allowed_signers"\nsigning_key = "key"\n[environments.p'
    (tmp_path / "opskit.toml").write_text(TOML.replace("[environments.p", more))
    opskit("changelog", "enroll")
    name = recovered(changelog)
    put(changelog, "note", {"text": "about it"}, name)
    row = next(each for each in opskit("log").stdout.splitlines() if each.startswith(name))
    assert "  dan@vm  " in row
    assert row.endswith("recovered  written down by ana@laptop (ann@example.com)")
    assert "v1 → v2" in row
    page = opskit("log", name).stdout
    assert "  who       dan@vm\n" in page
    assert "  signed    written down by ana@laptop (ann@example.com)\n" in page


def test_a_recovered_rollout_stands_as_whoever_wrote_it_down_and_not_as_a_note_before_it(
    opskit: Opskit, changelog: Changelog, tmp_path: Path
) -> None:
    (tmp_path / "allowed_signers").write_text("")
    (tmp_path / "opskit.toml").write_text(
        TOML.replace('"test"', '"test"\nallowed_signers = "allowed_signers"')
    )
    put(changelog, "note", {"text": "earlier"}, "lost123456")
    name = recovered(changelog)
    row = next(each for each in opskit("log").stdout.splitlines() if each.startswith(name))
    assert row.endswith("[unattested] written down by ana@laptop")
