"""Whether the files of the live release are still those that were deployed: asked of a host, compared there.

What is looked at is every regular file of the release and the manifest that came with it. A file is read if it was
touched since the release was put in place, as its change time tells (which nobody can set back; busybox knows only the
time of modification, to the second), or if the whole of them is asked for. Where releases have shared files, each that came or
went changed the change time of those: it tells of what was touched since, and that of modification of what was before. Shared
files and folders, links, and what Python compiles beside its sources are nobody's edits. Changes nothing.

    altered ./NAME   missing ./NAME   new ./NAME   unread ./NAME     at most MOST_NAMED of each kind
    count KIND N                                                     how many there are of it
    touched N                                                        too many to be read now
    looked                                                           all was compared
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from opskit.fleet.command import Command
from opskit.rollout import layout
from opskit.rollout.probe import read_probe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote
    from opskit.rollout.probe import HostState

MOST_NAMED = 20
MOST_SHOWN = 3
MOST_TOUCHED = 1000  # files that are read without being asked for
TIMEOUT = 300
KINDS = ("altered", "missing", "unread", "new")

_NUMBER = re.compile(r"[0-9]{1,9}")

COMPARE = r"""
function named(line) { return substr(line, line ~ /^\\/ ? 68 : 67) }
function shared(name,  part, at, i, n) {
  n = split(name, part, "/"); at = part[1]
  for (i = 2; i <= n; i++) { at = at "/" part[i]; if (at in link) return 1 }
  return 0
}
function say(kind, name) { if (count[kind]++ < most) print kind " " name }
side == 1 { want[named($0)] = $0; if (/^\\/) odd[named($0)] = 1; next }
/^link / { link[substr($0, 6)] = 1; next }
/^there / { there[substr($0, 7)] = 1; next }
{ name = named($0); sum[name] = 1; if (name in want && want[name] != $0) say("altered", name) }
END {
  for (name in want) {
    if (name in odd || shared(name)) continue
    if (!(name in there)) say("missing", name)
    else if (whole && !(name in sum)) say("unread", name)
  }
  for (name in there)
    if (!(name in want) && name !~ /\\/ && name !~ /(^|\/)__pycache__\/|\.py[co]$/) say("new", name)
  for (kind in count) print "count " kind " " count[kind]
}
"""


_NEW = (
    # a find without -cnewer knows times of modification only
    'new() { find . ! -name . -newer "$m" \\( -type d -o -type f \\) "$@"; }',
    'c=; w="$p/.opskit/incoming"; if find "$m" -prune -cnewer "$m" >/dev/null 2>&1; then c=1',
    '  new() { find . ! -name . -cnewer "$m" \\( -type d -o -type f \\) "$@"; }',
    '  if [ -f "$p/.opskit/linked" ] && [ -d "$w" ]; then c=2; o="-links 1 -o"',
    '    new() { find . ! -name . -cnewer "$m" \\( -type d -o -type f \\( $o -newer "$m" -o -cnewer "$w" \\) \\) "$@"; }; fi; fi',
)
"""Find what is new since the release was put in place. What comes or goes changes the time of its folder.

