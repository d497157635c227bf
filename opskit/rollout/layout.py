"""Where a service's files stand on a host, and the sh scripts that read and change them.

    <path>/current -> releases/<release>    what is live
    <path>/releases/<release>/              one version, whole or not there at all
    <path>/shared/                          files and folders that every release links to
    <path>/.opskit/release/<release>/       `info` (one line of JSON) and `manifest` (sha256sum's format)
    <path>/.opskit/incoming/                a version on its way in, see `incoming`
    <path>/.opskit/history                  lines "<mark> <release> <rollout> <seconds>", mark: good or bad
    <path>/.opskit/receipts                 one line of JSON before each change, for `opskit status`
    <path>/.opskit/locks/<owner>            a symbolic link whose target says who holds the host, see `lockfile.lock`
    <path>/.opskit/renewed.<owner>          the same for a moment, while `guard` renews it
    <path>/.opskit/broken.<owner>           says for a day that somebody took that lock away, see `lockfile.break_open`
    <path>/.opskit/heirs/<rollout>          a key that lets others go on with a rollout that was interrupted, see `changelog.claims`

<owner> of a lock is the rollout, `~` and the run behind it where somebody goes on with it: a run that wakes up finds its own gone.

Everything here is pure: functions from plain values to text, tested as exact strings. POSIX sh, and of
tools only what every small system has: `TOOLS`, sha256sum or shasum, and `mv -T` or `mv -h`.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LOCK_LOST = 75
NOT_THEN = 79
NOT_THEN_WORDS = "opskit: the command went well, and what was to follow did not"
MOST_RECEIPTS, MOST_MARKS = 2000, 400  # that are read: of every two lines at most one is empty
LAST_RECEIPTS = 8
"""Of which the probe takes the last whole one: a full disk leaves torn ones behind it."""
LOST_WORDS = "the lock of this run is gone"
TOOLS = "cat chmod cmp cp cut date dd df dirname du find gzip head ln mkdir mv readlink rm sed sort tail tar tr uniq wc xargs"
"""What a host must have to be deployed to."""
NEARLY = 60  # seconds before its end from which on a lock may be cleared away while it is renewed
FRESH = 30  # of so many parts of its life, the first, in which a lock is not renewed again


def path_word(path: str) -> str:
    """Quote a path for sh; a leading `~/` becomes the login user's home."""
    if path.startswith("~/"):
        return f'"$HOME"/{shlex.quote(path[2:])}'
    return shlex.quote(path)


def opening(path: str) -> str:
    """Start every script: stop at the first failure, usual permissions, `$p` is the service's path."""
    return f"set -eu; umask 022; p={path_word(path)}"


def guard(path: str, *, rollout: str, seconds: int) -> str:
    """Start a script that changes a host: refuse with LOCK_LOST unless the lock is ours, and renew it, unless that was just done.

    A lock that had run out may be taken by another run while it is renewed. So whoever comes so late
    looks for another after renewing, as `lockfile.lock` looks after announcing: one of the two sees the other.
    One that is broken meanwhile must not be there again: who breaks it leaves a word of that before he takes it away.
    """
    word = shlex.quote(rollout)
    lost = f'echo "{LOST_WORDS}" >&2; exit {LOCK_LOST}'
    return "\n".join(
        (
            opening(path),
            f'l="$p/.opskit/locks/"{word}; n="$p/.opskit/renewed."{word}; now=$(date +%s)',
            f'd=$(readlink "$l") || {{ {lost}; }}',
            "head=${d%:*:*}; kind=${d##*:}; until=${d%:*}; until=${until##*:}",
            f'[ "$until" -gt "$((now+{seconds - seconds // FRESH}))" ] && [ "$until" -le "$((now+{seconds}))" ] || {{',
            (
                f'  rm -f "$n"; {{ ln -s "$head:$((now+{seconds})):$kind" "$n" && mv -f "$n" "$l"; }} 2>/dev/null '
                f'|| [ "$until" -gt "$((now+{NEARLY}))" ] || {{ {lost}; }}; }}  # on a full disk the old end holds'
            ),
            f'[ ! -L "$p/.opskit/broken."{word} ] || {{ rm -f "$l"; {lost}; }}',
            f'[ "$until" -gt "$((now+{NEARLY}))" ] || for o in "$p"/.opskit/locks/*; do',
            f'  [ "$o" = "$l" ] || [ ! -L "$o" ] || {{ rm -f "$l"; {lost}; }}',
            "done",
        )
    )


def lacking() -> str:
    """Print `lacks <tool>` for each that is missing; needs none itself."""
    return "\n".join(
        (
            f"for t in {TOOLS}; do command -v $t >/dev/null || printf 'lacks %s\\n' $t; done",
            "command -v sha256sum >/dev/null || command -v shasum >/dev/null || printf 'lacks sha256sum or shasum\\n'",
        )
    )


