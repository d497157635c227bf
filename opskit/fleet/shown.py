"""What a task runs, here or on its host, is shown to the task's taps: what both of invoke's runners share."""

from __future__ import annotations

import codecs
import sys
from typing import TYPE_CHECKING, Any

import invoke.runners
from invoke.util import isatty

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

POLL = 0.02
BLOCK = 256 * 1024


class Shown(invoke.runners.Runner):
    """A runner that shows what it runs to the task's taps, and reads no standard input without a pty."""

    input_sleep = POLL

    def run(self, command: str, **kwargs: Any) -> Any:
        """Run `command`; see invoke's Runner.run."""
        run = self.context.config.run
        hidden = invoke.runners.normalize_hide(kwargs.get("hide", run.hide))
        work = self.context.work
        for name, stream, tap in (("out", "stdout", work.out), ("err", "stderr", work.err)):
            if kwargs.get(f"{name}_stream") is None and stream not in hidden:
                kwargs[f"{name}_stream"] = tap
        if kwargs.get("in_stream") is None and run.in_stream is None:
            pty = kwargs.get("pty", run.pty)
            kwargs["in_stream"] = sys.stdin if pty and isatty(sys.stdin) else False
        return super().run(command, **kwargs)

    def echo(self, command: str) -> None:
        """Show the command itself, as `echo=True` asks for."""
        self.context.work.out.write(f"{self.opts['echo_format'].format(command=command)}\n")

    def respond(self, buffer_: list[str]) -> None:
        """Answer prompts; without watchers there is nothing to look for."""
        if self.watchers:
            super().respond(buffer_)

    def read_proc_output(
        self, reader: Callable[[int], bytes | None]
    ) -> Generator[str, None, None]:
        """Give output as text; a character cut by a block's end waits for its rest."""
        decoder = codecs.getincrementaldecoder(self.encoding)("replace")
        while data := reader(BLOCK):
            if text := decoder.decode(data):
                yield text
        if rest := decoder.decode(b"", True):  # noqa: FBT003 - "final", in codecs' words
            yield rest


class LocalRunner(Shown, invoke.runners.Local):
    """`c.local`: a command on this machine."""

    @property
    def process_is_finished(self) -> bool:
        """Whether the process has ended; it is ended itself if the fleet is cancelled."""
        if self.context.work.running.cancelled:
            self.kill()
            self.context.work.check()
        return bool(super().process_is_finished)

    def stop(self) -> None:
        """Close the process's pipes as well."""
        super().stop()
        process = getattr(self, "process", None)
        for pipe in (process.stdin, process.stdout, process.stderr) if process else ():
            if pipe is not None:
                pipe.close()
