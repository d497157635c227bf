"""How a release comes in on a host: what a host does with a parcel (see `pack`), as sh scripts.

    <path>/.opskit/incoming/<content>.<owner>/    a version on its way in; <content> names all that it is made of

A host takes in what is sent, copies from a release that it has what was not, and compares every byte with the manifest.
Only then are links made, is what is shared linked, and is the release renamed into place: so nothing is ever written
through a link, whatever a release or what was left of an earlier try holds. Files are copied: a service that writes into
its release must not change another one. Only for one that says it never does are they hard links, where cp is GNU's; what
then belongs to several releases is never given another mode, it is copied first. What has arrived stays for the next try of
the same content, but not on a disk that is full; whatever else is on its way in is removed.

Everything here is pure, as in `layout`. Beside its tools: find, sort, uniq, cmp, sed, and xargs where something is copied.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from opskit.rollout.layout import opening

if TYPE_CHECKING:
    from collections.abc import Iterable

BROKE_OFF, NO_ROOM, ALTERED = 69, 74, 65
FLOOR_KIB = 10 * 1024  # of free disk, below which nothing half done is kept
PLACED, ANEW, LACKS = "placed", "anew", "lacks"

_COUNTS_LINKS = 'find "$i" -prune -links +1 -user "$(id -u)" >/dev/null 2>&1'
_SHARED = 'find "$i/tree" -type f -links +1'
_UNSHARE = (
    f'{_SHARED} \\( ! -perm 644 -o ! -user "$(id -u)" -o -newer "$i" \\) '
    "-exec printf '%.0sx' {} + -exec rm -f {} +"
)
"""Take out what belongs to other releases too and is not as files come in: by its mode, as a program, by whose it is, or by a time to come. A mark for each."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a host is told to make, and by what it knows that it is right.

    `base` is the release on it that files are copied from, "" for none; if that holds just so many `entries`, it is copied as a
    whole, or `linked`. `manifest` is the SHA-256 of the whole list; `room` the KiB that all of it takes; whether the parcel comes `zipped`.
    Numbers that are not known yet are `{…}`.
    """

    release: str
    content: str
    rollout: str
    manifest: str
    folders: int | str
    room: int | str
    base: str = ""
    entries: int = 0
    linked: bool = False
    zipped: bool = True


def stage(
    guarded: str, what: Expected, *, folders: Iterable[str] = (), files: Iterable[str] = ()
) -> str:
    """Bring a release in from the parcel on standard input, as far as it goes.

    The last of what it prints is `placed`; or `lacks` and then the lines of the manifest that are still wanted; or
    `anew` when nothing can be made of what is there.
    """
    links = [*map(link_folder, folders), *map(link_file, files)]
    return "\n".join(
        (
            guarded,
            *_open(what),
            *_receive(what),
            *_know(what),
            *(_copy(what) if what.base else ()),
            *_check(what),
            *_finish(what),
            *links,
            place(what.release),
        )
    )


def read_manifest(path: str, *, release: str) -> str:
    """Print the manifest of a release, gzipped."""
    return f'{opening(path)}\ngzip -c <"$p/.opskit/release/"{shlex.quote(release)}/manifest'


def _open(what: Expected) -> tuple[str, ...]:
    """Make our folder, of what an earlier try left if it was to be the same, and see that there is room.

    The tree moves to a folder of our own: what an earlier try still does there, asleep until now, happens elsewhere.
    """
    content = what.content  # hexadecimal, of our own making
    return (
        f'w="$p/.opskit/incoming"; c="$w/"{content}; i="$c."{shlex.quote(what.rollout)}',
        '[ ! -L "$w" ] || rm -f "$w"',
        'for o in "$w"/* "$w"/.[!.]*; do',
        '  [ "$o" != "$i" ] && { [ -e "$o" ] || [ -L "$o" ]; } || continue',
        '  case $o in "$c."*) [ -e "$i/tree" ] || [ -L "$o" ] || { mkdir -p "$i"; mv "$o/tree" "$i/tree" 2>/dev/null || :; };; esac',
        '  rm -rf "$o"',
        "done",
        # what is new needs no looking through
        'k=0; if [ -d "$i" ]; then k=$(du -sk "$i"); k=${k%%[!0-9]*}; rm -f "$i/deleted" "$i/added" "$i/end"',
        ('  find "$i" ! -type d ! -type f -exec rm -f {} + 2>/dev/null || :; '
        f'{_UNSHARE if what.linked else f"{_SHARED} -exec rm -f {{}} +"} >/dev/null 2>&1 || :; fi; mkdir -p "$i/tree" "$p/releases" "$p/shared"'),
        'free() { df -Pk "$i" | { read -r _; read -r _ _ _ f _; echo "$f"; }; }',
        f"trap 'e=$?; [ $e = 0 ] || [ ! -d \"$i\" ] || [ \"$(free)\" -ge {FLOOR_KIB} ] || rm -rf \"$i\"; exit $e' EXIT",
        "trap 'exit 1' HUP INT TERM",
        (f'f=$(free); n=$(({what.room}+{FLOOR_KIB})); [ "$((f+k))" -ge "$n" ] || '
        f'{{ echo "$(((f+k)/1024)) MiB free, $((n/1024)) MiB needed" >&2; exit {NO_ROOM}; }}'),
    )  # fmt: skip


def _receive(what: Expected) -> tuple[str, ...]:
    """Unpack; tell a stream that ends too early, after which all is kept, from a disk that takes no more.

    A tar that gives up leaves some of the stream, one that goes on comes to its end.
    """
    unzip = "gzip -dc | " if what.zipped else ""
    rest = "$(dd bs=1 count=1 2>/dev/null | wc -c)"
    return (
        # GNU's reads ten kilobytes at a time if it is not told otherwise; others look at no such variable
        f's=0; {unzip}TAR_OPTIONS=-b128 tar -xof - -C "$i" || s=$?; if [ "$s" -ne 0 ] || [ ! -e "$i/end" ]; then',
        f'  if [ -e "$i/end" ] || [ $(({rest})) -gt 0 ] || [ "$(free)" -lt {FLOOR_KIB} ]; then',
        f'    rm -rf "$i"; echo "the release cannot be unpacked" >&2; exit {NO_ROOM}; fi',
        f'  echo "the transfer broke off" >&2; exit {BROKE_OFF}; fi',
    )


def _know(what: Expected) -> tuple[str, ...]:
    """Have the manifest, made of the base's if it was not sent; it is right or it is nothing."""
    made = []
    if what.base:
        made = [
            f'b="$p/releases/"{shlex.quote(what.base)}; m="$p/.opskit/release/"{shlex.quote(what.base)}/manifest',
            'if [ -f "$i/deleted" ] && [ -f "$m" ]; then',
            '  LC_ALL=C sed -f "$i/deleted" "$m" | LC_ALL=C sort - "$i/added" >"$i/manifest"; fi',
        ]
    return (
        *made,
        'plain="$i/manifest"; [ ! -s "$i/odd" ] || { plain="$i/plain"; LC_ALL=C sed \'/^\\\\/d\' "$i/manifest" >"$plain"; }',
        # openssl uses what the processor has for it: five times as fast. Whether it is there, and says what we expect
        # of it, is seen by the first thing that it is asked
        f'sum="openssl dgst -sha256 -r"; s=$($sum <"$i/manifest" 2>/dev/null) || s=; if [ "$s" != "{what.manifest} *stdin" ]; then',
        '  if command -v sha256sum >/dev/null; then sum="sha256sum"; else sum="shasum -a 256"; fi; s=$($sum <"$i/manifest") || s=',
        f'  [ "${{s%% *}}" = {what.manifest} ] || {{ rm -rf "$i"; echo {ANEW}; exit 0; }}; fi',
        'odd() { rm -rf "$i/tree/$3"; }; . "$i/odd"',
    )  # fmt: skip


