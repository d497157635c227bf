"""Secrets while a command works: none is in an error that leaves it, not even in one that nobody foresaw."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.errors import OpskitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from opskit.config.sources import SecretSource
    from opskit.fleet.vault import Vault
    from opskit.rollout.plan import Plan

ATTRIBUTE = "opskit_hides"
"""The attribute of an error that nobody foresaw which takes the secrets out of its traceback."""


@contextlib.contextmanager
def hidden(vault: Vault) -> Iterator[None]:
    """Take all secrets that the vault knows by then out of whatever error leaves the block."""
    try:
        yield
    except OpskitError as error:
        vault.redactor.error(error)
        raise
    except BaseException as error:
        with contextlib.suppress(
            AttributeError
        ):  # an exception with slots; the environment's values are taken out anyway
            setattr(error, ATTRIBUTE, vault.redactor.text)
        raise


def hider_of(error: BaseException) -> Callable[[str], str]:
    """Give what takes the secrets out of the traceback of an error."""
    hide: Callable[[str], str] = getattr(error, ATTRIBUTE, str)
    return hide


def untold(plan: Plan, hide: Callable[[str], str]) -> Plan:
    """Give a plan as it is shown: what was typed may hold a secret."""
    commands = tuple((step, hide(script)) for step, script in plan.commands)
    return replace(plan, why=hide(plan.why), script=hide(plan.script), commands=commands)


def notes(sources: Mapping[str, SecretSource]) -> tuple[str, ...]:
    """Say, for a dry run, which secrets would be read, and from where."""
    from opskit.rollout.secrets import missing

    said = {name: f"would read the secret {name} from {at}" for name, at in sources.items()}
    lacking = {name: why for name, at in sources.items() if (why := missing(at))}
    return tuple(
        f"{line}: {lacking[name]}" if name in lacking else line for name, line in said.items()
    )
