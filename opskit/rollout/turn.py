"""Whose turn it is to take servers out of a load balancer, as sh scripts: two who looked at the same moment would each leave the other's. Pure.

A turn is a symbolic link in /tmp of the load balancer's host, where every login user may make one. It lasts for seconds, and ends by itself.
"""

from __future__ import annotations

import hashlib
import shlex

SECONDS = 30


def take(socket: str, *, owner: str, seconds: int = SECONDS) -> str:
    """Announce `owner`, then look: prints `taken`, or `held <owner>` and takes nothing; see `lockfile.lock`.

    One that has ended, or claims to last longer than anybody's may, does not count, whether or not it can be removed; nor does that of an
    earlier run of the same rollout, with which `owner` goes on.
    """
    rollout = shlex.quote(owner.partition("~")[0])
    return "\n".join(
        (
            "set -eu; umask 022",
            f'l={_name(socket)}; mine="$l".{shlex.quote(owner)}; now=$(date +%s); rm -f "$mine"',
            'ln -s "v1:$((now+' + str(seconds) + '))" "$mine"',
            'for o in "$l".*; do',
            '  [ "$o" != "$mine" ] && [ -L "$o" ] || continue',
            f'  case ${{o#"$l".}} in {rollout}|{rollout}~*) rm -f "$o" 2>/dev/null || :; continue;; esac',
            '  d=$(readlink "$o") || continue',
            "  until=${d#v1:}; case $until in ''|*[!0-9]*|???????????*) until=0;; esac",
            f'  if [ "$until" -gt "$now" ] && [ "$until" -le "$((now+{SECONDS}))" ]; then',
            '    rm -f "$mine"; printf \'held %s\\n\' "${o#"$l".}"; exit 0',
            "  fi",
            '  rm -f "$o" 2>/dev/null || :',
            "done",
            "echo taken",
        )
    )


def give(socket: str, *, owner: str) -> str:
    """End the turn of `owner`."""
    return f"rm -f {_name(socket)}.{shlex.quote(owner)}"


def _name(socket: str) -> str:
    return f"/tmp/opskit-turn-{hashlib.sha256(socket.encode()).hexdigest()[:16]}"  # noqa: S108 - what lies there is trusted with nothing