def _copy(what: Expected) -> tuple[str, ...]:
    """Copy what is not there yet, by name where that is not the whole: whether it is the right content is for the check to say.

    A release to which a service has added counts more entries than it should, and what was added is not ours to copy.
    """
    whole = ""
    if what.entries:
        whole = f'[ "$(find "$b" | wc -l)" -eq {what.entries} ] && cp "$@" "$b/." "$i/tree" || '
    # only GNU's knows --sparse, which is as it would be anyway. A file system that can share blocks until one of the two is written to does so
    bring = "bring -RPn --sparse=auto --reflink=auto"
    if what.linked:
        linked = f'bring -RPnl --sparse=auto && l= || l=no; n=$({_UNSHARE}) && [ -z "$l$n" ]'
        bring = (
            f'{{ {_COUNTS_LINKS} && touch "$p/.opskit/linked" && {{ {linked}; }}; }} || {bring}'
        )
    full = f'{{ rm -rf "$i"; echo "the disk is full" >&2; exit {NO_ROOM}; }}'
    return (
        "moved() { [ ! -f \"$b/$1\" ] || [ -e \"$i/tree/$2\" ] || cp \"$b/$1\" \"$i/tree/$2\" || :; }; . \"$i/moved\"",
        f'bring() {{ {whole}(cd "$b" && cut -b67- "$plain" | tr \'\\n\' \'\\0\' | xargs -0 cp "$@" --parents -t "$i/tree"); }} 2>/dev/null',
        # xargs takes every character behind a backslash as it is, and not every tar reads names from a file
        "piece() { LC_ALL=C sed 's/^.\\{66\\}//' \"$plain\" | while IFS= read -r n; do [ -e \"$i/tree/$n\" ] || printf '%s\\n' \"$n\"; done >\"$i/wanted\"",
        "   c='[ $# = 0 ] || tar -cf - \"$@\" | tar -xof - -C \"$0\"'",
        '   (cd "$b" && LC_ALL=C sed \'s/./\\\\&/g\' "$i/wanted" | LC_ALL=C xargs sh -c "$c" "$i/tree") 2>/dev/null; }',
        f'[ ! -s "$plain" ] || {bring} || piece || [ "$(free)" -ge {FLOOR_KIB} ] || {full}',
    )  # fmt: skip


