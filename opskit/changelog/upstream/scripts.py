"""The sh scripts by which an upstream's file is read and written on a host; pure functions, tested as exact strings.

POSIX sh, `wc`, `tail`, `head`, `dd`, `date`, `find`; `flock` where there is one, else a folder is the lock. Data goes by standard input.
"""

from __future__ import annotations

import shlex

MISSING, BUSY, FULL = 66, 75, 74
WAIT = 10  # seconds for the lock

_LOCK = f"""\
if command -v flock >/dev/null 2>&1; then
  exec 9>>"$p.lock"; flock -w {WAIT} 9 || exit {BUSY}
else
  n=0
  until mkdir "$p.lock.d" 2>/dev/null; do
    n=$((n+1)); [ $n -le {WAIT * 10} ] || exit {BUSY}
    [ -z "$(find "$p.lock.d" -prune -mmin +2 2>/dev/null)" ] || rmdir "$p.lock.d" 2>/dev/null || :
    sleep 0.1 2>/dev/null || sleep 1
  done
  trap 'rmdir "$p.lock.d"' EXIT
fi"""


def opening(path: str) -> str:
    """Start every script: `$p` is the file, a leading `~/` is the login user's home."""
    word = f'"$HOME"/{shlex.quote(path[2:])}' if path.startswith("~/") else shlex.quote(path)
    return f"set -eu; umask 007; p={word}"


def size(path: str) -> str:
    """Print the size of the file and the host's clock in seconds."""
    return f'{opening(path)}\n[ -f "$p" ] || exit {MISSING}\necho "$(wc -c <"$p") $(date +%s)"'


def read(path: str, *, offset: int, limit: int) -> str:
    """Print at most `limit` bytes from `offset` on."""
    return (
        f'{opening(path)}\n[ -f "$p" ] || exit {MISSING}\n'
        f'tail -c +{offset + 1:d} "$p" | head -c {limit:d}'
    )


def append(path: str, *, expected: int, length: int) -> str:
    """Append a stamp and `length` bytes of standard input, if the file is still `expected` bytes long.

    Prints `ok <size>` when all of it is on the disk, or `moved <size>`. What cannot be written whole is taken back.
    """
    return f"""{opening(path)}
[ -f "$p" ] || exit {MISSING}
{_LOCK}
s=$(wc -c <"$p"); s=$((s))
[ "$s" -eq {expected:d} ] || {{ echo "moved $s"; exit 0; }}
t=$(date +%s)
{{ printf '\\n@%s\\n' "$t"; cat; }} >>"$p" || :
n=$(wc -c <"$p"); n=$((n))
if [ "$n" -ne $((s + ${{#t}} + 3 + {length:d})) ]; then
  dd if=/dev/null of="$p" bs=1 seek="$s" count=0 2>/dev/null; exit {FULL}
fi
sync "$p" 2>/dev/null || sync
echo "ok $n\""""


def overwrite(path: str, *, start: int, length: int, total: str) -> str:
    """Fill `length` bytes from `start` on with `#`, if their SHA-256 (in hex) is still `total`; prints `ok` or `moved`."""
    return f"""{opening(path)}
[ -f "$p" ] || exit {MISSING}
{_LOCK}
sum() {{ if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi; }}
h=$(tail -c +{start + 1:d} "$p" | head -c {length:d} | sum)
[ "${{h%% *}}" = {total} ] || {{ echo moved; exit 0; }}
head -c {length:d} /dev/zero | tr '\\0' '#' | dd of="$p" bs=1 seek={start:d} conv=notrunc 2>/dev/null
sync "$p" 2>/dev/null || sync
echo ok"""


def create(path: str, *, length: int) -> str:
    """Make the folder and the file with standard input (`length` bytes) in it, unless it is there; prints `made` or `there`."""
    return f"""{opening(path)}
mkdir -p "$(dirname "$p")"
{_LOCK}
[ ! -e "$p" ] || {{ echo there; exit 0; }}
cat >"$p.new"
[ "$(wc -c <"$p.new")" -eq {length:d} ] || {{ rm -f "$p.new"; exit {FULL}; }}
sync "$p.new" 2>/dev/null || sync
mv "$p.new" "$p"; sync
echo made"""