Where releases share files, each that comes and goes changes the change times of others' files, and of the folder of what comes in after that.
"""
_UNTOUCHED = (
    # the folder itself was put in place after its manifest: only what it holds counts
    't=$({ [ "$c" ] && find . -prune -newer "$m" && new || echo no; } 2>/dev/null | head -n 1)',
    '[ -n "$t" ] || { echo looked; exit 0; }',
)
_TOUCHED = (
    'touched() { new -type f "$@"; }',
    f"count() {{ k=$(touched 2>/dev/null | head -n {MOST_TOUCHED + 1} | wc -l); }}; count",
    # a release that went had shared most of them with this one only; or something comes in just now, or was killed at that
    f'[ "$k" -le {MOST_TOUCHED} ] || [ "$c" != 2 ] || {{ o=; count; }}',
    f'[ "$k" -le {MOST_TOUCHED} ] || [ "$c" != 2 ] || {{ touched() {{ find . -type f -newer "$m" -cnewer "$m" "$@"; }}; count; }}',
    f'[ "$k" -le {MOST_TOUCHED} ] || {{ echo touched $((k-1)); k=0; }}',
)
"""Say which files are to be read, and count them in `k`."""


@dataclass(frozen=True, slots=True)
class Edits:
    """What is not as it was deployed: of each kind some names and how many there are; what was touched and not read.

    `looked` is false if the host could not compare: it lacks a manifest of the release, or a tool.
    """

    altered: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    touched: int = 0
    looked: bool = False

    @property
    def drift(self) -> str:
        """Say what was changed by hand, "" for nothing: `a.html altered, b.html missing`."""
        words = {"altered": "altered", "missing": "missing", "unread": "not readable"}
        told = [f"{name} {words[kind]}" for kind in words for name in getattr(self, kind)]
        return _some(told, sum(self.counts.get(kind, 0) for kind in words))

    @property
    def remark(self) -> str:
        """Say what no deploy brought, and what was not read; "" for nothing."""
        new = _some(self.new, self.counts.get("new", 0))
        unread = (
            f"{self.touched} files or more were touched and not read: --check-files reads them"
        )
        return "; ".join(
            said
            for said in (
                f"new in its release: {new}" if new else "",
                unread if self.touched else "",
            )
            if said
        )


def _some(told: Sequence[str], count: int) -> str:
    shown = told[:MOST_SHOWN]
    left = max(count, len(told)) - len(shown)
    return f"{', '.join(shown)} and {left} more" if left else ", ".join(shown)


def read_edits(said: str) -> Edits:
    """Read what `look` printed; the rest of what a host said is passed over."""
    names: dict[str, list[str]] = {kind: [] for kind in KINDS}
    numbers: dict[str, int] = {}
    for line in said.split("\n"):
        word, _, rest = line.partition(" ")
        if word in names and rest.startswith("./"):
            names[word].append(rest[2:])
        elif word == "count" or (word == "touched" and rest):
            kind, _, number = rest.rpartition(" ")
            if _NUMBER.fullmatch(number):
                numbers[kind or word] = int(number)
    return Edits(
        **{kind: tuple(sorted(found)) for kind, found in names.items()},
        counts={kind: numbers[kind] for kind in KINDS if kind in numbers},
        touched=numbers.get("touched", 0),
        looked="\nlooked\n" in f"\n{said}\n",
    )


def look(*, whole: bool, release: str = "") -> str:
    """Compare the files of a release in `$p` with its manifest: those that were touched, or the `whole` of them.

    Without a `release` of the live one, `$live` where a probe has found it.
    """
    there = (
        'live=${live:-$(readlink "$p/current")} || exit 0; m="$p/.opskit/release/${live##*/}"; l=current',
    )
    if release:
        there = (f'l=releases/{shlex.quote(release)}; m="$p/.opskit/release/${{l##*/}}"',)
    return "\n".join(
        (
            "(",
            *there,
            '[ -f "$m/manifest" ] && cd -P "$p/$l/" 2>/dev/null || exit 0',
            "command -v awk >/dev/null && command -v find >/dev/null || exit 0; LC_ALL=C; export LC_ALL",
            *(() if whole else (*_NEW, *_UNTOUCHED)),
            'if command -v sha256sum >/dev/null; then sum="sha256sum"; else sum="shasum -a 256"; fi',
            *(('touched() { find . -type f "$@"; }; k=1',) if whole else _TOUCHED),
            "{",
            # a shared path is a link to the same name below `shared`
            (
                'find . -type l | while IFS= read -r l; do [ -e "$p/shared/${l#./}" ] || continue; '
                'case $(readlink "$l") in *"../shared/${l#./}") printf \'link %s\\n\' "$l";; esac; done'
            ),
            "find . -type f | sed 's/^/there /'",
            '[ "$k" -eq 0 ] || touched -exec $sum {} +',
            f"}} 2>/dev/null | awk -v most={MOST_NAMED} -v whole={int(whole)} '{COMPARE}' side=1 \"$m/manifest\" side=2 - || exit 0",
            "echo looked",
            ") || :",
        )
    )


def probe(remote: Remote, *, path: str, whole: bool = False) -> HostState:
    """Ask one host about the service at `path`, and for edits of its live release, in one round trip; reads only."""
    script = "\n".join((layout.probe(path), look(whole=whole)))
    result = remote.execute(Command(script, timeout=None if whole else TIMEOUT, twice=True))
    said = result.require("the probe").text
    return replace(read_probe(remote.name, said), edits=read_edits(said))


def altered_in(fleet: Fleet, releases: Mapping[str, str], *, path: str) -> tuple[str, ...]:
    """Say of which hosts the release that is named for it is not as it was deployed, a line for each; reads only.

    A host that does not answer says nothing here.
    """

    def ask(remote: Remote) -> str:
        script = f"{layout.opening(path)}\n{look(whole=False, release=releases[remote.name])}"
        result = remote.execute(Command(script, timeout=TIMEOUT, twice=True))
        return read_edits(result.require("the look at a release").text).drift

    found = {outcome.host: outcome.value for outcome in fleet.each(ask, releases)}
    return tuple(
        f"{host}: in {releases[host]} is {found[host]}" for host in releases if found[host]
    )
