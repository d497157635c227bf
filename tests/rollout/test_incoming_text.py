"""What the scripts say that bring a release in, to the letter."""

from __future__ import annotations

from dataclasses import replace

from opskit.rollout import incoming

WHAT = incoming.Expected("R1", "c0ffee", "ab12", manifest="9" * 64, folders=3, room=100, base="R0")

STAGE = r"""
GUARD
w="$p/.opskit/incoming"; c="$w/"c0ffee; i="$c."ab12
[ ! -L "$w" ] || rm -f "$w"; mkdir -p "$w" "$p/releases" "$p/shared"
for o in "$w"/* "$w"/.[!.]*; do
  [ "$o" != "$i" ] && { [ -e "$o" ] || [ -L "$o" ]; } || continue
  case $o in "$c."*) [ -e "$i/tree" ] || [ -L "$o" ] || { mkdir -p "$i"; mv "$o/tree" "$i/tree" 2>/dev/null || :; };; esac
  rm -rf "$o"
done
find "$i" ! -type d ! -type f -exec rm -f {} + 2>/dev/null || :; mkdir -p "$i/tree"
free() { df -Pk "$i" | { read -r _; read -r _ _ _ f _; echo "$f"; }; }
trap 'e=$?; [ $e = 0 ] || [ ! -d "$i" ] || [ "$(free)" -ge 10240 ] || rm -rf "$i"; exit $e' EXIT
trap 'exit 1' HUP INT TERM
f=$(free); k=$(du -sk "$i"); k=${k%%[!0-9]*}; n=$((100+10240)); [ "$((f+k))" -ge "$n" ] || { echo "$(((f+k)/1024)) MiB free, $((n/1024)) MiB needed" >&2; exit 74; }
rm -f "$i/deleted" "$i/added"
s=$({ { gzip -dc || echo "gzip $?" >&3; } | tar -xof - -C "$i" || echo tar >&3; } 3>&1 >&2)
case $s in "") ;; *"gzip 1"*) echo "the transfer broke off" >&2; exit 69;;
*) rm -rf "$i"; echo "the release cannot be unpacked" >&2; exit 74;; esac
if command -v sha256sum >/dev/null; then sum="sha256sum"; else sum="shasum -a 256"; fi; tool=$sum
b="$p/releases/"R0; m="$p/.opskit/release/"R0/manifest
if [ -f "$i/deleted" ] && [ -f "$m" ]; then
  LC_ALL=C sed -f "$i/deleted" "$m" | LC_ALL=C sort - "$i/added" >"$i/manifest"; fi
s=$($sum <"$i/manifest") || s=; [ "${s%% *}" = 9999999999999999999999999999999999999999999999999999999999999999 ] || { rm -rf "$i"; echo anew; exit 0; }
LC_ALL=C sed '/^\\/d' "$i/manifest" >"$i/plain"
odd() { rm -rf "$i/tree/$3"; }; . "$i/odd"
moved() { [ ! -f "$b/$1" ] || [ -e "$i/tree/$2" ] || cp "$b/$1" "$i/tree/$2" || :; }; . "$i/moved"
LC_ALL=C sed 's/^.\{66\}//' "$i/plain" | while IFS= read -r n; do
  [ -e "$i/tree/$n" ] || printf '%s\n' "$n"; done >"$i/wanted"
case $(cp --help 2>&1) in *--parents*--reflink*) c='cp -RP --parents --reflink=auto "$@" "$0" 2>/dev/null || :';;
*) c='tar -cf - "$@" 2>/dev/null | tar -xof - -C "$0" 2>/dev/null || :';; esac
if [ -s "$i/wanted" ]; then (cd "$b" && LC_ALL=C sed 's/./\\&/g' "$i/wanted" | LC_ALL=C xargs sh -c "$c" "$i/tree"); fi
[ "$(free)" -ge 10240 ] || { rm -rf "$i"; echo "the disk is full" >&2; exit 74; }
find "$i/tree" ! -type d ! -type f -exec rm -f {} +
if [ "$(printf x | openssl dgst -sha256 -r 2>/dev/null)" = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 *stdin" ]; then sum="openssl dgst -sha256 -r"; fi
(cd "$i/tree" && find . -type f -exec $sum {} +) | LC_ALL=C sed 's/^\(.\{64\}\) \*/\1  /' | LC_ALL=C sort >"$i/found"
[ "$sum" = "${sum#openssl}" ] || sum=$tool
if ! cmp -s "$i/plain" "$i/found"; then
  LC_ALL=C sed 's/^.\{66\}//' "$i/plain" | while IFS= read -r n; do [ ! -d "$i/tree/$n" ] || rm -rf "$i/tree/$n"; done
  LC_ALL=C sort "$i/found" "$i/found" "$i/plain" | LC_ALL=C uniq -u >"$i/lacks"; [ -s "$i/lacks" ] || { rm -rf "$i"; echo anew; exit 0; }
  echo lacks; cat "$i/lacks"; exit 0; fi
n=$(find "$i/tree" -type d -exec printf '%.0sx' {} + | wc -c); [ "$((n))" -eq 3 ] || { rm -rf "$i"; echo anew; exit 0; }
odd() { s=$($sum <"$i/odd-$1"); [ "${s%% *}" = "$2" ] && mv "$i/odd-$1" "$i/tree/$3" || { echo "bytes arrived altered: $3" >&2; rm -rf "$i"; exit 65; }; }; . "$i/odd"
find "$i/tree" -type d -exec chmod 755 {} + -o -exec chmod 644 {} +
program() { chmod 755 "$i/tree/$1"; }; . "$i/programs"
tar -xof "$i/links" -C "$i/tree"
sync -f "$i/tree" 2>/dev/null || sync
a="$i/tree/"a; [ ! -L "$a" ] || { echo "a shared path lies behind a link: $a" >&2; exit 66; }
s="$p/shared/"a/b; t="$i/tree/"a/b
if [ ! -e "$s" ]; then mkdir -p "$(dirname "$s")"; rm -rf "$s.seed"; if [ -d "$t" ]; then cp -R "$t" "$s.seed"; else mkdir "$s.seed"; fi; mv "$s.seed" "$s"; fi
rm -rf "$t"; mkdir -p "$(dirname "$t")"; ln -s ../../../shared/a/b "$t"
s="$p/shared/"'c d'; t="$i/tree/"'c d'
if [ ! -e "$s" ]; then mkdir -p "$(dirname "$s")"; rm -rf "$s.seed"; [ -f "$t" ] || { echo "shared file missing: $s" >&2; exit 66; }; cp "$t" "$s.seed"; mv "$s.seed" "$s"; fi
rm -rf "$t"; mkdir -p "$(dirname "$t")"; ln -s '../../shared/c d' "$t"
[ ! -e "$p/releases/"R1 ] || { echo "release is already there" >&2; exit 73; }
m="$p/.opskit/release/"R1; rm -rf "$m"; mkdir -p "$m"; mv "$i/manifest" "$i/info" "$m/"
mv "$i/tree" "$p/releases/"R1; rm -rf "$i"; echo placed
"""

COPIES = ("moved()", "cp -RP", "tar -cf", 'sed -f "$i/deleted"')


def test_stage() -> None:
    assert incoming.stage("GUARD", WHAT, folders=["a/b"], files=["c d"]) == STAGE.strip()


def test_nothing_is_copied_where_there_is_nothing_to_copy_from() -> None:
    bare = incoming.stage("GUARD", replace(WHAT, base=""))
    whole = incoming.stage("GUARD", WHAT)
    assert all(word in whole and word not in bare for word in COPIES)
    assert set(bare.splitlines()) < set(whole.splitlines())


def test_read_manifest() -> None:
    script = incoming.read_manifest("~/shop", release="R 1")
    assert script == (
        'set -eu; umask 022; p="$HOME"/shop\ngzip -c <"$p/.opskit/release/"\'R 1\'/manifest'
    )
