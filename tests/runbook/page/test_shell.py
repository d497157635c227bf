from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.runbook.page import shell


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("echo $a ${b} \"$c ${d}\" ${e:?missing} ${f%x} ${#g}", "a b c d e f g"),
        ("echo '$a' \\$b \"it's $c\" '\"' $d", "c d"),
        ("echo ${a:-x} ${b-x} ${c:=x} ${d=x} ${e:+x} ${f+x}", ""),
        ("a=1 b=2; echo $a $b", ""),
        ("for a in 1; do echo $a; done", ""),
        ("read -r a b; echo $a $b $c", "c"),
        ("export a; echo $a", ""),
        ("while getopts ab opt; do echo $opt; done", ""),
        ("echo $HOME $PATH $1 $? $$ $@ $# $SHOP", ""),
        ("curl $http_proxy", ""),
        ("cat <<'EOF'\n$a\nEOF", ""),
        ("eval x; echo $a", ""),
        (". ./env; echo $a", ""),
        ("echo a # it's $b", ""),
        ("awk '{print $name}'", ""),
    ],
)  # fmt: skip
def test_variables_that_nothing_sets_are_found_if_that_is_certain(script, names):
    assert shell.unset(script) == tuple(names.split())


@given(st.text(st.sampled_from("$a{}'\"\\=:- \n#<"), max_size=40))
def test_any_script_is_looked_at(script):
    assert set(shell.unset(script)) <= {"a", "aa", "aaa"} | {"a" * n for n in range(40)}
