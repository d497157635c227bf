"""Every expected failure, one family; each class has a meaning of its own and an exit code.

The tree (exit code in brackets; 0 is done, 3 is a report that is partly done, see `rollout.report`):

    OpskitError [1]
    ├── UsageError [2]
    │   ├── ConfigError          opskit.toml is missing, broken or says something impossible
    │   ├── SelectorError        a host selector that cannot be read or names nothing
    │   ├── UnknownNameError     no such environment, service, task, rollout
    │   ├── TimeError            a time that cannot be read
    │   └── SourceError          no such revision, folder or artifact
    ├── HostError [1]            something went wrong with one host
    │   ├── UnreachableError     no connection: name, route, port, time limit
    │   ├── HostKeyError         the host's key is unknown or has changed
    │   ├── LoginError           the host refused our keys
    │   ├── ConnectionLostError  the connection ended before the work did
    │   ├── CommandTimeoutError  a command outlived its time limit and was ended
    │   ├── CommandFailedError   a command ended with another status than 0
    │   ├── HostUnfitError       the host lacks something that the work needs
    │   ├── SudoError            sudo on the host lets nobody in, or not with this password
    │   ├── UnhealthyError       the service did not pass its health check in time
    │   ├── NotBackError         the host did not come back from a reboot in time
    │   └── LockLostError        the host no longer knows the lock of this run
    ├── BuildError [1]           the build command failed on this machine
    ├── ChangelogError [1]       the record cannot be read or written
    │   ├── UpstreamError        the upstream cannot be reached, or refuses
    │   │   └── UpstreamRefusesError  it does not take what one writer signed, or its proof
    │   ├── UpstreamLiesError    the upstream does not say what it said before, or what was signed
    │   ├── OvertakenError       another opskit here changed meanwhile what was gone by; begin again
    │   └── AttestationError     no SSH key could sign, or a signature does not stand
    ├── LockedError [4]          another run holds the hosts
    ├── RefusedError [5]         a gate, a rule or a person said no
    └── InterruptedRunError [130]  Ctrl-C or a signal ended the run
"""

from __future__ import annotations

from typing import ClassVar


class OpskitError(Exception):
    """Something expected went wrong: what and where in one line, what to do next in the hint.

    `output` holds the last lines that a command or host said, without secrets.
    """

    exit_code: ClassVar[int] = 1
    kind: ClassVar[str] = "error"

    def __init__(self, what: str, *, hint: str = "", output: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.output = output

    def __str__(self) -> str:
        return self.what

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.__dict__.copy()))


def _rebuild(cls: type[OpskitError], state: dict[str, object]) -> OpskitError:
    error = cls.__new__(cls)
    error.__dict__.update(state)
    error.args = (state["what"],)
    return error


class UsageError(OpskitError):
    """The command or its options do not make sense."""

    exit_code = 2
    kind = "usage"


class ConfigError(UsageError):
    """The configuration is missing, broken or says something impossible."""

    kind = "config"


class SelectorError(UsageError):
    """A host selector cannot be read or names no host."""

    kind = "selector"


class UnknownNameError(UsageError):
    """There is no environment, service, task or rollout of that name."""

    kind = "unknown-name"


class TimeError(UsageError):
    """A point in time cannot be read."""

    kind = "time"


class SourceError(UsageError):
    """There is no such revision, folder or artifact to deploy."""

    kind = "source"


class HostError(OpskitError):
    """Something went wrong with one host.

    `host` is its inventory name.
    """

    kind = "host"

    def __init__(self, host: str, what: str, *, hint: str = "", output: str = "") -> None:
        super().__init__(what, hint=hint, output=output)
        self.host = host

    def __str__(self) -> str:
        return f"{self.host}: {self.what}"


class UnreachableError(HostError):
    """No connection could be made: name, route, port or time limit."""

    kind = "unreachable"


class HostKeyError(HostError):
    """The host's SSH key is unknown or has changed."""

    kind = "host-key"


class LoginError(HostError):
    """The host refused every key that we may use."""

    kind = "login"


class ConnectionLostError(HostError):
    """The connection ended before the work did."""

    kind = "connection-lost"


class CommandTimeoutError(HostError):
    """A command outlived its time limit; its process group was ended."""

    kind = "command-timeout"


class CommandFailedError(HostError):
    """A command on a host ended with another status than 0."""

    kind = "command-failed"


class HostUnfitError(HostError):
    """The host lacks something that the work needs."""

    kind = "host-unfit"


class SudoError(HostError):
    """sudo on the host lets nobody in; `trouble` is "wanted" or "wrong" if that is about a password."""

    kind = "sudo"

    def __init__(
        self, host: str, what: str, *, hint: str = "", output: str = "", trouble: str = ""
    ) -> None:
        super().__init__(host, what, hint=hint, output=output)
        self.trouble = trouble


class UnhealthyError(HostError):
    """The service did not pass its health check in time."""

    kind = "unhealthy"


class NotBackError(HostError):
    """The host did not come back in time, or was never away."""

    kind = "not-back"


class LockLostError(HostError):
    """The host no longer knows the lock of this run, so it refused the command."""

    kind = "lock-lost"
    words: ClassVar[str] = "the lock of this run is gone from the host"


class BuildError(OpskitError):
    """The build command failed on this machine."""

    kind = "build"


class ChangelogError(OpskitError):
    """The changelog cannot be read or written."""

    kind = "changelog"


class UpstreamError(ChangelogError):
    """The upstream cannot be reached, or refuses; `is_empty`: it answers, and no changelog was ever there."""

    kind = "upstream"

    def __init__(
        self, what: str, *, hint: str = "", output: str = "", is_empty: bool = False
    ) -> None:
        super().__init__(what, hint=hint, output=output)
        self.is_empty = is_empty


class UpstreamRefusesError(UpstreamError):
    """The upstream does not take what one writer signed, or its proof; others need not wait for that."""

    kind = "upstream-refuses"


class UpstreamLiesError(ChangelogError):
    """The upstream does not say what it said before, or what was signed; `trick` is one word for how.

    `trick`: other log, rewound, rewritten, dropped, altered, reordered, replayed, forked, split view.
    """

    kind = "upstream-lies"

    def __init__(self, trick: str, what: str, *, hint: str = "", output: str = "") -> None:
        super().__init__(what, hint=hint, output=output)
        self.trick = trick


class OvertakenError(ChangelogError):
    """Another opskit on this machine has changed what was gone by: it reads the upstream anew, or rebuilt the changelog; begin again."""

    kind = "overtaken"


class AttestationError(ChangelogError):
    """No SSH key could sign, or a signature does not stand."""

    kind = "attestation"


class LockedError(OpskitError):
    """Another run holds the hosts."""

    exit_code = 4
    kind = "locked"


class RefusedError(OpskitError):
    """A gate, a rule or a person said no."""

    exit_code = 5
    kind = "refused"


class InterruptedRunError(OpskitError):
    """Ctrl-C or a signal ended the run."""

    exit_code = 130
    kind = "interrupted"
