from __future__ import annotations

import json
import socket
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from opskit.changelog import hookbodies, hooks
from opskit.changelog.hooks import Hooks
from opskit.config.model import Hook
from tests.changelog import running
from tests.changelog.writing import finish, put, start
from tests.support.receiver import receiving

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.changelog import Changelog, Event

EVERYTHING = ("rollout.started", "rollout.finished", "rollout.abandoned", "note", "freeze")
SECRETS = {"CHAT": "", "TOKEN": "t0ken-of-ours", "KEY": "r0uting-key-of-32-characters-xyz"}


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "ATTEMPT_LIMIT", 60.0)


def hook(url: str = "", **more: Any) -> Hook:
    return Hook(name="chat", url=url, **{"kinds": EVERYTHING, **more})


def told(events: list[Event], *wanted: Hook, environ: Mapping[str, str] = SECRETS) -> list[str]:
    """Tell hooks of events as a command does; give what was said about it at the end."""
    opened = Hooks(wanted, changelog="fleet", environ=environ)
    for event in events:
        opened.sent(event)
    return opened.close(60)


def note(changelog: Changelog, text: str = "slow", **where: str) -> Event:
    return changelog.append("note", {"text": text, "hosts": []}, **where)


def rollout(changelog: Changelog) -> tuple[Event, Event]:
    """Write a rollout, give its first and its last event."""
    seen: list[Event] = []
    changelog.on_append = seen.append
    name = start(changelog, why="cart <fix> & <!channel>", rollout="k7x0000000")
    finish(changelog, name, "failed", reason="the health check failed")
    return seen[0], seen[-1]


def iso(event: Event) -> str:
    return datetime.fromtimestamp(event.header.ts / 1000, UTC).isoformat(timespec="milliseconds")


def test_opskits_own_body_is_the_documented_one(changelog: Changelog) -> None:
    _, last = rollout(changelog)
    with receiving() as receiver:
        assert told([last], hook(receiver.url, token_env="TOKEN")) == []
        (one,) = receiver.told
    assert one.path == "/services/s3cret"
    assert one.headers["content-type"] == "application/json"
    assert one.headers["user-agent"] == "opskit"
    assert one.headers["authorization"] == "Bearer t0ken-of-ours"
    assert one.body == {
        "opskit": 1,
        "id": last.id,
        "hash": last.hash.hex(),
        "kind": "rollout.finished",
        "at": iso(last),
        "changelog": "fleet",
        "actor": "ann@laptop",
        "service": "shop",
        "environment": "production",
        "rollout": "k7x0000000",
        "action": "deploy",
        "text": "deploy shop in production: failed after 4.2 s: the health check failed"
        " (ann@laptop, opskit log k7x0000000)",
        "body": {"outcome": "failed", "reason": "the health check failed", "ms": 4200},
    }
    assert set(one.body) == set(json.loads(_documented()))


def _documented() -> str:
    """Give the body as the module's docstring shows it."""
    doc = hookbodies.__doc__ or ""
    return doc[doc.index("{") : doc.index("\n\n", doc.index("{"))].replace("{...}", "{}")


def test_slack_gets_one_line_of_text_that_calls_nobody(changelog: Changelog) -> None:
    first, _ = rollout(changelog)
    with receiving() as receiver:
        assert told([first], hook(receiver.url, format="slack")) == []
        (one,) = receiver.told
    assert one.body == {
        "text": "deploy shop to v2 (22222222) in production on 2 hosts began: cart &lt;fix&gt; &amp; "
        "&lt;!channel&gt; (ann@laptop, opskit log k7x0000000)"
    }
    assert "authorization" not in one.headers


def test_grafana_gets_a_mark_at_the_start_and_a_region_at_the_end(changelog: Changelog) -> None:
    first, last = rollout(changelog)
    with receiving() as receiver:
        wanted = hook(receiver.url, format="grafana", token_env="TOKEN")
        assert told([first, last], wanted) == []
        began, ended = receiver.told
    assert began.headers["authorization"] == "Bearer t0ken-of-ours"
    assert began.body == {
        "time": first.header.ts,
        "tags": ["opskit", "fleet", "rollout.started", "deploy", "shop", "production"],
        "text": "deploy shop to v2 (22222222) in production on 2 hosts began: cart &lt;fix&gt; &amp; "
        "&lt;!channel&gt; (ann@laptop, opskit log k7x0000000)",
    }
    assert ended.body["time"] == last.header.ts - 4200
    assert ended.body["timeEnd"] == last.header.ts
    assert ended.body["tags"][-1] == "failed"


