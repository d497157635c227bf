"""Load balancers as people and programs read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.cli.render import envelope, table, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.rollout.haproxy import Backend
    from opskit.rollout.lb import Row, View

BROKEN_OFF = ("unfinished", "interrupted")
HEADER = ("SERVER", "STATE", "CHECK", "SESSIONS", "WEIGHT", "FOR", "")


def show(views: Sequence[View], *, as_json: bool) -> int:
    """Show load balancers; gives 0 if all is well, else 1."""
    exit_code = 0 if all(view.well for view in views) else 1
    if as_json:
        data = {"services": [_data(view) for view in views]}
        return envelope.show("lb", data, exit_code=exit_code)
    for view in views:
        _show(view)
    if not views:
        text.say("no service stands behind a load balancer: see `load_balancer` in opskit.toml")
    return exit_code


def _show(view: View) -> None:
    for at, backend in view.backends:
        place = f"{backend.name} on {at}, {view.service} in {view.environment}"
        text.say(place, bold=True)
        rows = [row for row in view.rows if (row.at, row.backend) == (at, backend.name)]
        table.show(HEADER, [_row(row) for row in rows])
        text.say(_total(backend), colour="yellow" if backend.queue else "")
    for error in view.errors.values():
        text.say(str(error), colour="red")
        text.say(f"  {error.hint}" if error.hint else "")
    _say_how_to_restore(view)


def _row(row: Row) -> tuple[str, ...]:
    server = row.server
    names = (server.name, server.word, server.check or "-")
    numbers = (str(server.sessions), str(server.weight), text.duration(server.since))
    return (*names, *numbers, _remark(row))


def _remark(row: Row) -> str:
    if row.by:
        return f"{row.by.action} {row.by.id} by {row.by.actor}"
    if row.server.is_out:
        return "by nobody known here" if row.host else ""
    return "" if row.server.active else "backup"


def _total(backend: Backend) -> str:
    waited = f", {backend.waited} ms in it" if backend.queue or backend.most_queued else ""
    return (
        f"{backend.status}, {text.plural(backend.sessions, 'session')}; "
        f"queue: {backend.queue}, at most {backend.most_queued}{waited}"
    )


def _say_how_to_restore(view: View) -> None:
    for rollout in dict.fromkeys(row.by.id for row in view.rows if row.by and _is_resumable(row)):
        text.say(f"to finish what took them out: opskit resume {rollout}")
    bad = [row for row in view.rows if not row.well and row.server.is_out]
    for first, rows in (
        ("to put back", [row for row in bad if row.by]),
        ("to put back, once you know who took it out and why", [row for row in bad if not row.by]),
    ):
        if rows:
            hosts = ",".join(dict.fromkeys(row.host for row in rows))
            text.say(f"{first}: opskit lb {view.service} --restore -H {hosts} -e {view.environment} -m WHY")  # fmt: skip


def _is_resumable(row: Row) -> bool:
    """Tell whether the rollout that took a server out was broken off, and puts it back when somebody goes on with it."""
    from opskit.rollout.remembered import ACTIONS

    return bool(row.by and row.by.action in ACTIONS and row.by.outcome in BROKEN_OFF)


def _data(view: View) -> dict[str, object]:
    return {
        "service": view.service,
        "environment": view.environment,
        "load_balancer": view.name,
        "well": view.well,
        "backends": [
            {
                "at": at,
                "backend": backend.name,
                "status": backend.status,
                "sessions": backend.sessions,
                "queue": backend.queue,
                "most_queued": backend.most_queued,
                "queue_ms": backend.waited,
                "servers": [_server(r) for r in view.rows if (r.at, r.backend) == (at, backend.name)],
            }
            for at, backend in view.backends
        ],
        "errors": {host: str(error) for host, error in view.errors.items()},
    }  # fmt: skip


def _server(row: Row) -> dict[str, object]:
    server = row.server
    return {
        "server": server.name,
        "host": row.host,
        "state": server.word,
        "check": server.check,
        "sessions": server.sessions,
        "weight": server.weight,
        "backup": not server.active,
        "seconds": server.since,
        "by": {"rollout": row.by.id, "action": row.by.action, "actor": row.by.actor} if row.by else None,
    }  # fmt: skip
