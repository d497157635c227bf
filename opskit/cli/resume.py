"""`opskit resume`: a rollout that was interrupted, finished or taken back by whoever is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli import complete, options, resuming, session

if TYPE_CHECKING:
    from opskit.cli.choice import Choice


@click.command()
@click.argument("rollout", required=False, shell_complete=complete.rollouts)
@click.option("--revert", is_flag=True, help="Take it back instead of finishing it.")
@click.option(
    "--take-over",
    is_flag=True,
    help="Break the locks of its dead run; needs --why, and stands in the changelog.",
)
@options.change(frozen=False)
def resume(
    rollout: str | None,
    *,
    revert: bool,
    take_over: bool,
    choice: Choice,
) -> int:
    """Finish a rollout that was interrupted, or take it back.

    Without ROLLOUT, those are listed that can be resumed, with the command for each; exit code 1 if there is any.

    Whoever can log in to the hosts may do it, from any laptop with the shared changelog. The hosts are asked what each of
    them runs, has and holds; what the log says is only the plan. The same gates and the same failure budget hold as before.
    A lock of the dead run is taken over by itself if that ran on this machine; else it ends by itself, or --take-over breaks it.
    """
    if rollout is None:
        return resuming.listed(choice, revert=revert, take_over=take_over)
    how = {"revert": revert, "take_over": take_over, "drain": not choice.no_drain}
    with resuming.on_rollout(choice, rollout) as (opened, record):
        plan, do = resuming.planned(opened, record, choice, **how)
        return session.carry_out(opened, choice, plan, do)
