"""The group `opskit changelog`, and the order in which its help lists the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli.changelog.enroll import enroll
from opskit.cli.changelog.export import export
from opskit.cli.changelog.hooks import hooks
from opskit.cli.changelog.import_ import import_
from opskit.cli.changelog.init import init
from opskit.cli.changelog.rebuild import rebuild
from opskit.cli.changelog.redact import redact
from opskit.cli.changelog.revoke import revoke
from opskit.cli.changelog.show import show
from opskit.cli.changelog.sync import sync
from opskit.cli.changelog.verify import verify
from opskit.cli.changelog.writers import writers

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: Sequence[click.Command] = (
    init,
    sync,
    writers,
    enroll,
    revoke,
    verify,
    show,
    redact,
    export,
    import_,
    rebuild,
    hooks,
)


@click.group()
def changelog() -> None:
    """Share the changelog, check it, sign for it, bring it back.

    With `upstream` in opskit.toml, every command shares what is new before and after its work by itself;
    these are for the first time, for doubts, and for disasters.
    """


for _command in COMMANDS:
    changelog.add_command(_command)
