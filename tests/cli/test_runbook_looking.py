"""Runbooks looked at, looked through, drafted and reported on by the command, in a pipe and on a terminal."""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.changelog import running
from tests.cli.screen import Screen
from tests.cli.test_runbook_run import PAGE, answer, write
from tests.support.cli import REPOSITORY
from tests.support.light import Light, finish, wait_for_file

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Opskit
    from tests.support.hosts import Hosts

TOML = '[changelog]\nname = "test"\n[environments.production]\nhosts = ["web01"]\n[services.shop]\npath = "/srv/shop"\nhosts = "web01"\nsource = { git = "." }\n'
OLD = "---\nopskit: 1\nid: old\nowner: ana\nalerts: [ShopSlow]\nlast_reviewed_on: 2020-01-01\n---\n# Old\n\n## 1. Look\n\nSee [there](#gone).\n"
BROKEN = "---\nopskit: 1\nid: broken\n---\n# Broken\n\n## 1. Do\n\n<!-- opskit: on=@nobody bach=1 -->\n```sh\ntrue\n```\n"


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """A folder with opskit.toml and three runbooks, one of them too old, one of them wrong."""
    folder = tmp_path / "fleet"
    (folder / "runbooks").mkdir(parents=True)
    (folder / "opskit.toml").write_text(TOML)
    for name, page in (
        ("drain", PAGE.replace("web02", "web01")),
        ("old", OLD),
        ("broken", BROKEN),
    ):
        (folder / "runbooks" / f"{name}.md").write_text(page)
    return folder


def listed(opskit: Opskit, fleet: Path, *options: str) -> dict[str, Any]:
    found = opskit("runbook", "list", *options, "--json", cwd=fleet).json["data"]["runbooks"]
    return {each["file"].rpartition("/")[2]: each for each in found}


def test_a_list_says_what_runbooks_are_about_and_which_are_too_old(
    opskit: Opskit, fleet: Path
) -> None:
    found = opskit("runbook", "list", cwd=fleet)
    lines = [line.split() for line in found.stdout.splitlines()]
    assert [line[0] for line in lines] == ["ID", "broken", "drain", "old"]
    assert [line[1] for line in lines] == ["STATE", "broken", "new", "expired"]
    assert "old: its review of 2020-01-01 was good for 180 days" in found.stderr
    assert "opskit runbook lint runbooks/broken.md" in found.stderr


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--service", "shop"), ["drain.md"]),
        (("--alert", "ShopSlow"), ["old.md"]),
        (("--stale",), ["broken.md", "old.md"]),
        (("--alert", "None"), []),
    ],
)
def test_a_list_is_narrowed_by_service_alert_and_age(
    opskit: Opskit, fleet: Path, options: tuple[str, ...], names: list[str]
) -> None:
    assert list(listed(opskit, fleet, *options)) == names


def test_a_list_knows_the_last_run_that_was_done(opskit: Opskit, fleet: Path) -> None:
    opskit("note", "so that there is a changelog", cwd=fleet)
    from opskit.changelog import open_changelog

    with open_changelog("test") as changelog:
        run = running.whole(changelog, runbook="old", mode="drill")
    old = listed(opskit, fleet)["old.md"]
    assert (old["last_done"]["run"], old["last_done"]["mode"]) == (run, "drill")
    assert old["changed_since"]


def test_a_page_is_shown_in_a_pipe_as_markdown_without_what_is_for_opskit(
    opskit: Opskit, fleet: Path
) -> None:
    shown = opskit("runbook", "show", "drain", cwd=fleet).stdout
    assert "*on web01,web01, at most 30 s, changes nothing*" in shown
    assert "undone by step 3" in shown
    assert "<!--" not in shown
    assert "\x1b" not in shown


def test_a_page_that_cannot_be_run_is_shown_all_the_same(opskit: Opskit, fleet: Path) -> None:
    shown = opskit("runbook", "show", "runbooks/broken.md", cwd=fleet)
    assert "runbooks/broken.md:9: there is no 'bach' here" in shown.stderr
    assert "# Broken" in shown.stdout


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}])
def test_a_page_is_drawn_on_a_narrow_terminal(fleet: Path, environment: dict[str, str]) -> None:
    (fleet / "runbooks" / "drain.md").write_text(PAGE.replace("how it is.", "how it is\u202e, [or](https://example.com) not."))  # fmt: skip
    screen = Screen(fleet, "runbook", "show", "drain", width=40, **environment)
    assert screen.end() == 0
    assert "Drain it" in screen.said
    assert "\\u202e" in screen.said, "what turns the direction of writing is shown"
    assert "\u202e" not in screen.said
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-7]", screen.said)) is not bool(environment)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.said)
    assert max(len(line.rstrip()) for line in plain.splitlines()) <= 40


