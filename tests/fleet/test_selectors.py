from __future__ import annotations

import re
import subprocess
import sys

import pytest
from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet
from hypothesis import given
from hypothesis import strategies as st

from opskit.errors import SelectorError
from opskit.fleet.selectors import expand, expand_all, fold, select

HOSTS = ("web03", "web01", "web02", "db1", "db2", "cache.example.com")
GROUPS = {
    "web": ("web01", "web02", "web03"),
    "db": ("db1", "db2"),
    "rack-1.b": ("web01", "db1"),
    "odd, name!": ("db1",),
    "empty": (),
    "failed:ab12": ("web02", "gone01"),
}

name = st.from_regex(r"\A[a-z]{1,3}(-?[0-9]{1,3}[a-z]?){0,3}(\.ex[0-9]?)?\Z")
names = st.lists(name, min_size=1, max_size=12, unique=True)


def chosen(selector: str) -> list[str]:
    return list(select(selector, HOSTS, GROUPS))


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("db1", ["db1"]),
        ("web[01-02]", ["web01", "web02"]),
        ("web[01,03]", ["web03", "web01"]),
        ("web[01-03/2]", ["web03", "web01"]),
        ("@db", ["db1", "db2"]),
        ("@*", list(HOSTS)),
        ("*", list(HOSTS)),
        ("web*", ["web03", "web01", "web02"]),
        ("db?", ["db1", "db2"]),
        ("web0[1-2]*", ["web01", "web02"]),
        ("@web!web03", ["web01", "web02"]),
        ("@web&@rack-1.b", ["web01"]),
        ("@web^@rack-1.b", ["web03", "web02", "db1"]),
        ("@web!web03,db1", ["web01", "web02", "db1"]),
        ("@rack*", ["web01", "db1"]),
        ("@failed:ab12", ["web02"]),
        (" db2 , db1 ", ["db1", "db2"]),
    ],
)
def test_a_selector_names_hosts_in_inventory_order(selector: str, expected: list[str]) -> None:
    assert chosen(selector) == expected


@pytest.mark.parametrize(
    ("selector", "what", "hint"),
    [
        ("web[01-05]", "no host web[04-05]", "did you mean 'web03'?"),
        ("@wbe", "no group @wbe", "did you mean 'web'?"),
        ("@web!wbe03", "no host wbe03", "did you mean 'web03'?"),
        ("@empty", "@empty names no host", "`opskit hosts` lists them"),
        ("db1!db1", "db1!db1 names no host", "`opskit hosts` lists them"),
        ("x*", "no host x*", "known:"),
    ],
)
def test_what_names_nothing_is_an_error_that_helps(selector: str, what: str, hint: str) -> None:
    with pytest.raises(SelectorError) as caught:
        chosen(selector)
    assert what in caught.value.what
    assert hint in caught.value.hint


@pytest.mark.parametrize("selector", ["", " ", ",db1", "db1,", "db1,,db2", "!db1", "db1! ", "&"])
def test_a_missing_name_is_said(selector: str) -> None:
    with pytest.raises(SelectorError):
        chosen(selector)


@pytest.mark.parametrize(
    "selector", ["web[1", "web1]", "web[]", "web[a]", "web[1-2][3]", "web[3-1]"]
)
def test_a_broken_range_is_said(selector: str) -> None:
    with pytest.raises(SelectorError, match="range"):
        chosen(selector)


@pytest.mark.parametrize(
    "selector",
    [
        "w[1-99999999]",
        "w999999[1-10]",
        "a[1-9999]b[1-9999]",
        "w[1-9]" + "0" * 5000,
        "w[" + "1," * 60000,
    ],
)
def test_a_huge_range_is_refused_before_it_fills_the_memory(selector: str) -> None:
    with pytest.raises(SelectorError):
        chosen(selector)


@given(
    st.text(st.sampled_from("we01-9[],!&^*?@:% \x1b\t\n٣/."), max_size=30) | st.text(max_size=30)
)
def test_nasty_input_selects_or_is_a_selector_error(text: str) -> None:
    try:
        found = chosen(text)
    except SelectorError as caught:
        error = caught
    else:
        assert found
        assert set(found) <= set(HOSTS)
        return
    assert error.what.isprintable()


