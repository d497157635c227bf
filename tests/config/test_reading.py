from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.config import Config, Ssh
from opskit.config.reading import parse
from opskit.config.service import (
    ArtifactSource,
    CommandCheck,
    CommandStep,
    FolderSource,
    GitSource,
    HttpCheck,
    TaskStep,
    TcpCheck,
)
from opskit.errors import ConfigError, UnknownNameError, UsageError

WHOLE = """\
default_environment = "production"
[changelog]
name = "acme"
[ssh]
known_hosts = ["known_hosts"]
connect_timeout = "1m"
[environments.production]
hosts = ["web[01-20].example.com", "db01"]
groups.web = "web[01-20].example.com"
groups.all = "@web,db01"
require_why = true
[environments.staging]
hosts = ["stage01"]
[hosts."web01.example.com"]
port = 2222
vars = { port = 8081 }
[services.db]
path = "~/db"
hosts = "db01"
source = { folder = "db" }
environments = ["production"]
[services.shop]
path = "/srv/shop"
hosts = "@web"
source = { git = ".", folder = "dist", revision = "main" }
build = "make dist"
restart = { task = "restart-shop" }
health = { http = "http://127.0.0.1:{port}/health", contains = "ok", within = "1m" }
batches = [1, "25%"]
shared_folders = ["log"]
shared_files = ["config/settings.ini"]
env = { RAILS_ENV = "production", PORT = 80 }
secrets = ["API_TOKEN"]
depends_on = ["db"]
[services.shop.in.staging]
hosts = "stage01"
restart = "systemctl restart shop"
env = { RAILS_ENV = "staging" }
"""


def read(text: str) -> Config:
    return parse(text, Path.cwd() / "opskit.toml")


def changed(old: str, new: str) -> str:
    assert old in WHOLE
    return WHOLE.replace(old, new, 1)


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return caught.value


def test_a_whole_file_says_what_it_says():
    config = read(WHOLE)
    shop = config.service("shop")
    assert (config.changelog.name, config.default_environment) == ("acme", "production")
    assert config.ssh == Ssh(known_hosts=(Path.cwd() / "known_hosts",), connect_timeout=60.0)
    assert config.hosts["web01.example.com"].vars == {"port": "8081"}
    assert config.environments["production"].groups["all"] == "@web,db01"
    assert shop.source == GitSource(Path.cwd(), "dist", "main")
    assert shop.restart == TaskStep("restart-shop")
    assert shop.health is not None
    assert shop.health.check == HttpCheck("http://127.0.0.1:{port}/health", 200, "ok")
    assert (shop.health.within, shop.health.interval, shop.health.timeout) == (60.0, 1.0, 5.0)
    assert shop.env == {"RAILS_ENV": "production", "PORT": "80"}


def test_an_environment_overrides_whole_keys_and_keeps_the_others():
    shop = read(WHOLE).service("shop", "staging")
    assert (shop.environment, shop.hosts, shop.build) == ("staging", "stage01", "make dist")
    assert shop.restart == CommandStep("systemctl restart shop")
    assert shop.env == {"RAILS_ENV": "staging"}


def test_a_service_lives_only_where_it_says():
    with pytest.raises(UnknownNameError, match="'staging'"):
        read(WHOLE).service("db", "staging")


def test_the_only_environment_is_the_default():
    assert read('[environments.prod]\nhosts = ["a"]').default_environment == "prod"


def test_of_several_environments_without_a_default_one_must_be_named():
    config = read(changed('default_environment = "production"', ""))
    assert config.environment("staging").hosts == ("stage01",)
    assert config.service("shop", "staging").hosts == "stage01"
    with pytest.raises(UsageError, match="which environment") as caught:
        config.service("shop")
    assert "-e production or -e staging" in caught.value.hint


def test_what_is_read_cannot_be_changed():
    config = read(WHOLE)
    with pytest.raises(TypeError):
        config.services["shop"]["staging"] = config.service("shop")
    with pytest.raises(AttributeError):
        config.changelog = "x"


