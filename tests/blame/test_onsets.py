"""Since when a host is ill, by its own log: the script that looks there, and what its answer means."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.blame.episodes import QUIET, Hit, latest
from opskit.blame.onsets import MOST_HITS, NOT_THERE, needle, read, script, told
from opskit.blame.said import clean, of_lines
from opskit.blame.said import read as read_symptom
from opskit.blame.trouble import Told, Trouble
from opskit.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.blame.onsets import Onset

SHELLS = [["sh"], *([["busybox", "sh"]] if shutil.which("busybox") else [])]
NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
NOW = 1_795_701_723.0
AT = datetime(2026, 11, 26, 14, 2, 3, tzinfo=UTC)
WORDS = "it's \\n $HOME bad"


def answer(log: Path, words: str, shell: list[str]) -> str:
    ran = subprocess.run(
        [*shell, "-c", script(str(log), words, since=AT)], capture_output=True, check=True
    )
    return ran.stdout.decode("utf-8", "replace")


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_the_first_line_is_found_in_the_oldest_file_with_the_time_that_stands_above_it(tmp_path: Path, shell: list[str]) -> None:  # fmt: skip
    log = tmp_path / "a log"
    log.write_text(f"2026-11-26 15:00:00 {WORDS}\n")
    (tmp_path / "a log.1").write_text(f"2026-11-26 14:30:00 {WORDS}\n")
    old = ["2026-11-26 14:00:00 fine", "2026-11-26 14:02:03 Traceback", "  File x", f"KeyError: {WORDS}", "2026-11-26 14:03:00 later"]  # fmt: skip
    (tmp_path / "a log.2.gz").write_bytes(gzip.compress("\n".join(old).encode()))
    before = time.time()
    found = read("web01", answer(log, WORDS, shell), asked=before, answered=time.time())
    offset = datetime.now().astimezone().utcoffset() or timedelta()
    assert found.at == AT - offset
    assert (found.line, found.off, found.remark) == (f"KeyError: {WORDS}", 0.0, "")
    assert read("web01", answer(log, "nowhere", shell), asked=before, answered=time.time()).remark == NOT_THERE  # fmt: skip
    missing = read("web01", answer(tmp_path / "none", WORDS, shell), asked=before, answered=time.time())  # fmt: skip
    assert "no such log" in missing.remark


def dated(minute: float, words: str = WORDS) -> str:
    """Give a line of that minute of today's afternoon, by the clock of this machine."""
    at = (NOON + timedelta(minutes=minute)).astimezone()
    return f"{at:%Y-%m-%d %H:%M:%S} {words}"


def found_in(log: Path, shell: list[str], *, until: datetime | None = None) -> Onset:
    asked = time.time()
    told = answer(log, WORDS, shell)
    return read("web01", told, asked=asked, answered=time.time(), until=until)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_of_a_symptom_that_comes_back_the_first_line_since_it_was_quiet_for_long_is_the_onset(
    tmp_path: Path, shell: list[str]
) -> None:
    log = tmp_path / "log"
    before = [dated(number / 20) for number in range(20)]
    now = [dated(17 + number / 10) for number in range(5)]
    log.write_text("\n".join([*before, dated(5, "fine"), *now]) + "\n")
    found = found_in(log, shell)
    assert (found.at, found.line) == (NOON + timedelta(minutes=17), dated(17))
    last = (NOON + timedelta(minutes=19 / 20)).astimezone()
    assert f"its log has it before, too, last at {last:%Y-%m-%d %H:%M:%S}" in found.remark
    earlier = found_in(log, shell, until=NOON + timedelta(minutes=2))
    assert (earlier.at, earlier.remark) == (NOON, "")
    log.write_text("\n".join(dated(40.0 * number) for number in range(5)))
    rare = found_in(log, shell)
    assert (rare.at, rare.remark) == (NOON, "")


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_of_very_many_lines_the_very_first_is_told_too(tmp_path: Path, shell: list[str]) -> None:
    log = tmp_path / "log"
    log.write_text("\n".join(dated(number / 20) for number in range(3 * MOST_HITS)))
    assert found_in(log, shell).at == NOON
    told = answer(log, WORDS, shell)
    assert told.count("\nown ") == MOST_HITS + 1
    assert f"\nskipped {2 * MOST_HITS - 1}\n" in told
    log.write_text(dated(-30) + "\n" + log.read_text())
    assert found_in(log, shell).at == NOON - timedelta(
        minutes=30
    )  # nobody knows that it was quiet


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_line_without_a_time_is_of_the_error_above_it_or_from_before_the_next_that_has_one(
    tmp_path: Path, shell: list[str]
) -> None:
    log = tmp_path / "log"
    trace = ["Traceback (most recent call last):", '  File "127.0.0.1:8000"', f"KeyError: {WORDS}"]
    log.write_text("\n".join([dated(1, "ERROR in cart"), *trace, dated(9, "fine")]) + "\n")
    found = found_in(log, shell)
    assert (found.at, found.line, found.remark) == (NOON + timedelta(minutes=1), trace[-1], "")
    log.write_text("\n".join([dated(1, "GET /health 200"), *trace, dated(9, "fine")]) + "\n")
    found = found_in(log, shell)
    assert found.at == NOON + timedelta(minutes=9)
    assert found.remark.startswith("the line names no time, and is from between ")
    log.write_text("\n".join([dated(1, "GET /health 200"), *trace]) + "\n")
    found = found_in(log, shell)
    assert found.at
    assert abs(found.at.timestamp() - time.time()) < 60
    log.write_text("\n".join(trace) + "\n")
    assert found_in(log, shell).remark == "the line of its log that has it names no time"


