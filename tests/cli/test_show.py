"""Events opened one by one: by `opskit changelog show`, and by `opskit log` where no rollout is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, open_changelog
from tests.changelog.writing import whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.cli import Opskit


@pytest.fixture(autouse=True)
def _project(tmp_path: Path) -> None:
    toml = '[changelog]\nname = "test"\n[environments.production]\nhosts = ["web01"]\n'
    (tmp_path / "opskit.toml").write_text(toml)


@pytest.fixture
def changelog() -> Iterator[Changelog]:
    with open_changelog("test", actor="ann@laptop") as opened:
        yield opened


def test_a_note_is_opened_by_its_id_as_an_event_is(opskit: Opskit, changelog: Changelog) -> None:
    whole(changelog)
    note = changelog.append("note", {"text": "the cache\nwas cold"}, environment="production")
    shown = opskit("log", note.id).stdout
    assert shown == opskit("changelog", "show", note.id).stdout
    assert "kind         note\n" in shown
    assert "environment  production\n" in shown
    assert "standing" not in shown, "nobody's signature is asked for"
    assert opskit("log", note.id, "--json").json["data"]["event"]["id"] == note.id
    assert "no rollout or run 'zzzz'" in opskit("log", "zzzz", expect=2).stderr


def test_show_names_the_command_that_opens_a_rollout(opskit: Opskit, changelog: Changelog) -> None:
    name = whole(changelog)
    said = opskit("changelog", "show", name[:6], expect=2).stderr
    assert said.endswith(f"\n  there is a rollout {name}: opskit log {name}\n")
    assert "no event 'zzzz'" in opskit("changelog", "show", "zzzz", expect=2).stderr


def test_what_a_stranger_named_cannot_pass_for_another_fact(
    opskit: Opskit, changelog: Changelog
) -> None:
    event = changelog.append("note", {"text": "x"}, service="shop\nstanding     attested: ann")
    assert "\nstanding" not in opskit("changelog", "show", event.id).stdout
