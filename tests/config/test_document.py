import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.config.document import Document, dotted, line_of
from opskit.errors import ConfigError

TEXT = '''\
# [services.shop]
first = """
services.shop.path = 1
"""
list = [
  1,
  # path
  2,
]
[services.shop]   # here
"path" = "/srv/[x]"
a.b.c = 1

[services."odd.name"]
inline = { deep = { deeper = 1 } }
[[many]]
x = 1
[[many]]
y = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("first",), 2),
        (("list",), 5),
        (("services",), 10),
        (("services", "shop"), 10),
        (("services", "shop", "path"), 11),
        (("services", "shop", "a", "b", "c"), 12),
        (("services", "odd.name"), 14),
        (("services", "odd.name", "inline", "deep", "deeper"), 15),
        (("many",), 16),
    ],
)
def test_the_line_is_where_the_statement_begins(path, line):
    assert line_of(TEXT, path) == line


def test_the_table_itself_at_the_top_has_no_line():
    assert line_of(TEXT, ()) is None


def test_a_line_that_would_take_long_to_find_is_left_out():
    text = "a = [\n" + "1,\n" * 300_000 + "]\nb = 1\n"
    assert line_of(text, ("a",)) is None


def test_a_line_is_found_with_windows_line_ends():
    assert line_of("a = 1\r\n\r\nb = 2\r\n", ("b",)) == 3


@given(
    st.dictionaries(
        st.text("abc", min_size=1, max_size=4),
        st.text("xy\n[]#='\"", max_size=12),
        min_size=1,
        max_size=8,
    ),
    st.data(),
)
def test_every_key_is_found_where_it_was_written(values, data):
    lines, where = [], {}
    for key, value in values.items():
        lines += data.draw(st.lists(st.sampled_from(["", "# x = 1", "  "]), max_size=2))
        where[key] = sum(line.count("\n") + 1 for line in lines) + 1
        body = value.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'{key} = """\n{body}"""')
    text = "\n".join(lines)
    assert set(tomllib.loads(text)) == set(values)
    assert {key: line_of(text, (key,)) for key in values} == where


def test_keys_are_shown_as_toml_writes_them():
    assert dotted(("hosts", "db.example.com", "port")) == 'hosts."db.example.com".port'
    assert dotted(("bücher", "a\x1bb")) == '"bücher"."a\\u001bb"'
    assert len(dotted(("x" * 5000,))) == 80


def test_an_error_names_file_line_key_and_what():
    document = Document.parse(Path.cwd() / "opskit.toml", TEXT)
    error = document.error(("services", "shop", "path"), "is wrong", hint="do better")
    assert error.what == "opskit.toml:11: services.shop.path: is wrong"
    assert error.hint == "do better"


def test_a_file_elsewhere_is_shown_whole():
    document = Document.parse(Path("/else/where/opskit.toml"), "")
    assert document.error((), "is wrong").what == "/else/where/opskit.toml: is wrong"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb = \n", ":2: "),
        ("a = [\n1,\n\n", ":2: "),
        ("x = 1\nx = 2", ":2: "),
        ("\n\n= 3", ":3: "),
    ],
)
def test_a_syntax_error_names_its_line(text, line):
    with pytest.raises(ConfigError) as caught:
        Document.parse(Path.cwd() / "opskit.toml", text)
    assert f"opskit.toml{line}" in caught.value.what
    assert caught.value.hint


def test_numbers_beyond_pythons_limit_and_deep_nesting_are_errors_of_ours():
    for text in ("a = " + "9" * 5000, "a = " + "[" * 20_000):
        with pytest.raises(ConfigError):
            Document.parse(Path("/opskit.toml"), text)
