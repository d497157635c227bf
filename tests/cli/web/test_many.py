"""5,000 rollouts on one page: it opens soon, and zooming and searching stay smooth."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from opskit.changelog import HostRecord, Release, RolloutRecord
from opskit.cli.web.page import About, made
from opskit.cli.web.saving import save

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.browser import Browser

NOW = datetime(2026, 8, 2, 14, 3, tzinfo=UTC)
MANY = 5000
HOSTS = 10
# Zooms in and out for 40 frames; gives the median of the times between them, in ms.
FRAMES = """new Promise((done) => {
  const lanes = document.getElementById("lanes"), box = lanes.getBoundingClientRect(), times = [];
  let last = performance.now();
  const wheel = (deltaY) => lanes.dispatchEvent(new WheelEvent("wheel",
    {deltaY, clientX: box.x + box.width / 2, clientY: box.y + 20, bubbles: true, cancelable: true}));
  function frame(now) {
    times.push(now - last);
    last = now;
    if (times.length > 40) return done(times.sort((a, b) => a - b)[20]);
    wheel(times.length % 20 < 10 ? -60 : 60);
    return requestAnimationFrame(frame);
  }
  requestAnimationFrame(frame);
})"""


def rollout(number: int) -> RolloutRecord:
    at = NOW - timedelta(minutes=number * 40)
    before, to = Release(f"r{number}", "1" * 12, "v1"), Release(f"r{number + 1}", "2" * 12, "v2")
    outcome = "failed" if number % 20 == 0 else "done"
    hosts = tuple(
        HostRecord(
            name=f"web{n:02d}",
            outcome=outcome,
            batch=1,
            before=before,
            live=to.release,
            ms=20_000,
            at=at + timedelta(seconds=20 * n),
        )
        for n in range(HOSTS)
    )
    return RolloutRecord(
        id=f"{number:010d}",
        at=at,
        actor="ann@laptop",
        action="deploy",
        service=f"service{number % 7}",
        environment="production",
        outcome=outcome,
        why=f"the reason {number}",
        ms=200_000,
        to=to,
        hosts=hosts,
    )


def test_a_page_with_thousands_of_rollouts_opens_soon_and_moves_smoothly(
    browser: Browser, tmp_path: Path
) -> None:
    with browser.page() as page:
        page.open(saved(tmp_path / "few.html", MANY // 50))
        few = page.ask(FRAMES)
        file = saved(tmp_path / "many.html", MANY)
        began = time.monotonic()
        page.open(file)
        assert page.text("#count") == "5,000 entries"
        assert time.monotonic() - began < 30
        assert is_smooth(page.ask(FRAMES), few)
        page.click("#by-host")
        assert is_smooth(page.ask(FRAMES), few)
        began = time.monotonic()
        page.click("#search")
        page.type("reason 4321")
        assert page.text("#count") == "1 of 5,000 entries"
        assert time.monotonic() - began < 20
        assert page.trouble() == []


def saved(file: Path, count: int) -> Path:
    about = About(name="fleet", made=NOW, command="opskit log --web many.html")
    save(made([rollout(number) for number in range(count)], about), file)
    return file


def is_smooth(many: float, few: float) -> bool:
    """Tell whether half of the frames take less than 120 ms; on a machine that is slow with few rollouts, too, not much more than there."""
    return many < max(120, 4 * few)
