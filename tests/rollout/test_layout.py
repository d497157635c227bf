"""What the scripts for hosts say, to the letter, and what nasty values become in them."""

from __future__ import annotations

import subprocess
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.rollout import layout, lockfile

WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)

GUARD = r"""
set -eu; umask 022; p="$HOME"/shop
l="$p/.opskit/locks/"ab12; n="$p/.opskit/renewed."ab12; now=$(date +%s)
d=$(readlink "$l") || { echo "the lock of this run is gone" >&2; exit 75; }
head=${d%:*:*}; kind=${d##*:}; until=${d%:*}; until=${until##*:}
[ "$until" -gt "$((now+870))" ] && [ "$until" -le "$((now+900))" ] || {
  rm -f "$n"; { ln -s "$head:$((now+900)):$kind" "$n" && mv -f "$n" "$l"; } 2>/dev/null || [ "$until" -gt "$((now+60))" ] || { echo "the lock of this run is gone" >&2; exit 75; }; }  # on a full disk the old end holds
[ ! -L "$p/.opskit/broken."ab12 ] || { rm -f "$l"; echo "the lock of this run is gone" >&2; exit 75; }
[ "$until" -gt "$((now+60))" ] || for o in "$p"/.opskit/locks/*; do
  [ "$o" = "$l" ] || [ ! -L "$o" ] || { rm -f "$l"; echo "the lock of this run is gone" >&2; exit 75; }
done
"""

PROBE = r"""
set -eu; umask 022; p=/srv/shop
printf 'now %s\n' "${now:=$(date +%s)}"
for t in cat chmod cmp cp cut date dd df dirname du find gzip head ln mkdir mv readlink rm sed sort tail tar tr uniq wc xargs; do command -v $t >/dev/null || printf 'lacks %s\n' $t; done
command -v sha256sum >/dev/null || command -v shasum >/dev/null || printf 'lacks sha256sum or shasum\n'
! command -v setsid >/dev/null || printf 'detaches\n'
d=$p; while [ ! -d "$d" ] && [ "$d" != "${d%/*}" ]; do d=${d%/*}; done; d=${d:-/}
[ ! -w "$d" ] || printf 'writable\n'
n='
'; set -f; f=$(df -Pk "$d") || f=; set -- ${f#*"$n"}; printf 'free %s\n' "${4:-}"
[ ! -f "$p/.opskit/history" ] || { IFS=$n; for m in $(tail -n 800 "$p/.opskit/history"); do printf 'mark %s\n' "$m"; done; unset IFS; }
[ ! -f "$p/.opskit/receipts" ] || { IFS=$n; for m in $(tail -n 16 "$p/.opskit/receipts"); do printf 'receipt %s\n' "$m"; done; unset IFS; }; set +f
if [ -L "$p/current" ]; then live=$(readlink "$p/current") || live=; printf 'live %s\n' "${live#"$p/"}"; elif [ -e "$p/current" ]; then printf 'blocked\n'; fi
for r in "$p"/releases/*/; do [ -d "$r" ] || continue; r=${r%/}; r=${r##*/}; i=; { IFS= read -r i <"$p/.opskit/release/$r/info"; } 2>/dev/null || :; printf 'release %s %s\n' "$r" "$i"; done
for l in "$p"/.opskit/locks/*; do [ ! -L "$l" ] || printf 'lock %s\n' "$(readlink "$l")"; done
for d in "$p"/.opskit/incoming/*/; do [ -d "$d" ] || continue; k=$(du -sk "$d") || k=0; d=${d%/}; printf 'incoming %s %s\n' "${k%%[!0-9]*}" "${d##*/}"; done
printf 'end\n'
"""

LOCK = r"""
set -eu; umask 022; p='/srv/x y'
l="$p/.opskit/locks"; [ ! -L "$l" ] || { echo "$l is a link" >&2; exit 73; }
[ -d "$l" ] || mkdir -p "$l"; now=$(date +%s)
mine="$l"/ab12; [ ! -e "$mine" ] && [ ! -L "$mine" ] || rm -f "$mine"
ln -s v1:ab12:ana%40laptop%3Ax%20y:"$now:$((now+900)):"deploy "$mine"
for other in "$l"/*; do
  [ "$other" != "$mine" ] && [ -L "$other" ] || continue
  data=$(readlink "$other") || continue
  case $data in v1:*:*:*:*:*) ;; *) continue;; esac
  until=${data%:*}; until=${until##*:}
  case $until in ''|*[!0-9]*|???????????*) until=0;; esac
  [ "$until" -le "$((now+86400))" ] || until=0
  if [ "$until" -gt "$now" ]; then rm -f "$mine"; printf 'held %s %s\n' "$data" "$now"; exit 0; fi
  rm -f "$other"
done
for b in "$p"/.opskit/broken.*; do [ -L "$b" ] || continue; t=$(readlink "$b") || t=
  case $t in ''|*[!0-9]*|???????????*) t=0;; esac
  [ "$t" -gt "$((now-86400))" ] || rm -f "$b"
done
echo taken
"""

SWITCH = r"""
GUARD
[ -d "$p/releases/"R1 ] || { echo "release is not on this host" >&2; exit 66; }
printf '\n%s\n' '{"it'"'"'s": 1}' >>"$p/.opskit/receipts"
t="$p/.current."ab12; rm -f "$t"; ln -s releases/R1 "$t"
mv -fT "$t" "$p/current" 2>/dev/null || mv -fh "$t" "$p/current"
"""

