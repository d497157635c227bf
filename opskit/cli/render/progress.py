"""A rollout while it runs: a live table of hosts on a terminal, one plain line a fact elsewhere."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

from opskit.cli.render import reports, terminal, text
from opskit.rollout.facts import (
    BatchBegun,
    Doing,
    HostEnded,
    Recorded,
    Skipped,
    StepBegun,
    Stopped,
    Warned,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType
    from rich.live import Live

    from opskit.rollout.facts import Fact
    from opskit.rollout.plan import Plan

MOST_ROWS = 20
REFRESH_EVERY = 0.125  # seconds
SHOW_CURSOR = b"\x1b[?25h\r\n"


@contextlib.contextmanager
def shown(plan: Plan, *, as_json: bool = False) -> Iterator[Callable[[Fact], None]]:
    """Give a listener for a rollout's facts.

    With `as_json` it speaks on standard error. A task or command on hosts has output of its own, so
    of its progress only warnings are shown.
    """
    if not plan.is_rolling and (plan.task or plan.script):
        yield lambda fact: _print(fact, plan, text.mention) if isinstance(fact, Warned) else None
    elif as_json or not terminal.is_terminal():
        say = text.mention if as_json else text.say_on
        yield lambda fact: _print(fact, plan, say)
    else:
        board = Board(plan)
        with board.live():
            yield board.take


def lines_of(fact: Fact, plan: Plan) -> list[str]:
    """Say a fact in plain lines."""
    if isinstance(fact, HostEnded):
        return reports.host_lines(fact.result, plan)
    if isinstance(fact, Skipped):
        return [reports.ended(fact.hosts, "skipped")]
    said = (
        fact.output.splitlines()[-text.SHOWN_OUTPUT_LINES :] if isinstance(fact, Stopped) else []
    )
    return [_line(fact), *(f"    | {line}" for line in said)]


def _line(fact: Recorded | Doing | BatchBegun | StepBegun | Stopped | Warned) -> str:
    match fact:
        case Recorded(rollout=rollout):
            return f"recorded as {rollout}"
        case Doing(what=what):
            return what
        case BatchBegun(number=number, of=of, hosts=hosts):
            canary = " (canary)" if number == 1 and of > 1 else ""
            return f"batch {number} of {of}{canary}: {', '.join(hosts)}"
        case StepBegun(host=host, step=step):
            return f"{host}  {step}"
        case Stopped(reason=reason):
            return f"stopped: {reason}"
        case Warned(what=what):
            return f"warning: {what}"


def give_back_the_screen() -> None:
    """Show the cursor that the live table hides; for a signal's handler that ends the process at once."""
    if terminal.is_terminal():
        with contextlib.suppress(OSError):
            os.write(1, SHOW_CURSOR)


def _print(fact: Fact, plan: Plan, say: Callable[[str], None]) -> None:
    for line in lines_of(fact, plan):
        say(line)


class Board:
    """The live table: finished hosts scroll up as lines, running ones stand below with their step."""

    def __init__(self, plan: Plan) -> None:
        from opskit.cli.render.table import console

        self._plan = plan
        self._console = console()
        self._running: dict[str, tuple[str, float]] = {}
        self._doing = "asks the hosts"
        self._since = time.monotonic()
        self._ended = 0
        self._drawing = threading.RLock()  # a signal's handler may tell a fact amid another

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """Keep the table on the screen while the block runs."""
        from rich.live import Live

        table = Live(
            console=self._console,
            get_renderable=self.render,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,  # rich's stand-in for stdout does not say what it can show
            redirect_stderr=False,
        )
        table.start()
        try:
            with self._refreshed(table):
                yield
        finally:
            # Who tells of a Ctrl-C just now would draw the table once more, and leave it there.
            with self._drawing:
                table.stop()

    @contextlib.contextmanager
    def _refreshed(self, live: Live) -> Iterator[None]:
        """Redraw the table now and then, never amid a line: rich's own thread does that, and draws over lines."""
        over = threading.Event()

        def redraw() -> None:
            while not over.wait(REFRESH_EVERY):
                with self._drawing:
                    live.refresh()

        thread = threading.Thread(target=redraw, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def take(self, fact: Fact) -> None:
        """Show one fact."""
        if isinstance(fact, StepBegun):
            self._running[fact.host] = (fact.step, time.monotonic())
            return
        if isinstance(fact, HostEnded):
            self._running.pop(fact.result.host, None)
            self._ended += 1
        if isinstance(fact, Skipped):
            self._ended += len(fact.hosts)
        if isinstance(fact, Doing | BatchBegun):
            self._running.clear()
            self._since = time.monotonic()
            self._doing = lines_of(fact, self._plan)[0]
        with self._drawing:
            for line in _drawn(fact, self._plan):
                self._console.print(_styled(line, fact), soft_wrap=True)

    def render(self) -> RenderableType:
        """Give what stands on the screen now."""
        from rich.console import Group
        from rich.spinner import Spinner
        from rich.text import Text

        self._console.width = terminal.screen_width()  # the window may have been resized
        now = time.monotonic()
        total = len(self._plan.hosts)
        head = f"{terminal.visible(self._doing, one_line=True)}  {self._ended}/{total} hosts, "
        running = list(self._running.items())
        rows: list[RenderableType] = [
            Spinner("line", Text(head + text.duration(now - self._since), style="cyan"))
        ]
        rows += [
            Text(f"  {host}  {step}  {text.duration(now - began)}")
            for host, (step, began) in running[:MOST_ROWS]
        ]
        if len(running) > MOST_ROWS:
            rows.append(Text(f"  and {len(running) - MOST_ROWS} more"))
        return Group(*rows)


def _drawn(fact: Fact, plan: Plan) -> list[str]:
    """Give the lines of a fact as a screen shows them; what a host said, and what to do about it, is broken by nobody."""
    first, *rest = (terminal.visible(line, one_line=True) for line in lines_of(fact, plan))
    return [*text.wrapped(first, terminal.screen_width()), *rest]


def _styled(line: str, fact: Fact) -> RenderableType:
    from rich.text import Text

    style = ""
    if isinstance(fact, HostEnded):
        style = text.Status(fact.result.outcome).colour
    elif isinstance(fact, Skipped):
        style = text.Status("skipped").colour
    elif isinstance(fact, Stopped | Warned):
        style = "yellow"
    elif isinstance(fact, BatchBegun):
        style = "bold"
    return Text(terminal.signs(terminal.visible(line, one_line=True)), style=style)
