"""Fabric tasks: which there are, and one run of one of them on one host."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opskit.config.lookup import did_you_mean
from opskit.errors import (
    CommandFailedError,
    CommandTimeoutError,
    HostError,
    OpskitError,
    SudoError,
    UsageError,
)
from opskit.fleet import sudo, taskfile
from opskit.fleet.capture import Stream
from opskit.fleet.command import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from opskit.config.secret import Redactor, Secret
    from opskit.fleet.capture import Watch
    from opskit.fleet.command import Parameter, TaskInfo
    from opskit.fleet.remote import Remote
    from opskit.fleet.running import Running
    from opskit.fleet.vault import Vault


ASK = (
    "say --sudo: opskit asks for it once; for a service's task, say `sudo = true` beside its name"
)


def list_tasks(path: Path) -> tuple[TaskInfo, ...]:
    """Give the tasks of tasks.py by name, those of namespaces as `space.name`; raises ConfigError."""
    return taskfile.load(path).infos()


def run(
    remote: Remote,
    path: Path,
    name: str,
    arguments: Mapping[str, object],
    *,
    running: Running,
    env: Mapping[str, str | Secret],
    vault: Vault,
    watch: Watch | None,
) -> Result:
    """Run a task, with its pre and post tasks, on one host; what it shows is the result's output.

    Raises ConfigError, UnknownNameError, UsageError for wrong arguments, CommandFailedError for a
    command that failed, CommandTimeoutError, and HostError for whatever else the task raises.
    """
    from opskit.fleet import prints, runner

    tasks = taskfile.load(path)
    task, settings = tasks.find(name)
    values = fitted(name, taskfile.info(name, task).parameters, arguments)
    hidden = vault.redactor.also([*env.values(), *values.values()])
    out, err = Stream("stdout", hidden, watch), Stream("stderr", hidden, watch)
    password = vault.password_for(remote.name, "root")
    work = prints.Work(remote, running, env, prints.Tap(out), prints.Tap(err), password)
    began = time.monotonic()
    folder = str(path.parent)
    connection = runner.make_connection(work, settings, folder, remote.command_timeout)
    try:
        with prints.printed_to(work.out):
            _call_all(task, connection, values)
    except (
        Exception
    ) as error:  # the user's code may raise anything, and that is one host's trouble
        raise Failed(remote.name, name, path, hidden, out, err).told(error) from error
    finally:
        connection.close()
    seconds = time.monotonic() - began
    outs = out.end(), err.end()
    return Result(
        remote.name, 0, *outs, seconds, truncated=out.kept.truncated or err.kept.truncated
    )


def fitted(
    task: str, parameters: Iterable[Parameter], arguments: Mapping[str, object]
) -> dict[str, Any]:
    """Give `arguments` by parameter name and of the right type; raises UsageError."""
    known = {parameter.name: parameter for parameter in parameters}
    given = {name.replace("-", "_"): value for name, value in arguments.items()}
    for name in given.keys() - known.keys():
        raise UsageError(f"task {task} has no option {name!r}", hint=did_you_mean(name, known))
    missing = [
        name for name, parameter in known.items() if parameter.required and name not in given
    ]
    if missing:
        raise UsageError(f"task {task} needs a value for {', '.join(missing)}")
    return {name: _converted(task, known[name], value) for name, value in given.items()}


def _converted(task: str, parameter: Parameter, value: object) -> object:
    if not isinstance(value, str) or parameter.kind in {str, bool}:
        return value
    try:
        return parameter.kind(value)
    except ValueError:
        kind = parameter.kind.__name__
        raise UsageError(
            f"task {task}: {parameter.name} must be of type {kind}, not {value!r}"
        ) from None


def _call_all(task: Any, connection: Any, values: Mapping[str, Any]) -> None:
    """Call the task between the tasks that it wants called before and after it."""
    for other in task.pre:
        _call_other(other, connection)
    said = task(connection, **values)
    if task.autoprint and said is not None:
        connection.work.out.write(f"{said}\n")
    for other in task.post:
        _call_other(other, connection)


def _call_other(call: Any, connection: Any) -> None:
    task = getattr(call, "task", call)
    for other in task.pre:
        _call_other(other, connection)
    task(connection, *getattr(call, "args", ()), **getattr(call, "kwargs", {}))
    for other in task.post:
        _call_other(other, connection)


@dataclass(frozen=True, slots=True)
class Failed:
    """A task that failed on a host, and what it had shown by then."""

    host: str
    task: str
    path: Path
    redactor: Redactor
    out: Stream
    err: Stream

    def told(self, error: BaseException) -> OpskitError:
        """Give what the task raised as one of our errors."""
        from invoke.exceptions import AuthFailure, CommandTimedOut, Failure, ThreadException

        if isinstance(error, ThreadException) and error.exceptions:
            error = error.exceptions[0].value
        if isinstance(error, OpskitError):
            return error
        where, tail = f"task {self.task}", self._tail(getattr(error, "result", None))
        if isinstance(error, AuthFailure):
            what = f"{where}: sudo there does not take the password"
            return SudoError(self.host, what, trouble="wrong", output=tail)
        if isinstance(error, CommandTimedOut):
            command = self._short(error.result.command)
            what = f"{where}: {command} did not end within {error.timeout:g} s"
            return CommandTimeoutError(self.host, f"{what}; its processes were ended", output=tail)
        if (
            isinstance(error, Failure)
            and sudo.WANTED in f"{error.result.stdout}{error.result.stderr}"
        ):
            what = f"{where}: sudo there wants a password"
            return SudoError(self.host, what, hint=ASK, trouble="wanted", output=tail)
        if isinstance(error, Failure):
            command = self._short(error.result.command)
            what = f"{where}: {command} ended with status {error.result.exited}"
            return CommandFailedError(self.host, what, output=tail)
        words = " ".join(self.redactor.text(str(error)).split())
        place = f"{self.path.name}:{taskfile.line_in(self.path, error)}"
        return HostError(
            self.host, f"{where}: {type(error).__name__}: {words} ({place})", output=tail
        )

    def _short(self, command: str) -> str:
        first = self.redactor.text(command).strip().split("\n", 1)[0]
        return f"`{first[:80]}{'…' if len(first) > 80 else ''}`"

    def _tail(self, result: Any) -> str:
        shown = (self.out.end() + self.err.end()).decode("utf-8", "replace")
        if result is not None and not shown.strip():
            shown = self.redactor.text(f"{result.stdout}{result.stderr}")
        return "\n".join(shown.splitlines()[-10:])
