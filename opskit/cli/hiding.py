"""Secrets while a command works: none is in an error that leaves it, not even in one that nobody foresaw."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from opskit.errors import OpskitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opskit.config.model import Config
    from opskit.config.secret import Redactor
    from opskit.config.sources import SecretSource
    from opskit.fleet.vault import Vault
    from opskit.rollout.plan import Plan

ATTRIBUTE = "opskit_hides"
"""The attribute of an error that nobody foresaw which takes the secrets out of its traceback."""
T = TypeVar("T")


@dataclass
class Known:
    """What one call of the program knows of secrets: those of the opskit.toml that it has read, if it has read one."""

    config: Config | None = None

    def redactor(self) -> Redactor:
        """Give what hides those of variables and files."""
        from opskit.cli import wiring
        from opskit.config.secret import Redactor

        return wiring.redactor(self.config) if self.config else Redactor()

    def hide(self, error: BaseException) -> None:
        """Take them out of an error, whichever command it ended."""
        if not isinstance(error, Exception):
            return
        redactor = self.redactor()
        if isinstance(error, OpskitError):
            redactor.error(error)
        if not hasattr(error, ATTRIBUTE):
            with contextlib.suppress(AttributeError):  # see `hidden`
                setattr(error, ATTRIBUTE, redactor.text)


def without(value: T, hide: Callable[[str], str]) -> T:
    """Give a value whose texts, all the way down, are what `hide` makes of them."""
    told: Any = value
    if isinstance(told, str):
        told = hide(told)
    elif is_dataclass(told) and not isinstance(told, type):
        names = [field.name for field in fields(told) if field.init]
        told = replace(told, **{name: without(getattr(told, name), hide) for name in names})
    elif isinstance(told, Mapping):
        told = {hide(str(key)): without(each, hide) for key, each in told.items()}
    elif isinstance(told, (list, tuple)):
        make = getattr(told, "_make", type(told))
        told = make([without(each, hide) for each in told])
    return told  # type: ignore[no-any-return]


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
