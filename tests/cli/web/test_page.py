"""The page in a real browser: what it shows, how it is looked around in, what it never does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.changelog.writing import ELSEWHERE, finish, of_folder, put, results, start, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.changelog import Changelog
    from tests.cli.web.conftest import Maker
    from tests.support.browser import Browser, Page

PHONE = {"width": 360, "height": 740, "phone": True}
HOSTILE = (
    "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
    " \u202eesrever\u202c \u200f 🚀 \x1b[31m \x00 {{script}} ${window.hacked = 1}"
)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that, at the end, has asked no network for anything and complained about nothing."""
    with browser.page() as opened:
        yield opened
        assert opened.trouble() == []


def ids(page: Page) -> list[str]:
    """Give the ids of the list's rows, from the top."""
    script = """[...document.querySelectorAll(".row")].sort((a, b) => parseFloat(a.style.top)
        - parseFloat(b.style.top)).map((row) => row.hash.slice(1))"""
    return list(page.ask(script))


def span(page: Page) -> float:
    """Give the length of the time range that the timeline shows, in milliseconds."""
    return float(
        page.ask(
            "lanes => 0, (({from, to}) => to - from)(document.getElementById('lanes').dataset)"
        )
    )


def set_field(page: Page, selector: str, value: str) -> None:
    """Choose or type a value as a person does."""
    page.ask(
        f"""(() => {{ const field = document.querySelector({json.dumps(selector)});
        field.value = {json.dumps(value)}; field.dispatchEvent(new Event("input")); }})()"""
    )
    page.settle()


def where(page: Page, at_ms: float, lane: int = 0) -> tuple[float, float]:
    """Give where in the window a time of a lane is."""
    box: dict[str, Any] = page.ask(
        """(() => { const lanes = document.getElementById("lanes"), box = lanes.getBoundingClientRect();
        return {x: box.x, y: box.y, width: box.width, from: +lanes.dataset.from, to: +lanes.dataset.to,
            left: +lanes.dataset.left}; })()"""
    )
    share = (at_ms - box["from"]) / (box["to"] - box["from"])
    return box["x"] + box["left"] + share * (box["width"] - box["left"]) + 6, box[
        "y"
    ] + 15 + 30 * lane


def test_the_newest_stands_at_the_top_with_what_happened_by_whom_and_why(
    web: Maker, changelog: Changelog, page: Page
) -> None:
    old = whole(changelog, why="first")
    new = whole(changelog, "failed", why="second", hosts=("web01", "web02", "web03"))
    page.open(web())
    assert ids(page) == [new, old]
    row = page.text(".row").split("\n")
    assert row[0] == "failed"
    assert row[2:] == ["deploy shop", "→ v2", "web[01-03]", "ann@laptop", "4.2 s", "second"]
    assert page.text("#name").split("\n")[0].startswith("fleet")
    assert page.text("#about").startswith("Made ")
    assert page.ask("document.title").startswith("fleet changelog · 20")


@pytest.mark.parametrize("size", [{"width": 1280}, PHONE])
def test_the_new_release_is_never_cut_away(
    web: Maker, changelog: Changelog, browser: Browser, size: dict[str, Any]
) -> None:
    of_folder(changelog)
    whole(changelog, service="a-storefront-of-a-name-that-has-no-end-at-all")
    with browser.page(**size) as page:
        page.open(web())
        seen = page.ask(
            """[...document.querySelectorAll(".row .what bdi")].map((bdi) => {
            const box = bdi.getBoundingClientRect(), cell = bdi.parentElement.getBoundingClientRect();
            return [bdi.innerText, bdi.scrollWidth <= bdi.clientWidth, box.right <= cell.right + 0.5]; })"""
        )
    assert seen == [["→ v2", True, True], ["→ 22222222", True, True]]


def test_a_click_opens_all_that_is_known_and_escape_closes_it(
    web: Maker, changelog: Changelog, page: Page
) -> None:
    commits = [{"sha": "ab" * 20, "subject": "Round prices", "author": "ben"}]
    name = start(changelog, why="prices", commits=commits, command=["opskit", "deploy", "it's"])
    results(changelog, name, {"web01": "done", "web02": "failed"})
    finish(changelog, name, "failed", reason="too many failed")
    put(changelog, "note", {"text": "it was the cache"}, name)
    page.open(web())
    page.click(f"#row-{name}")
    told = page.text("#detail")
    for words in (
        *("failed", "deploy shop", "v1 → v2", "prices", "ann@laptop", "too many failed"),
        *("1 done, 1 failed", "stays on v1 (11111111)", "v1 (11111111) → v2 (22222222)"),
        *("stage 0.3 s, restart 1.2 s", "the health check failed", "GET /health\n502 Bad Gateway"),
        *("abababab", "Round prices", "it was the cache", "opskit deploy 'it'\"'\"'s'"),
        f"opskit log {name}",
    ):
        assert words in told
    assert page.ask("location.hash") == f"#{name}"
    page.press("Escape")
    assert page.ask("document.getElementById('detail').hidden")
    assert page.ask("location.hash") == ""


