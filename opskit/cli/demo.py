"""`opskit demo`: the whole of opskit on a real little fleet of this machine, in a few seconds."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opskit.cli import options
from opskit.cli.render import envelope, text
from opskit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.demo.folder import DemoFolder
    from opskit.demo.play import Played

KEPT = Path("opskit-demo")
WIDTH = 96  # of the narration, in characters
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--keep", is_flag=True, help="Leave the fleet running, to play with it.")
@click.option("--stop", is_flag=True, help="End a kept demo and remove its folder.")
@options.as_json
def demo(folder: Path | None, *, keep: bool, stop: bool, as_json: bool) -> int:
    """Show opskit at work on a real little fleet of this machine.

    It needs no root, no SSH server and no network: three small SSH hosts run on the loopback, with a web
    service, its git history and its bad day. Everything is removed at the end, unless --keep leaves it in
    FOLDER ("opskit-demo" if left out).
    """
    if keep and stop:
        raise UsageError("--keep and --stop exclude each other")
    if stop:
        return _stop(folder or KEPT, as_json=as_json)
    if keep:
        return _keep(folder or KEPT, as_json=as_json)
    return _pass_by(folder, as_json=as_json)


def _pass_by(folder: Path | None, *, as_json: bool) -> int:
    """Tell the story in a folder that is gone afterwards, with its changelog."""
    from opskit.demo.folder import create

    with contextlib.ExitStack() as stack:
        place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opskit-")))
        made = create(place / "demo" if folder is None else place)
        stack.callback(_clean, made)
        os.environ["OPSKIT_STATE_DIR"] = str(made.machinery / "state")
        steps = _tell(made, keep=False, quiet=as_json)
    if as_json:
        return envelope.show("demo", {"folder": None, "steps": steps})
    text.say("That was the demo. Its hosts and files are gone again.")
    text.say("  opskit demo --keep   leaves them to play with")
    text.say("  opskit init          begins with your own fleet")
    return 0


def _keep(folder: Path, *, as_json: bool) -> int:
    """Tell the story and leave the fleet running; a story that goes wrong leaves nothing."""
    from opskit.demo.folder import create

    made = create(folder)
    try:
        steps = _tell(made, keep=True, quiet=as_json)
    except BaseException:
        _clean(made)
        raise
    if as_json:
        return envelope.show("demo", {"folder": made.path, "steps": steps})
    where = shlex.quote(str(folder))
    text.say("The fleet keeps running. Read opskit.toml and tasks.py, change the shop, deploy it:")
    text.say(f"  cd {where}")
    text.say("  opskit log")
    text.say(f"  opskit demo --stop {shlex.quote(str(made.path))}   ends and removes it")
    return 0


def _stop(folder: Path, *, as_json: bool) -> int:
    from opskit.demo.folder import find

    _clean(find(folder))
    if as_json:
        return envelope.show("demo", {"folder": folder, "steps": []})
    text.say(f"The demo in {folder} is ended and removed.")
    return 0


def _tell(demo: DemoFolder, *, keep: bool, quiet: bool) -> list[Played]:
    from opskit.demo import fleet, folder, play, story

    fleet.start(demo, keep=keep)
    played = []
    for step in story.steps(history=folder.has_git()):
        command = play.spelled_out(demo, step)
        if not quiet:
            _announce(step.text, play.command_line(command))
        played.append(play.play(demo, step, command, capture=quiet))
        if not quiet:
            text.say(f"$ echo $?\n{step.exit}\n" if step.exit else "")
    return played


def _announce(said: str, command: str) -> None:
    import textwrap

    for line in textwrap.wrap(said, WIDTH):
        text.say(f"# {line}", colour="cyan")
    text.say(f"$ {command}", bold=True)


def _clean(demo: DemoFolder) -> None:
    from opskit.demo import fleet

    with _undisturbed():
        fleet.stop(demo)
        fleet.remove(demo)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no further Ctrl-C stop the cleaning up; it takes a second."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
