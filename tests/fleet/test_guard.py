"""Limits that end what takes too long."""

from __future__ import annotations

import threading
import time

from opskit.fleet.guard import Guard


def test_what_takes_too_long_is_ended_and_what_does_not_is_left_alone() -> None:
    guard, late, early = Guard(), threading.Event(), threading.Event()
    with guard.limit(100, early.set), guard.limit(0.1, late.set):
        assert late.wait(60)
    with guard.limit(1, early.set):
        pass
    time.sleep(1.2)
    assert not early.is_set()
    guard.close()


def test_limits_end_in_their_own_order() -> None:
    guard, order, done = Guard(), [], threading.Event()
    first, second = (lambda: order.append(1)), (lambda: order.append(2))
    with guard.limit(1.5, done.set), guard.limit(1.0, second), guard.limit(0.5, first):
        assert done.wait(60)
    assert order == [1, 2]
    guard.close()