def test_an_address_with_an_id_opens_it_and_an_unknown_one_says_so(
    web: Maker, changelog: Changelog, page: Page
) -> None:
    name = whole(changelog, why="this one")
    whole(changelog)
    page.open(web(), f"#{name[:6]}")
    assert "this one" in page.text("#detail")
    page.ask("location.hash = '#nowhere'")
    page.until("document.getElementById('detail').innerText.includes('No nowhere on this page')")


def test_filters_narrow_the_list_and_the_lanes_and_clear_brings_all_back(
    web: Maker, changelog: Changelog, page: Page
) -> None:
    shop = whole(changelog, why="the cart")
    staged = whole(changelog, environment="staging", hosts=("stage01",))
    db = whole(changelog, "failed", service="db", action="restart", hosts=("db01",))
    note = changelog.append("note", {"text": "slow disks"}).id
    page.open(web())
    assert ids(page) == [note, db, staged, shop]
    for field, value, expected in (
        ("#search", "CART the", [shop]),
        ("#search", "502 bad", [db]),
        ("#search", db[:7], [db]),
        ("#service", "db", [db]),
        ("#environment", "staging", [staged]),
        ("#host", "web", [shop]),
        ("#kind", "note", [note]),
        ("#search", "nowhere", []),
    ):
        set_field(page, field, value)
        assert ids(page) == expected, (field, value)
        assert page.text("#count") == (f"{len(expected)} of 4 entries" if expected else "")
        page.click("#clear")
        assert len(ids(page)) == 4
    page.click("[data-outcome=failed]")
    assert ids(page) == [db]
    page.click("[data-outcome=note]")
    assert ids(page) == [note, db]


def test_filters_that_let_nothing_through_say_so_and_offer_a_way_back(
    web: Maker, changelog: Changelog, page: Page
) -> None:
    whole(changelog)
    page.open(web())
    set_field(page, "#search", "nothing like it")
    assert "No entry fits" in page.text("#nothing")
    page.click("#nothing button")
    assert len(ids(page)) == 1


def test_an_empty_changelog_says_what_to_do(web: Maker, page: Page) -> None:
    page.open(web())
    assert "Nothing here yet" in page.text("#nothing")
    assert "opskit log --web" in page.text("#nothing")


def test_zooming_by_wheel_buttons_and_keys_changes_the_range_and_the_list(
    web: Maker, changelog: Changelog, page: Page
) -> None:
    whole(changelog)
    page.open(web())
    spans = [span(page)]
    x, y = page.ask(
        "(({x, y, width}) => [x + width / 2, y + 10])(document.getElementById('lanes').getBoundingClientRect())"
    )
    page.mouse("mouseWheel", x, y, deltaX=0, deltaY=-240)
    page.until(
        f"(({{from, to}}) => to - from)(document.getElementById('lanes').dataset) < {spans[0]} - 1"
    )
    spans.append(span(page))
    page.click("#zoom-in")
    spans.append(span(page))
    page.press("+")
    spans.append(span(page))
    assert spans == sorted(spans, reverse=True)
    assert len(set(spans)) == 4
    for _ in range(4):
        page.press("ArrowLeft")
    assert "1 entry lies outside" in page.text("#nothing")
    page.press("0")
    assert span(page) == spans[0]
    assert len(ids(page)) == 1


def test_dragging_moves_the_range_without_changing_its_length(
    web: Maker, changelog: Changelog, page: Page
) -> None:
    whole(changelog)
    page.open(web())
    page.click("#zoom-in")
    before, length = page.text("#range"), span(page)
    x, y = page.ask(
        "(({x, y, width}) => [x + width / 2, y + 10])(document.getElementById('lanes').getBoundingClientRect())"
    )
    page.mouse("mousePressed", x, y)
    for step in range(1, 5):
        page.mouse("mouseMoved", x + 40 * step, y, buttons=1)
    page.mouse("mouseReleased", x + 160, y)
    page.settle()
    assert page.text("#range") != before
    assert span(page) == pytest.approx(length, rel=1e-6)
    assert page.ask("document.getElementById('detail').hidden")


def test_two_fingers_zoom_and_one_taps(web: Maker, changelog: Changelog, browser: Browser) -> None:
    name = whole(changelog)
    at = changelog.rollout(name).at.timestamp() * 1000
    with browser.page(**PHONE) as page:
        page.open(web())
        length = span(page)
        page.ask("document.getElementById('lanes').scrollIntoView({block: 'center'})")
        x, y = where(page, at)
        page.touch("touchStart", (100, y), (200, y))
        page.touch("touchMove", (60, y), (260, y))
        page.touch("touchEnd")
        page.until(
            f"(({{from, to}}) => to - from)(document.getElementById('lanes').dataset) < {length * 0.8}"
        )
        page.ask("document.querySelector('#presets button:last-child').click()")
        page.settle()
        x, y = where(page, at)
        page.touch("touchStart", (x, y + 17))
        page.touch("touchEnd")
        page.until(f"location.hash === '#{name}'")
        assert page.trouble() == []