def test_pagerduty_gets_a_change_event_with_its_key_in_the_body(changelog: Changelog) -> None:
    first, _ = rollout(changelog)
    with receiving(202) as receiver:
        assert told([first], hook(receiver.url, format="pagerduty", token_env="KEY")) == []
        (one,) = receiver.told
    assert one.body == {
        "routing_key": SECRETS["KEY"],
        "payload": {
            "summary": "deploy shop to v2 (22222222) in production on 2 hosts began: cart <fix> & "
            "<!channel> (ann@laptop, opskit log k7x0000000)",
            "timestamp": iso(first),
            "source": "opskit fleet",
            "custom_details": {
                "kind": "rollout.started",
                "actor": "ann@laptop",
                "action": "deploy",
                "service": "shop",
                "environment": "production",
                "rollout": "k7x0000000",
                "why": "cart <fix> & <!channel>",
            },
        },
    }
    assert "authorization" not in one.headers


def test_only_the_kinds_that_a_hook_wants_are_sent_and_in_order(changelog: Changelog) -> None:
    first, last = rollout(changelog)
    odd = changelog.append("freeze", {"why": "the sale"}, environment="production")
    gone = put(changelog, "rollout.abandoned", {"by": "x"}, "k7x0000000")
    events = [first, note(changelog), odd, gone, last]
    with receiving() as some, receiving() as others:
        wanted = hook(others.url, kinds=("note", "freeze"))
        assert told(events, hook(some.url), wanted) == []
        assert [one.body["id"] for one in some.told] == [event.id for event in events]
        assert [one.body["text"] for one in others.told] == [
            "ann@laptop noted: slow",
            "freeze in production by ann@laptop: the sale",
        ]


def test_a_text_is_one_line_of_limited_length_with_nothing_hidden_in_it(
    changelog: Changelog,
) -> None:
    event = note(changelog, "a\nb\x1b[31m\u202ec " + "long " * 2000, service="shop")
    said = hookbodies.in_words(event)
    assert said.startswith("ann@laptop noted on shop: a b [31m c long")
    assert len(said) <= 1000
    assert said.endswith("…")


def test_a_run_of_a_runbook_is_told_as_it_begins_and_as_it_ends(changelog: Changelog) -> None:
    run = running.begin(changelog)
    began = changelog.run(run).events[0]
    ended = running.finish(changelog, run, "aborted", "it was a false alarm")
    assert hookbodies.in_words(began) == (
        f"runbook haproxy-queue in production began: INC-7: the queue grows (ann@laptop, opskit log {run})"
    )
    assert hookbodies.in_words(ended) == (
        f"run of a runbook in production: aborted: it was a false alarm (ann@laptop, opskit log {run})"
    )


def test_a_large_body_is_left_out(changelog: Changelog) -> None:
    event = changelog.append("note", {"text": "x" * 300_000})
    assert hookbodies.opskit(event, "fleet")["body"] == {}


@pytest.mark.parametrize("first", [500, 429, "cut", "junk"])
def test_what_may_pass_is_tried_once_more(
    changelog: Changelog, monkeypatch: pytest.MonkeyPatch, first: int | str
) -> None:
    monkeypatch.setattr(hooks, "PAUSE", 0)
    with receiving(first, 200) as receiver:
        assert told([note(changelog)], hook(receiver.url)) == []
        assert len(receiver.told) == 2


@pytest.mark.parametrize(
    ("answer", "tries", "why"),
    [
        (500, 2, "it answered 500"),
        (404, 1, "it answered 404"),
        (302, 1, "it answered 302"),
        (307, 1, "it answered 307"),
        ("cut", 2, "it"),
        ("junk", 2, "its answer is no HTTP (BadStatusLine)"),
        ("hang", 1, "no answer within 0.3 s"),
        ("drip", 1, "no answer within 0.3 s"),
    ],
)
def test_what_was_not_sent_is_told_in_one_line_without_the_secrets(
    changelog: Changelog,
    monkeypatch: pytest.MonkeyPatch,
    answer: int | str,
    tries: int,
    why: str,
) -> None:
    monkeypatch.setattr(hooks, "PAUSE", 0)
    if answer in ("hang", "drip"):
        monkeypatch.setattr(hooks, "ATTEMPT_LIMIT", 0.3)
    with receiving(answer) as receiver:
        environ = {"CHAT": receiver.url, "TOKEN": "t0ken-of-ours"}
        wanted = hook(url_env="CHAT", token_env="TOKEN")
        (line,) = told([note(changelog)], wanted, environ=environ)
        assert [one.path for one in receiver.wait_for(tries)] == ["/services/s3cret"] * tries
    assert line.startswith(f"hook chat was not told of 1 event: {why}")
    assert "s3cret" not in line
    assert "t0ken" not in line


