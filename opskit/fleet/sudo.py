"""A script run by sudo: as a pure text for the host's sh, and what it means when sudo does not let it in.

All of it goes by standard input. First comes the password, if sudo there wants one, then a marker, then the script. `-k` makes sudo
ask again, though it has let us in a moment ago: a line that it left unread would go on to what it runs, and into its own log of input.
Should it stay unread all the same, what sudo runs skips all lines up to the marker: a password is never taken for a command.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from opskit.errors import SudoError
from opskit.fleet import bootstrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opskit.config.secret import Secret
    from opskit.fleet.command import Command, Result

REFUSED = 77
WORDS = "sudo let nobody in"

_WRONG = ("incorrect password attempt", "Sorry, try again", "Authentication failure")
WANTED = "sudo: a password is required"
_WANTED = ("a password is required", "no password was provided", "a terminal is required")
_TROUBLE = {
    "not in the sudoers file": ("sudo lets {user} run nothing there", "a line like `{user} ALL=(ALL) ALL` in a file of /etc/sudoers.d lets it"),
    "is not allowed to": ("sudo does not let {user} run all commands as {target}", "`sudo: true` wants a rule for ALL; for one command that sudo allows without a password, say sudo in the command itself: \"sudo -n …\""),
    "may not run sudo": ("sudo lets {user} run nothing there", "a line like `{user} ALL=(ALL) ALL` in a file of /etc/sudoers.d lets it"),
    "must have a tty": ("sudo wants a terminal there", "`Defaults:{user} !requiretty` in a file of /etc/sudoers.d takes that away"),
    "expired": ("the password or the account of {user} has expired there", "log in there, and renew it"),
    "account validation failure": ("the account of {user} is locked or has expired there", "log in there, and look"),
    "unknown user": ("sudo knows no user {target} there", "is the name right that stands as `sudo` in opskit.toml?"),
    "sudo is missing": ("sudo is not installed there", "install it, or log in as {target}"),
    "setuid": ("sudo cannot become {target} there", "is its file owned by root, with the setuid bit, on a file system that allows it?"),
    "no new privileges": ("sudo cannot become {target} there", "the login's processes may not gain rights (no_new_privs): a container, or the unit of sshd"),
    "/etc/sudoers": ("sudo cannot read its rules there", "look there as root: visudo -c"),
}  # fmt: skip
"""What sudo says, in part; what that means, and what to do."""

# What sudo runs: it skips all lines up to the marker, and reads one line, which is the script.
_INSIDE = 'while IFS= read -r s && [ "$s" != {marker} ]; do :; done; IFS= read -r s && exec </dev/null && {run}'


def wrapped(
    script: str,
    env: Mapping[str, str | Secret],
    *,
    user: str,
    marker: str,
    password: Secret | None,
) -> str:
    """Give the sh text that runs `script` with `env` as `user` by sudo, in the folder where it is.

    `password` is for a sudo that wants one; without it none is handed over. It ends with REFUSED, and `marker` and WORDS behind what
    sudo said, if sudo lets nobody in; that is found out before the script is handed over, with one try of the password. `marker` is a
    word that nobody uses otherwise.
    """
    line = bootstrap.encode(f"unset s\n{bootstrap.exports(env)}{script}\n").decode("ascii").rstrip("\n")  # fmt: skip
    secret = f"w={shlex.quote(password.reveal())}; " if password else ""
    options, first = ("-k -S -p ''", '"$w" ') if password else ("-n", "")
    trying = "/bin/sh -c : 2>&1" if password else "/bin/sh -c : 2>&1 </dev/null"
    asked = 'say "$w" | ' if password else ""
    inside = shlex.quote(_INSIDE.format(marker=marker, run=bootstrap.RUN))
    return "\n".join(
        (
            bootstrap.SAY,
            f"{secret}{_become(user, options)}",
            f"if ! e=$({asked}LC_ALL=C become {trying}); then",
            f"  printf '%s\\n' \"$e\" '{marker} {WORDS}' >&2; exit {REFUSED}",
            "fi",
            f"say {first}{marker} {shlex.quote(line)} | become /bin/sh -c {inside}",
        )
    )


def unattended(script: str, names: Iterable[str], *, user: str) -> str:
    """Give the sh text that runs `script` as `user` where nobody knows a password, with those variables of whoever runs it.

    It holds no value of theirs: they go by standard input, as the script does.
    """
    words = " ".join(shlex.quote(name) for name in names)
    each = 'eval "v=\\$$n"; printf "export $n=\'"; say "$v" | sed "s/\'/\'\\\\\\\\\'\'/g; \\$s/\\$/\'/"'
    body = shlex.quote(f"{{\n{script}\n}} </dev/null")
    given = f"{{ for n in {words}; do {each}; done; printf '%s\\n' {body}; }}"
    return f"{bootstrap.SAY}\n{_become(user, '-n')}\n{given} | become /bin/sh -s"


def _become(user: str, options: str) -> str:
    """Give the definition of `become`, which runs its words as `user`; who is root already needs no sudo for that."""
    by_sudo = f'become() {{ sudo {options} -H -u {shlex.quote(user)} -- "$@"; }}'
    missing = "become() { echo sudo is missing >&2; return 1; }"
    known = f"if command -v sudo >/dev/null; then {by_sudo}; else {missing}; fi"
    if user != "root":
        return known
    return f'if [ "$(id -u)" = 0 ]; then become() {{ "$@"; }}; el{known}'


def prepared(command: Command, marker: str, password: Secret | None) -> Command:
    """Give a command as a host gets it: one that is to run by sudo is wrapped, behind what comes `before` it."""
    from dataclasses import replace

    if not command.sudo:
        return command
    inner = wrapped(
        command.script, command.env, user=command.sudo, marker=marker, password=password
    )
    return replace(command, script=f"{command.before}\n{inner}", env={}, before="", sudo="")


def demand_let_in(result: Result, *, user: str, target: str, marker: str) -> None:
    """Raise SudoError if a wrapped script came to nothing because sudo let nobody in; `user` is who logged in."""
    end = f"{marker} {WORDS}\n"
    said = result.stderr.decode("utf-8", "replace")
    if result.exit == REFUSED and said.endswith(end):
        raise refused(said.removesuffix(end).strip(), result.host, user=user, target=target)


def refused(said: str, host: str, *, user: str, target: str = "root") -> SudoError:
    """Give the error that what sudo `said` means."""
    if any(word in said for word in _WRONG):
        return SudoError(host, f"sudo there does not take this password of {user}", trouble="wrong", output=said)  # fmt: skip
    for words, (what, hint) in _TROUBLE.items():
        if words in said:
            names = {"user": user, "target": target}
            return SudoError(host, what.format(**names), hint=hint.format(**names), output=said)
    if any(word in said for word in _WANTED):
        hint = "opskit asks for it where somebody can answer; or say NOPASSWD in a file of /etc/sudoers.d there"
        return SudoError(host, f"sudo there wants the password of {user}", hint=hint, trouble="wanted", output=said)  # fmt: skip
    last = said.splitlines()[-1][:200] if said else "it said nothing"
    return SudoError(host, f"sudo there does not run anything: {last}", output=said)
