"""How a script reaches a host: one constant exec request, the script on standard input, markers.

sshd hands an exec request to the user's login shell, whatever that is. `EXEC` means the same in sh,
bash, zsh, csh, tcsh and fish: it becomes /bin/sh, which reads one line and evaluates it. So no
script and no secret ever stands in a process list, and nothing needs quoting for a foreign shell.

For the same reason only the shell's own commands may get a text with a secret: where printf is a program (the Korn shells of OpenBSD,
MirBSD), its arguments could be read by all, and print does what it does.
"""

from __future__ import annotations

import re
import secrets
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.config.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

RUN = (
    "case $(command -v printf) in "
    'printf) s=$(printf %b "$s");; '
    '*) [ "$(command -v print)" = print ] || { echo opskit: this sh has no printf of its own >&2; exit 1; }; s=$(print -- "$s");; '
    'esac && eval "$s"'
)
"""Run the script in `$s`, a line of `encode`, by a shell that has printf or print; by another one nothing is run."""

SAY = (
    "case $(command -v printf) in "
    "printf) say() { printf '%s\\n' \"$@\"; };; "
    '*) say() { for l; do print -r -- "$l"; done; };; esac'
)
"""Define `say`, which writes its words, one a line, and shows them to nobody else."""

EXEC = f"exec /bin/sh -c 'IFS= read -r s && {RUN}'"
"""The exec request, the same for every command; half a line, cut off with its connection, is not run."""

KEEP = f"while IFS= read -r s; do {RUN}; done"
"""What makes the shell that `EXEC` began one that is kept open: it runs a line of `turn` after the other."""

READY = "opskit-tty-is-ready"
EXEC_TTY = (
    f"""exec /bin/sh -c 't=$(stty -g); stty raw -echo; echo {READY}; """
    f"""IFS= read -r s || exit; stty "$t"; {RUN}'"""
)
"""The same on a terminal, which is made raw and silent: no line is echoed or cut at 4096 bytes.

The line may be sent once READY has come.
"""

OURS = (
    "case $({ tr '\\0' ' ' </proc/$p/cmdline || ps -o args= -p $p; } 2>/dev/null) in "
    "*'IFS= read -r s '*) ;; *) kill -s 0 $p 2>/dev/null || echo gone; exit;; esac"
)
"""Go on only if process `$p` is a shell that `EXEC` or `EXEC_TTY` began."""

NOISE = 256 * 1024
"""Bytes of a talkative profile that are skipped before the marker is given up."""

OTHERS = b"others"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PLAIN = frozenset(range(0x20, 0x7F)) - {ord("\\")}
_CODES = [chr(byte) if byte in _PLAIN else f"\\0{byte:03o}" for byte in range(256)]


def new_marker() -> str:
    """Give a word that no profile prints by chance: 16 hexadecimal digits after `opskit-`."""
    return f"opskit-{secrets.token_hex(8)}"


def encode(script: str) -> bytes:
    r"""Give `script` as one line for `RUN`: what is not plain ASCII becomes `\0ooo`.

    The newline that ends the line is included. Raises ValueError for a NUL, which no shell can hold.
    """
    data = script.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        msg = "a script or an environment value cannot hold a NUL character"
        raise ValueError(msg)
    return "".join(_CODES[byte] for byte in data).encode("ascii") + b"\n"


def exports(env: Mapping[str, str | Secret]) -> str:
    """Give the lines that export `env` in sh; raises ValueError for a name that sh cannot hold."""
    for name in env:
        if not _NAME.match(name):
            msg = f"{name!r} cannot be the name of an environment variable"
            raise ValueError(msg)
    plain = {k: v.reveal() if isinstance(v, Secret) else v for k, v in env.items()}
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in plain.items())


def whole_script(
    script: str, env: Mapping[str, str | Secret], marker: str, *, terminal: bool = False
) -> str:
    """Give `script` behind its prologue: the marker and the pid on stdout, the marker on stderr.

    What comes before the markers is a profile's and is dropped by `Preamble`. A terminal has only
    one stream. Where nobody takes in the pid any more, nobody could end the script: it does not begin.
    """
    hello = f"unset s\nprintf '%s %s\\n' {marker} $$ || exit\n"
    if not terminal:
        hello += f"printf '%s\\n' {marker} >&2\n"
    return f"{hello}{exports(env)}{script}\n"


