"""A unit of systemd that is restarted: as the sh text that does it, and says why it did not come up."""

from __future__ import annotations

import re
import shlex
from typing import Any

from opskit.config import checks

UNIT = r"(?a)[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]{0,254}"
LINES = 20
"""Lines of the journal that are shown of a unit that does not come up."""


def unit(value: Any) -> str:
    """Check the name of a unit, as systemd.unit(5) has it; a template needs its instance."""
    if not isinstance(value, str) or not re.fullmatch(UNIT, value) or "@." in value:
        checks.wrong('the name of a unit, like "shop.service" or "shop@1.service"', value)
    return value


def restart(name: str, *, user: bool) -> str:
    """Restart a unit of the system, or of the `user`'s own systemd, and see that it is active; else show its state and its journal."""
    ctl, word = ("systemctl --user" if user else "systemctl"), shlex.quote(name)
    journal = f"journalctl {'--user ' if user else ''}--unit={word} --lines={LINES} --no-pager"
    return "\n".join(
        (
            "(",
            *((manager(),) if user else ()),
            f"{ctl} restart {word} && {ctl} is-active --quiet {word} && exit",
            f"r=$?; {{ {ctl} status --no-pager --full --lines=0 {word}; {journal}; }} >&2",
            "exit $r",
            ")",
        )
    )


def manager() -> str:
    """Find the user's own systemd, which a login by ssh may not be told of."""
    return (
        ': "${XDG_RUNTIME_DIR:=/run/user/$(id -u)}"; export XDG_RUNTIME_DIR; [ -d "$XDG_RUNTIME_DIR" ] || '
        '{ echo "no systemd of $(id -un) runs here: loginctl enable-linger $(id -un)" >&2; exit 69; }'
    )
