from __future__ import annotations

import json
import shlex
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from opskit.config.model import Config, Environment, HostEntry, Ssh
from opskit.errors import ConfigError, SelectorError, UnknownNameError
from opskit.fleet import load_inventory
from tests.support.growth import growth

if TYPE_CHECKING:
    from opskit.fleet.inventory import Inventory


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ssh_config").write_text(
        "Host web*\n  User deploy\n  Port 2200\n  ProxyJump jump\n"
    )
    return tmp_path


def config(folder: Path, *environments: Environment, hosts: tuple[HostEntry, ...] = ()) -> Config:
    return Config(
        file=folder / "opskit.toml",
        environments=MappingProxyType({one.name: one for one in environments}),
        default_environment=environments[0].name,
        hosts=MappingProxyType({entry.name: entry for entry in hosts}),
        ssh=Ssh(config=folder / "ssh_config", known_hosts=(folder / "known_hosts",)),
    )


def production(*hosts: str, **more: Any) -> Environment:
    return Environment("production", hosts=hosts, **more)


def load(folder: Path, environment: Environment, *hosts: HostEntry) -> Inventory:
    return load_inventory(config(folder, environment, hosts=hosts), None)


def printing(document: Any) -> str:
    return f"echo {shlex.quote(json.dumps(document))}"


def test_ranges_become_hosts_in_the_order_written(folder: Path) -> None:
    inventory = load(folder, production("web[01-02].ex", "db1,cache"))
    assert list(inventory.hosts) == ["web01.ex", "web02.ex", "db1", "cache"]
    assert inventory.environment == "production"


def test_a_hosts_entry_wins_over_ssh_config_and_that_over_defaults(folder: Path) -> None:
    entry = HostEntry("web01", port=22, user="root", key=Path("/k/%d"), vars={"port": "8081"})
    web01, web02, db = load(folder, production("web[01-02]", "db"), entry).hosts.values()
    assert (web01.port, web01.user, web01.keys, web01.vars) == (
        22,
        "root",
        (Path("/k/%d"),),
        {"port": "8081"},
    )
    assert (web02.port, web02.user, web02.jump) == (2200, "deploy", ("jump",))
    assert (db.address, db.port, db.hops) == ("db", 22, ())
    assert web01.known_hosts == (folder / "known_hosts",)


def test_groups_are_selectors_and_may_name_one_another(folder: Path) -> None:
    groups = {"most": "@we*!web03", "web": "web[01-03]", "db": "db1"}
    inventory = load(folder, production("web[01-03]", "db1", groups=groups))
    assert inventory.groups == {
        "most": ("web01", "web02"),
        "web": ("web01", "web02", "web03"),
        "db": ("db1",),
    }
    assert inventory.hosts["web01"].groups == ("web", "most")
    assert inventory.hosts["db1"].groups == ("db",)


