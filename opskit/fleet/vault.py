"""What the commands of a fleet may know and nobody may see: for as long as it is open, and no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opskit.config.secret import Redactor, Secret
    from opskit.errors import SudoError


class Vault:
    """The passwords for sudo, each for those hosts and users alone for whom it is wanted there, and what hides all secrets of the fleet.

    `refused` are hosts whose sudo has said no: it is not asked there again, as each wrong password counts against the account.
    """

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self._passwords: dict[tuple[str, str], Secret] = {}
        self.refused: dict[str, SudoError] = {}

    def password_for(self, host: str, user: str) -> Secret | None:
        """Give the password that sudo on a host wants before it runs anything as `user`; None if it wants none, or has refused it."""
        return None if host in self.refused else self._passwords.get((host, user))

    def passwords_to_end(self, host: str) -> tuple[Secret | None, ...]:
        """Give what may let us in as root on a host, where something of ours is to be ended: what runs as another user is sudo's own, too.

        Only a host that wants the password for anything at all may get it for that, and not before it has wanted it for root.
        """
        if host in self.refused:
            return (None,)
        if (host, "root") in self._passwords:
            return (self._passwords[host, "root"],)
        return (None, *(word for (name, _), word in self._passwords.items() if name == host))[:2]

    def demand_not_refused(self, host: str) -> None:
        """Raise SudoError for a host that has refused us."""
        if host in self.refused:
            raise self.refused[host]

    def entrust(self, password: Secret, host: str, user: str) -> None:
        """Let commands that run on a host as `user` have the password for sudo; it is shown nowhere, also after it is taken away."""
        self.hide([password])
        self._passwords[host, user] = password

    def take_back(self, host: str, user: str) -> None:
        """Take the password of a host for `user` away from all further commands."""
        self._passwords.pop((host, user), None)

    def hide(self, secrets: Iterable[Secret]) -> None:
        """Show more secrets nowhere from now on."""
        self.redactor = self.redactor.also(secrets)

    def forget(self) -> None:
        """Take all passwords away from all further commands."""
        self._passwords.clear()