def test_lint_says_file_line_and_what_and_ends_with_1(opskit: Opskit, fleet: Path) -> None:
    found = opskit("runbook", "lint", cwd=fleet, expect=1)
    lines = [line for line in found.stdout.splitlines() if not line.startswith(" ")]
    assert lines == [
        "runbooks/broken.md:9: there is no 'bach' here",
        "runbooks/old.md:12: warning: the link #gone leads to no heading",
    ]
    assert opskit("runbook", "lint", "runbooks/old.md", cwd=fleet).exit == 0


def test_lint_looks_at_files_where_there_is_no_fleet(opskit: Opskit, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("# No front matter\n")
    data = opskit("runbook", "lint", "page.md", "--json", expect=1).json["data"]
    assert data["problems"][0]["line"] == 1
    assert data["problems"][0]["fatal"]
    assert "opskit init" in opskit("runbook", "lint", expect=2).stderr


def test_audit_ends_with_1_for_what_is_old_dead_or_unknown(opskit: Opskit, fleet: Path) -> None:
    found = opskit("runbook", "audit", cwd=fleet, expect=1).stdout
    for said in (
        "runbooks/broken.md:9: there is no 'bach' here",
        "runbooks/old.md:6: its review of 2020-01-01 was good for 180 days",
        "runbooks/old.md:12: the link #gone leads to no heading",
    ):
        assert said in found
    for name in ("broken", "old"):
        (fleet / "runbooks" / f"{name}.md").unlink()
    opskit("runbook", "audit", cwd=fleet)
    (fleet / "runbooks" / "drain.md").unlink()
    alone = opskit("runbook", "audit", cwd=fleet)
    assert "opskit.toml:5: warning: no runbook is about the service shop" in alone.stdout


def test_audit_and_lint_know_hosts_services_tasks_and_commands(
    opskit: Opskit, fleet: Path
) -> None:
    for file in (fleet / "runbooks").iterdir():
        file.unlink()
    (fleet / "tasks.py").write_text((REPOSITORY / "tasks.py").read_text())
    fences = "\n".join(
        f"<!-- opskit: {comment} -->\n```{language}\n{text}\n```\n"
        for comment, language, text in (
            ("on=@nobody", "sh", "true"),
            ("on=web01", "task", "no-such-task"),
            ("local", "opskit", "opskit deplyo shop"),
            ("local", "opskit", "opskit runbook lnit"),
        )
    )
    head = "---\nopskit: 1\nid: wrong\nservices: [shpo]\n---\n# Wrong\n\n## 1. Do\n\n"
    (fleet / "runbooks" / "wrong.md").write_text(head + fences)
    for command in ("lint", "audit"):
        found = opskit("runbook", command, "--json", cwd=fleet, expect=1).json["data"]["problems"]
        said = [f"{each['line']}: {each['what']}" for each in found if each["fatal"]]
        assert said[0] == "4: there is no service 'shpo'"
        for word, line in zip(
            ("nobody", "no-such-task", "deplyo", "runbook lnit"), said[1:], strict=True
        ):
            assert word in line


def test_a_new_page_lints_clean_and_never_takes_the_place_of_another(
    opskit: Opskit, fleet: Path
) -> None:
    opskit("runbook", "new", "disk-full", "--title", "A disk is full", cwd=fleet)
    opskit("runbook", "new", "shop-slow", "--service", "shop", cwd=fleet)
    for name in ("disk-full", "shop-slow"):
        done = opskit("runbook", "lint", f"runbooks/{name}.md", "--json", cwd=fleet)
        assert done.json["data"]["problems"] == []
    page = (fleet / "runbooks" / "disk-full.md").read_text()
    again = opskit("runbook", "new", "disk-full", cwd=fleet, expect=5)
    assert "exists" in again.stderr
    assert (fleet / "runbooks" / "disk-full.md").read_text() == page
    for name in ("../x", "Disk", "a b", ""):
        opskit("runbook", "new", name, cwd=fleet, expect=2)


@pytest.fixture
def light(tmp_path: Path, hosts: Hosts) -> Light:
    made = Light.create(tmp_path / "project", hosts)
    write(made, "drain", PAGE)
    return made


def test_who_begins_a_run_sees_first_what_was_done_and_what_is_open(light: Light) -> None:
    light.deploy("v1")
    light.commit("v2")
    light.configure(restart=json.dumps('touch "$HOME/waits"; sleep 20'))
    deploy = light.start("deploy", "shop", "v2", "-y", "-m", "the new cart")
    wait_for_file(light.hosts.folder("web01") / "waits")
    said = light.opskit("runbook", "run", "drain", "--auto", expect=None).stderr
    for line in (
        r"just now: deploy shop \(v1.* v2.*\) by \S+ is running, \w+: the new cart",
        r"just now: deploy shop .* is done, \w+",
        r"web\[01-04\] are held by \S+: deploy ",
    ):
        assert re.search(line, said), f"{line}\n{said}"
    deploy.terminate()
    finish(deploy)
    again = light.opskit("runbook", "run", "drain", "--auto", expect=None).stderr
    assert "run of this runbook by" not in again, "each run is told of once"
    assert again.count("is suspended") == 1


def test_a_host_that_is_down_is_told_of_and_keeps_nobody_from_the_page(light: Light) -> None:
    light.hosts.stop("web03")
    done = light.opskit("runbook", "run", "drain", "--auto", expect=3)
    assert "web03 is unreachable" in done.stderr
    assert "web[01-02]" in done.stdout


def test_what_is_open_is_told_on_a_narrow_screen_without_colour_too(light: Light) -> None:
    light.opskit("freeze", "shop", "-m", "the big sale")
    with contextlib.closing(
        Screen(light.folder, "runbook", "run", "drain", width=40, NO_COLOR="1")
    ) as screen:
        answer(screen, "changes nothing", "q")
        assert screen.end() == 3
        told = screen.drawing.text.partition("Step 1")[0]
    assert "shop in production is frozen by" in " ".join(told.split())
    assert "the big sale" in " ".join(told.split())
    assert max(len(line) for line in told.splitlines()) <= 40
    assert "\x1b[3" not in screen.said


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_list_fits_on_a_narrow_screen(fleet: Path, width: int) -> None:
    screen = Screen(fleet, "runbook", "list", width=width)
    assert screen.end() == 0
    lines = screen.drawing.text.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("ID "))
    assert [line.split()[0] for line in lines[start : start + 4]] == [
        "ID",
        "broken",
        "drain",
        "old",
    ]
    assert "expired" in lines[start + 3]
    assert max(map(len, lines)) <= width


