from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from opskit.config.model import HostEntry
from opskit.errors import ConfigError
from opskit.fleet.route import Router, jump_names
from opskit.fleet.sshconfig import SshConfig

if TYPE_CHECKING:
    from opskit.fleet.inventory import Host


def router(folder: Path, text: str, *entries: HostEntry) -> Router:
    file = folder / "config"
    file.write_text(text)
    return Router(SshConfig.read(file), MappingProxyType({entry.name: entry for entry in entries}))


def way(host: Host) -> list[str]:
    return [f"{hop.user}@{hop.address}:{hop.port}" for hop in host.hops]


def test_a_hop_has_its_own_settings(tmp_path: Path) -> None:
    text = "Host web\nProxyJump al@jump:23\nHost jump\nHostName 10.0.0.9\nUser bob\nPort 24\nIdentityFile /k/jump\n"
    host = router(tmp_path, text).host("web", "web")
    assert host.jump == ("al@jump:23",)
    assert way(host) == ["al@10.0.0.9:23"]
    assert host.hops[0].keys == (Path("/k/jump"),)
    assert host.hops[0].name == "jump"


def test_only_the_first_hop_follows_its_own_configuration(tmp_path: Path) -> None:
    text = "User u\nHost web\nProxyJump one,two\nHost one\nProxyJump zero\nHost two\nProxyJump elsewhere\nProxyCommand x\n"
    host = router(tmp_path, text).host("web", "web")
    assert way(host) == ["u@zero:22", "u@one:22", "u@two:22"]
    assert all(hop.hops == () and hop.proxy_command == "" for hop in host.hops)


def test_a_proxy_command_speaks_for_the_first_connection(tmp_path: Path) -> None:
    text = "Host web\nProxyJump jump\nHost jump\nHostName 10.0.0.9\nProxyCommand nc %h %p\nHost db\nProxyCommand none\n"
    routes = router(tmp_path, text)
    host = routes.host("web", "web")
    assert host.proxy_command == ""
    assert host.hops[0].proxy_command == "nc 10.0.0.9 22"
    assert routes.host("db", "db").proxy_command == ""


def test_a_hop_may_have_an_entry_in_opskit_toml(tmp_path: Path) -> None:
    jump = HostEntry("jump", address="10.0.0.9", port=2222, user="al", key=Path("/k/al"))
    web = HostEntry("web", jump="jump")
    routes = router(
        tmp_path,
        "Host *\nUser other\nProxyJump wrong\n",
        web,
        jump,
        HostEntry("wrong", jump="none"),
    )
    host = routes.host("web", "web")
    assert way(host) == ["other@wrong:22", "al@10.0.0.9:2222"]
    assert host.hops[1].keys == (Path("/k/al"),)


def test_no_jump_can_be_asked_for(tmp_path: Path) -> None:
    routes = router(tmp_path, "Host *\nProxyJump jump\n", HostEntry("web", jump="none"))
    assert routes.host("web", "web").hops == ()


@pytest.mark.parametrize("spec", ["al@[::1]:23", "ssh://al@[::1]:23"])
def test_an_ipv6_hop_is_read(tmp_path: Path, spec: str) -> None:
    assert way(
        router(
            tmp_path, f"ProxyJump none\nHost web\nProxyJump {spec}\n", HostEntry("web", jump=spec)
        ).host("web", "web")
    ) == ["al@::1:23"]


@pytest.mark.parametrize(
    "spec", ["a b", "-oProxyCommand=x", "a:b", "a:99999", "@a", "[::1", "a,,b"]
)
def test_what_is_no_jump_host_is_said(tmp_path: Path, spec: str) -> None:
    with pytest.raises(ConfigError):
        router(tmp_path, "", HostEntry("web", jump=spec)).host("web", "web")


@pytest.mark.parametrize(
    "text",
    [
        "Host *\nProxyJump jump\n",
        "Host web\nProxyJump a\nHost a\nProxyJump b\nHost b\nProxyJump a\n",
    ],
)
def test_a_way_in_circles_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="the way to web goes in circles: web -> ") as caught:
        router(tmp_path, text).host("web", "web")
    assert "ProxyJump none" in caught.value.hint


def test_configured_known_hosts_replace_those_of_ssh_for_hops_too(tmp_path: Path) -> None:
    routes = Router(
        SshConfig.read(_empty(tmp_path)), {"web": HostEntry("web", jump="jump")}, (Path("/kh"),)
    )
    host = routes.host("web", "web")
    assert host.known_hosts == host.hops[0].known_hosts == (Path("/kh"),)


def test_hosts_behind_the_same_hops_share_them(tmp_path: Path) -> None:
    routes = router(tmp_path, "Host web*\nProxyJump jump\n")
    assert routes.host("web1", "web1").hops is routes.host("web2", "web2").hops


def test_the_names_in_a_jump_are_found() -> None:
    assert jump_names("al@one:22, [::1]:3,,none") == ("one", "::1", "none")


def _empty(folder: Path) -> Path:
    file = folder / "empty"
    file.touch()
    return file
