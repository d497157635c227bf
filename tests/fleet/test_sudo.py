"""Commands by sudo: as exact text, and through the real sudo of hosts that ask for a password or do not."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from opskit.config.secret import Secret
from opskit.errors import CommandTimeoutError, SudoError
from opskit.fleet import bootstrap, sudo
from opskit.fleet.command import Command
from tests.fleet.opening import fleet_of, host_of
from tests.support.missing import missing
from tests.support.processes import at_home
from tests.support.sudoers import ASKS, OPEN, PASSWORD, USER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.fleet.fanout import Fleet
    from tests.support.sudoers import SudoHosts

SAY = r"""case $(command -v printf) in printf) say() { printf '%s\n' "$@"; };; *) say() { for l; do print -r -- "$l"; done; };; esac
"""
TEXT = r"""w='pass '"'"'word'; if [ "$(id -u)" = 0 ]; then become() { "$@"; }; elif command -v sudo >/dev/null; then become() { sudo -k -S -p '' -H -u root -- "$@"; }; else become() { echo sudo is missing >&2; return 1; }; fi
if ! e=$(say "$w" | LC_ALL=C become /bin/sh -c : 2>&1); then
  printf '%s\n' "$e" 'm4rk sudo let nobody in' >&2; exit 77
fi
say "$w" m4rk 'unset s\0012export A='"'"'b c'"'"'\0012id -u\0012' | become /bin/sh -c 'while IFS= read -r s && [ "$s" != m4rk ]; do :; done; IFS= read -r s && exec </dev/null && RUN'"""


@pytest.fixture
def fleet(sudo_hosts: SudoHosts) -> Iterator[Fleet]:
    with fleet_of(*(host_of(sudo_hosts, name) for name in sudo_hosts.names)) as opened:
        yield opened


def test_the_text_is_exactly_this() -> None:
    made = sudo.wrapped(
        "id -u", {"A": Secret("b c")}, user="root", marker="m4rk", password=Secret("pass 'word")
    )
    assert made == SAY + TEXT.replace("RUN", bootstrap.RUN)


def test_without_a_password_sudo_asks_for_none() -> None:
    made = sudo.wrapped("true", {}, user="shop", marker="m4rk", password=None)
    _, first, second, *_, last = made.splitlines()
    assert second == "if ! e=$(LC_ALL=C become /bin/sh -c : 2>&1 </dev/null); then"
    assert last.startswith("say m4rk 'unset s")
    assert first == (
        'if command -v sudo >/dev/null; then become() { sudo -n -H -u shop -- "$@"; }; '
        "else become() { echo sudo is missing >&2; return 1; }; fi"
    )


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "busybox sh", "mksh", "zsh"])
@pytest.mark.parametrize("reads", [True, False])
def test_a_password_that_is_not_asked_for_is_not_run(
    shell: str, tmp_path: object, *, reads: bool
) -> None:
    if not shutil.which(shell.split(maxsplit=1)[0]):
        missing(shell)
    asks = "IFS= read -r p; [ \"$p\" = 'touch oops' ] || exit 1; " if reads else ""
    fake = f"sudo() {{ {asks}while [ \"$1\" != -- ]; do shift; done; shift; \"$@\"; }}\nid() {{ echo 7; }}\n"  # fmt: skip
    made = sudo.wrapped(
        'printf "%s\\n" "$A"; cat; exit 3',
        {"A": "it's\n\\0101"},
        user="root",
        marker="m4rk",
        password=Secret("touch oops"),
    )
    ran = subprocess.run(
        [*shell.split(), "-c", fake + made], cwd=str(tmp_path), input="more", text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert (ran.stdout, ran.stderr, ran.returncode) == ("it's\n\\0101\n", "", 3)
    assert not list(tmp_path.iterdir())  # type: ignore[attr-defined]  # a Path


@pytest.mark.parametrize(
    ("said", "what", "trouble"),
    [
        ("sudo: a password is required", "wants the password of ana", "wanted"),
        ("Sorry, try again.\n\nsudo: no password was provided\nsudo: 1 incorrect password attempt", "does not take this password of ana", "wrong"),
        ("ana is not in the sudoers file.", "lets ana run nothing there", ""),
        ("Sorry, user ana is not allowed to execute '/bin/sh -c :' as root on web01.", "does not let ana run all commands as root", ""),
        ("sudo: sorry, you must have a tty to run sudo", "wants a terminal there", ""),
        ("sudo is missing", "is not installed there", ""),
        ("sudo: Account or password is expired, reset your password and try again", "has expired there", ""),
        ("sudo: unknown user shop", "knows no user root", ""),
        ("sudo: effective uid is not 0, is sudo installed setuid root?", "cannot become root", ""),
        ("/etc/sudoers:3:1: syntax error", "cannot read its rules", ""),
        ("", "does not run anything: it said nothing", ""),
    ],
)  # fmt: skip
def test_what_sudo_says_is_told_in_plain_words(said: str, what: str, trouble: str) -> None:
    error = sudo.refused(said, "web01", user="ana")
    assert what in error.what
    assert (error.trouble, error.output) == (trouble, said)


def test_a_command_runs_as_root_in_the_folder_where_it_was_left_with_its_variables(
    fleet: Fleet, sudo_hosts: SudoHosts
) -> None:
    command = Command(
        'id -u; pwd; echo "$HOME $T"; cat; exit 4', {"T": Secret("t0ken 'x'")}, sudo="root", before="id -u; cd /usr"
    )  # fmt: skip
    sudo_hosts.rule("web01", OPEN)
    fleet.vault.entrust(Secret(PASSWORD), "web02", "root")
    for name in ("web01", "web02"):
        result = fleet.remote(name).execute(command)
        assert result.text.splitlines() == [str(60123), "0", "/usr", "/root [redacted]"]
        assert result.exit == 4


def test_a_password_is_tried_once_and_none_not_at_all(fleet: Fleet, sudo_hosts: SudoHosts) -> None:
    remote = fleet.remote("web01")
    with pytest.raises(SudoError, match=f"wants the password of {USER}"):
        remote.execute(Command("touch /oops", sudo="root"))
    assert sudo_hosts.failures("web01") == 0
    fleet.vault.entrust(Secret("wrong-one"), "web01", "root")
    with pytest.raises(SudoError, match="does not take this password") as told:
        remote.execute(Command("touch /oops", sudo="root"))
    assert (told.value.trouble, sudo_hosts.failures("web01")) == ("wrong", 1)


@pytest.mark.parametrize(
    ("rules", "what"),
    [
        ((), "lets deploy run nothing"),
        ((f"{USER} ALL=(ALL) NOPASSWD: /bin/true",), "does not let deploy run all commands"),
        ((ASKS, "Defaults requiretty"), "wants a terminal"),
    ],
)
def test_what_the_real_sudo_refuses_is_told(
    fleet: Fleet, sudo_hosts: SudoHosts, rules: tuple[str, ...], what: str
) -> None:
    sudo_hosts.rule("web01", *rules)
    fleet.vault.entrust(Secret(PASSWORD), "web01", "root")
    with pytest.raises(SudoError, match=what):
        fleet.remote("web01").execute(Command("true", sudo="root"))


def test_sudos_own_log_of_input_never_has_the_password(
    fleet: Fleet, sudo_hosts: SudoHosts
) -> None:
    folder = sudo_hosts.base / "logged"
    sudo_hosts.rule("web01", ASKS, f"{USER} ALL=(sshd) NOPASSWD: ALL", "Defaults log_input, !compress_io, timestamp_type=global", f"Defaults iolog_dir={folder}")  # fmt: skip
    fleet.vault.entrust(Secret(PASSWORD), "web01", "root")
    for user in ("root", "sshd"):
        fleet.remote("web01").execute(Command(": the-script", sudo=user))
    logged = [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
    assert sum(b": the-script" in each for each in logged) == 2
    assert not [each for each in logged if PASSWORD.encode() in each]


def test_sudo_that_remembers_nobody_is_given_the_password_for_each_of_its_questions(
    fleet: Fleet, sudo_hosts: SudoHosts
) -> None:
    sudo_hosts.rule("web01", ASKS, "Defaults timestamp_timeout=0, lecture=always")
    fleet.vault.entrust(Secret(PASSWORD), "web01", "root")
    result = fleet.remote("web01").execute(Command("id -u; exit 0", sudo="root"))
    assert (result.text, sudo_hosts.failures("web01")) == ("0\n", 0)


@pytest.mark.parametrize("user", ["root", "sshd"])
@pytest.mark.parametrize("rule", [ASKS, f"{ASKS}\nDefaults use_pty"])
def test_what_runs_by_sudo_is_ended_by_sudo(
    fleet: Fleet, sudo_hosts: SudoHosts, rule: str, user: str
) -> None:
    sudo_hosts.rule("web01", rule)
    fleet.vault.entrust(Secret(PASSWORD), "web01", user)
    script = f"HOME={sudo_hosts.folder('web01')}; export HOME; sleep 300; :"
    with pytest.raises(CommandTimeoutError, match="its processes were ended"):
        fleet.remote("web01").execute(Command(script, sudo=user, timeout=1))
    assert not at_home([sudo_hosts.folder("web01")])


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh", "mksh"])
def test_a_host_alone_passes_on_its_variables_and_no_text_holds_them(shell: str) -> None:
    if not shutil.which(shell.split(maxsplit=1)[0]):
        missing(shell)
    fake = 'sudo() { while [ "$1" != -- ]; do shift; done; shift; env -i PATH="$PATH" "$@"; }\nid() { echo 7; }\n'
    made = sudo.unattended('printf "%s|%s" "$A" "$B"; cat', ("A", "B"), user="root")
    ran = subprocess.run(
        [*shell.split(), "-c", fake + made], env={**os.environ, "A": "it's \\ $x `y`\nso", "B": ""},
        input="more", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.stdout, ran.stderr) == ("it's \\ $x `y`\nso|", "")


def test_a_host_alone_becomes_root_where_sudo_wants_no_password(
    fleet: Fleet, sudo_hosts: SudoHosts
) -> None:
    sudo_hosts.rule("web01", OPEN)
    script = sudo.unattended('id -u; echo "$T" | wc -c', ("T",), user="root")
    result = fleet.remote("web01").execute(Command(f"cd /usr; {script}", {"T": Secret("s3cret")}))
    assert result.text.split() == ["0", "7"]
