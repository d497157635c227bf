"""What is known before the first step: what the changelog and opskit.toml tell; hosts are asked in tests of the command."""

from __future__ import annotations

import contextlib
import socket
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from opskit.config import load
from opskit.fleet import load_inventory, open_fleet
from opskit.runbook.headup import HeadUp, head_up, with_hosts
from opskit.runbook.shelf import open_book
from tests.changelog import running, writing
from tests.runbook.test_audit import PAGE, TOML, write
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.changelog import Changelog


@pytest.fixture
def changelog(tmp_path: Path) -> Iterator[Changelog]:
    with running.people(tmp_path / "state", "ann")[0] as opened:
        yield opened


def seen(folder: Path, changelog: Changelog, *, page: str = PAGE, run: str = "") -> HeadUp:
    (folder / "opskit.toml").write_text(TOML)
    book = open_book(write(folder, "haproxy-queue", page))
    config = load(folder / "opskit.toml")
    return head_up(book, changelog, config, "production", datetime.now(UTC), run=run)


def test_nothing_is_known_of_a_new_fleet(tmp_path: Path, changelog: Changelog) -> None:
    found = seen(tmp_path, changelog)
    assert (found.rollouts, found.runs, found.open_runs, found.frozen) == ((), (), (), ())
    assert found.freshness
    assert not found.unread


def test_the_last_rollouts_on_its_services_come_first_by_whomever(
    tmp_path: Path, changelog: Changelog
) -> None:
    old = [writing.start(changelog, to=n) for n in range(2, 6)]
    with running.people(tmp_path / "state", "bob")[0] as bob:
        site = writing.start(bob, service="site")
        running.tell(bob, changelog)
    writing.start(changelog, service="other")
    writing.start(changelog, environment="staging")
    found = seen(tmp_path, changelog)
    assert [rollout.id for rollout in found.rollouts] == [site, *old[:0:-1]]
    assert found.rollouts[0].actor == "bob@laptop"


def test_a_page_about_no_service_tells_of_the_environment(
    tmp_path: Path, changelog: Changelog
) -> None:
    other = writing.start(changelog, service="other")
    found = seen(tmp_path, changelog, page=PAGE.replace("services: [shop, site]\n", ""))
    assert [rollout.id for rollout in found.rollouts] == [other]


def test_how_its_last_three_runs_ended_and_what_they_left_without_the_one_that_is_gone_on_with(
    tmp_path: Path, changelog: Changelog
) -> None:
    runs = [running.whole(changelog, outcome) for outcome in ("done", "failed", "done", "done")]
    mine = running.begin(changelog)
    left = running.begin(changelog, runbook="other")
    running.drain(changelog, left)
    found = seen(tmp_path, changelog, run=mine)
    assert [run.id for run in found.runs] == runs[:0:-1]
    assert [run.id for run in found.open_runs] == [left]
    assert len(found.open_runs[0].liabilities) == 1


@contextlib.contextmanager
def deaf() -> Iterator[tuple[int, list[object]]]:
    """Give the port of a host that takes calls and says nothing, and the calls."""
    calls: list[object] = []
    with contextlib.ExitStack() as links, socket.socket() as ear:
        ear.bind(("127.0.0.1", 0))
        ear.listen()

        def hear() -> None:
            with contextlib.suppress(OSError):
                while True:
                    calls.append(links.enter_context(ear.accept()[0]))

        listener = threading.Thread(target=hear, daemon=True)
        listener.start()
        yield ear.getsockname()[1], calls
        ear.shutdown(socket.SHUT_RDWR)
        listener.join()


def test_a_host_of_many_services_that_does_not_answer_is_waited_for_once(
    tmp_path: Path, changelog: Changelog
) -> None:
    services = ("shop", "site", "more")
    with deaf() as (port, calls):
        toml = f'[environments.p]\nhosts = ["web01"]\n[hosts.web01]\naddress = "127.0.0.1"\nport = {port}\nuser = "x"\n[ssh]\nconnect_timeout = "1s"\n'
        toml += "".join(
            f'[services.{name}]\npath = "~/{name}"\nhosts = "web01"\nsource = {{ folder = "." }}\n'
            for name in services
        )
        (tmp_path / "opskit.toml").write_text(f'default_environment = "p"\n{toml}')
        config = load(tmp_path / "opskit.toml")
        inventory = load_inventory(config, None)
        book = open_book(
            write(tmp_path, "haproxy-queue", PAGE.replace("shop, site", ", ".join(services)))
        )
        found = head_up(book, changelog, config, "p", datetime.now(UTC))
        with open_fleet(inventory, config.ssh) as fleet:
            found = with_hosts(
                found, book, changelog=changelog, config=config, inventory=inventory, fleet=fleet
            )
        until(lambda: calls, what="a call")
        assert len(calls) == 1
    assert [service.service for service in found.hosts] == [*services]
    assert [[host.verdict for host in service.hosts] for service in found.hosts] == [
        ["unreachable"]
    ] * 3


def test_a_freeze_and_a_service_that_is_not_there_are_told_of(
    tmp_path: Path, changelog: Changelog
) -> None:
    body = {"why": "sale", "until": 0}
    changelog.append("freeze", body, service="shop", environment="production")
    found = seen(tmp_path, changelog, page=PAGE.replace("site", "shpo"))
    assert found.unknown == ("shpo",)
    assert ["sale" in line for line in found.frozen] == [True]


def test_a_changelog_that_cannot_be_read_keeps_nobody_from_a_runbook(tmp_path: Path) -> None:
    (changelog,) = running.people(tmp_path / "state", "eve")
    changelog.file.parent.mkdir(parents=True)
    changelog.file.write_bytes(b"no database" * 1000)
    found = seen(tmp_path, changelog)
    assert found.unread
    assert found.rollouts == ()
