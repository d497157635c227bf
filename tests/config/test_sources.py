"""Secrets in opskit.toml: a list of variables, or a table of where each comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.config.reading import parse
from opskit.config.sources import SecretSource
from opskit.errors import ConfigError

if TYPE_CHECKING:
    from opskit.config.model import Config

TEXT = """
[environments.production]
hosts = ["web01"]
{environment}
[environments.staging]
hosts = ["web01"]
[services.shop]
path = "/srv/shop"
hosts = "web01"
source = {{ folder = "." }}
{service}
"""


def config(service: str = "", environment: str = "") -> Config:
    text = TEXT.format(service=service, environment=environment)
    return parse(text, Path("/fleet/opskit.toml"))


def test_a_list_names_variables_of_this_machine() -> None:
    assert config('secrets = ["A"]').service("shop", "staging").secrets == {"A": SecretSource("environment", "A")}  # fmt: skip


def test_a_table_says_for_each_where_it_is() -> None:
    text = """[services.shop.secrets]
A = { command = "pass show shop/a | head -1" }
B = { file = "secrets/b" }
C = { keyring = "team/shop/c" }
D = { environment = "SHOP_D" }
"""
    assert config(text).service("shop", "staging").secrets == {
        "A": SecretSource("command", "pass show shop/a | head -1"),
        "B": SecretSource("file", "/fleet/secrets/b"),
        "C": SecretSource("keyring", "team/shop/c"),
        "D": SecretSource("environment", "SHOP_D"),
    }


def test_those_of_an_environment_are_its_services_too_and_the_services_own_win() -> None:
    there = 'secrets = { A = { environment = "X" }, B = { environment = "Y" } }\nsudo_password = { command = "pass sudo" }'
    read = config('secrets = ["A"]', there)
    assert read.service("shop", "production").secrets == {
        "A": SecretSource("environment", "A"),
        "B": SecretSource("environment", "Y"),
    }
    assert set(read.service("shop", "staging").secrets) == {"A"}
    assert read.environments["production"].sudo_password == SecretSource("command", "pass sudo")


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ('{ A = "hunter2" }', "a secret does not stand in opskit.toml"),
        ("{ A = {} }", "expected exactly one of"),
        ('{ A = { file = "a", command = "b" } }', "expected exactly one of"),
        ('{ A = { vault = "x" } }', "there is no such key here"),
        ('{ A = { keyring = "shop" } }', 'expected "service/user"'),
        ('{ A = { keyring = "-shop/db" } }', 'expected "service/user"'),
        ('{ A = { command = " " } }', "expected text that is not empty"),
        ('{ "A B" = { file = "a" } }', "expected a name of A-Z"),
        ('"A"', "expected a table, not text"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_no_value(written: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as told:
        config(f"secrets = {written}")
    assert "services.shop.secrets" in told.value.what
    assert "hunter2" not in f"{told.value.what}{told.value.hint}"