def _check(what: Expected) -> tuple[str, ...]:
    """Read every byte: the tree must be the manifest, no more and no less; set modes."""
    # a time to come would be newer than each release that shares the file, as if that were touched
    past = '\\( ! -newer "$i/found" -o -exec touch {} + \\) ' if what.linked else ""
    return (
        "case $sum in openssl*) t='s/ [*]/  /';; *) t=;; esac",
        '(cd "$i/tree" && find . -type f -exec $sum {} +) | LC_ALL=C sed "$t" | LC_ALL=C sort >"$i/found"',
        'if ! cmp -s "$plain" "$i/found"; then',
        '  LC_ALL=C sed \'s/^.\\{66\\}//\' "$plain" | while IFS= read -r n; do [ ! -d "$i/tree/$n" ] || rm -rf "$i/tree/$n"; done',
        f'  LC_ALL=C sort "$i/found" "$i/found" "$plain" | LC_ALL=C uniq -u >"$i/lacks"; [ -s "$i/lacks" ] || {{ rm -rf "$i"; echo {ANEW}; exit 0; }}',
        f'  echo {LACKS}; cat "$i/lacks"; exit 0; fi',
        # one walk; most modes are right already. Links that were copied are not ours: those are made when all is right
        ("n=$(find \"$i/tree\" -type d -exec printf '%.0sx' {} + \\( -perm 755 -o -exec chmod 755 {} + \\) "
        f"-o ! -type f -exec rm -f {{}} + -o {past}! -perm 644 -exec chmod 644 {{}} +)"),
        f'[ "${{#n}}" -eq {what.folders} ] || {{ rm -rf "$i"; echo {ANEW}; exit 0; }}',
    )  # fmt: skip


def _finish(what: Expected) -> tuple[str, ...]:
    """Bring in files with odd names, make what can be run so, make the links."""
    own = ""
    if what.linked:
        copy = 'for f do cp "$f" "$0" && mv -f "$0" "$f" || exit; done'
        own = f'{{ ! {_COUNTS_LINKS} || find "$@" -links +1 -exec sh -c \'{copy}\' "$i/own" {{}} +; }} && '
    return (
        ('odd() { s=$($sum <"$i/odd-$1"); [ "${s%% *}" = "$2" ] && chmod 644 "$i/odd-$1" && mv "$i/odd-$1" "$i/tree/$3" || '
        f'{{ echo "bytes arrived altered: $3" >&2; rm -rf "$i"; exit {ALTERED}; }}; }}; . "$i/odd"'),
        f'programs() {{ (cd "$i/tree" && {own}chmod 755 "$@"); }}; . "$i/programs"',
        '[ ! -s "$i/links" ] || tar -xof "$i/links" -C "$i/tree"',
        'sync -f "$i/tree" 2>/dev/null || sync',
    )  # fmt: skip


def link_folder(folder: str) -> str:
    """Make `folder` of the incoming tree a link into shared; the release's own content seeds it once."""
    seed = 'if [ -d "$t" ]; then cp -R "$t" "$s.seed"; else mkdir "$s.seed"; fi'
    return _link(folder, seed)


def link_file(file: str) -> str:
    """Make `file` of the incoming tree a link into shared; refuse when neither has it."""
    missing = '{ echo "shared file missing: $s" >&2; exit 66; }'
    return _link(file, f'[ -f "$t" ] || {missing}; cp "$t" "$s.seed"')


def _link(inside: str, seed: str) -> str:
    """Link one path; `seed` makes `$s.seed` of it, which becomes the shared one only when whole.

    Refuses a release in which a folder above the path is a link: what is behind it is not the release's.
    """
    folders = [str(folder) for folder in PurePosixPath(inside).parents][:-1]
    word, up = shlex.quote(inside), "../" * len(folders)
    behind = '{ echo "a shared path lies behind a link: $a" >&2; exit 66; }'
    return "\n".join(
        (
            *(
                f'a="$i/tree/"{shlex.quote(folder)}; [ ! -L "$a" ] || {behind}'
                for folder in folders
            ),
            f's="$p/shared/"{word}; t="$i/tree/"{word}',
            (
                'if [ ! -e "$s" ]; then mkdir -p "$(dirname "$s")"; rm -rf "$s.seed"; '
                f'{seed}; mv "$s.seed" "$s"; fi'
            ),
            f'rm -rf "$t"; mkdir -p "$(dirname "$t")"; ln -s {shlex.quote(f"../../{up}shared/{inside}")} "$t"',
        )
    )


def place(release: str) -> str:
    """Rename the whole, checked tree into place: first what is known of it, then the tree itself."""
    word = shlex.quote(release)
    return "\n".join(
        (
            f'[ ! -e "$p/releases/"{word} ] || {{ echo "release is already there" >&2; exit 73; }}',
            f'm="$p/.opskit/release/"{word}; [ ! -e "$m" ] || rm -rf "$m"; mkdir -p "$m"; mv "$i/manifest" "$i/info" "$m/"',
            f'mv "$i/tree" "$p/releases/"{word}; rm -rf "$i"; echo {PLACED}',
        )
    )
