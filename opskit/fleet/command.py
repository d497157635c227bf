"""A remote command as a value, and what came of it; nothing here touches a host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from opskit.config.model import NOTHING
from opskit.errors import CommandFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opskit.config.secret import Secret
    from opskit.errors import OpskitError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Command:
    """A POSIX sh script for a host.

    `env` reaches the script without standing in any process list. `input` follows on the script's
    standard input: bytes, or a function that gives a fresh iterator of bytes for each host.
    `timeout` in seconds; None is the configured `ssh.command_timeout`. One that does no harm `twice` is run again where the
    connection was lost under it.

    With `sudo`, the name of a user, the script runs as that user, in the folder in which the script `before`, which still runs
    as whoever logged in, ends; the standard input of both is empty then.
    """

    script: str
    env: Mapping[str, str | Secret] = NOTHING
    input: bytes | Callable[[], Iterable[bytes]] = b""
    timeout: float | None = None
    twice: bool = False
    sudo: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """A command that ended on a host; output is redacted and bounded (`truncated` says if cut)."""

    host: str
    exit: int
    stdout: bytes
    stderr: bytes
    seconds: float
    truncated: bool = False

    @property
    def ok(self) -> bool:
        """Whether the command ended with 0."""
        return self.exit == 0

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.stdout.decode("utf-8", "replace")

    def tail(self, lines: int = 10) -> str:
        """Give the last lines of what the command said, standard error last."""
        said = (self.stdout + self.stderr).decode("utf-8", "replace").splitlines()
        return "\n".join(said[-lines:])

    def require(self, what: str, *, lines: int = 10) -> Result:
        """Give itself if the command ended with 0; raises CommandFailedError that says `what` failed, with the last `lines`."""
        if not self.ok:
            raise CommandFailedError(
                self.host, f"{what} ended with status {self.exit}", output=self.tail(lines)
            )
        return self


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What an HTTP server behind a host answered: status and the first 64 KiB of the body."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What came of some work on one host: a value, or the error that ended it."""

    host: str
    seconds: float
    value: T | None = None
    error: OpskitError | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a Fabric task: `kind` is str, int, float or bool; `required` has no default."""

    name: str
    kind: type
    default: Any
    required: bool
    help: str = ""
    short: str = ""


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """A Fabric task of tasks.py as the CLI sees it; `name` uses dashes, as on the command line."""

    name: str
    help: str
    parameters: tuple[Parameter, ...]
