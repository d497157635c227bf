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
from typing import TYPE_CHECKING

from opskit.demo.fleet import environment
from opskit.demo.story import BAD
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
    """Give the step's command with the id of the rollout that was stopped, where it names that."""
    return tuple(failed_rollout(demo) if word == BAD else word for word in step.command)


def command_line(command: tuple[str, ...]) -> str:
    """Give the line that a person would type."""
    return f"opskit {' '.join(word if word == '--' else _quoted(word) for word in command)}"


def failed_rollout(demo: DemoFolder) -> str:
    """Give the id of the newest rollout that the gate stopped, as `opskit log --json` tells it."""
    command = ("log", "--outcome", "refused", "--limit", "1", "--json")
    code, said = _call(demo, "chloe", command, capture=True)
    entries = json.loads(said)["data"]["entries"] if code == 0 else []
    if not entries:
        raise OpskitError(
            "the demo went wrong: no rollout was stopped, as one should be", hint=said
        )
    return str(entries[0]["id"])


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
