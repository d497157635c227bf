"""The page of `opskit report --web` in a real browser: the figures, on a phone too, and nothing in it does anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.changelog.writing import whole

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.changelog import Changelog
    from tests.cli.web.conftest import Maker
    from tests.support.browser import Browser

EVIL = "<script>window.hacked = 1</script><img src='https://example.com/x' onerror='window.hacked = 1'>"


@pytest.mark.parametrize("phone", [False, True])
def test_figures_are_read_in_a_browser(
    web: Maker, changelog: Changelog, browser: Browser, tmp_path: Path, phone: bool
) -> None:
    whole(changelog, before=0, to=1)
    bad = whole(changelog, before=1, to=2)
    whole(changelog, action="rollback", before=2, to=1)
    whole(changelog, service=EVIL)
    file = tmp_path / "report.html"
    web.opskit("report", "--web", file)
    with browser.page(width=400 if phone else 1280, phone=phone) as page:
        page.open(file)
        assert page.trouble() == []
        assert page.ask("window.hacked") is None
        assert page.texts(".tiles span") == [
            "Deployments a week", "Change failure rate", "Time to restore", "Lead time",
        ]  # fmt: skip
        assert page.texts(".tiles b")[::3] == ["-", "-"]
        assert page.texts(".tiles b")[1] == "33%"
        assert page.texts(".tiles small")[0].startswith("1 of 3; ")
        rows = page.texts(".service tbody th")
        assert rows == [f"{EVIL} in production", "shop in production", "all"]
        assert page.texts(".failures tbody th") == [bad]
        assert "lead time" in page.texts(".definitions dt")
        assert page.ask("getComputedStyle(document.querySelector('table')).borderCollapse") == "collapse"  # fmt: skip
        assert page.ask("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_page_of_nothing_says_so(web: Maker, browser: Browser, tmp_path: Path) -> None:
    web.opskit("report", "--web", tmp_path / "report.html")
    with browser.page() as page:
        page.open(tmp_path / "report.html")
        assert "Nothing was rolled out in this time" in page.text("body")
        assert page.texts("table") == []
