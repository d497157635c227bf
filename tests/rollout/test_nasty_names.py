"""Names that a careless shell would obey: they arrive as data, whatever they are."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opskit.demo.shop.history import git
from tests.support.light import Light

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.hosts import Hosts

NAMES = (
    "with space",
    " leading and trailing ",
    "quote'single",
    'quote"double',
    "$(touch pwned)",
    "`touch pwned`",
    "-rf",
    "--help",
    "new\nline",
    "tab\tand\rreturn",
    "back\\slash",
    "star*",
    "semi;colon&|<>",
    "~",
    "ünïcödé 茶",
    "e\u0301 combining",
    "#hash",
    "%s%n",
    "a" * 200,
    ".hidden",
)
BYTES = st.binary(min_size=1, max_size=60).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b"..")
)


def tree_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_files_of_any_name_arrive_whole_from_git(any_light: Light) -> None:
    for name in NAMES:
        folder = any_light.folder / "files" / f"in {name}"
        folder.mkdir(parents=True)
        (folder / name).write_text(f"I am {name!r}")
    git(any_light.folder, "add", "--all")
    git(any_light.folder, "commit", "--quiet", "--message=names")
    any_light.deploy()
    sent = tree_of(any_light.folder / "files")
    assert len(sent) == len(NAMES)
    for host in any_light.hosts.names:
        assert tree_of(any_light.place(host, "current", "files")) == sent
    assert not [path for path in any_light.tree() if path.endswith(("/pwned", ":pwned"))]
    any_light.deploy("v1")
    any_light.rollback()
    assert tree_of(any_light.place("web01", "current", "files")) == sent


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(names=st.sets(BYTES, min_size=1, max_size=20), content=st.binary(max_size=100))
def test_whatever_bytes_a_name_is_made_of(light: Light, names: set[bytes], content: bytes) -> None:
    dist = light.folder / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir()
    (dist / "version").write_text("v\n")
    for name in names - {b"version", b"bad"}:
        (dist / os.fsdecode(name)).write_bytes(content)
    light.configure(source='{ folder = "dist" }', hosts='"web01"', batches="[1]")
    light.deploy()
    assert tree_of(light.place("web01", "current")) == tree_of(dist)


@pytest.mark.parametrize(
    "folder", ["it's $(touch pwned) *", 'say "x"; back\\slash & `id`', "-rf", "茶 ~ #"]
)
def test_the_service_may_live_in_a_folder_of_any_name(light: Light, folder: str) -> None:
    light.commit("v2")
    light.configure(path=json.dumps(f"~/{folder}/shop x"), hosts='"web01"', batches="[1]")
    light.deploy("v1")
    light.deploy("v2")
    light.rollback()
    home = light.hosts.folder("web01")
    assert (home / folder / "shop x" / "current" / "version").read_text() == "v1\n"
    assert {path.name for path in home.iterdir()} == {folder, "restarts"}
    assert light.opskit("status", "shop", "--json").json["data"]["services"][0]["well"]


@pytest.mark.parametrize(
    "revision", ["$(touch pwned)", "v1; touch pwned", "--output=pwned", "-h", "a b", "v1\nv2", "'", ""]
)  # fmt: skip
def test_a_revision_is_a_name_and_nothing_else(light: Light, revision: str) -> None:
    done = light.opskit("deploy", "shop", "-y", "-H", "web01", "--", revision, expect=None)
    if revision:
        assert done.exit == 2, done
        assert light.live() == light.on_all("")
    assert not list(light.folder.rglob("pwned"))


@pytest.mark.parametrize("tag", ["it's", "$(touch${IFS}pwned)", 'a"b', "ü/茶", "--", "a&b;c"])
def test_tags_of_any_name_can_be_deployed(light: Light, tag: str) -> None:
    git(light.folder, "update-ref", f"refs/tags/{tag}", "HEAD")
    named = f"refs/tags/{tag}" if tag.startswith("-") else tag
    light.opskit("deploy", "shop", "-y", "-H", "web01", "--", named)
    assert light.live_on("web01") == "v1"
    assert light.last()["to"]["label"] == named
    shown = light.opskit("status", "shop", "--json", "-H", "web01").json["data"]["services"][0]
    assert shown["hosts"][0]["live"]["label"] == named


@pytest.mark.parametrize(
    "why", ["it's $(id) `id` \"x\" \\ ; rm -rf ~", "-m", "zwei\nZeilen", "茶 ü \u202e", "\x1b[2J", "%s"]
)  # fmt: skip
def test_a_reason_is_kept_as_it_is_and_shown_harmless(light: Light, why: str) -> None:
    light.deploy("v1", "-H", "web01", "-m", why, env={"OPSKIT_ACTOR": "Zoë $(id) 'x': v1:a/b%"})
    last = light.last()
    assert (last["why"], last["actor"]) == (why.strip(), "Zoë $(id) 'x': v1:a/b%")
    shown = light.opskit("log").stdout
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_shared_names_are_data_too(light: Light) -> None:
    names = ["a b", "$(touch pwned)", "c/-rf/x y"]
    light.configure(
        shared_folders=json.dumps(names), shared_files='["it\'s.ini"]', hosts='"web01"', batches="[1]"
    )  # fmt: skip
    light.commit("v2", files={"it's.ini": "mine\n", "a b/seed": "s\n"})
    light.deploy("v2")
    live = light.place("web01", "current")
    assert all((live / name).is_symlink() and (live / name).is_dir() for name in names)
    assert (live / "it's.ini").read_text() == "mine\n"
    assert (live / "a b" / "seed").read_text() == "s\n"
    light.deploy("v2")


def test_a_file_that_was_altered_on_its_way_is_not_deployed(openssh_hosts: Hosts, tmp_path: Path) -> None:  # fmt: skip
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "tar").write_text('#!/bin/sh\nPATH=$OLD; tar "$@" && echo x >>"$4/tree/version"\n')
    (tools / "tar").chmod(0o755)
    command = f'OLD=$PATH PATH={tools}:$PATH; export OLD PATH; exec sh -c "$SSH_ORIGINAL_COMMAND"'
    openssh_hosts.odd("bad", ForceCommand=command)
    light = Light.create(tmp_path / "project", openssh_hosts)
    light.configure(hosts='"bad"', batches="[1]")
    done = light.deploy("v1", expect=1)
    assert "bytes arrived altered" in done.stdout
    assert light.releases("bad") == []
