from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opskit.changelog import (
    Changelog,
    Filter,
    NoteEntry,
    OtherEntry,
    Release,
    RolloutRecord,
    database,
    new_rollout_id,
    store,
)
from opskit.errors import UnknownNameError
from tests.changelog.writing import ELSEWHERE, finish, put, results, start, whole

GOLDEN = Path(__file__).parent / "golden"


def ids(found: tuple[RolloutRecord, ...]) -> list[str]:
    return [record.id for record in found]


def test_a_rollout_reads_as_it_was_written(changelog: Changelog) -> None:
    name = start(
        changelog,
        hosts=("web01", "web02", "web03"),
        why="fix the cart",
        commits=[{"sha": "abc", "subject": "Fix the cart", "author": "Ann"}],
        command=["opskit", "deploy", "shop"],
        notes=["the work tree was dirty"],
    )
    results(changelog, name, {"web01": "done", "web02": "reverted"})
    finish(changelog, name, "partial", reason="1 host failed, 0 allowed")
    record = changelog.rollout(name)
    assert (record.action, record.service, record.environment) == ("deploy", "shop", "production")
    assert (record.actor, record.why) == ("ann@laptop", "fix the cart")
    assert (record.outcome, record.reason, record.ms) == (
        "partial",
        "1 host failed, 0 allowed",
        4200,
    )
    assert record.to == Release("r2", "2" * 12, "v2")
    assert record.before == (Release("r1", "1" * 12, "v1"),)
    assert record.commits[0].subject == "Fix the cart"
    assert record.command == ("opskit", "deploy", "shop")
    assert record.remarks == ("the work tree was dirty",)
    assert record.counts == {"done": 1, "reverted": 1, "not reached": 1}
    assert abs(record.at - datetime.now(UTC)) < timedelta(minutes=1)
    one, two, three = record.hosts
    assert (one.name, one.live, one.ms, one.batch) == ("web01", "r2", 1500, 1)
    assert [(step.step, step.ms) for step in one.steps] == [("stage", 300), ("restart", 1200)]
    assert (two.live, two.error) == ("r1", "the health check failed")
    assert two.output == "GET /health\n502 Bad Gateway"
    assert (three.outcome, three.at, three.live) == ("not reached", None, "")


def test_the_newest_comes_first(changelog: Changelog) -> None:
    names = [whole(changelog) for _ in range(3)]
    assert ids(changelog.rollouts()) == names[::-1]


def test_without_an_end_a_rollout_runs_here_or_is_unfinished(changelog: Changelog) -> None:
    here, elsewhere = start(changelog), start(changelog, machine=ELSEWHERE)
    assert changelog.rollout(here).outcome == "running"
    assert changelog.rollout(elsewhere).outcome == "unfinished"
    assert ids(changelog.rollouts(Filter(outcome="running"))) == [here]
    assert ids(changelog.rollouts(Filter(outcome="unfinished", limit=1))) == [elsewhere]
    finish(changelog, here)
    assert changelog.rollouts(Filter(outcome="running")) == ()


def test_the_last_word_on_a_host_counts(changelog: Changelog) -> None:
    name = start(changelog)
    results(changelog, name, {"web01": "unknown", "web02": "done"})
    results(changelog, name, {"web01": "done"})
    assert changelog.rollout(name).counts == {"done": 2}


def test_filters_choose(changelog: Changelog, file: Path) -> None:
    shop = whole(changelog, why="a")
    staged = whole(changelog, environment="staging", hosts=("stage01",))
    restarted = whole(changelog, service="db", action="restart", hosts=("db01",))
    failed = whole(changelog, "failed", hosts=("web02", "web03"))
    with Changelog(file, actor="Bob Ångström@desk") as of_bob:
        by_bob = whole(of_bob, hosts=("web04",))
        note = of_bob.append("note", {"text": "slow", "hosts": ["web02"]}, service="shop")

    def chosen(**wanted: object) -> list[str]:
        return ids(changelog.rollouts(Filter(**wanted)))  # type: ignore[arg-type]

    assert chosen(service="db") == [restarted]
    assert chosen(environment="staging") == [staged]
    assert chosen(hosts=("web02",)) == [failed, shop]
    assert chosen(hosts=("web03", "db01")) == [failed, restarted]
    assert chosen(actor="ANN@") == [failed, restarted, staged, shop]
    assert chosen(actor="bob") == [by_bob]
    assert chosen(action="restart") == [restarted]
    assert chosen(outcome="failed") == [failed]
    assert chosen(limit=2) == [by_bob, failed]
    assert chosen(service="shop", hosts=("web01", "web02"), limit=1) == [failed]
    assert chosen(service="nothing") == []
    assert [n.id for n in changelog.notes(Filter(hosts=("web02",)))] == [note.id]
    assert [e.id for e in changelog.entries(Filter(action="note"))] == [note.id]


