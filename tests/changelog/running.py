"""Runs of a runbook as the engine writes them, for tests that read them."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.changelog import Changelog, this_machine
from tests.changelog.writing import ELSEWHERE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opskit.changelog import Event

PAGE = {
    "look": ("Look at the queue", (1,)),
    "drain": ("Drain the slow server", (0, 2)),
    "wait": ("Wait until it is empty", (0,)),
    "put-back": ("Put it back", (1,)),
}
"""Steps of a page: their ids, titles, and the parts that ask for something."""


def begin(
    changelog: Changelog,
    *,
    runbook: str = "haproxy-queue",
    run: str = "",
    service: str = "shop",
    environment: str = "production",
    machine: Mapping[str, object] = ELSEWHERE,
    page: Mapping[str, tuple[str, tuple[int, ...]]] = PAGE,
    **more: object,
) -> str:
    """Write the start of a run; give its id."""
    name = run or changelog.new_run_id()
    body = {
        "runbook": runbook, "title": "HAProxy is queuing", "file": f"runbooks/{runbook}.md", "digest": "d" * 64,
        "mode": "run", "incident": "INC-7", "why": "the queue grows", "start": "", "opskit": "0",
        "params": [{"name": "server", "value": "web03"}], "secrets": ["token"], "steps": steps_of(page),
        "command": ["opskit", "runbook", "run", runbook], "machine": dict(machine), **more,
    }  # fmt: skip
    put(changelog, "run.started", body, name, service, environment)
    return name


def steps_of(page: Mapping[str, tuple[str, tuple[int, ...]]]) -> list[dict[str, object]]:
    return [
        {"id": name, "title": title, "digest": name * 3, "parts": list(parts)}
        for name, (title, parts) in page.items()
    ]


def step(changelog: Changelog, run: str, step: str, part: int, what: str, **more: object) -> Event:
    """Write that something happened in a step."""
    return put(changelog, "run.step", {"step": step, "part": part, "what": what, **more}, run)


def act(
    changelog: Changelog,
    run: str,
    name: str,
    part: int,
    *,
    hosts: Iterable[str] = ("lb01",),
    outcome: str = "done",
    output: str = "",
    **more: object,
) -> None:
    """Write that a command of a step was run on hosts, and how it ended; `outcome` "": it did not."""
    shown = {
        "script": "echo $server",
        "language": "sh",
        "on": "@lb",
        "mutates": True,
        "rollback": "",
    }
    step(changelog, run, name, part, "began", **{**shown, "hosts": list(hosts), **more})
    if outcome:
        results = [
            {"name": host, "outcome": outcome, "exit": 0 if outcome == "done" else 1, "ms": 20, "output": output, "error": ""}
            for host in hosts
        ]  # fmt: skip
        step(changelog, run, name, part, "ended", outcome=outcome, results=results)


def drain(changelog: Changelog, run: str, **more: object) -> None:
    """Write that a server was drained, which the last step of the page takes back."""
    act(changelog, run, "drain", 2, rollback="put-back", **more)  # type: ignore[arg-type]


def resume(changelog: Changelog, run: str, **more: object) -> Event:
    machine = more.pop("machine", ELSEWHERE)
    body = {
        "machine": machine,
        "command": ["opskit", "runbook", "resume", run],
        "changed": [],
        **more,
    }
    return put(changelog, "run.resumed", body, run)


def approve(changelog: Changelog, run: str, name: str, part: int = 0, why: str = "") -> Event:
    return put(changelog, "run.approved", {"step": name, "part": part, "why": why}, run)


def finish(
    changelog: Changelog, run: str, outcome: str = "done", reason: str = "", **more: object
) -> Event:
    body = {"outcome": outcome, "reason": reason, "ms": 4200, **more}
    return put(changelog, "run.finished", body, run)


def whole(changelog: Changelog, outcome: str = "done", **more: object) -> str:
    """Write a run of all steps of the page; give its id."""
    run = begin(changelog, **more)  # type: ignore[arg-type]
    act(changelog, run, "look", 1, mutates=False, output="queue 42")
    step(changelog, run, "drain", 0, "answered", kind="ask", name="server", value="web03")
    drain(changelog, run)
    act(changelog, run, "wait", 0, mutates=False)
    act(changelog, run, "put-back", 1)
    finish(changelog, run, outcome)
    return run


def put(
    changelog: Changelog,
    kind: str,
    body: Mapping[str, object],
    run: str,
    service: str = "shop",
    environment: str = "production",
) -> Event:
    """Write one event of a run."""
    return changelog.append(
        kind, body, rollout=run, service=service, environment=environment, action="runbook"
    )


def tell(teller: Changelog, *others: Changelog) -> None:
    """Let others know all that one knows."""
    lines: list[str] = []
    teller.export(lines.append)
    for other in others:
        other.take_in(lines)


def people(folder: Path, *names: str) -> list[Changelog]:
    """Give a changelog for each, on a machine of one's own."""
    return [Changelog(folder / name / "changelog.db", actor=f"{name}@laptop") for name in names]


def here() -> Mapping[str, object]:
    return this_machine()


def keep(play: Callable[[Changelog, Changelog], None]) -> None:
    """Let Ana and Ben play a session, and write what the changelog has of it down in the file that the command line names."""
    with tempfile.TemporaryDirectory(prefix="opskit-session-") as name:
        ana, ben = people(Path(name), "ana", "ben")
        with ana, ben:
            play(ana, ben)
            lines: list[str] = []
            ana.export(lines.append)
    Path(sys.argv[1]).absolute().write_text("".join(f"{line}\n" for line in lines))