def test_a_click_on_a_mark_of_the_timeline_opens_it(
    web: Maker, changelog: Changelog, page: Page
) -> None:
    name = whole(changelog)
    at = changelog.rollout(name).at.timestamp() * 1000
    page.open(web())
    page.click_at(*where(page, at))
    assert page.ask("location.hash") == f"#{name}"


def test_lanes_are_by_service_or_by_host(web: Maker, changelog: Changelog, page: Page) -> None:
    name = whole(changelog, hosts=("web01", "web02"))
    at = changelog.rollout(name).at.timestamp() * 1000
    page.open(web())
    one = page.ask("document.getElementById('lanes').clientHeight")
    page.click("#by-host")
    assert page.ask("document.getElementById('by-host').ariaPressed") == "true"
    assert page.ask("document.getElementById('lanes').clientHeight") > one
    page.click_at(*where(page, at, lane=1))
    assert page.ask("location.hash") == f"#{name}"


def test_rollouts_at_the_same_time_are_seen_as_such(
    web: Maker, changelog: Changelog, page: Page
) -> None:
    first, second = start(changelog), start(changelog, machine=ELSEWHERE)
    for name in (first, second):
        results(changelog, name, {"web01": "done"})
        finish(changelog, name)
    page.open(web(), f"#{first}")
    assert page.ask("document.getElementById('lanes').clientHeight") == 50
    assert "At the same time" in page.text("#detail")
    assert page.ask("document.querySelector('.together a').hash") == f"#{second}"


def test_keys_walk_through_the_list(web: Maker, changelog: Changelog, page: Page) -> None:
    names = [whole(changelog) for _ in range(3)]
    page.open(web())
    for key in ("j", "ArrowDown", "k", "j", "Enter"):
        page.press(key)
    assert page.ask("location.hash") == f"#{names[1]}"
    page.press("j")
    assert page.ask("location.hash") == f"#{names[0]}"
    page.press("/")
    page.type("jjj")
    assert page.ask("document.activeElement.value") == "jjj"


def test_hostile_texts_are_shown_as_text(web: Maker, changelog: Changelog, page: Page) -> None:
    name = whole(changelog, why=HOSTILE, service="<i>shop", hosts=("<b>web",))
    put(changelog, "note", {"text": HOSTILE, "hosts": []}, name)
    changelog.append("<u>odd", {"text": HOSTILE})
    changelog.append("note", {"text": "long " * 2000})
    page.open(web(), f"#{name}")
    told = page.text("#detail")
    assert told.count("</script><script>window.hacked = 1</script><img src=x onerror") == 2
    assert "\\u202eesrever\\u202c \\u200f 🚀 \\x1b[31m � {{script}} ${window" in told
    assert "deploy <i>shop" in told
    assert "<b>web" in told
    page.click("#by-host")
    for row in ids(page):
        page.ask(f"location.hash = {json.dumps(row)}")
        page.settle()
    assert page.ask("typeof window.hacked") == "undefined"
    assert page.ask("document.querySelectorAll('img, script').length") == 3


def test_a_phone_shows_all_without_scrolling_sideways(
    web: Maker, changelog: Changelog, browser: Browser
) -> None:
    long = "a-host-with-a-long-name" * 4
    name = whole(
        changelog, why="words " * 300 + "x" * 400, service="s" * 60, hosts=(long, "web01")
    )
    with browser.page(**PHONE) as page:
        for anchor in ("", f"#{name}"):
            page.open(web(), anchor)
            page.click("#more") if not anchor else None
            assert page.ask("document.documentElement.scrollWidth") == 360
            wide = "[...document.querySelectorAll('#detail *, header *, form *, #bar *, .row')]"
            visible = ".filter((n) => n.checkVisibility() && n.closest('#outcomes') === null)"
            assert (
                page.ask(
                    f"{wide}{visible}.filter((n) => n.getBoundingClientRect().right > 361).length"
                )
                == 0
            )
        assert page.trouble() == []


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_wears_the_readers_colours(
    web: Maker, changelog: Changelog, browser: Browser, dark: bool
) -> None:
    whole(changelog)
    with browser.page(dark=dark) as page:
        page.open(web())
        red, *_ = page.ask(
            "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
        )
        painted = page.ask(
            "[...document.getElementById('chart').getContext('2d').getImageData(2, 4, 1, 1).data]"
        )
        assert (red < 60) is dark
        assert painted[3] == 0, "the ground of the lanes is the page's own"


def test_a_running_rollout_and_one_that_nobody_finished_are_told_apart(
    web: Maker, changelog: Changelog, page: Page
) -> None:
    lost, running = start(changelog, machine=ELSEWHERE), start(changelog)
    page.open(web())
    shown = dict(zip(ids(page), page.texts(".row .outcome"), strict=True))
    assert shown == {running: "running", lost: "unfinished"}


def test_a_long_list_builds_only_what_is_seen(
    web: Maker, changelog: Changelog, page: Page
) -> None:
    notes = [changelog.append("note", {"text": f"note {n}"}).id for n in range(300)]
    page.open(web())
    assert len(ids(page)) < 60
    page.ask("document.getElementById('scroller').scrollTop = 1e6")
    page.until(f"Boolean(document.getElementById('row-{notes[0]}'))")
