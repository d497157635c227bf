"""Groups that selectors of opskit.toml name: those that cannot exist are found before any host is asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from opskit.config.lookup import did_you_mean

if TYPE_CHECKING:
    from opskit.config.model import Environment
    from opskit.config.table import Table

GROUP = r"@([\w.-]+)(?![\w.*?\[:-])"


def check_groups(table: Table, key: str, selector: str, environment: Environment) -> None:
    """Raise ConfigError if a selector names a group that cannot exist in the environment.

    Groups of an inventory command are not known here, so nothing is said then.
    """
    for group in re.findall(GROUP, selector):
        if environment.inventory is None and group not in environment.groups:
            raise table.error(
                key,
                f"there is no group {group!r} in environment {environment.name!r}",
                hint=did_you_mean(group, environment.groups)
                or f"groups stand in environments.{environment.name}.groups",
            )
