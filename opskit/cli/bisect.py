"""`opskit bisect`: the commit that broke something, found by trying some between a good and a bad one, each for real."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli import bisecting, complete, options

if TYPE_CHECKING:
    from opskit.cli.choice import Choice


@click.command()
@click.argument("service", required=False, shell_complete=complete.services)
@click.option("--good", metavar="REVISION", help="A revision that is known to be good.")
@click.option("--bad", metavar="REVISION", help="A later one that is known to be bad.")
@click.option(
    "--check",
    metavar="COMMAND",
    help="Tells good from bad, on this machine: 0 good, 125 cannot be tested, 1 to 127 bad.",
)
@click.option(
    "--on-host", is_flag=True, help="Run --check on the host, in the release that is tried there."
)
@options.environment
@options.hosts
@click.option("--local", is_flag=True, help="Try in a folder of this machine; touch no host.")
@click.option("--first-parent", is_flag=True, help="Try merges only, not what was merged.")
@click.option(
    "--check-timeout",
    metavar="DURATION",
    default="10m",
    show_default=True,
    help="A check that takes longer is ended; its commit cannot be tested.",
)
@click.option("--resume", metavar="ID", help="Go on with a bisection, from any laptop.")
@click.option("--stop", is_flag=True, help="With --resume: only put the host back as it was.")
@click.option(
    "--take-over", is_flag=True, help="With --resume: also if somebody may still be at it."
)
@options.change(frozen=True)
def bisect(
    service: str | None,
    *,
    good: str | None,
    bad: str | None,
    check: str | None,
    on_host: bool,
    environment: str | None,
    hosts: str | None,
    local: bool,
    first_parent: bool,
    check_timeout: str,
    resume: str | None,
    stop: bool,
    take_over: bool,
    choice: Choice,
) -> int:
    """Find the commit that broke it, by trying some for real.

    Commits between --good and --bad are deployed, one after the other, to the one host of -H, which is taken out of its load balancers first; or
    brought to a folder of this machine with --local. --check then says good or bad: a command for sh, with OPSKIT_REVISION, OPSKIT_HOST, OPSKIT_FOLDER in its environment.
    It runs on this machine; with --on-host on that host, in the release that is tried, as the service's own commands do, but without its secrets.
    One that ends with more than 127, or by a signal, ends the bisection: that says nothing of a commit. What does not build, or is not healthy there, cannot be tested. Both ends are tried first.

    However it ends, the host gets back the release that it had, and its place behind the load balancer. Each step stands in the changelog: what was killed goes on
    with --resume ID, and --resume ID --stop only puts the host back.

    Exit code 0: found. 3: only commits are left that cannot be tested. 5: an end is not what you say it is.
    """
    said = bisecting.Said(service, good, bad, check, environment, hosts, local, on_host, first_parent, check_timeout)  # fmt: skip
    if resume:
        return bisecting.go_on(said, resume, choice, stop=stop, take_over=take_over)
    return bisecting.begin(said, choice, stop=stop or take_over)
