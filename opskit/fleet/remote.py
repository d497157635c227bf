"""One host of an open fleet: run a command there, look at a port from there, run a task on it."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from opskit.config.model import NOTHING
from opskit.errors import (
    CommandTimeoutError,
    ConnectionLostError,
    HostError,
    HostUnfitError,
)
from opskit.fleet import sudo
from opskit.fleet.kept import Turn, suits
from opskit.fleet.lines import Lines
from opskit.fleet.session import MEETING, Session, open_session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from opskit.config.secret import Redactor, Secret
    from opskit.fleet.capture import Watch
    from opskit.fleet.command import Command, HttpAnswer, Result
    from opskit.fleet.dial import Dialer
    from opskit.fleet.inventory import Host
    from opskit.fleet.running import Running
    from opskit.fleet.session import Line
    from opskit.fleet.vault import Vault


class Remote:
    """One host of an open fleet. Its work runs in one thread at a time."""

    def __init__(self, host: Host, dialer: Dialer, running: Running, vault: Vault) -> None:
        self.host = host
        self.name = host.name
        self._dialer = dialer
        self._running = running
        self._vault = vault
        self._lines = Lines(host, dialer, running, vault)

    def execute(self, command: Command, *, watch: Watch | None = None) -> Result:
        """Run `command` and give what came of it, whatever its exit status.

        `watch` gets ("stdout" or "stderr", bytes) as they come, without secrets. The time limit
        counts from when the connection stands; then the command's whole process group is ended.
        Raises UnreachableError, HostKeyError, LoginError, ConnectionLostError,
        CommandTimeoutError, HostUnfitError, SudoError, and HostError if the fleet is cancelled.
        """
        if command.sudo:
            self._vault.demand_not_refused(self.name)
        redactor = self._redactor.also(command.env.values())
        if command.twice:
            with contextlib.suppress(ConnectionLostError):
                return self._execute(command, redactor, watch)
        return self._execute(command, redactor, watch)

    def _execute(self, command: Command, redactor: Redactor, watch: Watch | None) -> Result:
        session = self._begin(command, redactor, watch)
        try:
            with self._running.register(session.interrupt):
                return self._finish(session, self._limit(command))
        except ConnectionLostError:
            self.leave_behind(session.pid)
            raise
        except BaseException:
            # A watcher or a Ctrl-C broke in: nothing may run on there unseen.
            if session.runs and not session.meet(time.monotonic() + MEETING) and session.pid:
                self.end_group(session.pid)
            raise
        finally:
            session.close()
            if session.line is not self._lines.now:
                session.line.transport.close()

    def _begin(self, command: Command, redactor: Redactor, watch: Watch | None) -> Session:
        """Give a started session; a kept connection that has died meanwhile is made anew, once.

        So is one that opens no other session (MaxSessions 1) while one of ours runs, or what it left behind: then there are two.
        """

        def make(line: Line) -> Session:
            password = self._vault.password_for(self.name, command.sudo)
            return Session(line, command, redactor, watch, password)

        if self._lines.keeps and suits(command) and (turn := self._turn(command, redactor, watch)):
            return turn
        session = make(self._lines.get())
        try:
            session.start()
        except ConnectionLostError:
            session = make(self._lines.get())
            session.start()
        except HostUnfitError:
            if session.channel is not None:
                raise
            session = self._start_anyhow(make)
        return session

    def _turn(self, command: Command, redactor: Redactor, watch: Watch | None) -> Turn | None:
        """Give a command its turn in the kept shell; None if it must do without."""
        kept = self._lines.kept()
        if kept is None:
            return None
        turn = Turn(kept, command, redactor, watch)
        try:
            turn.start()
        except (ConnectionLostError, HostUnfitError):
            turn.close()
            return None
        except BaseException:
            turn.close()
            raise
        return turn

    def _start_anyhow(self, make: Callable[[Line], Session]) -> Session:
        """Start on a connection that opens no other session: without the kept shell, else on a second connection."""
        self._lines.keeps = False
        if self._lines.let_go():
            session = make(self._lines.get())
            try:
                session.start()
            except HostUnfitError:
                if session.channel is not None:
                    raise
            else:
                return session
        session = make(self._lines.spare())
        session.start()
        return session

    @property
    def _redactor(self) -> Redactor:
        return self._vault.redactor

    def approach(self) -> None:
        """Connect ahead of time; what stands in the way is said to whoever needs the host first."""
        self._lines.approach()

    def line(self) -> Line:
        """Give the open connection; makes one first, or anew if it has died. Raises HostError."""
        return self._lines.get()

    def open_session(self) -> Any:
        """Give a new session channel on the open connection, if need be the place of the kept shell. Raises HostError."""
        try:
            return open_session(self.line())
        except HostUnfitError:
            self._lines.keeps = False
            if not self._lines.let_go(wait=True):
                raise
            return open_session(self.line())

    def leave_behind(self, pid: int) -> None:
        """Remember the shell `pid` of a connection that was lost: it is ended when there is another one."""
        self._lines.leave_behind(pid)

    def hang_up(self, *, keys: bool = False) -> None:
        """End the connection, so that whatever comes next makes a new one; `keys` reads known_hosts anew for it.

        A host that cannot be reached then is not waited for: who hangs up knows why.
        """
        self._lines.hang_up(keys=keys)

    def trust(self, given: str) -> tuple[str, ...]:
        """Let only the host keys count that are `given`, if any are; gives them for people. Raises HostKeyError."""
        from opskit.fleet import trust

        told = trust.replace_keys(self.host, given)
        self.hang_up(keys=True)
        return told

    def http_get(self, url: str, *, timeout: float) -> HttpAnswer:
        """Fetch `url` as the host sees it; raises HostError if there is no HTTP answer in time."""
        from opskit.fleet import tunnel

        try:
            answer = tunnel.http_get(self.line(), self._running, url, timeout)
        except HostError as error:
            raise self._redactor.error(error) from None
        return replace(answer, body=self._redactor.data(answer.body))

    def tcp_open(self, address: str, port: int, *, timeout: float) -> None:
        """Open and close a TCP connection from the host; raises HostError if that fails."""
        from opskit.fleet import tunnel

        tunnel.tcp_open(self.line(), self._running, address, port, timeout)

    def ask_socket(self, path: str, data: bytes, *, timeout: float, most: int) -> bytes:
        """Send `data` to a Unix socket of the host, through the SSH connection; gives the answer. Raises HostError."""
        from opskit.fleet import tunnel

        line = self.line()
        answer = tunnel.ask_socket(line, self._running, path, data, timeout=timeout, most=most)
        return self._redactor.data(answer)

    def run_task(
        self,
        tasks: Path,
        name: str,
        arguments: Mapping[str, object],
        *,
        env: Mapping[str, str | Secret] = NOTHING,
        watch: Watch | None = None,
    ) -> Result:
        """Run a Fabric task of `tasks` on this host.

        `env` reaches every command that the task runs here. Raises ConfigError for a file that
        cannot be loaded, UnknownNameError, CommandFailedError, and HostError for what the task raises.
        """
        from opskit.fleet import tasks as fabric_tasks

        self._running.check(self.name)
        self._lines.let_go(wait=True)  # a task may want all the sessions that a host gives
        return fabric_tasks.run(
            self,
            tasks,
            name,
            arguments,
            running=self._running,
            env=env,
            vault=self._vault,
            watch=watch,
        )

    @property
    def connection(self) -> Any:
        """A new fabric.Connection over the open connection; what it runs is shown nowhere."""
        from opskit.fleet import runner

        self._lines.let_go(wait=True)
        return runner.quiet_connection(self, self._running, self._vault)

    @property
    def command_timeout(self) -> float:
        """Seconds that a command gets if it names no limit."""
        return self._dialer.ssh.command_timeout

    @property
    def running(self) -> Running:
        """What runs on the fleet now, and may be cancelled."""
        return self._running

    def end_group(self, pid: int) -> bool:
        """End the process group of shell `pid`, by sudo what of it runs by sudo; tells whether it is certainly gone."""
        return self._lines.end_group(pid)

    def _limit(self, command: Command) -> float:
        return self.command_timeout if command.timeout is None else command.timeout

    def _finish(self, session: Session, limit: float) -> Result:
        if session.follow(session.started + limit):
            return self._checked(session)
        if session.meet(time.monotonic() + MEETING):
            return self._checked(session)
        raise self._ended(session, limit)

    def _checked(self, session: Session) -> Result:
        result = session.result()
        preamble, _ = session.out
        if isinstance(session, Turn) and not session.is_told:
            self._lines.keeps = False
            raise ConnectionLostError(self.name, "the shell that was kept open there has ended")
        if preamble.found:
            names = {"user": self.host.user, "target": session.command.sudo}
            sudo.demand_let_in(result, **names, marker=session.marker)
            return result
        said = self._redactor.data(preamble.noise + session.err[0].noise).decode(
            "utf-8", "replace"
        )
        raise HostUnfitError(
            self.name,
            f"the login of {self.host.user} there runs no commands (status {result.exit})",
            hint="its shell, a forced command or its profile ended the session",
            output="\n".join(said.splitlines()[-10:]),
        )

    def _ended(self, session: Session, limit: float) -> Exception:
        cancelled = session.input_error is None and session.interrupted
        gone = session.pid > 0 and self.end_group(session.pid)
        session.given_up = True
        session.follow(time.monotonic() + 0.2)
        if session.input_error is not None:
            return session.input_error  # type: ignore[return-value]  # an Exception in all but name
        tail = session.result().tail()
        after = "its processes were ended" if gone else "its processes may still run there"
        hint = "" if gone else f"look with: opskit exec -H {self.name} 'ps -ef'"
        if cancelled:
            return HostError(self.name, f"cancelled; {after}", hint=hint, output=tail)
        what = f"the command did not end within {limit:g} s; {after}"
        return CommandTimeoutError(self.name, what, hint=hint, output=tail)
