"""tasks.py, loaded as invoke would: its tasks by name, what they take, and what is wrong with it."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import threading
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opskit.config.lookup import did_you_mean
from opskit.errors import ConfigError, UnknownNameError
from opskit.fleet.command import Parameter, TaskInfo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import ModuleType

KINDS = (bool, int, float, str)

_loading = threading.Lock()
_loaded: dict[tuple[Path, int], Tasks] = {}


@dataclass(frozen=True, slots=True)
class Tasks:
    """A loaded tasks.py; `collection` is its invoke.Collection."""

    path: Path
    collection: Any

    def find(self, name: str) -> tuple[Any, Mapping[str, Any]]:
        """Give a task and its collection's settings; raises UnknownNameError."""
        known = self.collection.task_names
        aliases = [alias for names in known.values() for alias in names]
        if name not in {*known, *aliases}:
            hint = did_you_mean(name, known) or f"{self.path} defines no task"
            raise UnknownNameError(f"no task {name!r} in {self.path.name}", hint=hint)
        task, settings = self.collection.task_with_config(name)
        return task, settings

    def infos(self) -> tuple[TaskInfo, ...]:
        """Give what the command line must know of each task, by name."""
        return tuple(
            info(name, self.collection[name]) for name in sorted(self.collection.task_names)
        )


def load(path: Path) -> Tasks:
    """Load tasks.py; a file that has not changed is loaded once. Raises ConfigError."""
    try:
        key = (path.resolve(), path.stat().st_mtime_ns)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}", hint="`opskit init` writes a first one"
        ) from None
    with _loading:
        if key not in _loaded:
            _loaded[key] = Tasks(path, _collection(path))
        return _loaded[key]


def _collection(path: Path) -> Any:
    from invoke import Collection

    module = _module(path)
    try:
        return Collection.from_module(module, loaded_from=str(path.parent))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path}: {_one_line(error)}") from None


def _module(path: Path) -> ModuleType:
    """Import the file; modules beside it can be imported, from it and later from its tasks."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    folder = str(path.resolve().parent)
    sys.modules[spec.name] = module
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ConfigError(f"{error.filename or path}:{error.lineno}: {error.msg}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the user's file raises
        what = f"{type(error).__name__}: {_one_line(error)}"
        raise ConfigError(f"{path}:{line_in(path, error)}: {what}") from None
    finally:
        sys.path.remove(folder)
        # At the end from now on: no file beside tasks.py can stand in for a module of opskit's.
        if folder not in sys.path:
            sys.path.append(folder)
    return module


def line_in(path: Path, error: BaseException) -> int:
    """Give the last line of the file that an exception came through, 0 if it did not."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno or 0 for frame in frames if frame.filename == str(path)]
    return lines[-1] if lines else 0


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def info(name: str, task: Any) -> TaskInfo:
    """Give what the command line must know of a task: signature, `help` and docstring."""
    doc = (inspect.getdoc(task) or "").split("\n\n", 1)[0]
    shorts = _shorts(task)
    given = [
        parameter
        for parameter in task.argspec(task.body).parameters.values()
        if parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
    ]
    parameters = tuple(_parameter(parameter, task, shorts) for parameter in given)
    return TaskInfo(name, " ".join(doc.split()), parameters)


def _parameter(parameter: inspect.Parameter, task: Any, shorts: Mapping[str, str]) -> Parameter:
    name = parameter.name
    required = parameter.default is parameter.empty
    default = None if required else parameter.default
    text = task.help.get(name, task.help.get(name.replace("_", "-"), ""))
    kind = _kind(parameter)
    return Parameter(name, kind, default, required, help=text, short=shorts.get(name, ""))


def _kind(parameter: inspect.Parameter) -> type:
    """Give the type that a value must have: what the annotation says, else the default's type."""
    written = parameter.annotation
    for kind in KINDS:
        if written is kind or (
            isinstance(written, str) and written.split(" |")[0] == kind.__name__
        ):
            return kind
    return next((kind for kind in KINDS if isinstance(parameter.default, kind)), str)


def _shorts(task: Any) -> dict[str, str]:
    """Give the one-letter options that invoke would give the parameters, `-x` as `x`."""
    kept = dict(task.help)
    try:
        arguments = task.get_arguments(ignore_unknown_help=True)
    finally:
        task.help = kept
    return {
        argument.attr_name or argument.name: next((n for n in argument.names if len(n) == 1), "")
        for argument in arguments
    }
