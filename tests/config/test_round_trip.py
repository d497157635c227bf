"""What is written as TOML by a generator is what is read."""

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.config.reading import parse

ROOT = Path("/fleet")
WORD = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
VARIABLE = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True)
LINE = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20)
SECONDS = st.integers(1, 604800)
RELATIVE = st.lists(WORD, min_size=1, max_size=3).map("/".join)


def optional(**keys):
    return st.fixed_dictionaries({}, optional=keys)


ENVIRONMENT = st.fixed_dictionaries(
    {"hosts": st.lists(WORD, min_size=1, max_size=3)},
    optional={"require_why": st.booleans(), "groups": st.dictionaries(WORD, WORD, max_size=2)},
)
HOST = optional(
    address=WORD,
    port=st.integers(1, 65535),
    user=WORD,
    jump=WORD,
    vars=st.dictionaries(VARIABLE, LINE, max_size=2),
)
SERVICE = st.fixed_dictionaries(
    {"path": RELATIVE.map("/".__add__), "hosts": WORD, "source": st.just({"folder": "dist"})},
    optional={
        "build": LINE,
        "build_timeout": SECONDS,
        "restart_timeout": SECONDS,
        "batches": st.lists(
            st.integers(1, 9) | st.integers(1, 100).map("{}%".format), min_size=1, max_size=4
        ),
        "max_failures": st.integers(0, 9),
        "keep": st.integers(1, 9),
        "env": st.dictionaries(VARIABLE, LINE, max_size=3),
        "owner": LINE,
    },
)
FLEET = st.fixed_dictionaries(
    {
        "environments": st.dictionaries(WORD, ENVIRONMENT, min_size=1, max_size=3),
        "hosts": st.dictionaries(WORD, HOST, max_size=3),
        "services": st.dictionaries(WORD, SERVICE, max_size=3),
        "ssh": optional(connect_timeout=SECONDS, parallel=st.integers(1, 1000)),
    }
)


def toml(value) -> str:
    """Write a value as inline TOML; JSON's texts, numbers and lists are TOML's too."""
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(key)} = {toml(entry)}" for key, entry in value.items())
        return f"{{ {inside} }}"
    return json.dumps(value, ensure_ascii=False)


def document(fleet) -> str:
    lines = [f"default_environment = {toml(next(iter(fleet['environments'])))}"]
    for section, tables in fleet.items():
        if section == "ssh":
            lines += ["[ssh]", *(f"{key} = {toml(value)}" for key, value in tables.items())]
            continue
        for name, table in tables.items():
            lines += [f"[{section}.{json.dumps(name)}]"]
            lines += [f"{key} = {toml(value)}" for key, value in table.items()]
    return "\n".join(lines)


def as_read(value):
    return tuple(value) if isinstance(value, list) else value


@given(FLEET)
@settings(max_examples=100)
def test_what_is_written_is_what_is_read(fleet):
    config = parse(document(fleet), ROOT / "opskit.toml")
    assert list(config.environments) == list(fleet["environments"])
    for section, models in (("environments", config.environments), ("hosts", config.hosts)):
        for name, table in fleet[section].items():
            for key, value in table.items():
                assert getattr(models[name], key) == as_read(value)
    for name, table in fleet["services"].items():
        assert set(config.services[name]) == set(fleet["environments"])
        for key in set(table) - {"source"}:
            assert getattr(config.service(name), key) == as_read(table[key])
    for key, value in fleet["ssh"].items():
        assert getattr(config.ssh, key) == value
