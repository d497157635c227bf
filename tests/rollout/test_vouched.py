"""What hosts name is believed before what nobody vouches for: a forged result changes no host's status."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.config.model import ChangelogSettings
from opskit.config.service import FolderSource, Service
from opskit.rollout.memory import Memory
from opskit.rollout.plan import Target
from opskit.rollout.probe import HostState, Release
from opskit.rollout.status import _host
from tests.changelog.keys import line
from tests.changelog.team import Team
from tests.changelog.writing import results, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.changelog import Changelog
    from opskit.rollout.status import HostStatus


SERVICE = Service("shop", "production", "~/shop", "@*", FolderSource(Path("shop")))


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    made = Team(tmp_path, {})
    made.allow(f"ann@example.com {line(made.key('ann'))}")
    yield made
    for laptop in made.laptops.values():
        laptop.close()


def told(
    team: Team,
    changelog: Changelog,
    rollout: str,
    settings: ChangelogSettings,
    *,
    torn: bool = False,
) -> HostStatus:
    """Give the status of a host that runs r2 and names this rollout."""
    receipt = {"action": "deploy", "rollout": rollout, "actor": "ann", "from": "r1", "to": "r2"}
    state = HostState(
        "web01",
        "r2",
        (Release("r1"), Release("r2")),
        receipt=receipt,
        marks=(("good", "r2", rollout),),
        torn=torn,
    )
    memory = Memory.of(changelog, SERVICE, [state], settings)
    recorded = changelog.live("shop", "production").get("web01")
    return memory.checked(_host(Target("web01"), state, recorded, (), memory), state)


def test_a_forged_result_changes_nothing_where_engineers_vouch(team: Team) -> None:
    team.enroll("ann")
    ann = team.laptop("ann")
    rollout = whole(ann)
    assert told(team, ann, rollout, team.settings).note == ""
    results(team.laptop("eve"), "zzzz1234", {"web01": "done"}, to=9)
    lines: list[str] = []
    team.laptop("eve").export(lines.append)
    ann.take_in(lines)
    assert ann.live("shop", "production")["web01"].release == "r9"
    found = told(team, ann, rollout, team.settings)
    assert (found.verdict, found.note) == (
        "ok",
        "nobody vouches for zzzz1234, which says otherwise",
    )
    assert found.recorded is not None
    assert (found.recorded.rollout, found.recorded.title) == (rollout, "v2 (22222222)")
    without = told(team, ann, rollout, ChangelogSettings())
    assert (without.verdict, without.note) == (
        "drifted",
        "the host does not confirm deploy zzzz1234 by eve@laptop",
    )


def test_a_rollback_whose_receipt_a_full_disk_tore_is_to_be_looked_at_and_no_drift(
    team: Team,
) -> None:
    ann = team.laptop("ann")
    first = whole(ann, before=1, to=2)
    whole(ann, before=2, to=3)
    back = whole(ann, action="rollback", before=3, to=2)
    found = told(team, ann, first, ChangelogSettings(), torn=True)
    note = f"rollback {back} by {ann.rollout(back).actor} could not write its receipt here: a restart checks it anew"
    assert (found.verdict, found.note) == ("doubtful", note)
    assert told(team, ann, first, ChangelogSettings()).verdict == "drifted"


def test_a_deploy_without_an_agent_at_night_counts_as_long_as_the_host_names_it(
    team: Team,
) -> None:
    ann = team.laptop("ann")
    rollout = whole(ann)
    found = told(team, ann, rollout, team.settings)
    assert (found.verdict, found.note) == ("ok", "")