def test_time_bounds_choose_by_the_writers_clock(
    changelog: Changelog, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    names = []
    for hours in range(4):
        then = int((noon + timedelta(hours=hours)).timestamp() * 10**9)
        monkeypatch.setattr(store.time, "time_ns", lambda then=then: then)
        names.append(whole(changelog))
    one, three = noon + timedelta(hours=1), noon + timedelta(hours=3)
    assert ids(changelog.rollouts(Filter(since=one, until=three))) == [names[2], names[1]]
    assert ids(changelog.rollouts(Filter(until=one))) == [names[0]]


def test_a_rollout_is_found_by_the_start_of_its_id(changelog: Changelog) -> None:
    for name in ("abcd111111", "abcd222222", "abcx", "abcx333333"):
        whole(changelog, rollout=name)
    assert changelog.rollout("abcd2").id == "abcd222222"
    assert changelog.rollout("ABCD2").id == "abcd222222"
    assert changelog.rollout("abcx").id == "abcx"
    with pytest.raises(UnknownNameError, match="several") as several:
        changelog.rollout("abcd")
    assert "abcd111111, abcd222222" in several.value.hint


@pytest.mark.parametrize("prefix", ["", "abc", "zzzz", "%%%%", "____", "é" * 4, "abcd111111x"])
def test_an_unknown_rollout_is_a_usage_error(changelog: Changelog, prefix: str) -> None:
    with pytest.raises(UnknownNameError, match="no rollout"):
        changelog.rollout(prefix)
    whole(changelog, rollout="abcd111111")
    with pytest.raises(UnknownNameError, match="no rollout"):
        changelog.rollout(prefix)


def test_live_is_the_newest_release_that_results_tell(changelog: Changelog) -> None:
    first = whole(changelog, before=1, to=2)
    second = start(changelog, before=2, to=3)
    results(changelog, second, {"web01": "done", "web02": "failed"}, before=2, to=3)
    put(
        changelog,
        "rollout.hosts",
        {"results": [{"host": "web01", "outcome": "unknown", "live": ""}]},
        second,
    )
    whole(changelog, before=7, to=8, environment="staging")
    live = changelog.live("shop", "production")
    assert {host: (run.release, run.rollout) for host, run in live.items()} == {
        "web01": ("r3", second),
        "web02": ("r2", first),
    }
    assert (live["web01"].revision, live["web01"].label) == ("3" * 12, "v3")
    assert (live["web02"].revision, live["web02"].label) == ("2" * 12, "v2")


def test_live_names_the_rollout_that_made_it_so_not_those_that_changed_nothing(
    changelog: Changelog,
) -> None:
    made = whole(changelog, before=1, to=2, hosts=("web01",))
    whole(changelog, before=2, to=2, hosts=("web01",), action="restart")
    whole(changelog, "failed", before=2, to=3, hosts=("web01",))
    at = changelog.rollout(made).at
    for outcome in ("skipped", "unreachable"):
        results(changelog, start(changelog, before=9), {"web01": outcome}, before=9)
    run = changelog.live("shop", "production")["web01"]
    assert (run.release, run.rollout, run.title) == ("r2", made, "v2 (22222222)")
    assert run.at - at < changelog.rollouts()[0].at - at
    back = whole(changelog, before=2, to=1, hosts=("web01",), action="rollback")
    again = whole(changelog, before=1, to=2, hosts=("web01",))
    assert changelog.live("shop", "production")["web01"].rollout == again != back


def test_notes_stand_alone_and_on_their_rollouts_page(changelog: Changelog) -> None:
    name = whole(changelog)
    about = changelog.append("note", {"text": "slow", "hosts": []}, rollout=name, service="shop")
    plain = changelog.append("note", {"text": "hello"})
    entries = changelog.entries()
    assert [entry.id for entry in entries] == [plain.id, about.id, name]
    assert isinstance(entries[0], NoteEntry)
    assert [note.text for note in changelog.rollout(name).notes] == ["slow"]


def test_an_unknown_kind_is_kept_and_shown(changelog: Changelog) -> None:
    name = whole(changelog)
    put(changelog, "rollout.paused", {"until": "noon"}, name)
    alone = changelog.append("weather", {"sky": "grey"})
    (entry, record) = changelog.entries()
    assert isinstance(entry, OtherEntry)
    assert (entry.id, entry.event.body) == (alone.id, {"sky": "grey"})
    assert isinstance(record, RolloutRecord)
    assert "rollout.paused" in [event.header.kind for event in record.events]
    assert record.outcome == "done"


def test_a_rollout_without_its_start_is_still_shown(changelog: Changelog) -> None:
    results(changelog, "lost000000", {"web01": "done"})
    finish(changelog, "lost000000", "done")
    (record,) = changelog.rollouts(Filter(hosts=("web01",)))
    assert (record.id, record.outcome, record.service) == ("lost000000", "done", "shop")


junk = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=5,
)
FIELDS = "why to hosts commits command machine task script notes results outcome reason ms text"
INNER = "name batch from release revision label sha host outcome live at ms steps step error output pid boot"


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=st.dictionaries(
        st.sampled_from(FIELDS.split()),
        junk
        | st.dictionaries(st.sampled_from(INNER.split()), junk)
        | st.lists(st.dictionaries(st.sampled_from(INNER.split()), junk), max_size=3),
    ),
    kind=st.sampled_from(["rollout.started", "rollout.hosts", "rollout.finished", "note", "odd"]),
    rollout=st.sampled_from(["", "abcd"]),
)
def test_no_body_can_stop_the_reader(
    changelog: Changelog, body: dict[str, object], kind: str, rollout: str
) -> None:
    put(changelog, kind, body, rollout)
    assert changelog.entries()
    assert changelog.live("shop", "production") is not None
    assert changelog.verify() == []


