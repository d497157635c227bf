"""The report of a run in a real browser: readable, on a phone too, and nothing in it does anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.changelog import running

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.changelog import Changelog
    from tests.cli.web.conftest import Maker
    from tests.support.browser import Browser

EVIL = "</pre><script>window.hacked = 1</script><img src='https://example.com/x' onerror='window.hacked = 1'>"


@pytest.mark.parametrize("phone", [False, True])
def test_a_report_is_read_in_a_browser_and_what_hosts_said_is_text(
    web: Maker, changelog: Changelog, browser: Browser, tmp_path: Path, phone: bool
) -> None:
    run = running.begin(changelog, why=EVIL, title=f"[x](javascript:alert(1)) {EVIL}")
    running.act(changelog, run, "look", 1, mutates=False, output=f"{EVIL}\n```\n# no heading")
    running.step(changelog, run, "drain", -1, "skipped", why=EVIL)
    running.finish(changelog, run)
    file = tmp_path / "report.html"
    web.opskit("runbook", "report", run, "--html", "-o", file)
    with browser.page(width=400 if phone else 1280, phone=phone) as page:
        page.open(file)
        assert page.trouble() == []
        assert page.ask("window.hacked") is None
        assert page.texts("h2") == ["1. Look at the queue", "2. Drain the slow server"]
        assert page.text("pre:nth-of-type(2)").strip() == f"{EVIL}\n```\n# no heading"
        assert f"skipped: {EVIL}" in page.text("body")
        assert page.ask("getComputedStyle(document.querySelector('td')).borderTopWidth") == "1px"
        assert page.ask("document.documentElement.scrollWidth <= window.innerWidth")
