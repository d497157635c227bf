"""What a freeze means for a command that changes something: refused, overridden with a reason, or told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.errors import RefusedError

if TYPE_CHECKING:
    from opskit.cli.choice import Choice
    from opskit.cli.session import Session
    from opskit.rollout.freeze import Frozen
    from opskit.rollout.plan import Override, Plan

NEVER_FROZEN = ("rollback", "resume", "lb")
"""What is only told of a freeze: whoever takes something back, or brings to its end what has begun, or keeps users from a sick host, is not kept from it."""
GOES = "a rollback is always allowed; to go ahead, add --override-freeze REASON"


def frozen(session: Session) -> Frozen:
    """Give what is frozen just now, of that which the command is about."""
    from opskit.rollout.freeze import Frozen, in_force

    where = (session.changelog, session.config.changelog, session.environment)
    if not session.tenants:
        return in_force(*where, session.service)
    every = [in_force(*where, tenant.service) for tenant in session.tenants]
    freezes = dict.fromkeys(freeze for found in every for freeze in found.freezes)
    return Frozen(tuple(freezes), every[0].clock)


def demand_thawed(found: Frozen, choice: Choice) -> None:
    """Raise RefusedError if nothing is to be changed now and nobody says why it is all the same."""
    if not found.freezes or choice.override_freeze or choice.command in NEVER_FROZEN:
        return
    first, more = found.freezes[0], len(found.freezes) - 1
    others = f"; and {more} more, see opskit status" if more else ""
    hint = GOES if first.window else f"{GOES}; to end the freeze: {_thaw(found)}"
    raise RefusedError(f"{first.line}{others}", hint="\n".join(filter(None, (found.clock, hint))))


def remarks(found: Frozen, choice: Choice) -> tuple[str, ...]:
    """Give what the record of a change says of a freeze that did not stop it."""
    return found.lines if choice.command in NEVER_FROZEN else ()


def overrides(found: Frozen, choice: Choice) -> tuple[Override, ...]:
    """Give the freezes that do not count, since somebody said why."""
    from opskit.rollout.plan import Override

    said = "" if choice.command in NEVER_FROZEN else choice.override_freeze
    return tuple(Override("freeze", each.line, said) for each in found.freezes if said)


def noted(plan: Plan, found: Frozen, choice: Choice) -> Plan:
    """Give a plan as it is shown: with what is frozen, and what that means for it."""
    if not found.freezes:
        return plan
    if choice.command in NEVER_FROZEN:
        means = f"{_this(choice)} is allowed all the same"
    elif choice.override_freeze:
        means = f"overridden: {choice.override_freeze}"
    else:
        means = "so this would be refused; --override-freeze REASON goes ahead"
    return replace(plan, notes=(*plan.notes, *found.lines, means))


def _this(choice: Choice) -> str:
    """Name what is done."""
    return (
        "to take hosts out or to put them back"
        if choice.command == "lb"
        else f"a {choice.command}"
    )


def _thaw(found: Frozen) -> str:
    first = found.freezes[0]
    where = f"-e {first.environment}" if first.environment else "--everywhere"
    return " ".join(filter(None, ("opskit thaw", first.service, where, "-m WHY")))
