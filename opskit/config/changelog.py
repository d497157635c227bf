"""The [changelog] table of opskit.toml: the name, the upstream, whose signatures count, hooks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from opskit.config import checks
from opskit.config.lookup import did_you_mean
from opskit.config.model import ChangelogSettings, Hook
from opskit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from opskit.config.table import Table

T = TypeVar("T")

OFFLINE = ("spool", "refuse")
FORMATS = ("opskit", "slack", "grafana", "pagerduty")
DATABASE = ("postgresql", "postgres")

_KIND = r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*"


def read_changelog(table: Table, folder: Path) -> ChangelogSettings:
    """Give what [changelog] says; `folder` is where relative paths start. Raises ConfigError with the place."""
    plain = {
        "name": checks.changelog,
        "upstream": upstream,
        "via": checks.address,
        "offline": one_of(OFFLINE),
        "timeout": checks.duration,
        "allowed_signers": checks.local_path(folder),
        "revoked_keys": checks.local_path(folder),
        "signing_key": checks.local_path(folder),
    }
    table.only((*plain, "hooks"))
    given = table.read(plain)
    if "via" in given and not given.get("upstream", "").startswith(DATABASE):
        raise table.error("via", "only a postgresql:// upstream is reached via a host")
    hooks = tuple(_hook(name, each) for name, each in table.tables("hooks", checks.name).items())
    return ChangelogSettings(hooks=hooks, **given)


def upstream(value: Any) -> str:
    """Check the address of an upstream: `postgresql://...`, `ssh://host/path` or `file:///path`; no password in it."""
    address = checks.text(value).strip()
    try:
        parts = urlsplit(address)
        host, password = parts.hostname or "", parts.password
        _ = parts.port if parts.scheme == "ssh" else None  # what stands there may be no number
    except ValueError:
        hint = 'a folder begins behind the host with "/": ssh://host/srv/log, or ssh://host/~/log'
        checks.wrong("the address of an upstream", value, hint=hint if "ssh:" in address else "")
    if parts.scheme in DATABASE:
        if password is not None or "password" in parse_qs(parts.query):
            raise ConfigError(
                "a password cannot stand here, where everybody reads it",
                hint="put it into ~/.pgpass or PGPASSWORD",
            )
        return address
    if parts.scheme == "ssh" and host and len(parts.path) > 1 and password is None:
        return address
    if parts.scheme == "file" and not host and len(parts.path) > 1:
        return address
    return checks.wrong(
        'an address like "postgresql://host/database", "ssh://host/folder/changelog" or "file:///folder/changelog"',
        value,
    )


def one_of(known: Collection[str]) -> Callable[[Any], str]:
    """Give a check for one of some words."""

    def check(value: Any) -> str:
        if value not in known:
            hint = did_you_mean(str(value), known)
            checks.wrong(f"one of {', '.join(known)}", value, hint=hint)
        return str(value)

    return check


def web_address(value: Any) -> str:
    """Check the address of a hook: https, or http on this machine."""
    address = checks.text(value).strip()
    try:
        parts = urlsplit(address)
        here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    except ValueError:
        checks.wrong("an https address", value)
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and here)):
        checks.wrong("an https address", value)
    return address


def event_kind(value: Any) -> str:
    """Check the kind of an event, like `rollout.started`."""
    if not isinstance(value, str) or not re.fullmatch(_KIND, value):
        checks.wrong("a kind of event, like rollout.started", value)
    return value


HOOK: Mapping[str, Any] = {
    "url": web_address,
    "url_env": checks.variable,
    "token_env": checks.variable,
    "format": one_of(FORMATS),
    "kinds": checks.list_of(event_kind, least=1),
}


def _hook(name: str, table: Table) -> Hook:
    table.only(HOOK)
    given = table.read(HOOK)
    has_default_address = given.get("format") == "pagerduty"
    if ("url" in given) + ("url_env" in given) != 1 and not has_default_address:
        raise table.error(None, "exactly one of url and url_env is needed")
    return Hook(name=name, **given)
