import re
import tomllib
from dataclasses import fields
from importlib.resources import files
from pathlib import Path

import pytest

from opskit.config import Config, Ssh
from opskit.config.model import ChangelogSettings, Environment, Hook, HostEntry
from opskit.config.reading import TOP, parse
from opskit.config.service import (
    ArtifactSource,
    CommandCheck,
    CommandStep,
    FolderSource,
    GitSource,
    Health,
    HttpCheck,
    Service,
    TaskStep,
    TcpCheck,
)
from opskit.config.services import KEYS

TEMPLATE = files("opskit.config").joinpath("template.toml").read_text("utf-8")
ACTIVATED = re.sub(r"^#(?=[\w\[])", "", TEMPLATE, flags=re.MULTILINE)
DATA = tomllib.loads(ACTIVATED)


@pytest.fixture(scope="module")
def config() -> Config:
    return parse(ACTIVATED, Path("/fleet/opskit.toml"))


def names(model) -> set[str]:
    return set(getattr(model, "_fields", ())) or {field.name for field in fields(model)}


def keys(section: str) -> set[str]:
    return {key for table in DATA[section].values() for key in table}


def test_it_loads_as_it_is_written():
    config = parse(TEMPLATE, Path("/fleet/opskit.toml"))
    assert list(config.environments) == ["production"]
    assert list(config.services) == ["shop"]
    assert config.ssh == Ssh()


def test_a_comment_explains_or_is_an_example_never_both():
    for line in TEMPLATE.splitlines():
        assert not line.startswith("#") or re.match(r"#( |$|[A-Za-z_.]+ = |\[)", line), line
        assert len(line) < 100


def test_every_key_of_the_top_stands_in_it():
    assert set(DATA) == set(TOP)


def test_every_key_of_an_environment_a_host_and_ssh_stands_in_it():
    assert keys("environments") == names(Environment) - {"name"}
    assert keys("hosts") == names(HostEntry) - {"name"}
    assert set(DATA["ssh"]) == names(Ssh)


def test_every_key_of_the_changelog_and_of_hooks_stands_in_it():
    changelog = DATA["changelog"]
    assert set(changelog) == names(ChangelogSettings)
    assert {key for hook in changelog["hooks"].values() for key in hook} == names(Hook) - {"name"}
    read = parse(ACTIVATED, Path("/fleet/opskit.toml")).changelog
    assert (read.offline, read.timeout) == (
        ChangelogSettings().offline,
        ChangelogSettings().timeout,
    )
    assert read.hooks[0].kinds == Hook("x").kinds


def test_every_key_of_a_service_stands_in_it():
    assert set(DATA["services"]["shop"]) == KEYS | {"environments", "in"}
    assert names(Service) - {"name", "environment"} == KEYS


def test_every_key_of_health_stands_in_it():
    said = {key for table in _all("health") for key in table}
    assert said == (names(Health) - {"check"}) | {
        "http",
        "tcp",
        "command",
        "sudo",
        "status",
        "contains",
    }


def test_every_kind_of_source_restart_and_health_stands_in_it(config: Config):
    services = [service for each in config.services.values() for service in each.values()]
    assert {type(service.source) for service in services} == {
        GitSource,
        FolderSource,
        ArtifactSource,
    }
    assert {type(service.restart) for service in services} >= {CommandStep, TaskStep}
    checks = {type(service.health.check) for service in services if service.health}
    assert checks == {HttpCheck, TcpCheck, CommandCheck}


def test_the_values_shown_as_defaults_are_the_defaults(config: Config):
    shop = config.service("shop")
    for name in names(Ssh) - {"config", "known_hosts"}:
        assert getattr(config.ssh, name) == getattr(Ssh(), name)
    for field in fields(Service):
        if field.name in (
            *("build_timeout", "restart_timeout", "batches", "max_failures", "keep"),
            *("gate_timeout", "on_failure"),
        ):
            assert getattr(shop, field.name) == field.default
    assert config.changelog.name == "default"
    health = config.service("shop", "staging").health
    assert health is not None
    assert (health.within, health.interval, health.timeout) == (30.0, 1.0, 5.0)


def _all(key: str) -> list[dict[str, object]]:
    services = list(DATA["services"].values())
    overrides = [there for service in services for there in service.get("in", {}).values()]
    return [table[key] for table in services + overrides if key in table]
