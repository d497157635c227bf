"""What the commands of a fleet may know and nobody may see: for as long as it is open, and no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opskit.config.secret import Redactor, Secret
    from opskit.errors import SudoError


class Vault:
    """The password for sudo on a fleet's hosts, None as long as there is none, and what hides all secrets of the fleet.

    `refused` are hosts whose sudo has said no: it is not asked there again, as each wrong password counts against the account.
    """

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self.password: Secret | None = None
        self.refused: dict[str, SudoError] = {}

    def password_for(self, host: str) -> Secret | None:
        """Give the password for sudo on a host, None for one that has refused it."""
        return None if host in self.refused else self.password

    def demand_not_refused(self, host: str) -> None:
        """Raise SudoError for a host that has refused us."""
        if host in self.refused:
            raise self.refused[host]

    def entrust(self, password: Secret) -> None:
        """Let commands have the password for sudo from now on; it is shown nowhere, also after it is taken away."""
        self.hide([password])
        self.password = password

    def hide(self, secrets: Iterable[Secret]) -> None:
        """Show more secrets nowhere from now on."""
        self.redactor = self.redactor.also(secrets)

    def forget(self) -> None:
        """Take the password away from all further commands."""
        self.password = None
