"""The demo's story played: real commands in processes of their own, and what became of the shops."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opskit.demo.fleet import environment
from opskit.demo.story import BAD, OFFER, UNDO
from opskit.errors import OpskitError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.demo.folder import DemoFolder
    from opskit.demo.story import Step

INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE = 10.0  # seconds that an interrupted command has to come to its own end


@dataclass(frozen=True, slots=True)
class Played:
    """A step that went as told; `output` is empty if it went to the screen."""

    text: str
    actor: str
    command: str
    exit_code: int
    output: str


def play(
    demo: DemoFolder, step: Step, command: tuple[str, ...], *, capture: bool = False
) -> Played:
    """Call the step's command, spelled out, and make sure that it did what the story says.

    The command prints for itself, unless what it says is captured. Raises OpskitError.
    """
    code, output = _call(demo, step.actor, command, capture=capture)
    line = command_line(command)
    if code != step.exit:
        raise OpskitError(
            f"the demo went wrong: `{line}` ended with {code}, not {step.exit}", hint=output
        )
    if step.serves and (versions := set(served(demo))) != {step.serves}:
        raise OpskitError(f"the demo went wrong: after `{line}` the shops serve {versions}")
    return Played(step.text, step.actor, line, code, output)


def spelled_out(demo: DemoFolder, step: Step) -> tuple[str, ...]:
    """Give the step's command with what only turns out in the story: an id, an address, the undo that was printed."""
    found: list[str] = []
    for word in step.command:
        if word == UNDO:
            found += undo(demo)
        else:
            found.append(
                {BAD: failed_rollout, OFFER: offer}[word](demo) if word in (BAD, OFFER) else word
            )
    return tuple(found)


def offer(demo: DemoFolder) -> str:
    """Give the address of the offer of the week in the first host's shop."""
    return f"http://127.0.0.1:{demo.hosts[0].shop_port}/offer"


def undo(demo: DemoFolder) -> list[str]:
    """Give the words of the command that undoes the first suspect, behind `opskit`."""
    data = _data(demo, ("blame", "--url", offer(demo), "--json"))
    command = data["suspects"][0]["undo"] if data["suspects"] else None
    return shlex.split(command or "opskit nothing")[1:]


def command_line(command: tuple[str, ...]) -> str:
    """Give the line that a person would type."""
    return f"opskit {' '.join(word if word == '--' else _quoted(word) for word in command)}"


def failed_rollout(demo: DemoFolder) -> str:
    """Give the id of the newest rollout that the gate stopped, as `opskit log --json` tells it."""
    entries = _data(demo, ("log", "--outcome", "refused", "--limit", "1", "--json"))["entries"]
    if not entries:
        raise OpskitError("the demo went wrong: no rollout was stopped, as one should be")
    return str(entries[0]["id"])


def _data(demo: DemoFolder, command: tuple[str, ...]) -> Any:
    """Give what a command says with --json; raises OpskitError if it went wrong."""
    code, said = _call(demo, "chloe", command, capture=True)
    if code != 0:
        line = command_line(command)
        raise OpskitError(f"the demo went wrong: `{line}` ended with {code}", hint=said)
    return json.loads(said)["data"]


def served(demo: DemoFolder) -> tuple[str, ...]:
    """Give the version that each host's shop shows to a customer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    pages = []
    for host in demo.hosts:
        with opener.open(f"http://127.0.0.1:{host.shop_port}/", timeout=5) as answer:
            pages.append(answer.readline().decode().split()[-1])
    return tuple(pages)


def _call(
    demo: DemoFolder, actor: str, command: tuple[str, ...], *, capture: bool
) -> tuple[int, str]:
    called = None
    try:
        with _interrupts_held_back() as came:
            called = _start(demo, actor, command, capture=capture)
        if came:
            signal.raise_signal(came[0])
        output, _ = called.communicate()
    except BaseException:
        if called is not None:
            _end(called)
        raise
    return called.returncode, output or ""


def _start(
    demo: DemoFolder, actor: str, command: tuple[str, ...], *, capture: bool
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "opskit", *command],
        cwd=demo.path,
        env=environment(demo, actor),
        stdout=subprocess.PIPE if capture else None,
        stderr=subprocess.STDOUT if capture else None,
        text=True,
    )


@contextmanager
def _interrupts_held_back() -> Iterator[list[int]]:
    """Note interrupts instead of raising them: none may come after a child's birth and before we know it."""
    came: list[int] = []
    wanted = [n for n in INTERRUPTS if signal.getsignal(n) is not signal.SIG_IGN]
    before = {n: signal.signal(n, lambda number, _frame: came.append(number)) for n in wanted}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(called: subprocess.Popen[str]) -> None:
    """Let an interrupted command, which was interrupted with us, end by itself or end it."""
    called.terminate()
    try:
        called.wait(GRACE)
    except subprocess.TimeoutExpired:
        called.kill()
        called.wait()


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word and not set('"$`\\!~') & set(word) else shlex.quote(word)
