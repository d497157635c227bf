"""What the scripts say that bring a release in, to the letter."""

from __future__ import annotations

from dataclasses import replace

from opskit.rollout import incoming

WHAT = incoming.Expected("R1", "c0ffee", "ab12", manifest="9" * 64, folders=3, room=100, base="R0")

STAGE = r"""
GUARD
w="$p/.opskit/incoming"; c="$w/"c0ffee; i="$c."ab12
[ ! -L "$w" ] || rm -f "$w"
for o in "$w"/* "$w"/.[!.]*; do
  [ "$o" != "$i" ] && { [ -e "$o" ] || [ -L "$o" ]; } || continue
  case $o in "$c."*) [ -e "$i/tree" ] || [ -L "$o" ] || { mkdir -p "$i"; mv "$o/tree" "$i/tree" 2>/dev/null || :; };; esac
  rm -rf "$o"
done
k=0; if [ -d "$i" ]; then k=$(du -sk "$i"); k=${k%%[!0-9]*}; rm -f "$i/deleted" "$i/added" "$i/end"
  find "$i" ! -type d ! -type f -exec rm -f {} + 2>/dev/null || :; find "$i/tree" -type f -links +1 -exec rm -f {} + >/dev/null 2>&1 || :; fi; mkdir -p "$i/tree" "$p/releases" "$p/shared"
free() { df -Pk "$i" | { read -r _; read -r _ _ _ f _; echo "$f"; }; }
trap 'e=$?; [ $e = 0 ] || [ ! -d "$i" ] || [ "$(free)" -ge 10240 ] || rm -rf "$i"; exit $e' EXIT
trap 'exit 1' HUP INT TERM
f=$(free); n=$((100+10240)); [ "$((f+k))" -ge "$n" ] || { echo "$(((f+k)/1024)) MiB free, $((n/1024)) MiB needed" >&2; exit 74; }
s=0; gzip -dc | TAR_OPTIONS=-b128 tar -xof - -C "$i" || s=$?; if [ "$s" -ne 0 ] || [ ! -e "$i/end" ]; then
  if [ -e "$i/end" ] || [ $(($(dd bs=1 count=1 2>/dev/null | wc -c))) -gt 0 ] || [ "$(free)" -lt 10240 ]; then
    rm -rf "$i"; echo "the release cannot be unpacked" >&2; exit 74; fi
  echo "the transfer broke off" >&2; exit 69; fi
b="$p/releases/"R0; m="$p/.opskit/release/"R0/manifest
if [ -f "$i/deleted" ] && [ -f "$m" ]; then
  LC_ALL=C sed -f "$i/deleted" "$m" | LC_ALL=C sort - "$i/added" >"$i/manifest"; fi
plain="$i/manifest"; [ ! -s "$i/odd" ] || { plain="$i/plain"; LC_ALL=C sed '/^\\/d' "$i/manifest" >"$plain"; }
sum="openssl dgst -sha256 -r"; s=$($sum <"$i/manifest" 2>/dev/null) || s=; if [ "$s" != "9999999999999999999999999999999999999999999999999999999999999999 *stdin" ]; then
  if command -v sha256sum >/dev/null; then sum="sha256sum"; else sum="shasum -a 256"; fi; s=$($sum <"$i/manifest") || s=
  [ "${s%% *}" = 9999999999999999999999999999999999999999999999999999999999999999 ] || { rm -rf "$i"; echo anew; exit 0; }; fi
odd() { rm -rf "$i/tree/$3"; }; . "$i/odd"
moved() { [ ! -f "$b/$1" ] || [ -e "$i/tree/$2" ] || cp "$b/$1" "$i/tree/$2" || :; }; . "$i/moved"
bring() { (cd "$b" && cut -b67- "$plain" | tr '\n' '\0' | xargs -0 cp "$@" --parents -t "$i/tree"); } 2>/dev/null
piece() { LC_ALL=C sed 's/^.\{66\}//' "$plain" | while IFS= read -r n; do [ -e "$i/tree/$n" ] || printf '%s\n' "$n"; done >"$i/wanted"
   c='[ $# = 0 ] || tar -cf - "$@" | tar -xof - -C "$0"'
   (cd "$b" && LC_ALL=C sed 's/./\\&/g' "$i/wanted" | LC_ALL=C xargs sh -c "$c" "$i/tree") 2>/dev/null; }
[ ! -s "$plain" ] || bring -RPn --sparse=auto --reflink=auto || piece || [ "$(free)" -ge 10240 ] || { rm -rf "$i"; echo "the disk is full" >&2; exit 74; }
case $sum in openssl*) t='s/ [*]/  /';; *) t=;; esac
(cd "$i/tree" && find . -type f -exec $sum {} +) | LC_ALL=C sed "$t" | LC_ALL=C sort >"$i/found"
if ! cmp -s "$plain" "$i/found"; then
  LC_ALL=C sed 's/^.\{66\}//' "$plain" | while IFS= read -r n; do [ ! -d "$i/tree/$n" ] || rm -rf "$i/tree/$n"; done
  LC_ALL=C sort "$i/found" "$i/found" "$plain" | LC_ALL=C uniq -u >"$i/lacks"; [ -s "$i/lacks" ] || { rm -rf "$i"; echo anew; exit 0; }
  echo lacks; cat "$i/lacks"; exit 0; fi
n=$(find "$i/tree" -type d -exec printf '%.0sx' {} + \( -perm 755 -o -exec chmod 755 {} + \) -o ! -type f -exec rm -f {} + -o ! -perm 644 -exec chmod 644 {} +)
[ "${#n}" -eq 3 ] || { rm -rf "$i"; echo anew; exit 0; }
odd() { s=$($sum <"$i/odd-$1"); [ "${s%% *}" = "$2" ] && chmod 644 "$i/odd-$1" && mv "$i/odd-$1" "$i/tree/$3" || { echo "bytes arrived altered: $3" >&2; rm -rf "$i"; exit 65; }; }; . "$i/odd"
programs() { (cd "$i/tree" && chmod 755 "$@"); }; . "$i/programs"
[ ! -s "$i/links" ] || tar -xof "$i/links" -C "$i/tree"
sync -f "$i/tree" 2>/dev/null || sync
a="$i/tree/"a; [ ! -L "$a" ] || { echo "a shared path lies behind a link: $a" >&2; exit 66; }
s="$p/shared/"a/b; t="$i/tree/"a/b
if [ ! -e "$s" ]; then mkdir -p "$(dirname "$s")"; rm -rf "$s.seed"; if [ -d "$t" ]; then cp -R "$t" "$s.seed"; else mkdir "$s.seed"; fi; mv "$s.seed" "$s"; fi
rm -rf "$t"; mkdir -p "$(dirname "$t")"; ln -s ../../../shared/a/b "$t"
s="$p/shared/"'c d'; t="$i/tree/"'c d'
if [ ! -e "$s" ]; then mkdir -p "$(dirname "$s")"; rm -rf "$s.seed"; [ -f "$t" ] || { echo "shared file missing: $s" >&2; exit 66; }; cp "$t" "$s.seed"; mv "$s.seed" "$s"; fi
rm -rf "$t"; mkdir -p "$(dirname "$t")"; ln -s '../../shared/c d' "$t"
[ ! -e "$p/releases/"R1 ] || { echo "release is already there" >&2; exit 73; }
m="$p/.opskit/release/"R1; [ ! -e "$m" ] || rm -rf "$m"; mkdir -p "$m"; mv "$i/manifest" "$i/info" "$m/"
mv "$i/tree" "$p/releases/"R1; rm -rf "$i"; echo placed
"""

