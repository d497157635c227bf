"""What is redacted and where it is not: what the upstream keeps, what is not pushed yet, and a whole rollout at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.changelog import open_changelog
from tests.changelog.writing import put, results, start, whole
from tests.cli.test_sharing import Desk
from tests.support.postgres import Server, server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.cli import Opskit

SECRET = "hunter2"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with server() as made:
        yield made


@pytest.fixture
def desk(tmp_path: Path, opskit: Opskit, postgres: Server) -> Desk:
    """Ana and Ben, each with a role of their own, and Rita, who is in opskit_relay, too."""
    admin = postgres.new_database("team")
    made = Desk(tmp_path, opskit)
    made.configure(upstream=f"postgresql://127.0.0.1:{postgres.port}/team")
    made.does("ana", "changelog", "init", "--as", admin)
    for who, more in (("ana", ()), ("ben", ()), ("rita", ("opskit_relay",))):
        postgres.role(who, "opskit_write", *more)
    return made


def test_what_the_upstream_keeps_is_no_success_and_is_said_until_it_is_gone(
    desk: Desk, postgres: Server
) -> None:
    desk.does("ana", "note", f"the password is {SECRET}", PGUSER="ana")
    event = desk.does("ben", "log", "--json", PGUSER="ben").json["data"]["entries"][0]
    redact = ("changelog", "redact", event["id"], "-m", "a password", "-y")
    done = desk.does("ben", *redact, expect=3, PGUSER="ben")
    assert f"redacted {event['id']}" in done.stdout
    kept = f"the body of {event['id']} was redacted here, and is still upstream"
    assert kept in done.stderr
    order = next(each for each in done.stderr.splitlines() if "SELECT opskit.redact" in each)
    verified = desk.does("ben", "changelog", "verify", expect=3, PGUSER="ben")
    assert kept in verified.stdout
    data = desk.does("ben", "changelog", "verify", "--json", expect=3, PGUSER="ben").json
    assert data["status"] == "partial"
    assert data["data"]["upstream"]["kept"] == [event["hash"]]
    assert any(kept in each["what"] for each in of_upstream(desk))
    sql = order.partition("runs: ")[2].partition(";")[0]
    assert postgres.sql(sql, role="rita", database="team") == [(True,)]
    desk.does("ben", "changelog", "sync", PGUSER="ben")
    assert "still upstream" not in desk.does("ben", "changelog", "verify", PGUSER="ben").stdout
    assert [each["level"] for each in of_upstream(desk)] == ["ok"]


def of_upstream(desk: Desk) -> list[dict[str, str]]:
    done = desk.does("ben", "doctor", "--json", expect=None, PGUSER="ben")
    return [each for each in done.json["data"]["findings"] if each["area"] == "upstream"]


def test_what_is_kept_is_data_too(desk: Desk) -> None:
    desk.does("ana", "note", SECRET, PGUSER="ana")
    event = desk.does("ben", "log", "--json", PGUSER="ben").json["data"]["entries"][0]
    redact = ("changelog", "redact", event["id"], "-m", "x", "-y", "--json")
    said = desk.does("ben", *redact, expect=3, PGUSER="ben").json
    assert said["data"]["kept_upstream"] == [event["hash"]]
    assert said["data"]["redacted"] == event["hash"]


def test_a_redaction_that_is_not_pushed_is_done_in_part(desk: Desk) -> None:
    desk.does("ana", "note", SECRET, PGUSER="ana")
    event = desk.does("ana", "log", "--json", PGUSER="ana").json["data"]["entries"][0]
    redact = ("changelog", "redact", event["id"], "-m", "x", "-y", "--offline")
    done = desk.does("ana", *redact, expect=3, PGUSER="ana")
    assert "gone from this machine, and nowhere else before it is pushed" in done.stderr
    desk.does("ana", "changelog", "sync", PGUSER="ana")
    assert SECRET not in desk.does("ben", "log", PGUSER="ben").stdout
    desk.does("ana", "changelog", "verify", PGUSER="ana")


@pytest.fixture
def alone(tmp_path: Path) -> None:
    toml = '[changelog]\nname = "test"\n[environments.production]\nhosts = ["web01"]\n'
    (tmp_path / "opskit.toml").write_text(toml)


def leaky() -> str:
    """Write a rollout whose every body tells the secret; gives its id."""
    with open_changelog("test", actor="ann") as changelog:
        name = start(changelog, why=SECRET)
        results(changelog, name, {"web01": "done"})
        output = {"hosts": [{"name": "web02", "outcome": "failed", "output": SECRET}]}
        put(changelog, "rollout.hosts", output, name, "shop", "production", "deploy")
        end = {"outcome": "failed", "ms": 1, "reason": SECRET}
        put(changelog, "rollout.finished", end, name, "shop", "production", "deploy")
    return name


def test_a_rollout_is_redacted_whole(opskit: Opskit, alone: None, tmp_path: Path) -> None:
    name = leaky()
    opskit("note", "about it", "--rollout", name)
    hashes = opskit("log", "--json", "--kind", "deploy").json["data"]["entries"][0]["hashes"]
    assert len(hashes) == 4
    refused = opskit("changelog", "redact", name, "-m", "a password", expect=5)
    assert "notes about it are not a part of it: " in refused.stderr
    said = opskit("changelog", "redact", name, "-m", "a password", "-y", "--json").json["data"]
    assert [each["redacted"] for each in said["events"]] == hashes
    page = opskit("log", name).stdout
    assert SECRET not in page
    assert "about it" in page
    assert page.count("its body is redacted") == 4
    for file in (tmp_path / "state").rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file
    opskit("changelog", "verify")
    again = opskit("changelog", "redact", name, "-m", "x", "-y", expect=1)
    assert f"rollout {name} tells nothing that could be redacted" in again.stderr


def test_the_question_lists_what_goes(opskit: Opskit, alone: None) -> None:
    from opskit.cli.changelog.redact import _question

    name = leaky()
    with open_changelog("test") as changelog:
        events = changelog.rollout(name).events
    question = _question(events)
    assert question.startswith("remove for ever what 4 events tell: ")
    for event in events:
        assert f"{event.id} ({event.header.kind} by ann)" in question


def test_one_event_of_a_rollout_goes_alone_and_then_the_rest(opskit: Opskit, alone: None) -> None:
    name = leaky()
    with open_changelog("test") as changelog:
        first, *others = changelog.rollout(name).events
    opskit("changelog", "redact", first.id, "-m", "x", "-y")
    said = opskit("changelog", "redact", name[:6], "-m", "x", "-y").stdout
    assert [each.split()[1].rstrip(",") for each in said.splitlines()] == [e.id for e in others]


def test_a_beginning_that_means_a_rollout_and_an_event_is_refused(
    opskit: Opskit, alone: None
) -> None:
    with open_changelog("test") as changelog:
        event = changelog.append("note", {"text": "x"})
        whole(changelog, rollout=event.hash.hex()[:10])
    said = opskit("changelog", "redact", event.id, "-m", "x", "-y", expect=2).stderr
    assert "means two things: rollout " in said
    opskit("changelog", "redact", event.hash.hex()[:20], "-m", "x", "-y")
