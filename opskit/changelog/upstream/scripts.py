r"""The sh scripts by which an upstream's file is read and written on a host; pure functions from plain values to text.

POSIX sh and tools, and of others only what every small system has: `mktemp`, `readlink`, `head -c`. Data goes by standard input
and is here as a whole before the lock is taken, so that a laptop that falls asleep holds up nobody. `flock` where there is
one, else a link beside the file, `<file>.lock`, whose target says who holds it and until when by the host's clock.
The first line that a script prints is `ok` and numbers; a status of its own says what was in the way.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from opskit.changelog.upstream.frames import BLANK
from opskit.changelog.upstream.locking import HOLD, LONGEST
from opskit.changelog.upstream.place import MOST_CLAIMS, WAIT

if TYPE_CHECKING:
    from opskit.changelog.upstream.place import Order

MISSING, DENIED, REPLACED, AHEAD, CUT, FULL, BUSY, UNLOCKED, FIXED, ODD = (
    66,
    77,
    65,
    69,
    68,
    74,
    75,
    76,
    78,
    79,
)
BLOCK = 4096
WITH_FOLDER = 2  # what `create` answers if it made the folder, too
"""`read` begins and ends at multiples of it."""
WIDE = 65536

_OPENING = f"""\
set -eu; umask 077; LC_ALL=C; export LC_ALL
ready() {{ [ ! -e "$p" ] || [ -f "$p" ] || exit {ODD}; seen; [ -f "$p" ] || exit {MISSING}; [ -r "$p" ] || denied "$p"; }}
seen() {{ d=$(dirname "$p"); [ ! -d "$d" ] || [ -x "$d" ] || denied "$d"; }}
denied() {{ ls -ld "$1" >&2 || :; exit {DENIED}; }}
size() {{ size=$(ls -lnL "$p" | {{ read -r _ _ _ _ s _; echo "$s"; }}); }}
clock() {{
  now=$(date +%s%3N 2>/dev/null) || now=
  case $now in *[!0-9]*) now=;; ?????????????) return;; esac
  now=$(date +%s)000
}}
patiently() {{
  n=0
  until "$@"; do
    n=$((n+1)); [ $n -le {WAIT * 10} ] || exit {BUSY}
    sleep 0.1 2>/dev/null || sleep 1
  done
}}"""

_LOCK = f"""\
old() {{
  u=${{1##*:}}; case $u in ''|*[!0-9]*|???????????*) return 0;; esac
  [ "$u" -lt "$(date +%s)" ] || [ "$u" -gt "$(($(date +%s)+{LONGEST}))" ]
}}
take() {{
  ln -s "$me:$(($(date +%s)+{HOLD}))" "$l" 2>/dev/null && return
  o=$(readlink "$l") || return
  old "$o" || return
  mv "$l" "$l.$me" 2>/dev/null || return
  r=$(readlink "$l.$me"); rm -f "$l.$me"
  [ "$r" = "$o" ] || ln -s "$r" "$l" 2>/dev/null  # somebody took it in this very moment
  return 1
}}
give() {{ case $(readlink "$l") in "$me":*) rm -f "$l";; esac; }}
leave() {{ :; }}
trap 'leave' EXIT; trap 'exit 1' HUP INT TERM
l=$p.lock; me=$$.$(date +%s).$(od -An -N4 -tx1 /dev/urandom 2>/dev/null | tr -d ' ')"""

_SHARE = f"""\
{_LOCK}
free() {{ [ ! -L "$l" ] || old "$(readlink "$l")"; }}
if command -v flock >/dev/null 2>&1; then
  exec 9<"$p"; flock -w {WAIT} -s 9 2>/dev/null || patiently flock -n -s 9
  size; exec 9<&-
else patiently free; size; fi"""

_WRITE = f"""\
[ -w "$p" ] || denied "$p"
{_LOCK}"""

_HOLD = f"""\
if command -v flock >/dev/null 2>&1; then
  exec 9>>"$p"; flock -w {WAIT} 9 2>/dev/null || patiently flock -n 9
else
  patiently take; leave() {{ give; rm -f "$t"; }}
fi"""

# `sync FILE` where there is such a thing; its failure counts, so it must not be taken for a `sync` that knows no files.
_SYNC = 'if sync . 2>/dev/null; then sync "$p"; else sync; fi'


def opening(path: str) -> str:
    """Start every script: `$p` is the file; a leading `~/` is the login user's home."""
    word = f'"$HOME"/{shlex.quote(path[2:])}' if path.startswith("~/") else shlex.quote(path)
    return f"p={word}\n{_OPENING}"


def look(path: str, ranges: tuple[tuple[int, int], ...]) -> str:
    """Print `ok <size> <clock>`, then what the file has between those offsets, each widened to whole blocks."""
    return "\n".join(
        (
            opening(path),
            "ready",
            _SHARE,
            'clock; echo "ok $size $now"',
            *(_cut(start // BLOCK, -(-end // BLOCK) - start // BLOCK) for start, end in ranges),
        )
    )


def claims(path: str, writer: bytes, first: int) -> str:
    """Print `ok <size> <clock>`, then a writer's lines from event `first` on as `<seq> <hash> <start> <more>`, and `all <count>`.

    These are the newest, at most MOST_CLAIMS of that count.
    """
    return "\n".join(
        (opening(path), "ready", _SHARE, 'clock; echo "ok $size $now"', _claims(writer, first, 0))
    )


def append(path: str, order: Order, *, length: int) -> str:
    """Append `length` bytes of standard input, stamped, and sync; prints `ok <start> <clock>`.

    What cannot be written whole is taken back.
    """
    return f"""\
{opening(path)}
ready
{_WRITE}
t=$(mktemp); leave() {{ rm -f "$t"; }}
cat >"$t" || exit {CUT}
[ "$(($(wc -c <"$t")))" -eq {length:d} ] || exit {CUT}
{_HOLD}
size; s=$size; clock
dd if="$p" bs={BLOCK} count=1 2>/dev/null | grep -F -q '"log":"{order.log}"' || exit {REPLACED}
[ -z "$({_claims(order.writer, order.first, order.since)} | sed '/^all /d')" ] || exit {AHEAD}
sed "s/^{BLANK.decode()}/@$now+$(printf %015d "$s")+/" <"$t" >>"$p" || :
size
if [ "$size" -ne $((s+{length:d})) ]; then
  [ "$size" -lt $((s+{length:d})) ] || exit {UNLOCKED}
  truncate -s "$s" "$p" 2>/dev/null || dd if=/dev/null of="$p" bs=1 seek="$s" count=0 2>/dev/null || :
  exit {FULL}
fi
{_SYNC}
echo "ok $s $now\""""


def bodies(path: str, event: bytes) -> str:
    """Print `ok <size> <clock>`, then the offsets of start and end of all lines that hold the body of an event."""
    program = f"""index(substr($0, 1, 128), "{{\\"of\\":\\"{event.hex()}\\"") {{ print n, n + length($0) }}
{{ n += length($0) + 1 }}"""
    return f"""\
{opening(path)}
ready
{_SHARE}
clock; echo "ok $size $now"
tr '\\000\\200-\\377' '?' <"$p" | awk '{program}'"""


def overwrite(path: str, *, start: int, length: int) -> str:
    """Fill `length` bytes from `start` on with `#` if they are those of standard input, or filled already; prints `ok <start> <clock>`."""
    return f"""\
{opening(path)}
ready
{_WRITE}
t=$(mktemp); leave() {{ rm -f "$t"; }}
cat >"$t" || exit {CUT}
{_HOLD}
clock
there() {{ tail -c +{start + 1:d} "$p" | head -c {length:d}; }}
filled() {{ [ "$(there | tr -d '#' | wc -c)" -eq 0 ] && [ "$(there | wc -c)" -eq {length:d} ]; }}
filled || {{
  there | cmp -s - "$t" || exit {REPLACED}
  tr '\\000-\\377' '#' <"$t" | dd of="$p" bs=1 seek={start:d} conv=notrunc 2>/dev/null || exit {FIXED}
}}
{_SYNC}
filled || exit {FULL}
echo "ok {start:d} $now\""""


def create(path: str, *, length: int) -> str:
    """Make the file with standard input in it, and its folder if only that is missing; prints `ok 1 <clock>`, `ok 2 <clock>` if
    the folder was made, too, or `ok 0 <clock>` if it is there.

    An empty file, as an administrator may have prepared it, is begun; the folder's group may write if it may write the folder.
    """
    return f"""\
{opening(path)}
m=1; d=$(dirname "$p"); [ -d "$d" ] || {{ mkdir -m 700 "$d" || [ -d "$d" ]; m={WITH_FOLDER:d}; }}
clock
if [ -f "$p" ]; then
  there() {{ size; [ "$size" -eq 0 ] || {{ echo "ok 0 $now"; exit; }}; }}
  there
{_WRITE}
  t=$(mktemp); leave() {{ rm -f "$t"; }}
  cat >"$t" || exit {CUT}
{_HOLD}
  there
  cat "$t" >>"$p" || {{ : >"$p"; exit {FULL}; }}
else
  t=$(mktemp "$d/.new.XXXXXX"); trap 'rm -f "$t"' EXIT; trap 'exit 1' HUP INT TERM
  cat >"$t" || exit {FULL}
  [ "$(($(wc -c <"$t")))" -eq {length:d} ] || exit {CUT}
  case $(ls -ld "$d") in ?????w*) chmod 660 "$t";; esac
  if sync . 2>/dev/null; then sync "$t"; else sync; fi
  ln "$t" "$p" 2>/dev/null || {{ [ ! -e "$p" ] && mv "$t" "$p"; }} || {{ echo "ok 0 $now"; exit; }}
fi
{_SYNC}
if sync . 2>/dev/null; then sync "$d"; else sync; fi
echo "ok $m $now\""""


def _cut(first: int, blocks: int) -> str:
    """Print whole blocks, but nothing that came after the size was read."""
    return (
        f'n=$((size-{first * BLOCK:d})); [ "$n" -le 0 ] || '
        f'dd if="$p" bs={BLOCK} skip={first:d} count={blocks:d} 2>/dev/null | head -c "$n"'
    )


def _claims(writer: bytes, first: int, since: int) -> str:
    """Print a writer's lines that begin at `since` or behind it; they are only what they claim to be."""
    line = (
        r"@[0-9]*+\([0-9]*\)+\([0-9]*\) [0-9]* [0-9a-f]* "
        rf'{{"event":"\([0-9a-f]*\)","seq":\([0-9]*\),"writer":"{writer.hex()}".*'
    )
    return (
        f"""dd if="$p" bs={WIDE} skip={since // WIDE:d} 2>/dev/null | tr '\\000' '?' | """
        f"""sed -n 's/^{line}$/\\4 \\3 \\1 \\2/p' | """
        f"""awk '$3 + $4 < {since:d} {{ next }} $1 >= {first:d} {{ a[k++ % {MOST_CLAIMS}] = $0 }} """
        f"""END {{ for (i = k > {MOST_CLAIMS} ? k - {MOST_CLAIMS} : 0; i < k; i++) print a[i % {MOST_CLAIMS}]; print "all", k + 0 }}'"""
    )