@pytest.mark.parametrize(
    ("health", "check"),
    [
        ('{ tcp = "127.0.0.1:{port}" }', TcpCheck("127.0.0.1:{port}")),
        ('{ tcp = "[::1]:80" }', TcpCheck("[::1]:80")),
        ('{ command = "true" }', CommandCheck("true")),
        ('{ http = "https://x/", status = 204 }', HttpCheck("https://x/", 204)),
    ],
)
def test_health_is_one_of_three_kinds(health, check):
    start, rest = WHOLE.split("health = ")
    config = read(f"{start}health = {health}\n{rest.split(chr(10), 1)[1]}")
    assert config.service("shop").health.check == check


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ('{ git = "." }', GitSource(Path.cwd(), "", "HEAD")),
        ('{ folder = "dist" }', FolderSource(Path.cwd() / "dist")),
        (
            '{ artifact = "b/{revision}.tgz" }',
            ArtifactSource(str(Path.cwd() / "b/{revision}.tgz")),
        ),
    ],
)
def test_a_source_is_one_of_three_kinds(source, meant):
    text = changed('{ git = ".", folder = "dist", revision = "main" }', source)
    assert read(text).service("shop").source == meant


@pytest.mark.parametrize(
    ("old", "new", "what", "hint"),
    [
        ('path = "/srv/shop"', 'pth = "/srv/shop"', ":23: services.shop.pth: there is no such key", "did you mean 'path'"),
        ("[ssh]", "[shh]", ":4: shh: there is no such key", "did you mean 'ssh'"),
        ("[services.shop]", "[service.shop]", ":22: service: there is no such key", "did you mean 'services'"),
        ("contains =", "contain =", ":28: services.shop.health.contain: there is no", "'contains'"),
        ("connect_timeout", "conect_timeout", ":6: ssh.conect_timeout: ", "'connect_timeout'"),
        ("port = 2222", "prot = 2222", ':15: hosts."web01.example.com".prot: ', "'port'"),
        ("require_why", "require_wy", "environments.production.require_wy: ", "'require_why'"),
        ('name = "acme"', 'nme = "acme"', ":3: changelog.nme: ", "name"),
        ('hosts = "stage01"', 'host = "stage01"', ":36: services.shop.in.staging.host: ", "'hosts'"),
        ('path = "/srv/shop"\n', "", ":22: services.shop: `path` is missing", ""),
        ('path = "/srv/shop"', "path = 3", "expected text in quotes, not a number", ""),
        ("port = 2222", 'port = "22"', "expected a whole number, without quotes, not '22'", ""),
        ("require_why = true", 'require_why = "yes"', "expected true or false, without quotes", ""),
        ('hosts = ["stage01"]', 'hosts = "stage01"', ":13: environments.staging.hosts: expected a list", ""),
        ('hosts = ["stage01"]', "", ":12: environments.staging: no host is named", "inventory"),
        ('hosts = ["stage01"]', "hosts = [[]]", "entry 1: expected text in quotes, not a list", ""),
        ('groups.web = "web', 'groups.web = "@wbe,web', "no group 'wbe' in environment 'production'", "'web'"),
        ('hosts = "@web"', 'hosts = "@wbe!db01"', ":24: services.shop.hosts: there is no group 'wbe'", "'web'"),
        ('environments = ["production"]', 'environments = ["prodction"]', "there is no environment 'prodction'", "'production'"),
        ('default_environment = "production"', 'default_environment = "x"', ":1: default_environment: there is no", "production"),
        ("[services.shop.in.staging]", "[services.shop.in.stagin]", ":35: services.shop.in.stagin: ", "'staging'"),
        ('depends_on = ["db"]', 'depends_on = ["dbs"]', ":34: services.shop.depends_on: there is no service", "'db'"),
        ('depends_on = ["db"]', 'depends_on = ["shop"]', "in a circle: shop -> shop", ""),
        ('health = { http = "h', 'health = { tcp = "a:1", http = "h', "exactly one of `http`, `tcp`", ""),
        ('health = { http = "http://127.0.0.1:{port}/health", ', "health = { ", "exactly one of `http`, `tcp`", ""),
        ("http://127.0.0.1:{port}/health", "127.0.0.1:80", "expected an address like", ""),
        ("{port}", "{po rt}", "services.shop.health.http: expected a name of", ""),
        ("{port}", "{}", "braces only around", ""),
        ('http = "http://127.0.0.1:{port}/health", contains = "ok"', 'tcp = "a:1", contains = "ok"', "stands only beside `http`", ""),
        ('http = "http://127.0.0.1:{port}/health", contains = "ok"', 'tcp = "a:99999"', "expected host and port", ""),
        ('git = ".", ', "", "exactly one of `git`, `folder` and", ""),
        ('git = ".", ', 'artifact = "x", ', "exactly one of `git`, `folder` and", ""),
        ('source = { git = ".", folder = "dist", revision = "main" }', 'source = "."', "source: expected a table, not text", ""),
        ('revision = "main"', 'revision = "--output=x"', "expected a git revision", ""),
        ('{ task = "restart-shop" }', "{ }", "expected exactly one of `command`, `systemd` and `task`", ""),
        ('{ task = "restart-shop" }', "[]", "restart: expected text in quotes", ""),
        ('batches = [1, "25%"]', "batches = []", "the list is empty", ""),
        ("RAILS_ENV", '"RAILS-ENV"', "services.shop.env.RAILS-ENV: expected a name of", ""),
        ("PORT = 80", "API_TOKEN = 'x'", "API_TOKEN stands in `env` too", ""),
        ('shared_files = ["config', 'shared_files = ["log', "is shared already, by 'log'", ""),
        ('[services.db]', '[services."d b"]', 'services."d b": expected a name', ""),
        ('[hosts."web01.example.com"]', '[hosts."-oProxyCommand=x"]', "expected a host name", ""),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_what_was_meant(old, new, what, hint):
    error = refusal(changed(old, new))
    assert error.what.startswith("opskit.toml:")
    assert what in error.what
    assert hint in error.hint


def test_groups_of_an_inventory_command_are_left_to_the_inventory():
    config = read(
        changed('hosts = ["web[01-20].example.com", "db01"]', 'inventory = "./inventory"').replace(
            "groups.", "#"
        )
    )
    assert config.service("shop").hosts == "@web"


def test_an_empty_file_says_what_is_needed_first():
    error = refusal("")
    assert "no environment" in error.what
    assert "[environments.production]" in error.hint


def test_a_wrong_value_of_a_variable_is_not_shown():
    error = refusal(changed('RAILS_ENV = "production"', 'TOKEN = ["hunter2"]'))
    assert "hunter2" not in error.what + error.hint


TOKENS = st.sampled_from(
    [
        "[", "]", "{", "}", "=", ".", ",", '"', "'", '"""', "\n", "#", " ", "\\", "\\u0000", "\ud7ff", "0x", "1e999", "-", "nan",
        "inf", "true", "1979-05-27", "25%", "@", "~", "services", "environments", "hosts", "shop", "in", "health", "http", "batches",
        "path", "env", "vars", "ssh", "[environments.production]\n", 'hosts = ["a"]\n', "\r", "\0", "9" * 30,
    ]
)  # fmt: skip


@given(st.lists(TOKENS | st.text(max_size=5), max_size=40).map("".join))
@settings(max_examples=300)
def test_any_text_is_a_configuration_or_a_config_error(text):
    _read_or_refuse(text)


@given(st.data())
@settings(max_examples=300)
def test_a_damaged_file_is_a_configuration_or_a_config_error(data):
    start = data.draw(st.integers(0, len(WHOLE)))
    end = data.draw(st.integers(start, min(start + 12, len(WHOLE))))
    put = data.draw(st.lists(TOKENS, max_size=3).map("".join))
    _read_or_refuse(WHOLE[:start] + put + WHOLE[end:])


def _read_or_refuse(text: str) -> None:
    try:
        config = read(text)
    except ConfigError as error:
        assert error.what.startswith("opskit.toml")  # noqa: PT017
        return
    assert config.default_environment in {"", *config.environments}