def turn(script: str, env: Mapping[str, str | Secret], marker: str, *, given: str = "") -> str:
    """Give `script` as a kept shell runs it: in a subshell, with the lines `given` as its input, and what ends both streams behind it.

    Its status stands at the end of stdout. Raises ValueError as `exports` does.
    """
    before, after = "", " </dev/null"
    if given:
        before, after = f"({SAY}\nsay {shlex.quote(given.removesuffix(chr(10)))}) | ", ""
    end = f"printf '%s %s\\n' {marker} $? || exit\nprintf '%s\\n' {marker} >&2\n"
    return f"{before}(\nunset s\n{exports(env)}{script}\n){after}\n{end}"


@dataclass(slots=True)
class Preamble:
    """Drops what a stream says before its marker line; `pid` is the number on that line, if any."""

    marker: str
    found: bool = False
    pid: int = 0
    noise: bytes = b""

    def feed(self, chunk: bytes) -> bytes:
        """Give the part of `chunk` that comes after the marker line."""
        if self.found:
            return chunk
        self.noise += chunk
        match = re.search(self.marker.encode() + rb"(?: ([0-9]+))?\r?\n", self.noise)
        if match is None:
            self.noise = self.noise[-NOISE:]
            return b""
        self.found = True
        self.pid = int(match[1] or 0)
        rest, self.noise = self.noise[match.end() :], self.noise[: match.start()]
        return rest


def ending(pid: int, *, grace: float, ours: bool = False) -> str:
    """Give the script that ends the process group of shell `pid`: TERM, `grace` seconds, KILL.

    Says `gone` when no process is left, and `others` if those that are left belong to another user (what runs by sudo). If the shell leads no group of its own, its group is
    looked up; if that is ours as well (a server that gives its commands no group), only the
    shell and all that it has begun are ended. With `ours`, nothing is done unless it is a shell that runs a script of ours.
    """
    check = f"{OURS}\n" if ours else ""
    return f"""\
p={pid:d}
{check}\
group() {{ ps -o pgid= -p "$1" 2>/dev/null | tr -d ' '; }}
if kill -s 0 -- -$p 2>/dev/null; then t=-$p
else
  t=-$(group $p)
  if [ "$t" = - ] || [ "$t" = "-$(group $$)" ]; then
    t="$p $(ps -A -o pid= -o ppid= 2>/dev/null | awk -v p=$p '{{ up[$1] = $2 }}
      END {{ for (i in up) {{ n = up[i]; for (k = 0; k < 99 && n in up && n != p; k++) n = up[n]; if (n == p) print i }} }}')"
  fi
fi
kill -s TERM -- $t 2>/dev/null
n=0
while kill -s 0 -- $t 2>/dev/null && [ $n -lt {max(1, round(grace * 10))} ]; do
  sleep 0.1 2>/dev/null || {{ sleep 1; n=$((n+9)); }}
  n=$((n+1))
done
kill -s KILL -- $t 2>/dev/null
n=0
while kill -s 0 -- $t 2>/dev/null; do
  if [ $n -ge 20 ]; then
    # The dead whom nobody buries (a container without an init) are no processes any more.
    ps -A -o pgid= -o stat= | awk -v g=${{t#-}} '$1 == g && $2 !~ /^Z/ {{ alive = 1 }} END {{ exit alive }}' || exit 1
    break
  fi
  sleep 0.1 2>/dev/null || {{ sleep 1; n=$((n+9)); }}
  n=$((n+1))
done
case $t in -*) ps -A -o pgid= -o stat= 2>/dev/null | awk -v g=${{t#-}} '$1 == g && $2 !~ /^Z/ {{ alive = 1 }} END {{ exit alive }}' || {{
  echo others; exit 1; }}
esac
echo gone
"""
