"""The edge of the program: every error becomes one line (or an envelope) and an exit code, here only."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
from typing import TYPE_CHECKING

import click

from opskit.cli.hiding import Known, hider_of
from opskit.cli.render import envelope, terminal, text
from opskit.errors import InterruptedRunError, OpskitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DONE = 0
FAILED = 1
GROUPS = ("changelog", "runbook")
OWN_WORDS = ("exec", "run")
"""Commands behind which words of others stand, which may be empty; they look at their own themselves."""


_EMPTY = re.compile(r"--[a-z-]+=")


def run(args: Sequence[str]) -> int:
    """Run the command that `args` name and give the exit code; nothing that happens escapes as a traceback."""
    terminal.make_streams_safe()
    known = Known()
    with _signals_as_interrupts():
        try:
            code = _call(args, known)
            terminal.flush()
        except BrokenPipeError:
            terminal.silence()
            return FAILED
        except BaseException as error:  # noqa: BLE001 (the one broad catch of the program)
            known.hide(error)
            code = _tell(error, args)
        return code


def _call(args: Sequence[str], known: Known) -> int:
    """Let Click find and run the command, which says by `known` what it knows; a command gives its exit code, None is 0."""
    from opskit.cli.app import app

    _demand_words(args)
    code = app.main(list(args), prog_name="opskit", standalone_mode=False, obj=known)
    return code if isinstance(code, int) else DONE


def _demand_words(args: Sequence[str]) -> None:
    """Raise UsageError for an empty word, as a variable that is not set makes one: to some options, it would mean all."""
    ours = args[: args.index("--")] if "--" in args else args
    empty = [at for at, arg in enumerate(ours) if not arg or _EMPTY.fullmatch(arg)]
    if not empty or command_of(args).split(" ")[0] in OWN_WORDS:
        return
    at = empty[0]
    option = args[at] or (args[at - 1] if at else "")
    what = option.rstrip("=") if option.startswith("-") else f"word {at + 1} of the command"
    raise UsageError(
        f"{what} is empty", hint="is a variable not set? leave it out if it is not wanted"
    )


@contextlib.contextmanager
def _signals_as_interrupts() -> Iterator[None]:
    """Let SIGTERM and SIGHUP (unless ignored, as under nohup) end a run as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted = [number for number in (signal.SIGTERM, signal.SIGHUP) if _is_ours(number)]
    before = {number: signal.signal(number, signal.default_int_handler) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_ours(number: signal.Signals) -> bool:
    return signal.getsignal(number) is signal.SIG_DFL


def _tell(error: BaseException, args: Sequence[str]) -> int:
    """Say what went wrong, once, where the reader looks for it, and give the exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAILED
    if os.environ.get("OPSKIT_DEBUG") == "1":
        _show_traceback(error)
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and not wants_json(args):
        text.mention(error.format_message())
        return UsageError.exit_code
    expected = as_expected(error) or _not_utf8(error, args) or _crash(error, args)
    try:
        if wants_json(args):
            envelope.show_error(command_of(args), expected)
        else:
            text.complain(expected)
        terminal.flush()
    except OSError:
        terminal.silence()
    return expected.exit_code


def as_expected(error: BaseException) -> OpskitError | None:
    """Give the error as one of ours, or None if nobody foresaw it."""
    if isinstance(error, OpskitError):
        return error
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return InterruptedRunError("interrupted")
    if isinstance(error, click.UsageError):
        return UsageError(_sentence(error), hint=_where_help_is(error))
    if isinstance(error, click.ClickException):
        return OpskitError(_sentence(error))
    if isinstance(error, OSError) and terminal.is_output_error(error):
        return OpskitError(f"cannot write the output: {error.strerror}")
    return None


def _not_utf8(error: BaseException, args: Sequence[str]) -> OpskitError | None:
    """Give the error of a word that was typed and is no text, where that is what something tripped over."""
    words = [word for word in args if not word.isascii() and "\ufffd" in _shown(word)]
    if not isinstance(error, UnicodeEncodeError) or not words:
        return None
    return UsageError(f"{_shown(words[0])} is not UTF-8", hint="type it in UTF-8, or leave it out")


def _shown(word: str) -> str:
    """Give a word with U+FFFD for bytes that are no text, at most 40 characters."""
    return word.encode("utf-8", "surrogateescape").decode("utf-8", "replace")[:40]


def _sentence(error: click.ClickException) -> str:
    said = error.format_message()
    return (said[:1].lower() + said[1:]).removesuffix(".")


def _where_help_is(error: click.UsageError) -> str:
    return f"see: {error.ctx.command_path if error.ctx else 'opskit'} --help"


def _crash(error: BaseException, args: Sequence[str]) -> OpskitError:
    """Write a report of an error that nobody foresaw, and give the one line that says so."""
    from opskit.cli import crash

    return crash.report(error, args)


def _show_traceback(error: BaseException) -> None:
    import traceback

    text.mention(hider_of(error)("".join(traceback.format_exception(error))).rstrip())


def wants_json(args: Sequence[str]) -> bool:
    """Say whether the command line asks for JSON, even if nothing else in it makes sense."""
    ours = list(args)[: list(args).index("--")] if "--" in args else args
    return "--json" in ours


def command_of(args: Sequence[str]) -> str:
    """Give the command that the arguments name, of a group's both words, or nothing."""
    words = [arg for arg in args if not arg.startswith("-")]
    return " ".join(words[: 2 if words[:1] and words[0] in GROUPS else 1])