LINKS = r"""
  find "$i" ! -type d ! -type f -exec rm -f {} + 2>/dev/null || :; find "$i/tree" -type f -links +1 \( ! -perm 644 -o ! -user "$(id -u)" -o -newer "$i" \) -exec printf '%.0sx' {} + -exec rm -f {} + >/dev/null 2>&1 || :; fi; mkdir -p "$i/tree" "$p/releases" "$p/shared"
[ ! -s "$plain" ] || { find "$i" -prune -links +1 -user "$(id -u)" >/dev/null 2>&1 && touch "$p/.opskit/linked" && { bring -RPnl --sparse=auto && l= || l=no; n=$(find "$i/tree" -type f -links +1 \( ! -perm 644 -o ! -user "$(id -u)" -o -newer "$i" \) -exec printf '%.0sx' {} + -exec rm -f {} +) && [ -z "$l$n" ]; }; } || bring -RPn --sparse=auto --reflink=auto || piece || [ "$(free)" -ge 10240 ] || { rm -rf "$i"; echo "the disk is full" >&2; exit 74; }
n=$(find "$i/tree" -type d -exec printf '%.0sx' {} + \( -perm 755 -o -exec chmod 755 {} + \) -o ! -type f -exec rm -f {} + -o \( ! -newer "$i/found" -o -exec touch {} + \) ! -perm 644 -exec chmod 644 {} +)
programs() { (cd "$i/tree" && { ! find "$i" -prune -links +1 -user "$(id -u)" >/dev/null 2>&1 || find "$@" -links +1 -exec sh -c 'for f do cp "$f" "$0" && mv -f "$0" "$f" || exit; done' "$i/own" {} +; } && chmod 755 "$@"); }; . "$i/programs"
"""

COPIES = ("moved()", "bring -RPn", "tar -cf", 'sed -f "$i/deleted"')


def test_stage() -> None:
    assert incoming.stage("GUARD", WHAT, folders=["a/b"], files=["c d"]) == STAGE.strip()


def test_nothing_is_copied_where_there_is_nothing_to_copy_from() -> None:
    bare = incoming.stage("GUARD", replace(WHAT, base=""))
    whole = incoming.stage("GUARD", WHAT)
    assert all(word in whole and word not in bare for word in COPIES)
    assert set(bare.splitlines()) < set(whole.splitlines())


def test_a_base_of_which_all_is_wanted_is_copied_as_a_whole_if_nothing_was_added() -> None:
    copy = '[ "$(find "$b" | wc -l)" -eq 7 ] && cp "$@" "$b/." "$i/tree" || (cd "$b"'
    bare = incoming.stage("GUARD", WHAT)
    assert incoming.stage("GUARD", replace(WHAT, entries=7)) == bare.replace('(cd "$b"', copy, 1)


def test_what_releases_may_share_is_linked_but_for_programs() -> None:
    bare = incoming.stage("GUARD", WHAT).splitlines()
    linked = incoming.stage("GUARD", replace(WHAT, linked=True)).splitlines()
    assert [line for line in linked if line not in bare] == LINKS.strip("\n").splitlines()


def test_what_comes_as_it_is_is_not_unzipped() -> None:
    script = incoming.stage("GUARD", replace(WHAT, zipped=False))
    assert 's=0; TAR_OPTIONS=-b128 tar -xof - -C "$i" || s=$?; if' in script
    assert "gzip" not in script


def test_read_manifest() -> None:
    script = incoming.read_manifest("~/shop", release="R 1")
    assert script == (
        'set -eu; umask 022; p="$HOME"/shop\ngzip -c <"$p/.opskit/release/"\'R 1\'/manifest'
    )
