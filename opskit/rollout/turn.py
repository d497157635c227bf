"""Whose turn it is to take servers out of a load balancer, as sh scripts: two who looked at the same moment would each leave the other's. Pure.

A turn is a symbolic link in /tmp of the load balancer's host, where every login user may make one, named by the socket, the second in which it
ends, and its owner. Only who may open the socket can have one there.
"""

from __future__ import annotations

import shlex

SECONDS = 30
MOST_CLEARED = 20  # that have ended, at a time

_MAY = """may() { # whether whoever made $1 may open the socket
  [ -w "$s" ] || return 0
  set -- $(ls -ld "$1") - - -; u=$3
  set -- $(ls -ldn "$s")
  case $1 in ????????w*|*+) return 0;; esac
  i=$(id -u "$u" 2>/dev/null) || return 1
  [ "$i" != 0 ] && [ "$i" != "$3" ] || return 0
  case "$1, $(id -G "$u") " in ?????w*" $4 "*) return 0;; esac
  return 1
}"""


def take(socket: str, *, owner: str, seconds: int = SECONDS, anybody: bool = False) -> str:
    """Announce `owner`, then look: prints `taken`; `kept` if it was its own all the time since it was taken; or `held <owner>` and takes nothing.

    One that has ended, or claims to last longer than anybody's may, does not count, whether or not it can be removed; nor does that of an
    earlier run of the same rollout, with which `owner` goes on; nor, unless `anybody` is believed, that of who may not open the socket.
    """
    rollout = shlex.quote(owner.partition("~")[0])
    return "\n".join(
        (
            _opening(socket, owner),
            *([] if anybody else [_MAY]),
            f'now=$(date +%s); mine="$l.$((now+{seconds})).$me"; said=taken; cleared=0',
            'for o in "$l".*."$me"; do',
            '  [ -L "$o" ] || continue',
            '  n=${o#"$l".}; until=${n%%.*}',
            "  case $until in *[!0-9]*|???????????*) until=0;; esac",
            '  [ "$until" -le "$now" ] || said=kept',
            "done",
            '[ -L "$mine" ] || ln -s v2 "$mine"',
            'for o in "$l".*; do',
            '  n=${o#"$l".}; until=${n%%.*}; who=${n#*.}',
            "  case $until in ''|*[!0-9]*|???????????*) continue;; esac",
            "  case $who in ''|*[!a-z0-9~]*) continue;; esac",
            '  [ "$o" != "$mine" ] || continue',
            f'  case $who in "$me"|{rollout}|{rollout}~*) rm -f "$o" 2>/dev/null || :; continue;; esac',
            f'  if [ "$until" -gt "$now" ] && [ "$until" -le "$((now+{SECONDS}))" ]; then',
            *([] if anybody else ['    may "$o" || continue']),
            '    rm -f "$l".*."$me"; printf \'held %s\\n\' "$who"; exit 0',
            "  fi",
            f'  [ "$cleared" -ge {MOST_CLEARED} ] || {{ rm -f "$o" 2>/dev/null || :; cleared=$((cleared+1)); }}',
            "done",
            'echo "$said"',
        )
    )


def give(socket: str, *, owner: str) -> str:
    """End the turn of `owner`."""
    return f'{_opening(socket, owner)}\nrm -f "$l".*."$me"'


def _opening(socket: str, owner: str) -> str:
    """Name the turns at a socket, by the path that the host makes of it: there may be links in what is configured."""
    path = shlex.quote(socket)
    return "\n".join(
        (
            "set -eu; umask 022",
            f"s=$(readlink -f {path} 2>/dev/null) || s={path}",
            f'me={shlex.quote(owner)}; set -- $(printf %s "$s" | cksum); l=/tmp/opskit-turn-$1',
        )
    )
