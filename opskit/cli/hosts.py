"""`opskit hosts`: which hosts there are, how they are reached, and who answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli import complete, options, wiring
from opskit.cli.render import envelope, table, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.config.model import Config
    from opskit.fleet.command import Outcome, Result
    from opskit.fleet.inventory import Host, Inventory

    Answers = Mapping[str, Outcome[Result]]

HEADER = ("HOST", "ADDRESS", "PORT", "USER", "GROUPS", "JUMP")
PING_HEADER = ("HOST", "ADDRESS", "ANSWER", "TIME", "REASON")
FAILED, PARTIAL = 1, 3


@click.command()
@click.argument("selector", required=False, shell_complete=complete.hosts)
@options.environment
@click.option("--ping", is_flag=True, help="Connect to each host, log in and run `true`.")
@options.as_json
def hosts(selector: str | None, environment: str | None, *, ping: bool, as_json: bool) -> int:
    """List hosts and how they are reached.

    SELECTOR picks some of them: names, ranges like web[01-10], @groups, and , ! & of them. With --ping the exit code
    is 0 if all answer, 3 if some do, 1 if none does.
    """
    config = wiring.read_config()
    inventory = wiring.open_inventory(config, environment)
    chosen = _chosen(config, inventory, selector)
    answers = ask(config, inventory, chosen) if ping else {}
    code = exit_code(answers)
    if as_json:
        told = [as_data(host, answers.get(host.name)) for host in chosen]
        data = {"environment": inventory.environment, "hosts": told}
        return envelope.show("hosts", data, exit_code=code)
    (show_answers if ping else show)(chosen, answers)
    return code


def _chosen(config: Config, inventory: Inventory, selector: str | None) -> tuple[Host, ...]:
    if not selector:
        return tuple(inventory.hosts.values())
    with wiring.open_changelog(config) as changelog:
        return tuple(
            inventory.hosts[name] for name in wiring.select(inventory, changelog, selector)
        )


def ask(config: Config, inventory: Inventory, chosen: Sequence[Host]) -> Answers:
    """Give every host's answer to `true`, the way there and the login included."""
    from opskit.fleet.command import Command

    command = Command("true", timeout=config.ssh.channel_timeout)
    text.mention(f"asking {text.plural(len(chosen), 'host')} …")
    with wiring.open_fleet(config, inventory) as fleet:
        outcomes = fleet.run(command, [host.name for host in chosen])
        return {outcome.host: outcome for outcome in outcomes}


def exit_code(answers: Answers) -> int:
    """Give 0 if all answered (or nobody was asked), 3 if some did, 1 if none did."""
    good = sum(answered(outcome) for outcome in answers.values())
    if good == len(answers):
        return 0
    return PARTIAL if good else FAILED


def answered(outcome: Outcome[Result]) -> bool:
    """Say whether a host ran `true` and said so."""
    return outcome.error is None and outcome.value is not None and outcome.value.ok


def show(chosen: Sequence[Host], answers: Answers) -> None:  # noqa: ARG001 (like show_answers)
    """Print how each host is reached."""
    table.show(
        HEADER,
        [
            (
                host.name,
                host.address,
                str(host.port),
                host.user,
                ",".join(host.groups),
                ",".join(host.jump) or host.proxy_command,
            )
            for host in chosen
        ],
    )


def show_answers(chosen: Sequence[Host], answers: Answers) -> None:
    """Print who answers, how fast, and why not; then what to do about it, each advice once."""
    table.show(PING_HEADER, [_answer_row(host, answers[host.name]) for host in chosen])
    advice: dict[str, list[str]] = {}
    for host in chosen:
        error = answers[host.name].error
        if error and error.hint:
            advice.setdefault(error.hint, []).append(host.name)
    if advice:
        from opskit.fleet.selectors import fold

        for hint, names in advice.items():
            text.mention(f"{fold(names)}: {hint}")


def _answer_row(host: Host, outcome: Outcome[Result]) -> tuple[text.Cell, ...]:
    word = "ok" if answered(outcome) else "failed"
    if outcome.error and outcome.error.kind == "unreachable":
        word = "unreachable"
    where = f"{host.user}@{host.address}:{host.port}"
    return (host.name, where, text.Status(word), text.duration(outcome.seconds), reason(outcome))


def reason(outcome: Outcome[Result]) -> str:
    """Give in one line why a host has not answered, "" if it has."""
    if outcome.error:
        return outcome.error.what
    if outcome.value is not None and not outcome.value.ok:
        return f"`true` ended with status {outcome.value.exit}: {outcome.value.tail(1)}"
    return ""


def as_data(host: Host, outcome: Outcome[Result] | None) -> dict[str, object]:
    """Give a host for the envelope; vars are left out, an inventory command may put secrets there."""
    told: dict[str, object] = {
        "name": host.name,
        "address": host.address,
        "port": host.port,
        "user": host.user,
        "groups": list(host.groups),
        "jump": list(host.jump),
    }
    if outcome is not None:
        told["ping"] = {
            "answered": answered(outcome),
            "ms": round(outcome.seconds * 1000),
            "reason": reason(outcome),
            "error": envelope.described(outcome.error) if outcome.error else None,
        }
    return told
