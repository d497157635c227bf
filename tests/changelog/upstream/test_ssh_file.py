"""A shared file on real hosts, opened as opskit.toml names it: any login shell, cut connections, killed servers, full disks."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from opskit.cli.upstreams import open_file, open_upstream
from opskit.config.reading import parse
from opskit.errors import ConfigError, UpstreamError
from opskit.fleet import load_inventory
from tests.changelog.upstream.places import bare_tools, file_log
from tests.changelog.upstream.writers import Writer, packets, pull
from tests.rollout.shells import NASTY
from tests.support.hosts import login_shell
from tests.support.missing import missing
from tests.support.proxy import proxied

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.changelog.upstream import Upstream
    from opskit.config.model import Config
    from tests.support.hosts import Hosts

HEAVY = bool(os.environ.get("OPSKIT_HEAVY"))


def config(hosts: Hosts, path: str, name: str = "web01") -> Config:
    """Give the configuration of a team that shares a file on a host."""
    address = f"ssh://{name}{quote(path)}"
    text = f'{hosts.toml()}\n[changelog]\nupstream = "{address}"\n'
    return parse(text, hosts.base / "opskit.toml")


@contextlib.contextmanager
def opened(hosts: Hosts, path: str, name: str = "web01") -> Iterator[Upstream]:
    """Give the file, made if it was not there."""
    found = config(hosts, path, name)
    with open_file(found) as file:
        file.create()
    with open_upstream(found) as upstream:
        yield upstream


def test_a_file_on_a_host_is_an_upstream(any_hosts: Hosts) -> None:
    path = any_hosts.folder("web01") / NASTY / "the log"
    path.parent.mkdir()
    events, others = Writer(1).write(700), Writer(2).write(3)
    with opened(any_hosts, str(path)) as upstream:
        assert pull(upstream) == []
        for first in range(0, 700, 350):
            assert upstream.push(events[first : first + 350]).status == "ok"
        assert upstream.push(events[600:]).status == "ok"
        assert upstream.push(others).status == "ok"
        assert upstream.push(Writer(3).write(4)[2:]).status == "gap"
        arrivals = pull(upstream)
        assert packets(arrivals) == events + others
        greeting = upstream.greet(arrivals[698].receipt)
        assert (greeting.trouble, greeting.pos) == ("", path.stat().st_size)
        assert abs(greeting.now_ms / 1000 - time.time()) < 30
        assert pull(upstream, arrivals[698].receipt.pos) == arrivals[699:]
        upstream.redact(events[5].hash)
        assert upstream.fetch(arrivals[5].receipt.pos) == replace(events[5], nonce=None, body=None)
        assert upstream.fetch(arrivals[6].receipt.pos) == events[6]
    assert pull(file_log("local", path))[6:] == arrivals[6:]
    assert sorted(each.name for each in path.parent.iterdir()) == ["the log"]


def test_a_path_may_begin_in_the_home_of_the_login_user(hosts: Hosts) -> None:
    with opened(hosts, "/~/the log's") as upstream:
        assert upstream.push(Writer().write()).status == "ok"
    assert (hosts.folder("web01") / "the log's").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("shell", ["csh", "tcsh", "fish", "bash", "zsh"])
def test_the_login_shell_does_not_matter(openssh_hosts: Hosts, shell: str) -> None:
    found = shutil.which(shell)
    if found is None:
        missing(shell)
    openssh_hosts.odd(shell, ForceCommand=login_shell(found))
    events = Writer().write(3)
    with opened(openssh_hosts, f"{openssh_hosts.folder(shell)}/it's $HOME", shell) as upstream:
        assert upstream.push(events).status == "ok"
        assert packets(pull(upstream)) == events


def test_a_host_without_flock_keeps_pushers_apart_too(
    openssh_hosts: Hosts, tmp_path: Path
) -> None:
    tools = bare_tools(tmp_path / "tools")
    folder = openssh_hosts.base / "noflock"
    openssh_hosts.odd("noflock", SetEnv=f'"HOME={folder}" "PATH={tools}"')
    path = folder / "log"
    with opened(openssh_hosts, str(path), "noflock") as upstream:
        upstream.greet(None)
    failures: list[Exception] = []

    def work(number: int) -> None:
        events = Writer(number).write(8)
        try:
            with opened(openssh_hosts, str(path), "noflock") as upstream:
                for event in events:
                    assert upstream.push([event]).status == "ok"
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    arrived = packets(pull(file_log("local", path)))
    for number in range(3):
        writer = Writer(number)
        assert [each for each in arrived if each.writer == writer.id] == writer.write(8)
    assert len(arrived) == 24
    assert [each.name for each in folder.iterdir()] == ["log"]


def test_a_full_disk_on_the_host_is_named_and_leaves_no_half(openssh_hosts: Hosts) -> None:
    if shutil.which("prlimit") is None:
        missing("prlimit")
    openssh_hosts.odd("full", ForceCommand=login_shell("prlimit --fsize=22000 /bin/sh"))
    path, writer = openssh_hosts.folder("full") / "log", Writer()
    with opened(openssh_hosts, str(path), "full") as upstream:
        assert upstream.push(writer.write(12)).status == "ok"
        before = path.read_bytes()
        with pytest.raises(UpstreamError, match="cannot grow") as caught:
            upstream.push(writer.write(12))
        assert "disk" in caught.value.hint
        assert path.read_bytes() == before
        assert len(pull(upstream)) == 12


def test_connections_cut_anywhere_lose_nothing_and_leave_nothing_twice(hosts: Hosts) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice, path = random.Random(seed), hosts.folder("web01") / "log"
    events = Writer().write(60 if HEAVY else 12, text="w" * 20_000)
    file_log("local", path).create()
    done, cuts = 0, 0
    while done < len(events):
        some = events[done : done + 4]
        # four events are some 110,000 bytes: the first connection is cut in any case
        cut_after = dice.randrange(2_000, 160_000 if cuts else 60_000)
        with (
            proxied(hosts.host("web01").port, cut_after=cut_after) as proxy,
            contextlib.suppress(UpstreamError),
            open_upstream(_through(config(hosts, str(path)), proxy.port, hosts)) as upstream,
        ):
            assert upstream.push(some).status == "ok"
            done += len(some)
        cuts += proxy.cuts
        assert packets(pull(file_log("local", path)))[:done] == events[:done]
    assert cuts > 0, seed
    assert packets(pull(file_log("local", path))) == events


def test_a_server_that_dies_under_a_push_is_pushed_to_again(hosts: Hosts) -> None:
    path = hosts.folder("web01") / "log"
    events = Writer().write(400, text="v" * 10_000)
    with opened(hosts, str(path)) as upstream:
        upstream.push(events[:1])
        failed: list[UpstreamError] = []

        def work() -> None:
            try:
                upstream.push(events[1:])
            except UpstreamError as error:
                failed.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(random.random() / 10)  # anywhere in the push
        hosts.stop("web01")
        thread.join(60)
        assert not thread.is_alive()
    hosts.start("web01")
    assert packets(pull(file_log("local", path)))[0] == events[0]
    with opened(hosts, str(path)) as upstream:
        assert upstream.push(events[1:]).status == "ok"
        assert packets(pull(upstream)) == events


def test_what_is_wrong_on_the_way_is_said_with_the_host(hosts: Hosts) -> None:
    path = hosts.folder("web01") / "log"
    with open_upstream(config(hosts, str(path))) as upstream:
        with pytest.raises(UpstreamError, match="is not there") as caught:
            upstream.greet(None)
        assert "opskit changelog init" in caught.value.hint
    hosts.stop("web01")
    words = r"web01, on the way to the changelog: .* refused"
    with (
        open_upstream(config(hosts, str(path))) as upstream,
        pytest.raises(UpstreamError, match=words),
    ):
        upstream.greet(None)


def test_the_host_of_the_changelog_may_have_an_entry_without_an_environment(hosts: Hosts) -> None:
    path = hosts.folder("web02") / "log"
    text = hosts.toml().replace('hosts = ["web01", "web02"', 'hosts = ["web01"', 1)
    assert text != hosts.toml()
    text += f'\n[changelog]\nupstream = "ssh://web02{path}"\n'
    text = text.replace('groups.web = "web01,web02', 'groups.web = "web01')
    shared = parse(text, hosts.base / "opskit.toml")
    assert "web02" not in load_inventory(shared, None).hosts
    with open_file(shared) as file:
        assert file.create()
        assert file.push(Writer().write(2)).status == "ok"
    assert len(pull(file_log("local", path))) == 2
    lonely = parse(text.replace("ssh://web02/", "ssh://elsewhere/"), hosts.base / "opskit.toml")
    with pytest.raises(ConfigError, match="no environment has this host"):
        load_inventory(lonely, None)


def _through(found: Config, port: int, hosts: Hosts) -> Config:
    """Have web01 reached through another port."""
    machine = hosts.host("web01")
    known = hosts.base / f"known_hosts.{port}"
    known.write_text(f"[127.0.0.1]:{port} {' '.join(machine.public_key.split()[:2])}\n")
    entry = found.hosts["web01"]._replace(port=port)
    return found._replace(
        hosts={**found.hosts, "web01": entry}, ssh=found.ssh._replace(known_hosts=(known,))
    )