def probe(path: str) -> str:
    """Read all that a plan needs of a host, in one round trip; `probe.read_probe` reads the answer.

    It comes to its end whatever the host lacks, which it then names.
    """
    return "\n".join(
        (
            opening(path),
            "printf 'now %s\\n' \"${now:=$(date +%s)}\"",
            lacking(),
            "! command -v setsid >/dev/null || printf 'detaches\\n'",
            'd=$p; while [ ! -d "$d" ] && [ "$d" != "${d%/*}" ]; do d=${d%/*}; done; d=${d:-/}',
            "[ ! -w \"$d\" ] || printf 'writable\\n'",
            # no pipes and no `sed`: every process counts where hosts are many
            'n=\'\n\'; set -f; f=$(df -Pk "$d") || f=; set -- ${f#*"$n"}; printf \'free %s\\n\' "${4:-}"',
            (
                f'[ ! -f "$p/.opskit/history" ] || {{ IFS=$n; for m in $(tail -n {2 * MOST_MARKS} "$p/.opskit/history"); do '
                "printf 'mark %s\\n' \"$m\"; done; unset IFS; }"
            ),
            (
                f'[ ! -f "$p/.opskit/receipts" ] || {{ IFS=$n; for m in $(tail -n {2 * LAST_RECEIPTS} "$p/.opskit/receipts"); do '
                "printf 'receipt %s\\n' \"$m\"; done; unset IFS; }; set +f"
            ),
            (
                'if [ -L "$p/current" ]; then live=$(readlink "$p/current") || live=; '
                'printf \'live %s\\n\' "${live#"$p/"}"; elif [ -e "$p/current" ]; then printf \'blocked\\n\'; fi'
            ),
            (
                'for r in "$p"/releases/*/; do [ -d "$r" ] || continue; r=${r%/}; r=${r##*/}; '
                'i=; { IFS= read -r i <"$p/.opskit/release/$r/info"; } 2>/dev/null || :; '
                'printf \'release %s %s\\n\' "$r" "$i"; done'
            ),
            'for l in "$p"/.opskit/locks/*; do [ ! -L "$l" ] || printf \'lock %s\\n\' "$(readlink "$l")"; done',
            (
                'for d in "$p"/.opskit/incoming/*/; do [ -d "$d" ] || continue; k=$(du -sk "$d") || k=0; d=${d%/}; '
                'printf \'incoming %s %s\\n\' "${k%%[!0-9]*}" "${d##*/}"; done'
            ),
            "printf 'end\\n'",
        )
    )


def receipts(path: str) -> str:
    """Print the receipts that rollouts left, the oldest first, at most the last `MOST_RECEIPTS`."""
    return "\n".join(
        (
            opening(path),
            f'[ ! -f "$p/.opskit/receipts" ] || tail -n {2 * MOST_RECEIPTS} "$p/.opskit/receipts"',
        )
    )


def switch(guarded: str, *, release: str, rollout: str, receipt: str, must: bool = True) -> str:
    """Leave the receipt, then make `release` live by one atomic rename.

    On the way back (not `must`) a receipt that cannot be written, as on a full disk, stops nothing.
    """
    word, target = shlex.quote(release), shlex.quote(f"releases/{release}")
    return "\n".join(
        (
            guarded,
            f'[ -d "$p/releases/"{word} ] || {{ echo "release is not on this host" >&2; exit 66; }}',
            _append("receipts", shlex.quote(receipt), must=must),
            f't="$p/.current."{shlex.quote(rollout)}; rm -f "$t"; ln -s {target} "$t"',
            'mv -fT "$t" "$p/current" 2>/dev/null || mv -fh "$t" "$p/current"',
        )
    )


def leave_receipt(guarded: str, *, receipt: str) -> str:
    """Leave the receipt of a change that switches nothing, such as a restart."""
    return f"{guarded}\n{_append('receipts', shlex.quote(receipt))}"


def mark(word: str, *, release: str, rollout: str) -> str:
    """Append a mark (`good` or `bad`) to the host's history, behind a guard."""
    line = shlex.quote(f"{word} {release} {rollout} ")
    return _append("history", f'{line}"$now"')


def _append(file: str, words: str, *, must: bool = True) -> str:
    """Append a line to a file of `.opskit`; one that was broken off before does not swallow it: an empty line counts for nothing."""
    write = f"printf '\\n%s\\n' {words} >>\"$p/.opskit/{file}\""
    return write if must else f"{{ {write}; }} || :"


def enter_current(path: str, *, guarded: str = "") -> str:
    """Go to a service's live release; `guarded` refuses that when the lock is lost."""
    first = f"(\n{guarded}\n) || exit $?\n" if guarded else ""
    return f'{first}p={path_word(path)}; cd "$p/current" || exit 66'


def run_in_current(path: str, command: str, *, guarded: str = "", then: str = "") -> str:
    """Run the service's own command in its live release; see `enter_current`.

    If it ends with 0, do `then`, which opens with a guard; if that fails, end with NOT_THEN and its words.
    """
    there = enter_current(path, guarded=guarded)
    if not then:
        return f"{there}\n{command}"
    # `eval`, so that whatever the command is, it ends where it ends
    ours = f'{there}\n(eval {shlex.quote(command)}\n)\ns=$?; [ "$s" -eq 0 ] || exit "$s"'
    return f'{ours}\n(\n{then}\n) || {{ echo "{NOT_THEN_WORDS}" >&2; exit {NOT_THEN}; }}'


def prune(guarded: str, releases: Iterable[str]) -> str:
    """Remove old releases, never the live one; each goes away at once, so that half of one never stands among the others."""
    words = " ".join(shlex.quote(release) for release in releases)
    return "\n".join(
        (
            guarded,
            'w="$p/.opskit/incoming"; [ ! -L "$w" ] || rm -f "$w"; mkdir -p "$w"; g="$w/.gone"; rm -rf "$g"',
            'live=$(cd "$p/current" 2>/dev/null && pwd -P || true)',
            f'for r in {words}; do there=$(cd "$p/releases/$r" 2>/dev/null && pwd -P || true)',
            '  [ "$live" = "$there" ] || { [ ! -d "$p/releases/$r" ] || mv "$p/releases/$r" "$g"',
            '    rm -rf "$g" "$p/releases/$r"; }; done',
            # what is known of a release goes with it, or with the next one
            (
                'for m in "$p"/.opskit/release/*/; do r=${m%/}; r=${r##*/}; '
                '[ -d "$p/releases/$r" ] || [ ! -d "$m" ] || rm -rf "$m"; done'
            ),
        )
    )
