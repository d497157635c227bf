from pathlib import Path

import pytest

from opskit.config.model import ChangelogSettings, Hook
from opskit.config.reading import parse
from opskit.errors import ConfigError

FLEET = '[environments.production]\nhosts = ["web01"]\n'


def read(text: str) -> ChangelogSettings:
    return parse(f"{FLEET}[changelog]\n{text}\n", Path("/fleet/opskit.toml")).changelog


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ana@db.example.com:5433/opskit?sslmode=verify-full",
        "postgresql:///opskit?host=/run/postgresql",
        "ssh://bastion/srv/opskit/changelog",
        "ssh://ana@bastion.example.com:2222/srv/log",
        "file:///mnt/share/changelog",
    ],
)
def test_an_upstream_is_a_database_or_a_file(address: str) -> None:
    assert read(f'upstream = "{address}"').upstream == address


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("mysql://db/opskit", "an address like"),
        ("ssh://bastion", "an address like"),
        ("ssh:///srv/log", "an address like"),
        ("file://mnt/share", "an address like"),
        ("ssh://web01:relative/log", "the address of an upstream"),
        ("ssh://web01:99999/log", "the address of an upstream"),
        ("db.example.com", "an address like"),
        ("postgresql://[/x", "the address of an upstream"),
        ("postgresql://ana:hunter2@db/opskit", "a password cannot stand here"),
        ("postgresql://db/opskit?password=hunter2", "a password cannot stand here"),
    ],
)
def test_anything_else_is_refused_and_a_password_is_not_repeated(address: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as caught:
        read(f'upstream = "{address}"')
    assert "opskit.toml:4: changelog.upstream" in str(caught.value)
    if "password" in what:
        assert "hunter2" not in f"{caught.value} {caught.value.hint}"


def test_only_a_database_is_reached_via_a_host() -> None:
    assert read('upstream = "postgresql://db/x"\nvia = "bastion"').via == "bastion"
    with pytest.raises(ConfigError, match=r"changelog\.via: only a postgresql"):
        read('upstream = "file:///x/y"\nvia = "bastion"')


def test_paths_start_from_the_files_folder() -> None:
    found = read('allowed_signers = "keys/allowed"\nsigning_key = "/k.pub"')
    assert found.allowed_signers == Path("/fleet/keys/allowed")
    assert found.signing_key == Path("/k.pub")


def test_offline_is_one_of_two_words() -> None:
    assert read('offline = "refuse"').offline == "refuse"
    with pytest.raises(ConfigError, match="one of spool, refuse"):
        read('offline = "never"')


def test_hooks_have_one_address_and_known_formats() -> None:
    found = read('[changelog.hooks.chat]\nurl_env = "CHAT"\nformat = "slack"')
    assert found.hooks == (Hook("chat", url_env="CHAT", format="slack"),)
    assert read('[changelog.hooks.p]\nformat = "pagerduty"\ntoken_env = "K"').hooks[0].url == ""
    for bad, what in [
        ('url = "https://x"\nurl_env = "X"', "exactly one of"),
        ("", "exactly one of"),
        ('url = "http://chat.example.com/x"', "an https address"),
        ('url = "https://x"\nformat = "xml"', "one of opskit, slack"),
        ('url = "https://x"\nkinds = ["Rollout"]', "a kind of event"),
    ]:
        with pytest.raises(ConfigError, match=what):
            read(f"[changelog.hooks.chat]\n{bad}")
