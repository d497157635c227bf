"""Reboot: hosts rebooted batch by batch, each back with all that lives there before the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.rollout.labour import Reboot
from opskit.rollout.upkeep import plan_upkeep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.config.service import CommandStep
    from opskit.fleet.fanout import Fleet
    from opskit.rollout.status import Judge
    from opskit.rollout.tenants import Tenant
    from opskit.rollout.upkeep import UpkeepPlan, Wish


def plan_reboot(
    wish: Wish,
    *,
    commands: Mapping[str, CommandStep],
    tenants: Sequence[Tenant],
    fleet: Fleet,
    judge: Judge,
) -> UpkeepPlan:
    """Say what a reboot of hosts will do; asks them, and changes nothing. `commands` are how each is rebooted. Raises ConfigError."""
    return plan_upkeep(
        "reboot", Reboot(commands), wish, tenants_there=tenants, fleet=fleet, judge=judge
    )