def test_a_closed_port_is_told(changelog: Changelog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "PAUSE", 0)
    with socket.socket() as lent:
        lent.bind(("127.0.0.1", 0))
        port = lent.getsockname()[1]
        lines = told([note(changelog)], hook(f"http://127.0.0.1:{port}/s3cret"))
    assert lines == ["hook chat was not told of 1 event: it cannot be reached: Connection refused"]


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({}, "$CHAT is not set"),
        ({"CHAT": "http://chat.example.com/s3cret"}, "$CHAT holds no https address"),
        ({"CHAT": "file:///etc/passwd"}, "$CHAT holds no https address"),
        ({"CHAT": "https://[s3cret"}, "$CHAT holds no https address"),
        ({"CHAT": "https://x/\ns3cret"}, "$CHAT holds characters that no address or token has"),
        ({"CHAT": "https://x/s3cret y"}, "its answer is no HTTP (InvalidURL)"),
    ],
)
def test_an_address_that_is_none_is_told_without_showing_it(
    changelog: Changelog, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], why: str
) -> None:
    monkeypatch.setattr(hooks, "PAUSE", 0)
    lines = told([note(changelog)], hook(url_env="CHAT"), environ=environ)
    assert lines == [f"hook chat was not told of 1 event: {why}"]


def test_pagerduty_has_an_address_of_its_own_and_wants_a_key(changelog: Changelog) -> None:
    wanted = hook(format="pagerduty", token_env="KEY")
    made = hooks._request(wanted, note(changelog), "fleet", SECRETS)
    assert made.full_url == "https://events.pagerduty.com/v2/change/enqueue"
    (line,) = told([note(changelog)], hook(format="pagerduty"))
    assert line.endswith("token_env names no routing key")


def test_a_hook_that_hangs_holds_up_neither_the_caller_nor_another_hook(
    changelog: Changelog,
) -> None:
    event = note(changelog)
    with receiving("hang") as slow, receiving() as good:
        opened = Hooks([hook(slow.url), hook(good.url)], changelog="fleet", environ={})
        began = time.monotonic()
        for _ in range(5):
            opened.sent(event)
        assert time.monotonic() - began < 30  # each try is waited for 60 s
        good.wait_for(5)
        began = time.monotonic()
        assert opened.close(0.2) == ["hook chat was not told of 5 events: no answer in time"]
        assert time.monotonic() - began < 30


def test_a_queue_that_is_full_loses_what_comes_then_and_says_how_many(
    changelog: Changelog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "LONGEST_QUEUE", 2)
    event = note(changelog)
    with receiving("hang", 200) as receiver:
        opened = Hooks([hook(receiver.url)], changelog="fleet", environ={})
        opened.sent(event)
        receiver.wait_for(1)
        for _ in range(6):
            opened.sent(event)
        (line,) = opened.close(0)
    assert line == "hook chat was not told of 7 events: too many events at once"


def test_a_hook_that_fails_again_and_again_is_left_alone_for_a_while(
    changelog: Changelog, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [note(changelog)] * 9
    with receiving(404) as receiver:
        assert "of 9 events: it answered 404" in told(events, hook(receiver.url))[0]
        assert len(receiver.told) == 3
        monkeypatch.setattr(hooks, "WHILE", 0)
        told(events, hook(receiver.url))
        assert len(receiver.told) == 12


def test_a_body_of_no_known_shape_ends_nothing(changelog: Changelog) -> None:
    body = {"to": [1], "hosts": "web01", "ms": "long", "why": {"a": 1}, "outcome": None}
    events = [changelog.append(kind, body) for kind in EVERYTHING]
    with receiving() as receiver:
        wanted = [hook(receiver.url, format=name, token_env="KEY") for name in hookbodies.FORMATS]
        assert told(events, *wanted) == []
        assert len(receiver.told) == 20