MINUTES = st.lists(st.floats(0, 600), min_size=1, max_size=30).map(sorted)


@given(MINUTES, st.floats(0, 600))
def test_a_trouble_is_lines_that_follow_each_other_and_begins_by_then_if_any_does(
    minutes: list[float], until: float
) -> None:
    every = [Hit("", at, at) for at in (NOON + timedelta(minutes=m) for m in minutes)]
    then = NOON + timedelta(minutes=until)
    mine = latest(every, then)
    start = every.index(mine[0])
    assert list(mine) == every[start : start + len(mine)]
    assert mine[0].at <= then or start == 0
    around = [*every[max(start - 1, 0) : start], mine[0]]
    assert all((b.at - a.at).total_seconds() > QUIET for a, b in pairwise(around))


def test_a_hosts_clock_that_runs_ahead_is_set_right_and_told() -> None:
    said = f"now {int(NOW) + 300} +0100\nown 2026-11-26 15:07:03\nline 2026-11-26 15:07:03 boom"
    found = read("web01", said, asked=NOW - 1, answered=NOW)
    assert found.off == pytest.approx(300, abs=1)
    assert found.at is not None
    assert abs(found.at - AT) <= timedelta(seconds=1)
    assert told([found]) == ("web01: clock is 300 s ahead, which is taken off",)


def test_what_a_log_says_is_no_answer_of_ours() -> None:
    said = f"now {int(NOW)} +0000\nown 2026-11-26 14:02:03\nline 2026-11-26 14:02:03 boom\x0cnow 1 +0000\nnone\n"
    found = read("web01", said, asked=NOW, answered=NOW)
    assert (found.at, found.off) == (AT, 0.0)
    assert read("web01", "", asked=NOW, answered=NOW).at is None
    assert read("web01", "line boom\nnow x y", asked=NOW, answered=NOW).at is None


@pytest.mark.parametrize(
    ("symptom", "words"),
    [
        ("2026-11-26 14:02:03 ERROR cart 7f3a: no price for sencha", "no price for sencha"),
        ("GET http://web01:8081/offer gave 500\ncannot show the offer: KeyError: 'offer'", "cannot show the offer: KeyError: 'offer"),
        ("all is well\nupstream timed out after 30 s", "upstream timed out after"),
        ("500", ""),
        ("boom2", "boom2"),
        ("2026-11-26 14:02:03 ORA-00600: 7f3a", "ORA-00600"),
        ("HTTP 502", "HTTP 502"),
        ("10.0.0.7 7f3a9c", ""),
    ],
)  # fmt: skip
def test_what_is_looked_for_is_what_stands_in_every_such_line(symptom: str, words: str) -> None:
    assert needle(symptom) == words


@given(st.text(max_size=400))
def test_the_words_stand_in_the_symptom_and_are_harmless(symptom: str) -> None:
    words = needle(symptom)
    assert words in symptom
    assert words.isprintable()
    assert not words or any(character.isalpha() for character in words)