def test_a_run_is_reported_and_drafted_anew(light: Light) -> None:
    light.deploy("v1")
    with contextlib.closing(
        Screen(light.folder, "runbook", "run", "drain", "--incident", "INC-7")
    ) as screen:
        answer(screen, "web[01-02]; changes nothing", "")
        answer(screen, "Which one is slow?", "web02")
        answer(screen, "undone by put-it-back", "")
        answer(screen, "Put it back", "s")
        screen.wait_for("why skip?")
        screen.type("it is gone already\n")
        assert screen.end() == 0
    entries = light.opskit("log", "--json").json["data"]["entries"]
    run = next(each["id"] for each in entries if "runbook" in each)
    text = light.opskit("runbook", "report", run[:6]).stdout
    for said in ("- Incident: INC-7", "web01", "well, slow", "it is gone already", "ask server (Which one is slow?): web02", "deploy shop", "### Timeline"):  # fmt: skip
        assert said in text, text
    light.opskit("runbook", "report", run, "--html", "-o", "report.html")
    page = (light.folder / "report.html").read_text()
    assert "well, slow" in page
    assert "<!-- opskit" not in page
    light.opskit("runbook", "report", run, "-o", "report.html", expect=5)
    light.opskit("runbook", "report", run, "-o", "report.md")
    light.opskit("runbook", "lint", "report.md")
    light.opskit("runbook", "new", "again", "--from-run", "INC-7")
    data = light.opskit("runbook", "lint", "runbooks/again.md", "--json").json["data"]
    assert data["problems"] == []
    assert light.opskit("runbook", "new", "x", "--from-run", "nothing", expect=2).stderr
