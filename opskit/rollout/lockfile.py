"""The lock of a run on a host, as sh scripts take it and let it go; `layout.guard` renews it. Pure, like `layout`."""

from __future__ import annotations

import shlex

from opskit.rollout.layout import opening

LONGEST = 86400  # seconds that a lock may claim to hold
MOST_ACTOR, MOST_WHY = (
    250,
    450,
)  # bytes in a lock: a link's target must stay below 1024 on some systems


def lock(
    path: str,
    *,
    rollout: str,
    actor: str,
    action: str,
    seconds: int,
    why: str = "",
    keyed: bool = False,
) -> str:
    """Announce this run on the host, then look: prints `taken`, or `held <whose> <now>` and takes nothing.

    The announcement is a symbolic link, made in one step with its content `v1:owner:actor:since:until:action[;why]`
    (percent-encoded, actor and reason cut, times by the host's own clock). If `keyed`, who takes it gives on standard
    input the key that lets others go on. Whoever announces first sees no other and holds the
    host; two at the same moment see each other and both step back. One that has expired, or claims to hold for
    longer than a day, is cleared away; what is none of ours is left alone.
    """
    name, kind = encoded(rollout), encoded(action)
    who, reason = encoded(actor, MOST_ACTOR), encoded(why, MOST_WHY)
    kind = f"{kind};{reason}" if reason else kind
    return "\n".join(
        (
            opening(path),
            'l="$p/.opskit/locks"; [ ! -L "$l" ] || { echo "$l is a link" >&2; exit 73; }',
            '[ -d "$l" ] || mkdir -p "$l"; now=$(date +%s)',
            f'mine="$l"/{shlex.quote(rollout)}; [ ! -e "$mine" ] && [ ! -L "$mine" ] || rm -f "$mine"',
            f'ln -s {shlex.quote(f"v1:{name}:{who}:")}"$now:$((now+{seconds})):"{shlex.quote(kind)} "$mine"',
            'for other in "$l"/*; do',
            '  [ "$other" != "$mine" ] && [ -L "$other" ] || continue',
            '  data=$(readlink "$other") || continue',
            "  case $data in v1:*:*:*:*:*) ;; *) continue;; esac",
            "  until=${data%:*}; until=${until##*:}",
            "  case $until in ''|*[!0-9]*|???????????*) until=0;; esac",
            f'  [ "$until" -le "$((now+{LONGEST}))" ] || until=0',
            '  if [ "$until" -gt "$now" ]; then rm -f "$mine"; printf \'held %s %s\\n\' "$data" "$now"; exit 0; fi',
            '  rm -f "$other"',
            "done",
            'for b in "$p"/.opskit/broken.*; do [ -L "$b" ] || continue; t=$(readlink "$b") || t=',
            "  case $t in ''|*[!0-9]*|???????????*) t=0;; esac",
            f'  [ "$t" -gt "$((now-{LONGEST}))" ] || rm -f "$b"',
            "done",
            *([_keep_key(rollout)] if keyed else []),
            "echo taken",
        )
    )


def _keep_key(owner: str) -> str:
    """Keep the key that comes on standard input; a disk that is full must not stop a rollback."""
    file = f'"$p/.opskit/heirs/"{shlex.quote(rollout_of(owner))}'
    write = (
        '{ [ -d "$p/.opskit/heirs" ] || mkdir -p "$p/.opskit/heirs"; } && '
        'printf \'%s\\n\' "$key" >"$k.new" && mv -f "$k.new" "$k"'
    )
    return f"k={file}; ! IFS= read -r key || {{ umask 077; {write}; }} 2>/dev/null || :; umask 022"


def encoded(text: str, most: int = 1000) -> str:
    """Percent-encode a text; what is longer than so many bytes then is cut, and ends in three dots."""
    from urllib.parse import quote

    whole = quote(text, safe="")
    while len(whole) > most:
        text = text[: min(len(text) - 1, most)]
        whole = f"{quote(text, safe='')}..."
    return whole


def rollout_of(owner: str) -> str:
    """Give the rollout of the owner of a lock."""
    return owner.partition("~")[0]


def break_open(path: str, *, rollout: str) -> str:
    """Take the announcement of another run away for good, and leave a word of that: who is about to renew it at this moment must not have it again.

    The word is a symbolic link to the second in which that was, `layout.guard` looks for it, and whoever takes a lock a day later removes it.
    """
    word = f'"$p/.opskit/broken."{shlex.quote(rollout)}'
    leave = f'[ ! -d "$p/.opskit" ] || {{ rm -f {word}; ln -s "$(date +%s)" {word}; }} 2>/dev/null || :'
    return f"{opening(path)}\n{leave}\nrm -f {_announced(rollout)}"


def unlock(path: str, *, rollout: str, keys: str = "") -> str:
    """Take our announcement away again; and `own` key, if nothing was begun, or "all" if nobody needs to go on with anything."""
    gone, folder = _announced(rollout), '"$p/.opskit/heirs"'
    if keys == "all":
        return f"{opening(path)}\nrm -rf {gone} {folder}"
    if keys == "own":
        key = f"{folder}/{shlex.quote(rollout_of(rollout))}"
        return f"{opening(path)}\nrm -f {gone} {key}; rmdir {folder} 2>/dev/null || :"
    return f"{opening(path)}\nrm -f {gone}"


def _announced(rollout: str) -> str:
    word = shlex.quote(rollout)
    return f'"$p/.opskit/locks/"{word} "$p/.opskit/renewed."{word}'