@pytest.mark.parametrize(
    ("groups", "what"),
    [
        ({"a": "@b", "b": "@a"}, "groups.a goes in circles: a -> b"),
        ({"a": "@a"}, "groups.a goes in circles: a"),
        ({"a": "wbe01"}, "groups.a: no host wbe01"),
        ({"a": "@b"}, "groups.a: no group @b"),
    ],
)
def test_a_group_that_cannot_be_is_named(folder: Path, groups: dict[str, str], what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(folder, production("web01", groups=groups))
    assert caught.value.what == f"opskit.toml: environments.production.{what}"


def test_hosts_are_chosen_in_inventory_order_and_extra_groups_count(folder: Path) -> None:
    inventory = load(folder, production("web[01-03]", "db1", groups={"web": "web[01-03]"}))
    assert [host.name for host in inventory.select("db1,@web!web02")] == ["web01", "web03", "db1"]
    assert [
        host.name for host in inventory.select("@failed:ab12", extra={"failed:ab12": {"web02"}})
    ] == ["web02"]
    with pytest.raises(SelectorError):
        inventory.select("@failed:ab12")


def test_an_entry_for_a_host_of_no_environment_is_an_error(folder: Path) -> None:
    with pytest.raises(ConfigError, match="no environment has this host") as caught:
        load(folder, production("web01"), HostEntry("wbe01"))
    assert caught.value.hint == "did you mean 'web01'?"


def test_an_entry_may_be_for_another_environment_or_for_a_jump_host(folder: Path) -> None:
    entries = (
        HostEntry("stage01"),
        HostEntry("web01", jump="al@bastion"),
        HostEntry("bastion", port=2022),
    )
    environments = (production("web01"), Environment("staging", hosts=("stage[01-02]",)))
    inventory = load_inventory(config(folder, *environments, hosts=entries), "production")
    assert inventory.hosts["web01"].hops[0].port == 2022


def test_an_unknown_environment_is_an_error_that_helps(folder: Path) -> None:
    with pytest.raises(UnknownNameError) as caught:
        load_inventory(config(folder, production("web01")), "prodution")
    assert caught.value.hint == "did you mean 'production'?"


@pytest.mark.parametrize(
    "pattern",
    [
        "-oProxyCommand=x",
        "we$b",
        "a;b",
        "a|b",
        "a\x1bb",
        "a`b",
        "a[1-2]'",
        "@web",
        "a b",
        "a/b",
        "a\\b",
    ],
)
def test_a_name_that_could_be_taken_for_something_else_is_refused(
    folder: Path, pattern: str
) -> None:
    with pytest.raises(ConfigError):
        load(folder, production(pattern))


@pytest.mark.parametrize(
    "name",
    ["web-1.s.example.com", "10.0.0.1", "fe80::1", "a_b", "büro", "web%1", "a=b", "user@web"],
)
def test_a_name_may_be_what_a_name_is(folder: Path, name: str) -> None:
    assert [host.name for host in load(folder, production(name)).select(name)] == [name]


def test_ansibles_word_is_between_opskit_toml_and_ssh_config(folder: Path) -> None:
    document = {
        "_meta": {
            "hostvars": {
                "web01": {
                    "ansible_host": "web-a",
                    "ansible_user": "ans",
                    "color": "blue",
                    "size": "s",
                },
                "edge": {"ansible_host": "10.0.0.7"},
            }
        },
        "front": {"hosts": ["web01", "edge"]},
    }
    entry = HostEntry("web01", port=23, vars={"color": "red"})
    environment = production("db1", inventory=printing(document), groups={"far": "@front!web01"})
    inventory = load(folder, environment, entry)
    assert list(inventory.hosts) == ["db1", "web01", "edge"]
    web = inventory.hosts["web01"]
    assert (web.address, web.port, web.user, web.jump) == ("web-a", 23, "ans", ("jump",))
    assert web.vars == {"color": "red", "size": "s"}
    assert web.groups == ("front",)
    assert inventory.groups == {
        "all": ("db1", "web01", "edge"),
        "front": ("web01", "edge"),
        "far": ("edge",),
    }


def test_a_template_is_refused_unless_opskit_toml_says_it(folder: Path) -> None:
    environment = production(
        inventory=printing({"_meta": {"hostvars": {"web": {"ansible_host": "{{ x }}"}}}})
    )
    with pytest.raises(ConfigError, match="ansible_host is a Jinja template"):
        load(folder, environment)
    assert (
        load(folder, environment, HostEntry("web", address="10.0.0.1")).hosts["web"].address
        == "10.0.0.1"
    )


@pytest.mark.parametrize(
    ("command", "what", "hint"),
    [
        ("echo gone >&2; exit 4", "ended with status 4", "gone"),
        ("echo no", "this is not JSON", "ansible-inventory --list"),
        ("echo '{}'", "names no host", ""),
        ('echo \'{"a": ["-x"]}\'', "'-x' cannot be a host's name", "no blanks"),
    ],
)
def test_an_inventory_command_that_fails_is_one_line(
    folder: Path, command: str, what: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(folder, production(inventory=command))
    assert what in caught.value.what
    assert "\n" not in caught.value.what
    assert hint in caught.value.hint


def test_the_inventory_command_runs_beside_opskit_toml(folder: Path) -> None:
    (folder / "inv.json").write_text('{"web": ["web01"]}')
    assert list(load(folder, production(inventory="cat inv.json")).hosts) == ["web01"]


def test_eight_times_as_many_hosts_take_little_more_time_each(folder: Path) -> None:
    blocks = "".join(
        f"Host web{n:03}\n  HostName 10.0.{n}.1\n  IdentityFile ~/.ssh/%h\n" for n in range(1, 201)
    )
    with (folder / "ssh_config").open("a") as file:
        file.write(blocks)

    def put_together(count: int) -> None:
        names = f"web[001-{count:03}]"
        inventory = load(folder, production(names, groups={"web": names}))
        assert inventory.hosts[f"web{count:03}"].address == f"10.0.{count}.1"

    assert growth(put_together, 25, 200) < 3


def two_services(folder: Path, one: str, other: str, *, path: str = "~/shop") -> Config:
    """Give a configuration of two services: the hosts of each, and the path of the second."""
    from opskit.config.reading import parse

    text = '[environments.production]\nhosts = ["web[01-03]"]\ngroups.web = "web[01-02]"\n'
    for name, hosts, where in (("shop", one, "~/shop"), ("site", other, path)):
        text += f'[services.{name}]\npath = "{where}"\nhosts = "{hosts}"\nsource = {{ folder = "." }}\n'
    return parse(text, folder / "opskit.toml")


def test_two_services_cannot_take_turns_in_one_folder_of_a_host(folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_inventory(two_services(folder, "@web", "web[02-03]"), None)
    assert "services.site.path: ~/shop is the folder of shop too, on web02" in caught.value.what


def test_one_path_on_different_hosts_and_two_paths_on_one_host_are_fine(folder: Path) -> None:
    load_inventory(two_services(folder, "@web", "web03"), None)
    load_inventory(two_services(folder, "@web", "@web", path="~/site"), None)
    load_inventory(two_services(folder, "@web", "nobody"), None)