@given(
    st.lists(
        st.tuples(st.sampled_from(",!&^"), st.sampled_from([*HOSTS, "@web", "@db", "@rack-1.b"])),
        min_size=1,
    )
)
def test_the_algebra_is_that_of_nodeset(terms: list[tuple[str, str]]) -> None:
    def plain(term: str) -> str:
        return ",".join(GROUPS[term[1:]]) if term.startswith("@") else term

    expected = NodeSet(resolver=RESOLVER_NOGROUP)
    apply = {
        ",": "update",
        "!": "difference_update",
        "&": "intersection_update",
        "^": "symmetric_difference_update",
    }
    terms = [(",", terms[0][1]), *terms[1:]]
    for operator, term in terms:
        getattr(expected, apply[operator])(NodeSet(plain(term), resolver=RESOLVER_NOGROUP))
    selector = "".join(operator + term for operator, term in terms)[1:]
    if expected:
        assert set(chosen(selector)) == set(expected)
    else:
        with pytest.raises(SelectorError):
            chosen(selector)


@given(names)
def test_folded_names_select_exactly_these_names(names: list[str]) -> None:
    assert select(fold(names), names, {}) == tuple(names)


@given(st.lists(st.text(min_size=1, max_size=8), max_size=6))
def test_folding_never_fails(names: list[str]) -> None:
    fold(names)


@given(st.lists(st.from_regex(r"\A(web|a-1b)[0-9]{1,4}(\.x)?\Z"), min_size=1, max_size=9))
def test_a_family_folds_as_nodeset_folds_it(names: list[str]) -> None:
    shape = re.sub(r"\d+", "0", names[0])
    family = [name for name in names if re.sub(r"\d+", "0", name) == shape]
    assert fold(family) == str(NodeSet.fromlist(family, resolver=RESOLVER_NOGROUP))


def test_names_fold_in_the_order_of_their_families() -> None:
    assert fold(["web01", "web02", "db1", "web03"]) == "web[01-03],db1"
    assert fold(["a-1.x2", "a-1.x3"]) == "a-1.x[2-3]"
    assert fold([]) == ""


number = st.integers(0, 120).flatmap(lambda n: st.sampled_from([f"{n}", f"{n:02}", f"{n:04}"]))
span = st.tuples(number, number).map("-".join)
parts = st.lists(number | span | st.tuples(span, st.sampled_from("123")).map("/".join), min_size=1, max_size=4)  # fmt: skip


@given(st.sampled_from(["web", "db.", "a-"]), parts, st.sampled_from(["", ".ex.com", "-x"]))
def test_a_pattern_with_one_range_is_expanded_as_nodeset_does(
    before: str, ranges: list[str], behind: str
) -> None:
    pattern = f"{before}[{','.join(ranges)}]{behind}"
    try:
        expected = tuple(NodeSet(pattern, resolver=RESOLVER_NOGROUP))
    except Exception:  # whatever ClusterShell does not take
        with pytest.raises(SelectorError):
            expand(pattern)
        return
    assert expand(pattern) == expected


def test_ranges_expand_as_clustershell_does() -> None:
    assert expand("web[08-10].example.com") == tuple(
        f"web{n}.example.com" for n in ("08", "09", "10")
    )
    assert expand_all(["r[1-2]n[1-2]", "db1,db2", "db1"]) == (
        "r1n1",
        "r1n2",
        "r2n1",
        "r2n2",
        "db1",
        "db2",
    )


@pytest.mark.parametrize("pattern", ["@web", "a!b", "web*"])
def test_a_list_of_hosts_takes_no_algebra(pattern: str) -> None:
    with pytest.raises(SelectorError, match="host names and ranges"):
        expand_all([pattern])


def test_no_group_of_the_machines_clustershell_is_looked_up(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("clustershell")
    touched = folder / "touched"
    (folder / "groups.conf").write_text(
        f"[Main]\ndefault: evil\n[evil]\nmap: touch {touched}; echo web01\nall: touch {touched}; echo web01\n"
    )
    script = (
        "from opskit.fleet.selectors import select, fold, expand\n"
        "from opskit.errors import SelectorError\n"
        "for s in ('@evil', '@evil:x', '@*', 'web*', 'web[01-02]'):\n"
        "    try: select(s, ['web01', 'web02'], {})\n"
        "    except SelectorError: pass\n"
        "fold(['web01', 'web02'])"
    )
    env = {"CLUSTERSHELL_CFGDIR": str(folder), "PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-c", script], check=True, env=env)
    assert not touched.exists()