PRUNE = r"""
GUARD
w="$p/.opskit/incoming"; [ ! -L "$w" ] || rm -f "$w"; mkdir -p "$w"; g="$w/.gone"; rm -rf "$g"
live=$(cd "$p/current" 2>/dev/null && pwd -P || true)
for r in R1 'R 2'; do there=$(cd "$p/releases/$r" 2>/dev/null && pwd -P || true)
  [ "$live" = "$there" ] || { [ ! -d "$p/releases/$r" ] || mv "$p/releases/$r" "$g"
    rm -rf "$g" "$p/releases/$r"; }; done
for m in "$p"/.opskit/release/*/; do r=${m%/}; r=${r##*/}; [ -d "$p/releases/$r" ] || [ ! -d "$m" ] || rm -rf "$m"; done
"""


def test_guard() -> None:
    assert layout.guard("~/shop", rollout="ab12", seconds=900) == GUARD.strip()


def test_probe() -> None:
    assert layout.probe("/srv/shop") == PROBE.strip()


def test_lock() -> None:
    script = lockfile.lock(
        "/srv/x y", rollout="ab12", actor="ana@laptop:x y", action="deploy", seconds=900
    )
    assert script == LOCK.strip()


def test_lock_with_a_reason_and_a_key() -> None:
    script = lockfile.lock(
        "/srv/shop", rollout="ab12~c0ffee", actor="ana", action="deploy", seconds=9, why="it's; 5:3", keyed=True
    )  # fmt: skip
    data = "'v1:ab12~c0ffee:ana:'\"$now:$((now+9)):\"'deploy;it%27s%3B%205%3A3'"
    assert f'ln -s {data} "$mine"' in script
    assert 'k="$p/.opskit/heirs/"ab12; ! IFS= read -r key || { umask 077; { [ -d' in script


@pytest.mark.parametrize("text", ["x" * 5000, "é" * 900, "a b" * 300, "€" * 200])
def test_what_stands_in_a_lock_is_short_and_cut_between_letters(text: str) -> None:
    word = lockfile.encoded(text, 450)
    assert len(word) <= 450
    assert word.endswith("...")
    assert text.startswith(unquote(word.removesuffix("...")))
    assert lockfile.encoded("short", 450) == "short"


def test_unlock() -> None:
    assert lockfile.unlock("/srv/shop", rollout="ab12") == (
        'set -eu; umask 022; p=/srv/shop\nrm -f "$p/.opskit/locks/"ab12 "$p/.opskit/renewed."ab12'
    )
    done = lockfile.unlock("/srv/shop", rollout="ab12", keys="all")
    assert done.endswith(
        '\nrm -rf "$p/.opskit/locks/"ab12 "$p/.opskit/renewed."ab12 "$p/.opskit/heirs"'
    )
    own = lockfile.unlock("/srv/shop", rollout="ab12", keys="own")
    assert own.endswith(' "$p/.opskit/heirs"/ab12; rmdir "$p/.opskit/heirs" 2>/dev/null || :')


def test_switch() -> None:
    script = layout.switch("GUARD", release="R1", rollout="ab12", receipt='{"it\'s": 1}')
    assert script == SWITCH.strip()


def test_leave_receipt() -> None:
    script = layout.leave_receipt("GUARD", receipt="{}")
    assert script == "GUARD\nprintf '\\n%s\\n' '{}' >>\"$p/.opskit/receipts\""


def test_mark() -> None:
    script = layout.mark("good", release="R1", rollout="ab12")
    assert script == "printf '\\n%s\\n' 'good R1 ab12 '\"$now\" >>\"$p/.opskit/history\""


def test_on_the_way_back_a_receipt_that_cannot_be_written_stops_nothing() -> None:
    script = layout.switch("GUARD", release="R1", rollout="ab12", receipt="{}", must=False)
    write = "{ printf '\\n%s\\n' '{}' >>\"$p/.opskit/receipts\"; } || :"
    assert script.splitlines()[2] == write


def test_run_in_current() -> None:
    script = layout.run_in_current("~/shop", "systemctl restart shop")
    plain = 'p="$HOME"/shop; cd "$p/current" || exit 66\nsystemctl restart shop'
    assert script == plain
    guarded = layout.run_in_current("~/shop", "systemctl restart shop", guarded="GUARD")
    assert guarded == f"(\nGUARD\n) || exit $?\n{plain}"


def test_what_follows_a_command_is_told_from_it() -> None:
    script = layout.run_in_current("/srv/shop", "echo 'x'", then="GUARD\nMARK")
    assert script == (
        'p=/srv/shop; cd "$p/current" || exit 66\n'
        "(eval 'echo '\"'\"'x'\"'\"''\n)\n"
        's=$?; [ "$s" -eq 0 ] || exit "$s"\n'
        "(\nGUARD\nMARK\n) || "
        '{ echo "opskit: the command went well, and what was to follow did not" >&2; exit 79; }'
    )


def test_prune() -> None:
    assert layout.prune("GUARD", ["R1", "R 2"]) == PRUNE.strip()


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/srv/shop", "/srv/shop"),
        ("~/shop", '"$HOME"/shop'),
        ("~/a b", "\"$HOME\"/'a b'"),
        ("~bob/shop", "'~bob/shop'"),
        ("/srv/$x", "'/srv/$x'"),
    ],
)
def test_a_path_is_one_word(path: str, word: str) -> None:
    assert layout.path_word(path) == word


@given(name=WORDS)
def test_a_path_means_the_same_to_the_shell(name: str) -> None:
    said = subprocess.run(
        ["/bin/sh", "-c", f"printf %s {layout.path_word(f'~/{name}')}"],
        env={"HOME": "/home/bob"}, capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert said == f"/home/bob/{name}".encode()
