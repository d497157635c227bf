"""The dead-man switch: a host that does not hear in time that all is well goes back to what it ran, by itself.

A process of the host's own sleeps beside the service, out of reach of whatever ends the connection. `.opskit/confirm.<rollout>` is
what both sides fight for: whoever renames it first wins, and the other sees that. It is `….back` for as long as the host goes back. Pure
functions from plain values to sh, as in `layout`.
"""

from __future__ import annotations

import shlex

WENT_BACK = 76
WORDS = "the host went back by itself: nobody had confirmed the change in time"


def arm(
    *, release: str, before: str, rollout: str, seconds: float, receipt: str, restart: str
) -> str:
    """Begin to wait, in a guarded script, just before `release` is made live; `before` is what the host goes back to.

    `receipt` is the line that is left when it does, `restart` the service's command, "" for none. The script's environment is that of
    the command. What waits is told what to do on its standard input, so that no command stands in a process list.
    """
    relink = (
        f't="$p/.current."{shlex.quote(rollout)}.back; rm -f "$t"; ln -s {shlex.quote(f"releases/{before}")} "$t" && '
        '{ mv -fT "$t" "$p/current" 2>/dev/null || mv -fh "$t" "$p/current"; } || exit 1'
    )
    waiting = "\n".join(
        (
            f'p=$2; c=$3; sleep {max(1, round(seconds))} </dev/null; mv "$c" "$c.back" 2>/dev/null || exit 0; (',
            f'[ "$(readlink "$p/current")" = {shlex.quote(f"releases/{release}")} ] || exit 0',
            f'printf "%s\\n" {shlex.quote(receipt)} >>"$p/.opskit/receipts"',
            f'printf "%s %s\\n" {shlex.quote(f"bad {release} {rollout}")} "$(date +%s)" >>"$p/.opskit/history"',
            relink,
            *((f'cd "$p/current" && {{\n{restart}\n}} </dev/null',) if restart else ()),
            '); rm -f "$c.back"',
        )
    )
    end = f"opskit-{rollout}-waits"
    return "\n".join(
        (
            'command -v setsid >/dev/null || { echo "setsid is missing, which confirm_within needs" >&2; exit 69; }',
            f'c="$p/.opskit/confirm."{shlex.quote(rollout)}; : >"$c"',
            f'setsid sh -s opskit-waits "$p" "$c" >/dev/null 2>&1 <<\'{end}\' &',
            waiting,
            end,
            'echo $! >"$c"',
        )
    )


def confirm(guarded: str, *, rollout: str) -> str:
    """Tell the host that all is well; ends with WENT_BACK if it has gone back already."""
    return "\n".join(
        (
            guarded,
            f'c="$p/.opskit/confirm."{shlex.quote(rollout)}',
            f'mv "$c" "$c.ok" 2>/dev/null || {{ echo "{WORDS}" >&2; exit {WENT_BACK}; }}',
            f'c="$c.ok"; {_END}',
        )
    )


def disarm() -> str:
    """Let the host wait no more, for whatever rollout, in a guarded script that changes what is live anyway.

    If it goes back just now, that is over before anything else is done: it would go on beside it.
    """
    return "\n".join(
        (
            'for c in "$p"/.opskit/confirm.*; do',
            '  case $c in *.back|*.ok) ;; *) if mv "$c" "$c.ok" 2>/dev/null; then c=$c.ok; else c=$c.back; fi;; esac',
            f'  [ -e "$c" ] || continue; {_END}',
            '  n=0; while [ "$w" ] && kill -0 "-$w" 2>/dev/null && [ "$n" -lt 50 ]; do n=$((n+1)); sleep 0.1 2>/dev/null || sleep 1; done',
            '  [ "$n" -lt 50 ] || kill -9 "-$w" 2>/dev/null || :',
            "done",
        )
    )


# who waits ends, where it can be told that it is that process; and the file that names it is gone
_END = (
    'w=$(cat "$c" 2>/dev/null) || w=; rm -f "$c"; '
    """case $w in *[!0-9]*) w=;; ?*) tr '\\0' ' ' <"/proc/$w/cmdline" 2>/dev/null | """
    """grep -q opskit-waits || w=; [ ! "$w" ] || kill -- "-$w" 2>/dev/null || :;; esac"""
)
