"""Signals become wishes to stop: each in its own measure, and those that are ignored stay so."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.cli.stopping import LEAVE_AT, SAID, _tell, counted, stoppable
from opskit.rollout.facts import Teller, Warned
from opskit.rollout.stop import FINISH_BATCH, STOP_NOW, Stop
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (INT, TERM, HUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("signals", "count"),
    [
        ([INT], 1),
        ([INT, INT], 2),
        ([INT, INT, INT], LEAVE_AT),
        ([HUP], 1),
        ([HUP] * 9, 1),
        ([INT, HUP], 1),
        ([INT, INT, HUP], 2),
        ([TERM], 2),
        ([INT, TERM], 2),
        ([TERM, INT], LEAVE_AT),
    ],
)
def test_how_signals_count(signals: list[int], count: int) -> None:
    total = 0
    for number in signals:
        total = counted(total, number)
    assert total == count


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it looks into /proc")
def test_a_signal_that_another_thread_gets_is_heard_while_the_main_thread_waits() -> None:
    stop, told = Stop(), threading.Event()
    main = Path(f"/proc/self/task/{threading.get_native_id()}/stat")

    def send_when_main_sleeps() -> None:
        until(lambda: main.read_text().rpartition(")")[2].split()[0] == "S")
        signal.pthread_kill(threading.get_ident(), INT)

    with stoppable(stop, Teller(lambda _: told.set())):
        thread = threading.Thread(target=send_when_main_sleeps)
        thread.start()
        assert told.wait(60), "nobody wakes the main thread for such a signal"
        thread.join()
    assert stop.level == 1


@pytest.mark.parametrize(("number", "level"), [(INT, 1), (HUP, 1), (TERM, 2)])
def test_a_signal_is_a_wish_and_the_operator_is_told(number: int, level: int) -> None:
    stop, facts = Stop(), []
    with stoppable(stop, Teller(facts.append)):
        signal.raise_signal(number)
        until(lambda: facts)
    assert stop.level == level
    assert facts == [Warned(SAID[level])]


def test_what_hears_no_ctrl_c_is_not_told_to_press_it() -> None:
    signal.signal(INT, signal.SIG_IGN)
    stop, facts = Stop(), []
    with stoppable(stop, Teller(facts.append)):
        signal.raise_signal(INT)
        signal.raise_signal(TERM)
        until(lambda: facts)
    assert facts == [Warned(SAID[2].replace("Ctrl-C again", f"`kill {os.getpid()}`"))]


def test_two_signals_stop_now() -> None:
    stop, facts = Stop(), []
    with stoppable(stop, Teller(facts.append)):
        signal.raise_signal(INT)
        signal.raise_signal(INT)
        until(lambda: len(facts) == 2)
    assert stop.level == STOP_NOW


def test_a_signal_that_is_ignored_as_under_nohup_stays_ignored() -> None:
    signal.signal(HUP, signal.SIG_IGN)
    stop = Stop()
    with stoppable(stop, Teller(print)):
        signal.raise_signal(HUP)
        assert signal.getsignal(HUP) is signal.SIG_IGN
    assert stop.level == 0


def test_afterwards_all_is_as_before() -> None:
    with stoppable(Stop(), Teller(print)):
        assert signal.getsignal(TERM) is not signal.SIG_DFL
    assert signal.getsignal(TERM) is signal.SIG_DFL
    assert signal.getsignal(INT) is signal.default_int_handler


class Slow(Stop):
    """A wish that two threads look at before either of them has changed it, if that is possible."""

    def __init__(self) -> None:
        self._both = threading.Barrier(2)
        super().__init__()

    @property
    def level(self) -> int:
        """The level, as it was before the other thread changed it."""
        now = self._level
        with contextlib.suppress(threading.BrokenBarrierError):
            self._both.wait(0.5)
        return now

    @level.setter
    def level(self, value: int) -> None:
        self._level = value


def test_a_terminal_that_closes_twice_at_the_same_moment_lets_the_batch_come_to_its_end() -> None:
    stop = Slow()
    threads = [
        threading.Thread(target=_tell, args=(stop, Teller(lambda _: None), counted(n, HUP)))
        for n in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stop._level == FINISH_BATCH
