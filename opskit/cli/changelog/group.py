"""The group `opskit changelog`, and the order in which its help lists the commands."""

from __future__ import annotations

import click

from opskit.cli.lazy import Commands

COMMANDS = (
    "init",
    "sync",
    "writers",
    "enroll",
    "revoke",
    "verify",
    "show",
    "redact",
    "export",
    "import",
    "rebuild",
    "hooks",
)


@click.group(commands=Commands("opskit.cli.changelog", COMMANDS))
def changelog() -> None:
    """Share the changelog, check it, sign for it, bring it back.

    With `upstream` in opskit.toml, every command shares what is new before and after its work by itself;
    these are for the first time, for doubts, and for disasters.
    """
