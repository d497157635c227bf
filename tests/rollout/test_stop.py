"""A wish to stop: once to finish what runs, twice to stop now; it never gets lost."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from opskit.rollout.stop import FINISH_BATCH, STOP_NOW, Stop
from tests.support.waiting import until


def test_wishes_grow_to_stop_now_and_no_further() -> None:
    stop = Stop()
    assert stop.level == 0
    assert [stop.request() for _ in range(4)] == [FINISH_BATCH, STOP_NOW, STOP_NOW, STOP_NOW]


@pytest.mark.parametrize(("least", "wishes"), [(FINISH_BATCH, 1), (STOP_NOW, 2)])
def test_work_is_broken_off_at_the_wish_that_it_names(least: int, wishes: int) -> None:
    stop, broken = Stop(), threading.Event()
    with stop.during(broken.set, least=least):
        for _ in range(wishes - 1):
            stop.request()
        assert not broken.wait(0.05)
        stop.request()
        assert broken.wait(60)


@pytest.mark.parametrize(("least", "wishes"), [(FINISH_BATCH, 1), (STOP_NOW, 2)])
def test_a_wish_that_came_before_breaks_off_at_once(least: int, wishes: int) -> None:
    stop, broken = Stop(), []
    for _ in range(wishes):
        stop.request()
    with stop.during(lambda: broken.append(1), least=least):
        assert broken == [1]


def test_work_that_is_over_is_not_broken_off() -> None:
    stop, broken = Stop(), threading.Event()
    with stop.during(broken.set):
        pass
    stop.request()
    assert not broken.wait(0.05)


def test_work_within_work_is_broken_off_with_it() -> None:
    stop, broken = Stop(), []
    with stop.during(lambda: broken.append("outer")), stop.during(lambda: broken.append("inner")):
        stop.request()
        until(lambda: sorted(broken) == ["inner", "outer"])


def test_waiting_ends_with_the_second_wish() -> None:
    stop = Stop()
    stop.request()
    assert not stop.wait(0.01)
    threading.Timer(0.05, stop.request).start()
    began = time.monotonic()
    assert stop.wait(90)
    assert time.monotonic() - began < 60
    assert stop.wait(30)


def test_a_signal_handler_may_wish_while_cancelling_takes_its_time() -> None:
    stop, free, ended = Stop(), threading.Event(), threading.Event()

    def slow() -> None:
        free.wait(60)
        ended.set()

    before = signal.signal(signal.SIGUSR1, lambda *_: stop.request())
    try:
        with stop.during(slow):
            signal.raise_signal(signal.SIGUSR1)
            signal.raise_signal(signal.SIGUSR1)
            assert stop.level == STOP_NOW
            free.set()
            assert ended.wait(60)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_each_work_waits_for_its_own_end_whatever_other_work_ends_before() -> None:
    stop, free, resumed = Stop(), threading.Event(), threading.Event()
    began, cancelled = threading.Event(), list[str]()

    def cancel() -> None:
        began.set()
        free.wait(10)
        cancelled.append("after it was resumed" if resumed.is_set() else "in time")

    def other() -> None:
        with stop.during(lambda: None):
            began.wait(10)

    beside = threading.Thread(target=other)
    with stop.during(cancel):
        beside.start()
        until(lambda: len(stop._works) == 2)
        stop.request()
        # the other one has ended, and waits for nobody but its own
        until(lambda: len(stop._works) == 1)
        threading.Timer(0.2, free.set).start()
    resumed.set()
    assert cancelled == ["in time"]
    beside.join()


def test_work_that_begins_amid_a_wish_is_broken_off_once() -> None:
    stop, broken = Stop(), list[int]()
    stop.request()
    with stop.during(lambda: broken.append(1)):
        stop.request()
        stop.request()
    assert broken == [1]
