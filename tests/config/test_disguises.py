"""Secrets are found however other programs write them."""

from __future__ import annotations

import html
import itertools
import json
import shlex
import shutil
import subprocess
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.config.secret import REDACTED, Redactor, Secret
from tests.support.missing import missing

WRITERS = [str, json.dumps, lambda s: json.dumps(s, ensure_ascii=False), repr, shlex.quote, html.escape, quote, quote_plus, lambda s: quote(s, safe="")]  # fmt: skip
VALUE = "p'ä\"ss w\\rd&<+/?=%\tΩ"
VALUES = ["Kq7$pa$$w0rd-\"x'Zr9longer", VALUE, "a b*c?[d]{e,f}~g=~h:~i#j", "one'\nline $two`\x01\x1b", "!h^x|y;z(q)", "~a=b c#d", "=x 'y", "'a b'", "a\n\nb c,d", "\x01\x7f a'b\\c!"]  # fmt: skip
POSIX = ("export -p", "set", 'set -x; : "$V"')
OTHERS = {
    "zsh -f": [*(f'print -rn -- "${{({flag})V}}"' for flag in ("q", "qq", "qqq", "qqqq", "q-", "q+")), 'printf %q "$V"', "typeset -p V", *POSIX],
    "fish --no-config": ["string escape -- $V", "string escape -n -- $V", "string escape --style=url -- $V", "set -x", "set --show V"],
    "mksh": ['print -r -- "${V@Q}"', "typeset -p V", *POSIX],
    "dash": POSIX,
    "busybox sh": POSIX,
}  # fmt: skip
LOCALES = {"fish": ("C.UTF-8",)}  # in C it writes something else than it was given


@pytest.mark.parametrize("writer", WRITERS, ids=map(str, range(len(WRITERS))))
def test_it_is_hidden_as_it_is_usually_written(writer: object) -> None:
    shown = Redactor((Secret(VALUE),)).text(f"a {writer(VALUE)} b")  # type: ignore[operator]  # a function
    assert REDACTED in shown
    for part in ("ss w", "rd&", "ss%20", "ss+w"):
        assert part not in shown


@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@given(value=st.text(min_size=8, max_size=40).filter(str.strip), before=st.binary(max_size=4), after=st.binary(max_size=4))  # fmt: skip
def test_base64_hides_nothing_wherever_it_begins(
    encode: object, value: str, before: bytes, after: bytes
) -> None:
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        return
    written = encode(before + raw + after).decode()  # type: ignore[operator]  # a function
    assert REDACTED in Redactor((Secret(value),)).text(written)


LONG = "".join(f"{n * 7919 % 9973:04d}Zq+/=" for n in range(20))
PROGRAMS = [
    "xxd -p", "xxd -p -u", "od -An -v -tx1 -w1000", "base64", "base64 -w64", "base64 -w0", "base32 -w0", "iconv -t UTF-16LE", "iconv -t UTF-16BE",
]  # fmt: skip


@pytest.mark.parametrize("value", ["Kq7$pa+wK/4tL=pX7", LONG], ids=("short", "long"))
@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_it_is_hidden_as_real_programs_encode_it(program: str, value: str) -> None:
    if not shutil.which(program.partition(" ")[0]):
        missing(program)
    encoded = subprocess.run(program.split(), input=value.encode(), capture_output=True, check=True).stdout  # fmt: skip
    shown = Redactor((Secret(value),)).data(encoded)
    assert REDACTED.encode() in shown
    assert len(shown) < len(REDACTED) + 12


@pytest.mark.parametrize("writer", [lambda s: quote(s).lower(), lambda s: "".join(f"%{b:02x}" for b in s.encode()), lambda s: s.encode().hex(":")], ids=range(3))  # fmt: skip
def test_it_is_hidden_in_small_letters_and_encoded_whole(writer: object) -> None:
    value = "kq7&pa+wk/4tl=px7"
    assert Redactor((Secret(value),)).text(f"<{writer(value)}>") == f"<{REDACTED}>"  # type: ignore[operator]


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize("writer", ["export -p", "declare -p V", "set", 'printf %q "$V"', 'set -x; : "$V"'])  # fmt: skip
@pytest.mark.parametrize("value", VALUES)
def test_it_is_hidden_as_the_real_bash_writes_it(value: str, writer: str, locale: str) -> None:
    env = {"V": value, "LC_ALL": locale, "PATH": "/usr/bin:/bin"}
    ran = subprocess.run(["bash", "-c", writer], env=env, capture_output=True, check=True)
    assert REDACTED.encode() in Redactor((Secret(value),)).data(ran.stdout + ran.stderr)


@pytest.mark.parametrize(("shell", "writer"), [(name, w) for name, ws in OTHERS.items() for w in ws])  # fmt: skip
def test_it_is_hidden_as_other_real_shells_write_it(shell: str, writer: str) -> None:
    name, *options = shell.split()
    if shutil.which(name) is None:
        missing(name)
    for value, locale in itertools.product(VALUES, LOCALES.get(name, ("C", "C.UTF-8"))):
        env = {"V": value, "LC_ALL": locale, "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
        ran = subprocess.run([name, *options, "-c", writer], env=env, capture_output=True, check=True)  # fmt: skip
        shown = Redactor((Secret(value),)).data(ran.stdout + ran.stderr)
        assert REDACTED.encode() in shown, shown


def test_long_lines_of_a_secret_are_hidden_alone_and_short_ones_are_not() -> None:
    redactor = Redactor((Secret("-----BEGIN\nabcdefgh\n  ab\n"),))
    assert redactor.text("x abcdefgh y ab z") == f"x {REDACTED} y ab z"


def test_the_longest_goes_first_so_that_none_hides_in_another() -> None:
    redactor = Redactor((Secret("abcd"), Secret("abcdefgh")))
    assert redactor.text("abcdefgh") == REDACTED


def test_secrets_that_overlap_are_hidden_with_all_that_they_cover() -> None:
    redactor = Redactor((Secret("abcdXY"), Secret("XYefgh"), Secret("aaaa")))
    assert redactor.text("-abcdXYefgh-") == f"-{REDACTED}-"
    assert redactor.data(b"baaaaaac") == b"b[redacted]c"
    assert redactor.text("abcdXYabcdXY") == 2 * REDACTED


def test_nothing_is_hidden_where_nothing_is_secret() -> None:
    assert Redactor((Secret(""), Secret("  \n"))).text("a b\n") == "a b\n"
    assert "abcd" not in repr(Redactor((Secret("abcd"),)))
