"""`opskit log --web FILE`: what it writes, what it says, what it leaves alone."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.changelog.writing import whole

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.changelog import Changelog
    from tests.cli.web.conftest import Maker
    from tests.support.cli import Opskit


def data_of(page: Path) -> dict[str, object]:
    found = re.search(r'id="data">(.*)</script>', page.read_text())
    assert found
    return json.loads(found[1])  # type: ignore[no-any-return]


def test_it_says_what_it_wrote(web: Maker, opskit: Opskit, changelog: Changelog) -> None:
    whole(changelog)
    said = opskit("log", "--web", "page.html").stdout
    assert re.fullmatch(r"wrote page\.html: 1 entry, \d+ KiB; open it in a browser\n", said)
    told = opskit("log", "--web", "page.html", "--json").json["data"]["web"]
    assert told == {
        "file": str(web.file),
        "entries": 1,
        "bytes": web.file.stat().st_size,
    }


def test_an_empty_changelog_gives_a_page_too_and_is_said_to_be_missing(
    web: Maker, opskit: Opskit
) -> None:
    done = opskit("log", "--web", "page.html")
    assert "0 entries" in done.stdout
    assert done.stderr.startswith("there is no changelog here yet: ")
    assert data_of(web.file)["entries"] == []


def test_an_earlier_page_is_replaced_and_nothing_else_stays_behind(
    web: Maker, changelog: Changelog
) -> None:
    web()
    web.file.chmod(0o644)
    name = whole(changelog)
    assert name in web().read_text()
    assert {file.name for file in web.file.parent.iterdir()} == {"opskit.toml", "page.html"}


@pytest.mark.parametrize("content", ["", "<!doctype html>\n<title>mine</title>", "text"])
def test_another_file_is_never_overwritten(web: Maker, opskit: Opskit, content: str) -> None:
    web.file.write_text(content)
    refused = opskit("log", "--web", "page.html", expect=5)
    assert "page.html is there already" in refused.stderr
    assert "another name" in refused.stderr
    assert web.file.read_text() == content


def test_what_cannot_be_written_is_told_in_one_line_and_leaves_nothing(
    web: Maker, opskit: Opskit, tmp_path: Path
) -> None:
    said = opskit("log", "--web", "no/page.html", expect=2).stderr.splitlines()
    assert said[-1] == "opskit: cannot write no/page.html: No such file or directory"
    assert [file.name for file in tmp_path.iterdir()] == ["opskit.toml"]


@pytest.mark.parametrize("options", ["--csv", "--follow", "abcdefgh"])
def test_a_page_goes_with_no_other_kind_of_answer(
    web: Maker, opskit: Opskit, options: str
) -> None:
    opskit("log", "--web", "page.html", options, expect=2)
    assert not web.file.exists()


def test_the_filters_of_log_choose_what_stands_on_the_page(
    web: Maker, changelog: Changelog
) -> None:
    wanted = whole(changelog, service="db")
    other = whole(changelog, why="not wanted")
    page = web("-s", "db").read_text()
    assert wanted in page
    assert other not in page
    assert data_of(web.file)["scope"] == ["service db"]


def test_a_limit_that_hides_something_stands_on_the_page(
    web: Maker, changelog: Changelog, opskit: Opskit
) -> None:
    for _ in range(3):
        changelog.append("note", {"text": "x"})
    assert "the newest 2" in opskit("log", "--web", web.file, "--limit", "2").stderr
    assert data_of(web.file)["limit"] == 2
    assert data_of(web("--limit", "3"))["limit"] == 0


def test_more_than_the_terminals_fifty_stand_on_the_page(web: Maker, changelog: Changelog) -> None:
    for _ in range(60):
        changelog.append("note", {"text": "x"})
    assert len(data_of(web())["entries"]) == 60  # type: ignore[arg-type]


def test_the_policy_allows_this_style_and_this_script_and_nothing_else(web: Maker) -> None:
    page = web().read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    allowed = dict(part.strip().split(" ", 1) for part in html.unescape(policy[1]).split("; "))
    assert allowed["default-src"] == "'none'"
    assert set(allowed) == {
        *("default-src", "base-uri", "form-action", "img-src", "style-src", "script-src"),
    }
    for tag, name in (("style", "style-src"), ("script", "script-src")):
        text = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert len(text) == 1
        digest = base64.b64encode(hashlib.sha256(text[0].encode()).digest()).decode()
        assert allowed[name] == f"'sha256-{digest}'"


def test_no_text_of_the_changelog_can_leave_its_place(web: Maker, changelog: Changelog) -> None:
    whole(changelog, why="</script><script>alert(1)</script><!--", service="<b>&amp;")
    page = web().read_text()
    assert page.count("</script>") == 3
    assert "alert(1)<" not in page
    assert "<!--" not in page
