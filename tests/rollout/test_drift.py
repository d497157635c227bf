"""What `opskit status` says of a host follows from its answer and from the changelog."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import LiveRecord
from opskit.rollout.probe import HostState, Release
from opskit.rollout.status import _compare

if TYPE_CHECKING:
    from tests.support.light import Light

THERE = (Release("r1"), Release("r2"))
SAID = LiveRecord("h", "r2", "b" * 40, "v2", "abcdefghjk", datetime(2026, 1, 1, tzinfo=UTC))

TO_R2 = {"action": "deploy", "rollout": "run1", "from": "r1", "to": "r2"}
GOOD = ("good", "r2", "run1")


@pytest.mark.parametrize(
    ("state", "recorded", "verdict", "note"),
    [
        (HostState("h"), None, "empty", "nothing deployed"),
        (HostState("h"), SAID, "drifted", "its release is gone"),
        (HostState("h", releases=THERE), SAID, "drifted", "`current` is gone"),
        (HostState("h", releases=THERE), None, "empty", "nothing deployed"),
        (HostState("h", "r2", THERE, receipt=TO_R2, marks=(GOOD,)), SAID, "ok", ""),
        (HostState("h", "r2", THERE, receipt=TO_R2), SAID, "doubtful", "deploy run1 did not end well here"),
        (HostState("h", "r2", THERE, receipt=TO_R2, marks=(("good", "r2", "run0"),)), SAID, "doubtful", "run1"),
        (HostState("h", "r2", THERE, receipt=TO_R2, marks=(("bad", "r2", "run1"),)), SAID, "doubtful", "run1"),
        (HostState("h", "r2", THERE, receipt={"to": "r2"}), None, "unrecorded", "does not know"),
        (HostState("h", "r1", THERE, receipt={"to": "r1"}), SAID, "drifted", "but the changelog says abcdefghjk"),
        (HostState("h", "r1", THERE, receipt={"to": "r2"}), SAID, "drifted", "by no rollout"),
        (HostState("h", "r2", THERE), SAID, "drifted", "no receipt of a rollout is left on it"),
        (HostState("h", "r2", THERE[:1], receipt={"to": "r2"}), SAID, "drifted", "that is gone"),
        (HostState("h", blocked=True), None, "drifted", "no symbolic link"),
        (HostState("h", blocked=True), SAID, "drifted", "no symbolic link"),
    ],
)  # fmt: skip
def test_the_verdict(
    state: HostState, recorded: LiveRecord | None, verdict: str, note: str
) -> None:
    said, why = _compare(state, recorded)
    assert said == verdict
    assert note in why
    assert bool(why) == (verdict != "ok")


@pytest.mark.parametrize("kept", [2, 1])
def test_a_rollback_whose_receipt_no_disk_took_is_no_change_by_hand(light: Light, kept: int) -> None:  # fmt: skip
    """It goes on without one; of the receipts before, the last is of the deploy that it took back, or of the one before."""
    light.commit("v2")
    light.commit("v3")
    for version in ("v1", "v2", "v3"):
        light.deploy(version)
    light.rollback("--to", "v1")
    file = light.place("web01", ".opskit", "receipts")
    receipts = [line for line in file.read_text().splitlines() if line]
    file.write_text("\n" + "\n\n".join(receipts[: len(receipts) - kept]) + "\n")
    said = light.opskit("status", "shop", expect=1).stdout
    assert "changed by no rollout" not in said
    light.restart("-H", "web01")
    light.opskit("status", "shop")
