"""Connections that fail: each in its time, with its own class, one line and a hint."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.errors import (
    HostError,
    HostKeyError,
    HostUnfitError,
    LoginError,
    UnreachableError,
)
from opskit.fleet.command import Command
from opskit.fleet.login import by_ssh
from tests.fleet.opening import fleet_of, host_of
from tests.support.waiting import listens, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opskit.fleet.inventory import Host
    from tests.support.hosts import Hosts


def failure(*route: Host, **ssh: float) -> HostError:
    """Give the error of a command on the first of `route`."""
    with fleet_of(*route, **ssh) as fleet:
        (outcome,) = fleet.run(Command("true"), [route[0].name])
    assert isinstance(outcome.error, HostError), outcome
    assert outcome.error.host == route[0].name
    assert outcome.error.hint
    assert "\n" not in f"{outcome.error}{outcome.error.hint}"
    return outcome.error


@contextmanager
def server(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve every connection by `behave`, in a thread each."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    link, _ = listener.accept()
                    threading.Thread(target=one, args=(link,), daemon=True).start()

        def one(link: socket.socket) -> None:
            with link, suppress(OSError):
                behave(link)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def never_ends(link: socket.socket) -> None:
    while link.recv(1000):
        pass


def test_a_name_without_an_address_is_unreachable(hosts: Hosts) -> None:
    error = failure(host_of(hosts, "web01", address="no-such-host.invalid"))
    assert isinstance(error, UnreachableError)
    assert "no address found for no-such-host.invalid" in error.what


def test_a_port_that_nobody_listens_on_is_unreachable(hosts: Hosts) -> None:
    hosts.stop("web01")
    error = failure(host_of(hosts, "web01"))
    assert isinstance(error, UnreachableError)
    assert error.what == f"127.0.0.1:{hosts.host('web01').port} refused the connection"


def test_a_server_that_accepts_and_says_nothing_is_given_up_in_time(hosts: Hosts) -> None:
    with server(never_ends) as port:
        began = time.monotonic()
        error = failure(host_of(hosts, "web01", port=port), connect_timeout=0.5)
        assert time.monotonic() - began < 9, "which is less than who says no limit waits"
    assert isinstance(error, UnreachableError)
    assert "said nothing within 0.5 s" in error.what


def test_a_server_that_stops_in_the_handshake_is_given_up_in_time(hosts: Hosts) -> None:
    def greet(link: socket.socket) -> None:
        link.sendall(b"SSH-2.0-Slow\r\n")
        never_ends(link)

    with server(greet) as port:
        error = failure(host_of(hosts, "web01", port=port), connect_timeout=1.5)
    assert isinstance(error, UnreachableError)
    assert "did not finish the handshake within 1.5 s" in error.what


def test_a_server_that_does_not_speak_ssh_is_named(hosts: Hosts) -> None:
    with server(lambda link: link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        error = failure(host_of(hosts, "web01", port=port))
    assert isinstance(error, UnreachableError)
    assert "does not speak SSH: it said 'HTTP/1.1 400 Bad Request'" in error.what


def test_a_server_that_hangs_up_is_asked_again_until_the_time_is_up(hosts: Hosts) -> None:
    tries: list[float] = []
    with server(lambda _link: tries.append(time.monotonic())) as port:
        error = failure(host_of(hosts, "web01", port=port), connect_timeout=4.0)
    assert isinstance(error, UnreachableError)
    assert "hung up before saying anything" in error.what
    assert "MaxStartups" in error.hint
    assert len(tries) > 2


def test_a_server_that_hung_up_under_load_is_reached_in_the_end(openssh_hosts: Hosts) -> None:
    openssh_hosts.odd("busy", MaxStartups="1:100:1")
    names = [f"n{number}" for number in range(8)]
    busy = [host_of(openssh_hosts, "busy") for _ in names]
    with fleet_of(
        *(replace(host, name=name) for host, name in zip(busy, names, strict=True)),
        connect_timeout=90,
    ) as fleet:
        outcomes = list(fleet.run(Command("true"), names))
    assert [outcome.error for outcome in outcomes] == [None] * 8


def test_two_names_of_one_address_stay_two_results(hosts: Hosts) -> None:
    host = host_of(hosts, "web01")
    with fleet_of(host, replace(host, name="twin")) as fleet:
        outcomes = {o.host: o.value for o in fleet.run(Command("echo hi"), ["twin", "web01"])}
    assert set(outcomes) == {"twin", "web01"}
    assert {value.host for value in outcomes.values() if value} == {"twin", "web01"}


def test_an_unknown_host_key_is_refused_with_the_command_that_accepts_it(
    any_hosts: Hosts, tmp_path: Path
) -> None:
    known = tmp_path / "known hosts"
    host = host_of(any_hosts, "web01", known_hosts=(known,))
    error = failure(host)
    assert isinstance(error, HostKeyError)
    assert "is not known" in error.what
    command = error.hint[error.hint.index("echo ") :]
    subprocess.run(["sh", "-c", command], check=True)
    with fleet_of(host) as fleet:
        assert fleet.remote("web01").execute(Command("true")).ok


def test_a_changed_or_revoked_host_key_is_refused(any_hosts: Hosts, tmp_path: Path) -> None:
    other, own = any_hosts.host("web02").public_key, any_hosts.host("web01").public_key
    name = f"[127.0.0.1]:{any_hosts.host('web01').port}"
    known = tmp_path / "known_hosts"
    known.write_text(f"{name} {' '.join(other.split()[:2])}\n")
    assert "HAS CHANGED" in failure(host_of(any_hosts, "web01", known_hosts=(known,))).what
    known.write_text(
        f"@revoked * {' '.join(own.split()[:2])}\n{name} {' '.join(own.split()[:2])}\n"
    )
    error = failure(host_of(any_hosts, "web01", known_hosts=(known,)))
    assert isinstance(error, HostKeyError)
    assert "revoked" in error.what


def test_a_server_with_several_host_keys_is_asked_for_the_one_we_know(
    openssh_hosts: Hosts, tmp_path: Path
) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", tmp_path / "rsa"], check=True)
    ed25519 = str(openssh_hosts.host("web01").host_key)
    machine = openssh_hosts.odd("two", HostKey=[ed25519, str(tmp_path / "rsa")])
    kind, key = (tmp_path / "rsa.pub").read_text().split()[:2]
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{machine.port} {kind} {key}\n")
    with fleet_of(host_of(openssh_hosts, "two", known_hosts=(known,))) as fleet:
        assert fleet.remote("two").execute(Command("true")).ok


def test_a_refused_key_is_a_login_error(any_hosts: Hosts, tmp_path: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "k"], check=True
    )
    error = failure(host_of(any_hosts, "web01", keys=(tmp_path / "k",)))
    assert isinstance(error, LoginError)
    assert "refused our 1 key" in error.what
    assert asked_of_ssh(error.hint) == (
        "127.0.0.1", str(any_hosts.host("web01").port), any_hosts.host("web01").user
    )  # fmt: skip


def asked_of_ssh(hint: str) -> tuple[str, ...]:
    """Give the host, port and user that OpenSSH takes from the line that a hint says to try."""
    words = shlex.split(hint.partition("try: ")[2])
    assert words[:2] == ["ssh", "-v"]
    ran = subprocess.run(
        ["ssh", "-G", *words[2:]], capture_output=True, text=True, check=True
    ).stdout
    said = dict(line.split(" ", 1) for line in ran.splitlines() if " " in line)
    return said["hostname"], said["port"], said["user"]


def test_the_line_for_ssh_goes_the_same_way(hosts: Hosts) -> None:
    hop = replace(host_of(hosts, "web02"), address="::1")
    host = replace(host_of(hosts, "web01"), address="2001:db8::1", port=2201, hops=(hop,))
    line = f"try: {by_ssh(host)}"
    assert asked_of_ssh(line) == ("2001:db8::1", "2201", host.user)
    assert f"-J '{hop.user}@[::1]:{hop.port}'" in line


def test_a_locked_key_says_how_to_unlock_it_and_works_from_an_agent(
    openssh_hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "my key"
    shutil.copy(openssh_hosts.host("web01").key, key)
    shutil.copy(f"{openssh_hosts.host('web01').key}.pub", f"{key}.pub")
    with agent_with(key, tmp_path / "agent") as address:
        subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", key], check=True)
        host = host_of(openssh_hosts, "web01", keys=(key,))
        error = failure(host)
        assert isinstance(error, LoginError)
        assert f"ssh-add '{key}'" in error.hint
        with fleet_of(host_of(openssh_hosts, "web01", keys=(key,), agent=address)) as fleet:
            assert fleet.remote("web01").execute(Command("true")).ok
        monkeypatch.setenv("SSH_AUTH_SOCK", address)
        many = [
            host_of(openssh_hosts, n, keys=(), agent="", identities_only=False)
            for n in openssh_hosts.names
        ]
        with fleet_of(*many) as fleet:
            found = list(fleet.run(Command("true"), openssh_hosts.names))
        assert [outcome.error for outcome in found] == [None] * len(many)


@contextmanager
def agent_with(key: Path, address: Path) -> Iterator[str]:
    with subprocess.Popen(["ssh-agent", "-D", "-a", address], stdout=subprocess.DEVNULL) as agent:
        until(lambda: listens(address), what="the agent")
        env = {**os.environ, "SSH_AUTH_SOCK": str(address)}
        try:
            subprocess.run(["ssh-add", "-q", key], env=env, check=True)
            yield str(address)
        finally:
            agent.terminate()


@pytest.mark.parametrize("content", [None, "", "not a key\n"])
def test_a_key_file_that_is_no_key_is_a_login_error(
    hosts: Hosts, tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "k").write_text(content)
    error = failure(host_of(hosts, "web01", keys=(tmp_path / "k",)))
    assert isinstance(error, LoginError)
    assert "no key" in error.what


def test_a_host_that_wants_more_than_a_key_says_so(openssh_hosts: Hosts) -> None:
    openssh_hosts.odd(
        "strict", AuthenticationMethods="publickey,password", PasswordAuthentication="yes"
    )
    error = failure(host_of(openssh_hosts, "strict"))
    assert isinstance(error, LoginError)
    assert "wants more than a key: it accepts password" in error.what


def test_too_many_keys_name_the_way_out(openssh_hosts: Hosts, tmp_path: Path) -> None:
    openssh_hosts.odd("few", MaxAuthTries="2")
    keys = [tmp_path / f"k{number}" for number in range(4)]
    for key in keys:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    error = failure(host_of(openssh_hosts, "few", keys=tuple(keys)))
    assert isinstance(error, LoginError)
    assert "too many keys" in error.what
    assert "IdentitiesOnly" in error.hint


def test_algorithms_that_do_not_meet_are_named(openssh_hosts: Hosts) -> None:
    openssh_hosts.odd("old", Ciphers="aes128-cbc", KexAlgorithms="diffie-hellman-group14-sha256")
    error = failure(host_of(openssh_hosts, "old"))
    assert isinstance(error, HostUnfitError)
    assert "no SSH handshake" in error.what
    with fleet_of(host_of(openssh_hosts, "old", ciphers="+aes128-cbc")) as fleet:
        assert fleet.remote("old").execute(Command("true")).ok, "the user may ask for it"


def test_what_a_server_demands_is_met(openssh_hosts: Hosts) -> None:
    openssh_hosts.odd(
        "picky", Ciphers="aes256-ctr", KexAlgorithms="ecdh-sha2-nistp521", MACs="hmac-sha2-512"
    )
    with fleet_of(host_of(openssh_hosts, "picky")) as fleet:
        assert fleet.remote("picky").execute(Command("true")).ok
        assert fleet.remote("picky").line().transport.remote_cipher == "aes256-ctr"


def test_gcm_and_curve25519_come_first_unless_ssh_config_says_otherwise(
    openssh_hosts: Hosts,
) -> None:
    wishes = host_of(
        openssh_hosts, "web02", ciphers="aes256-ctr,3des-cbc", kex="^ecdh-sha2-nistp256"
    )
    with fleet_of(host_of(openssh_hosts, "web01"), wishes) as fleet:
        plain = fleet.remote("web01").line().transport
        asked = fleet.remote("web02").line().transport
    assert plain.remote_cipher == "aes128-gcm@openssh.com"
    assert "25519" in plain.get_security_options().kex[0]
    assert asked.remote_cipher == "aes256-ctr"
    assert asked.get_security_options().kex[0] == "ecdh-sha2-nistp256"


def test_a_host_that_opens_no_session_says_so(openssh_hosts: Hosts) -> None:
    openssh_hosts.odd("none", MaxSessions="0")
    error = failure(host_of(openssh_hosts, "none"))
    assert isinstance(error, HostUnfitError)
    assert "MaxSessions" in error.hint


def test_a_server_frozen_after_login_is_given_up_in_time(openssh_hosts: Hosts) -> None:
    with fleet_of(host_of(openssh_hosts, "web01"), channel_timeout=3) as fleet:
        remote = fleet.remote("web01")
        pid = remote.execute(Command("echo $PPID")).text.strip()
        subprocess.run(["kill", "-STOP", pid], check=True)
        began = time.monotonic()
        with pytest.raises(UnreachableError, match=r"opened no session within 3 s"):
            remote.execute(Command("true"))
        assert time.monotonic() - began < 30
        assert remote.execute(Command("true")).ok, "the next try takes a new connection"
        subprocess.run(["kill", "-KILL", pid], check=True)


def test_a_host_that_hangs_in_connecting_does_not_hold_cancel_or_close(hosts: Hosts) -> None:
    with server(never_ends) as port:
        fleet = fleet_of(host_of(hosts, "web01", port=port), connect_timeout=100)
        found: list[str] = []
        outcomes = fleet.run(Command("true"), ["web01"])
        consumer = threading.Thread(target=lambda: found.extend(str(o.error) for o in outcomes))
        consumer.start()
        time.sleep(0.3)
        began = time.monotonic()
        fleet.cancel()
        consumer.join(60)
        fleet.close()
        assert time.monotonic() - began < 60
        assert len(found) == 1


def test_nothing_of_paramikos_is_printed(hosts: Hosts, capfd: pytest.CaptureFixture[str]) -> None:
    with server(lambda link: link.sendall(b"SSH-2.0-x\r\n" + b"\0\0\xff\xff" * 100)) as port:
        failure(host_of(hosts, "web01", port=port))
    assert capfd.readouterr() == ("", "")


def test_a_proxy_command_carries_the_connection_and_its_failure_is_told(
    openssh_hosts: Hosts,
) -> None:
    port = openssh_hosts.host("web01").port
    relay = (
        f"exec nc 127.0.0.1 {port}"
        if shutil.which("nc")
        else f"exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3 & cat >&3'"
    )
    with fleet_of(host_of(openssh_hosts, "web01", proxy_command=relay)) as fleet:
        assert fleet.remote("web01").execute(Command("echo ok")).stdout == b"ok\n"
    broken = host_of(openssh_hosts, "web01", proxy_command="echo the bastion is gone >&2; exit 3")
    error = failure(broken)
    assert isinstance(error, UnreachableError)
    assert error.what == "its proxy command failed: the bastion is gone"
    stuck = host_of(openssh_hosts, "web01", proxy_command="sleep 100")
    assert "said nothing within 0.5 s" in failure(stuck, connect_timeout=0.5).what


def test_a_proxy_command_that_will_not_end_is_killed(hosts: Hosts, tmp_path: Path) -> None:
    stubborn = f"trap '' TERM; echo $$ >{tmp_path}/pid; while :; do sleep 0.1; done"
    failure(host_of(hosts, "web01", proxy_command=stubborn), connect_timeout=1.5)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_an_agent_that_is_gone_is_no_obstacle(hosts: Hosts, tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as agent:
        agent.bind(str(tmp_path / "agent"))
    host = host_of(hosts, "web01", agent=str(tmp_path / "agent"))
    with fleet_of(host) as fleet:
        assert fleet.remote("web01").execute(Command("true")).ok
