"""How what something costs grows with how much of it there is: no seconds, which depend on the machine."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 5


def growth(work: Callable[[int], object], few: int, many: int) -> float:
    """Give by how much one of `many` costs this thread more CPU than one of `few`: 1 where it grows in line, `many / few` where with the square.

    `work` does so many; the best of some rounds of each counts, without the garbage of whatever ran before.
    """
    times: dict[int, list[float]] = {few: [], many: []}
    gc.collect()
    gc.disable()
    try:
        for _ in range(ROUNDS):
            for count, taken in times.items():
                began = time.thread_time()
                work(count)
                taken.append(time.thread_time() - began)
    finally:
        gc.enable()
    return min(times[many]) / min(times[few]) * few / many
