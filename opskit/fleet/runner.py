"""Fabric's Connection and runners as tasks get them: our bootstrap, our limits, our ends."""

from __future__ import annotations

import contextlib
import shlex
import time
from typing import TYPE_CHECKING, Any

import fabric
import fabric.runners
import invoke.runners
import paramiko

from opskit.config.secret import Secret
from opskit.errors import HostUnfitError
from opskit.fleet import bootstrap, problems, session
from opskit.fleet.capture import Stream
from opskit.fleet.connection import Client
from opskit.fleet.prints import Tap, Work
from opskit.fleet.shown import BLOCK, POLL, LocalRunner, Shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opskit.fleet.remote import Remote
    from opskit.fleet.running import Running
    from opskit.fleet.session import Line
    from opskit.fleet.vault import Vault


class Connection(fabric.Connection):
    """A fabric.Connection over a connection of the fleet; what it runs goes through our bootstrap."""

    work: Any = None

    def open(self) -> None:
        """Make sure that the fleet's connection stands; host keys are checked there."""
        transport = self.work.remote.line().transport
        if self.transport is not transport:
            self.transport = transport
            self.client = Client(transport, self.work.remote.name)
            self._sftp = None

    def close(self) -> None:
        """End an SFTP session, if there is one; the connection itself belongs to the fleet."""
        if self._sftp is not None:
            self._sftp.close()
            self._sftp = None

    def sudo(self, command: str, **kwargs: Any) -> Any:
        """Run `command` by sudo; inside `cd` and `prefix`, all of it runs by sudo."""
        whole = self._prefix_commands(command)
        if whole == command:
            return super().sudo(command, **kwargs)
        places, prefixes = list(self.command_cwds), list(self.command_prefixes)
        self.command_cwds.clear()
        self.command_prefixes.clear()
        try:
            return super().sudo(f"/bin/sh -c {shlex.quote(whole)}", **kwargs)
        finally:
            self.command_cwds.extend(places)
            self.command_prefixes.extend(prefixes)

    def _sudo(self, runner: Any, command: str, **kwargs: Any) -> Any:
        """Run it as invoke does; where no password is known, try none: each failure counts against the account."""
        if kwargs.get("password", self.config.sudo.password) is not None:
            return super()._sudo(runner, command, **kwargs)
        kwargs.pop("password", None)
        user = kwargs.pop("user", self.config.sudo.user)
        env = kwargs.get("env") or {}
        words = ["sudo", "-n", f"--preserve-env={shlex.quote(','.join(env))}"] if env else ["sudo", "-n"]  # fmt: skip
        words += ["-H", "-u", str(user)] if user is not None else []
        return runner.run(" ".join([*words, self._prefix_commands(command)]), **kwargs)