def test_a_body_that_is_gone_or_broken_is_told_and_stops_nothing(
    changelog: Changelog, file: Path
) -> None:
    name = whole(changelog)
    changelog.close()
    connection = sqlite3.connect(file)
    connection.execute("DROP TRIGGER body_is_never_altered")
    connection.execute("DROP TRIGGER body_is_never_deleted")
    connection.execute("UPDATE body SET body = x'ff' WHERE n = 1")
    connection.execute("DELETE FROM body WHERE n = 2")
    connection.commit()
    connection.close()
    record = changelog.rollout(name)
    assert [event.damage for event in record.events] == ["malformed", "missing", ""]
    assert (record.outcome, record.hosts) == ("done", ())


def test_an_index_of_another_version_is_built_anew(
    changelog: Changelog, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole(changelog)
    changelog.append("note", {"text": "x"})
    before = changelog.entries()
    monkeypatch.setattr(database, "INDEX_VERSION", database.INDEX_VERSION + 1)
    changelog.close()
    assert changelog.entries() == before
    monkeypatch.setattr(database, "INDEX_VERSION", database.INDEX_VERSION + 1)
    changelog.close()
    changelog.append("note", {"text": "y"})
    assert len(changelog.entries()) == len(before) + 1
    assert changelog.verify() == []


def test_a_database_of_format_1_is_read_checked_and_written_for_ever(file: Path) -> None:
    file.parent.mkdir(parents=True)
    connection = sqlite3.connect(file)
    connection.executescript((GOLDEN / "v1.sql").read_text("utf-8"))
    connection.close()
    with Changelog(file) as golden:
        assert golden.verify() == []
        other, note, record = golden.entries()
        assert (record.id, record.outcome, record.why) == (  # type: ignore[union-attr]
            "7y9yhnkemb",
            "partial",
            "fix the cart \u2013 größer",
        )
        assert golden.rollout("7y9y").counts == {"done": 1, "reverted": 1}
        assert note.text == "the cart is slow since this one"  # type: ignore[union-attr]
        assert other.event.header.kind == "verdict"  # type: ignore[union-attr]
        assert golden.live("shop", "production")["web01"].revision == "2" * 40
        golden.append("note", {"text": "later"})
        assert golden.verify() == []


def test_rollout_ids_are_easy_to_read_out_and_do_not_repeat() -> None:
    names = {new_rollout_id() for _ in range(1000)}
    assert len(names) == 1000
    assert all(len(name) == 10 and not set(name) & set("ilou") for name in names)
    assert all(name == name.lower() for name in names)
