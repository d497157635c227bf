"""A unit of systemd in opskit.toml, and the exact text that restarts it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.config.reading import parse
from opskit.config.systemd import restart
from opskit.errors import ConfigError

if TYPE_CHECKING:
    from opskit.config.service import Step

SYSTEM = """(
systemctl restart shop.service && systemctl is-active --quiet shop.service && exit
r=$?; { systemctl status --no-pager --full --lines=0 shop.service; journalctl --unit=shop.service --lines=20 --no-pager; } >&2
exit $r
)"""
OF_USER = """(
: "${XDG_RUNTIME_DIR:=/run/user/$(id -u)}"; export XDG_RUNTIME_DIR; [ -d "$XDG_RUNTIME_DIR" ] || { echo "no systemd of $(id -un) runs here: loginctl enable-linger $(id -un)" >&2; exit 69; }
systemctl --user restart 'a\\x2db@1.service' && systemctl --user is-active --quiet 'a\\x2db@1.service' && exit
r=$?; { systemctl --user status --no-pager --full --lines=0 'a\\x2db@1.service'; journalctl --user --unit='a\\x2db@1.service' --lines=20 --no-pager; } >&2
exit $r
)"""


def step(written: str) -> Step | None:
    text = '[environments.production]\nhosts = ["web01"]\n[services.shop]\npath = "/srv/shop"\nhosts = "web01"\nsource = { folder = "." }\n'
    return (
        parse(f"{text}restart = {written}\n", Path("/fleet/opskit.toml")).service("shop").restart
    )


def test_the_text_is_exactly_this() -> None:
    assert restart("shop.service", user=False) == SYSTEM
    assert restart("a\\x2db@1.service", user=True) == OF_USER


def test_it_is_read_as_a_command_of_the_system_or_of_a_user() -> None:
    made = step('{ systemd = "shop.service", sudo = true }')
    assert (made.command, made.sudo, made.unit, made.of_user) == (SYSTEM, "root", "shop.service", False)  # type: ignore[union-attr]  # fmt: skip
    made = step('{ systemd = "shop", user = true, sudo = "shop" }')
    assert (made.sudo, made.unit, made.of_user) == ("shop", "shop", True)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ('{ systemd = "-f" }', "expected the name of a unit"),
        ('{ systemd = "a b" }', "expected the name of a unit"),
        ('{ systemd = "a/b.service" }', "expected the name of a unit"),
        ('{ systemd = "shop@.service" }', "expected the name of a unit"),
        ('{ systemd = "shop", user = true, sudo = true }', "a unit of a user is no unit of root"),
        ('{ systemd = "shop", command = "x" }', "expected exactly one of `command`, `systemd` and `task`"),
        ('{ command = "x", user = true }', "there is no such key here"),
    ],
)  # fmt: skip
def test_a_mistake_is_told(written: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        step(written)
