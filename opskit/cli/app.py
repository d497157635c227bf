"""The `opskit` command: every subcommand, listed once, in the sections that `--help` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import opskit
from opskit.cli.exits import EXITS
from opskit.cli.lazy import Commands

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECTIONS: Mapping[str, Sequence[str]] = {
    "Set up": ("init", "doctor", "demo"),
    "Look": ("hosts", "status", "lb", "log", "blame", "report", "changelog"),
    "Change": (
        "deploy",
        "rollback",
        "restart",
        "reboot",
        "replace",
        "resume",
        "run",
        "exec",
        "runbook",
        "unlock",
        "freeze",
        "thaw",
        "note",
        "verdict",
        "bisect",
    ),
}
"""The names of the commands, as `--help` shows them; `lazy.Commands` says where each is."""


class Sections(click.Group):
    """A group whose help lists its commands by section, in the order of `SECTIONS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (Click's signature)
        """Give the names in the order in which they were added."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was named; raises UnknownNameError that says what was perhaps meant."""
        from opskit.config.lookup import named

        if not ctx.resilient_parsing:
            named("command", args[0], self.commands)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write one block of names and one-line helps for each section."""
        width = max((len(name) for name in self.commands), default=0)
        limit = formatter.width - 6 - width
        for title, names in SECTIONS.items():
            rows = [
                (name.ljust(width), self.commands[name].get_short_help_str(limit))
                for name in names
            ]
            with formatter.section(title):
                formatter.write_dl(rows)


@click.command(
    cls=Sections,
    commands=Commands("opskit.cli", (name for names in SECTIONS.values() for name in names)),
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"Exit codes: {', '.join(f'{code} {exit.status}' for code, exit in EXITS.items())}.",
)
@click.version_option(
    opskit.__version__, message="%(prog)s %(version)s", help="Show the version and leave."
)
def app() -> None:
    """Deploy, restart and run tasks on a fleet; one changelog remembers who did what, and why.

    Hosts, environments and services stand in opskit.toml; `opskit init` writes the first one.
    """