def test_lines_of_a_log_tell_since_when_each_host_shows_it() -> None:
    lines = [
        "2026-11-26T14:00:00Z web01 shop: ok",
        "2026-11-26T14:02:03Z web01.example.com shop: ERROR boom",
        "2026-11-26T14:05:00Z web02 shop: ERROR boom",
        "2026-11-26T14:06:00Z web02 shop: ERROR boom",
    ]
    now = AT + timedelta(hours=1)
    said = of_lines("\n".join(lines), hosts=["web01.example.com", "web01", "web02", "web0"], now=now, source="errors")  # fmt: skip
    assert said.first == AT
    assert said.onsets == {"web01.example.com": AT, "web02": AT + timedelta(seconds=177)}
    assert said.text.count("boom") == 3


def test_a_symptom_moves_no_terminal() -> None:
    assert clean("\x1b[31mred\x1b]0;title\x07 \x1b[2J\u202eevil\x00\r\n\ttab") == "red evil\n\ttab"


def test_where_the_clocks_of_all_hosts_agree_this_machines_may_be_the_wrong_one() -> None:
    said = f"now {int(NOW) + 10800} +0000\nown 2026-11-26 17:02:03\nline 2026-11-26 17:02:03 boom"
    found = [read(host, said, asked=NOW - 1, answered=NOW) for host in ("web01", "web02")]
    (told_once,) = told(found)
    assert told_once.startswith("web[01-02]: their clocks agree, and this machine's is 10800 s behind them")  # fmt: skip


def test_times_of_a_hosts_log_that_are_in_the_future_are_not_weighed_and_that_is_said() -> None:
    said = f"now {int(NOW)} +0000\nown 2026-11-26 18:43:03\nline 2026-11-26 18:43:03 boom"
    found = read("web01", said, asked=NOW - 1, answered=NOW)
    assert found.at is None
    assert found.remark.startswith("the times of its log are 4 h ")
    assert found.remark.endswith("in the future (another time zone, a wrong clock?) and are not weighed")  # fmt: skip


def test_times_of_a_symptom_that_are_in_the_future_are_not_weighed_and_that_is_said() -> None:
    lines = "2026-11-26T14:00:00Z web01 ERROR boom\n2026-11-26T16:00:00Z web02 ERROR boom"
    said = of_lines(lines, hosts=["web01", "web02"], now=AT, source="errors")
    assert (said.first, dict(said.onsets)) == (None, {})
    assert said.remark.startswith("the times of errors are up to 1 h 57 min in the future")
    late = AT + timedelta(hours=2)
    assert of_lines(lines, hosts=["web01"], now=late, source="errors").remark == ""


def test_a_line_whose_time_cannot_be_still_names_its_host_and_is_said() -> None:
    odd = ["2026-02-29 10:00:00 web01 ERROR boom", "26/Nov/2026:25:61:61 web02 ERROR boom", "9999-01-01T00:00:00 web01 ERROR boom"]  # fmt: skip
    lines = ["2026-11-26T14:02:03Z web03 ERROR boom", *odd]
    said = of_lines("\n".join(lines), hosts=["web01", "web02", "web03"], now=AT, source="errors")
    assert dict(said.onsets) == {"web03": AT}
    assert said.hosts == ("web01", "web02")
    assert said.remark.startswith("3 lines of errors with a time that cannot be: '2026-02-29 10:00:00 web01")  # fmt: skip
    assert Trouble(Told(said=said)).ill == ("web03", "web01", "web02")
    assert said.remark in Trouble(Told(said=said)).missing


@pytest.mark.parametrize("content", ["", " \n\n"])
def test_an_empty_symptom_says_nothing(tmp_path: Path, content: str) -> None:
    file = tmp_path / "errors"
    file.write_text(content)
    with pytest.raises(UsageError, match="--symptom says nothing: errors is empty"):
        read_symptom(str(file), hosts=(), now=AT)


def test_a_standard_input_that_is_closed_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(UsageError, match="--symptom says nothing: standard input is empty"):
        read_symptom("-", hosts=(), now=AT)


@pytest.mark.parametrize("word", ["/tmp/no/such/file", "~/nothing", "./nothing", "errors.log", "/dev/null", "/nosuch/file"])  # fmt: skip
def test_a_symptom_that_can_only_be_a_file_and_is_none_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="there is no such file"):
        read_symptom(word, hosts=(), now=AT)


@pytest.mark.parametrize("word", ["GET /no-such-page/offer", "TypeError", "/tmp is full", "a/b"])
def test_a_text_is_taken_as_a_text(word: str) -> None:
    assert read_symptom(word, hosts=(), now=AT).text == word
