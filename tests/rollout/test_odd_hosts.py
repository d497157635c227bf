"""Hosts with other tools, homes and clocks than usual: it works, or it is said what is missing before anything is touched."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.rollout.layout import TOOLS
from tests.support.light import Light
from tests.support.missing import forbidden

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.hosts import Hosts

WHOLE = {"more": "m" * 200_000, "a b/c'd": "x", "\u8336": "tea\n"}
LOGIN = 'PATH={tools}; export PATH; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"'
DATE = """#!/bin/sh
case $* in +%s) echo $(($({date} +%s) + {shift}));; *) exec {date} "$@";; esac
"""
YEAR = 31_556_952


def tools(folder: Path, *without: str, **own: str) -> str:
    """Give the ForceCommand of a host that lacks tools, and has our `own`: a path, or `#!` and a script."""
    folder.mkdir()
    for place in os.environ["PATH"].split(os.pathsep):
        for path in Path(place).iterdir() if Path(place).is_dir() else ():
            if path.name not in (*without, *own) and not (folder / path.name).is_symlink():
                (folder / path.name).symlink_to(path)
    for name, program in own.items():
        if program.startswith("#!"):
            (folder / name).write_text(program)
            (folder / name).chmod(0o755)
        else:
            (folder / name).symlink_to(program)
    return LOGIN.format(tools=folder)


def program(name: str) -> str:
    """Give where a program is, which CI must have; without it, what it is for is not tested here."""
    found = shutil.which(name)
    assert found or os.environ.get("CI") != "true", f"CI must have {name}"
    return found or ""


@pytest.fixture
def light(openssh_hosts: Hosts, tmp_path: Path) -> Iterator[Light]:
    made = Light.create(tmp_path / "project", openssh_hosts)
    yield made
    made.end()


def on(light: Light, *names: str) -> None:
    """Let the service run on web01 and on these, with patience for a slow machine."""
    light.configure(hosts=json.dumps(",".join(("web01", *names))), batches='["100%"]')


def test_what_a_host_lacks_is_named_before_anything_is_touched(light: Light, tmp_path: Path) -> None:  # fmt: skip
    for tool in TOOLS.split():
        light.hosts.odd(f"no-{tool}", ForceCommand=tools(tmp_path / tool, tool))
    light.hosts.odd("bare", ForceCommand=tools(tmp_path / "bare", "sha256sum", "shasum", "cmp"))
    on(light, *(f"no-{tool}" for tool in TOOLS.split()), "bare")
    shown = light.opskit("deploy", "shop", "v1", "-n", expect=None).stdout
    done = light.deploy("v1", expect=1)
    for said in (done.stderr, shown):
        for tool in TOOLS.split():
            assert re.search(rf"no-{tool}\b.*\blacks {tool}\n", said), said
        assert re.search(r"bare\b.*\blacks cmp, sha256sum or shasum\n", said)
    assert light.tree() == {}
    outcomes = light.outcomes()
    assert outcomes.pop("web01") == "skipped"
    assert set(outcomes.values()) == {"failed"}


@pytest.fixture
def odd(light: Light, tmp_path: Path) -> dict[str, Path]:
    """Hosts that are odd in what they have, how late it is there, or what their homes are called, and those homes."""
    date = program("date")
    kinds = {
        "shasum": tools(tmp_path / "t1", "sha256sum", "openssl"),
        "bsdtar": tools(tmp_path / "t2", tar=program("bsdtar")),
        "smalltar": tools(tmp_path / "t3", tar=f'#!/bin/sh\nexec {program("busybox")} tar "$@"\n'),
        "past": tools(tmp_path / "t4", date=DATE.format(date=date, shift=-15 * YEAR)),
        "future": tools(tmp_path / "t5", date=DATE.format(date=date, shift=12 * YEAR)),
    }
    homes = {}
    for name, command in kinds.items():
        homes[name] = light.hosts.odd(name, ForceCommand=command).folder
    for name, home in (("spaces", "home of the app"), ("signs", "it's \u8336 $HOME `id` *")):
        homes[name] = tmp_path / home
        homes[name].mkdir()
        light.hosts.odd(name, SetEnv=f'"HOME={homes[name]}"')
    on(light, *homes)
    return homes


def test_deploys_a_rollback_and_a_restart_work_on_odd_hosts(light: Light, odd: dict[str, Path]) -> None:  # fmt: skip
    light.commit("v2", files=WHOLE)
    light.commit("v3", files=WHOLE)
    for version in ("v1", "v2", "v3"):
        light.deploy(version)
    assert {light.last()["hosts"][name]["sent"]["files"] for name in odd} == {1}
    light.rollback()
    light.restart()
    for name, home in odd.items():
        live = home / "shop" / "current"
        assert (live / "version").read_text() == "v2\n", name
        assert {file: (live / file).read_text() for file in WHOLE} == WHOLE, name
        assert (home / "restarts").read_text().split() == ["v1", "v2", "v3", "v2", "v2"], name
        assert not list(home.glob("shop/.opskit/locks/*")), name
    shown = light.opskit("status", "shop", "--json", "--check-files").json["data"]["services"][0]
    assert shown["well"]
    light.opskit("changelog", "verify", "--hosts")
    clocks = light.opskit("doctor", expect=None).stdout
    assert "past" in clocks
    assert "future" in clocks


@pytest.fixture
def read_only(light: Light) -> Iterator[Light]:
    home = light.hosts.odd("odd").folder
    on(light, "odd")
    if os.getuid() != 0:
        home.chmod(0o500)
        yield light
        home.chmod(0o700)
        return
    for options in (["--bind"], ["-o", "remount,ro,bind"]):
        if subprocess.run(["mount", *options, home, home], check=False).returncode:
            forbidden("the kernel lets root mount nothing, as in a container without that right")
    yield light
    subprocess.run(["umount", "-l", home], check=True)


def test_a_home_that_nobody_can_write_is_said_before_anything_is_touched(read_only: Light) -> None:
    done = read_only.deploy("v1", expect=1)
    assert "odd: the service's path cannot be written by the login user" in done.stdout
    assert read_only.tree() == {}
    assert read_only.outcomes() == {"web01": "skipped", "odd": "failed"}
