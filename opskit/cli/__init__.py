"""The command line: thin Click commands, one file each; `render` is the only place that prints.

How to add a command:

1. Write `cli/NAME.py` with one `@click.command()` function; share options from `cli/options.py`.
2. Name it in `cli/app.py`, in the section of `SECTIONS` where it belongs.
3. Run `python -m tests.docs`, which brings the README's tables up to date.

What a command may count on:

- Its body parses, calls once, shows once (15 lines at most), and gives its exit code; None is 0.
- It raises the errors of `opskit.errors`; `boundary` turns them into one line or an envelope. No `sys.exit`.
- At the top of its module it imports click, the standard library and light opskit modules only.
  What is heavy comes from `wiring`, inside the function: `wiring.read_config()`, `open_inventory`,
  `open_fleet`, `open_changelog`.
- It prints with `render.text` (`say` to standard output, `mention` to standard error, never in the
  way of the work), `render.table.show` (rows), or `render.envelope.show` (with `--json`: once, and
  nothing else on standard output).
- Everything printed goes through `render.terminal.visible` there, so control characters that a
  host sent are shown, not obeyed.
- SIGTERM and SIGHUP arrive as KeyboardInterrupt, like Ctrl-C, and end with 130.
"""

from __future__ import annotations

import gc
import os
import sys

OBJECTS_BEFORE_COLLECTING = 50_000


def main() -> None:
    """Run opskit on the process's arguments and leave with its exit code.

    `run` has flushed what was printed and closed what was open. The interpreter's own end would now wait for
    the threads of idle SSH connections and take modules apart: a tenth of a short command's time. Nor is it worth while
    to look for garbage among what was just imported, a twentieth.
    """
    gc.set_threshold(OBJECTS_BEFORE_COLLECTING)
    try:
        from opskit.cli.boundary import run
    except KeyboardInterrupt:
        sys.exit(130)
    os._exit(run(sys.argv[1:]))