class Runner(Shown, fabric.runners.Remote):
    """`c.run`: the script travels on standard input, and an end ends the whole process group."""

    line: Line
    channel: Any = None
    killed = gone = False

    def start(self, command: str, _shell: str, env: dict[str, Any], _timeout: Any = None) -> None:
        """Start `command` on the host; invoke gives all this by position."""
        work, self.line = self.context.work, self.context.work.remote.line()
        work.check()
        self.began = self.pinged = time.monotonic()
        marker = bootstrap.new_marker()
        whole = {**work.env, **{name: _text(value) for name, value in env.items()}}
        first = session.first_line(command, whole, marker, terminal=self.using_pty)
        self.preambles = {name: bootstrap.Preamble(marker) for name in ("stdout", "stderr")}
        self.channel = work.remote.open_session()
        self.channel.settimeout(session.POLL)
        if self.using_pty:
            self._start_on_terminal()
        else:
            session.request_shell(self.line, self.channel)
        self._send(first)
        if not (self.using_pty or self.streams["in"] or self.watchers):
            self.channel.shutdown_write()

    def default_encoding(self) -> str:
        """Give UTF-8: the host's output does not depend on this machine's locale."""
        return "utf-8"

    def read_proc_stdout(self, num_bytes: int) -> bytes:
        """Give what came on standard output, b"" at its end."""
        return self._read("stdout", self.channel.recv, num_bytes)

    def read_proc_stderr(self, num_bytes: int) -> bytes:
        """Give what came on standard error, b"" at its end."""
        return self._read("stderr", self.channel.recv_stderr, num_bytes)

    @property
    def process_is_finished(self) -> bool:
        """Whether the command has ended; a cancelled fleet and a dead host end the wait."""
        if self.context.work.running.cancelled:
            self.kill()
            self.context.work.check(ended=self.gone)
        if self.channel.exit_status_ready():
            return True
        self.pinged = session.look_after(self.line, self.began, self.pinged)
        return False

    @property
    def timed_out(self) -> bool:
        """Whether our time limit ended it."""
        return bool(self.killed)

    def returncode(self) -> int:
        """Give the exit status; raises ConnectionLostError if there will be none."""
        status = int(self.channel.exit_status)
        if status < 0 and not self.line.transport.alive:
            raise problems.lost(self.line.host, self.line.transport, time.monotonic() - self.began)
        if not self.preambles["stdout"].found and not self.killed:
            raise HostUnfitError(self.line.host.name, "the login there runs no commands")
        return status

    def kill(self) -> None:
        """End the command's whole process group on the host."""
        self.killed = True
        pid = self._meet(time.monotonic() + session.MEETING)
        over = self.channel.exit_status_ready()
        self.gone = self.context.work.remote.end_group(pid) if pid else over
        self._leave()

    def _meet(self, until: float) -> int:
        """Give the shell's process id once it has told it; 0 if it has ended or tells nothing until then.

        Right after its start it has not: to leave then would let the command run on there, unseen.
        """
        preamble = self.preambles["stdout"]
        while not preamble.pid and time.monotonic() < until:
            if self.channel.exit_status_ready() or not self.line.transport.alive:
                break
            if not self._is_read():
                with contextlib.suppress(TimeoutError):
                    preamble.feed(self.channel.recv(BLOCK))
            time.sleep(POLL)
        return preamble.pid

    def _is_read(self) -> bool:
        """Tell whether invoke's own threads still take in what comes."""
        return any(thread.is_alive() for thread in getattr(self, "threads", {}).values())

    def stop(self) -> None:
        """Leave the channel; a command that still runs (this side gave up) is ended, now or when there is a connection again."""
        invoke.runners.Runner.stop(self)
        if self.channel is None:
            return
        if not self.line.transport.alive and self.channel.exit_status < 0:
            self.context.work.remote.leave_behind(self.preambles["stdout"].pid)
        elif self.channel.exit_status_ready() or self.killed:
            self._leave()
        else:
            self.kill()

    def _leave(self) -> None:
        if self.line.transport.alive:
            session.leave(self.line, self.channel)

    def _send(self, first: bytes) -> None:
        self.channel.settimeout(self.line.channel_timeout)
        with self.line.guard.limit(self.line.channel_timeout, self.line.transport.wire.expire):
            self.channel.sendall(first)
        self.channel.settimeout(session.POLL)

    def _start_on_terminal(self) -> None:
        columns, rows = invoke.pty_size()
        try:
            with self.line.guard.limit(self.line.channel_timeout, self.line.transport.wire.expire):
                self.channel.get_pty(width=columns, height=rows)
                self.channel.exec_command(bootstrap.EXEC_TTY)
        except (paramiko.SSHException, EOFError, OSError):
            hint = "see PermitTTY in sshd_config there, or run it without pty=True"
            raise HostUnfitError(self.line.host.name, "it gives no terminal", hint=hint) from None
        end, said = time.monotonic() + self.line.channel_timeout, b""
        while bootstrap.READY.encode() not in said:
            with contextlib.suppress(TimeoutError):
                chunk = self.channel.recv(BLOCK)
                said += chunk
                if not chunk:
                    raise HostUnfitError(self.line.host.name, "the login there runs no commands")
            if time.monotonic() > end:
                raise HostUnfitError(
                    self.line.host.name,
                    "its terminal was not ready in time",
                    hint="is `stty` there?",
                )

    def _read(self, name: str, read: Callable[[int], bytes], size: int) -> bytes:
        """Give the next bytes after the marker, b"" at the end.

        A daemon that keeps the output open past the command's end is left alone.
        """
        preamble = self.preambles[name]
        while True:
            try:
                chunk = read(max(size, BLOCK))
            except TimeoutError:
                if self.channel.exit_status_ready():
                    return b""
                continue
            shown = preamble.feed(chunk)
            if shown or not chunk:
                return shown


def _text(value: Any) -> str | Secret:
    return value if isinstance(value, Secret) else str(value)


def make_connection(
    work: Work, settings: Mapping[str, Any], folder: str, command_timeout: float
) -> Connection:
    """Give a fabric.Connection for one run of a task; `settings` are its collection's.

    No ssh_config is read here: the inventory has read it. Fabric's own settings files count, also
    those beside tasks.py in `folder`.
    """
    config = fabric.Config(  # type: ignore[no-untyped-call]  # fabric has no types
        ssh_config=paramiko.SSHConfig(), project_location=folder or None
    )
    config.load_project()
    config.load_collection(dict(settings))
    runners = {"remote": Runner, "local": LocalRunner}
    ours: dict[str, Any] = {"runners": runners, "timeouts": {"command": command_timeout}}
    if work.password:
        ours["sudo"] = {"password": work.password.reveal()}
    config.load_overrides(ours)
    host = work.remote.host
    connection = Connection(  # type: ignore[no-untyped-call]  # as above
        host.address, user=host.user, port=host.port, config=config
    )
    connection.original_host = host.name
    connection.work = work
    return connection


def quiet_connection(remote: Remote, running: Running, vault: Vault) -> Connection:
    """Give a fabric.Connection that shows nothing, for work that looks at results."""
    out, err = (Tap(Stream(name, vault.redactor, None)) for name in ("stdout", "stderr"))
    work = Work(remote, running, {}, out, err, vault.password_for(remote.name, "root"))
    return make_connection(work, {}, "", remote.command_timeout)
