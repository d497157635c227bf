"""A runbook followed by somebody at a terminal: what is shown, asked and heard, on real hosts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.screen import Screen
from tests.rollout.test_secrets import Watcher, told
from tests.support.light import Light
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.hosts import Hosts

PAGE = """---
opskit: 1
id: drain
services: [shop]
params: {why: {default: slow}}
---
# Drain a server

## 1. Look

Every host says how it is.

<!-- opskit: on=web01,web02 mutates=no timeout=30s -->
```sh
echo "well, $why"
```

## 2. Drain it

**Ask:** `server` - Which one is slow?

<!-- opskit: on="{{ server }}" timeout=60s rollback="#3-put-it-back" -->
```sh
touch "$HOME/drained"
```

## 3. Put it back

<!-- opskit: on="{{ server }}" timeout=60s -->
```sh
rm "$HOME/drained"
```
"""


@pytest.fixture
def light(tmp_path: Path, hosts: Hosts) -> Light:
    made = Light.create(tmp_path / "project", hosts)
    write(made, "drain", PAGE)
    return made


def write(light: Light, name: str, page: str) -> None:
    folder = light.folder / "runbooks"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.md").write_text(page)


@pytest.fixture
def screen(light: Light) -> Iterator[Callable[..., Screen]]:
    """Start `opskit runbook …` on a terminal of its own."""
    screens: list[Screen] = []

    def start(*arguments: str, **environment: Any) -> Screen:
        made = Screen(light.folder, "runbook", *arguments, **environment)
        screens.append(made)
        return made

    yield start
    for one in screens:
        one.close()
        one.process.kill()
        one.process.wait()


def answer(screen: Screen, question: str, *keys: str) -> None:
    """Wait for a question that was not there before, and type."""
    screen.wait_for(question)
    screen.said = screen.said.partition(question)[2]
    screen.wait_for("> ")
    screen.said = screen.said.partition("> ")[2]
    for each in keys:
        screen.type(f"{each}\n")


def test_a_page_is_followed_step_by_step_on_its_hosts(
    light: Light, screen: Callable[..., Screen]
) -> None:
    one = screen("run", "drain")
    answer(one, "web[01-02]; changes nothing", "")
    answer(one, "Which one is slow?", "web02")
    answer(one, "undone by put-it-back", "")
    until(light.hosts.folder("web02").joinpath("drained").exists)
    answer(one, "Step 3 of 3", "")
    one.wait_for("Drain a server: done")
    assert one.end() == 0
    assert "well, slow" in one.drawing.text
    assert "web[01-02] (2 hosts)" in one.drawing.text
    assert not light.hosts.folder("web02").joinpath("drained").exists()


def test_lost_in_the_middle_a_colleague_finishes_it(
    light: Light, screen: Callable[..., Screen]
) -> None:
    one = screen("run", "drain", "--incident", "INC-7")
    answer(one, "changes nothing", "")
    answer(one, "Which one is slow?", "web02")
    answer(one, "undone by put-it-back")
    one.process.kill()
    one.process.wait()
    two = screen("resume", run_id(one), OPSKIT_ACTOR="ben")
    answer(two, "undone by put-it-back", "")
    answer(two, "Step 3 of 3", "")
    assert two.end() == 0
    assert "answered" in two.drawing.text


def run_id(screen: Screen) -> str:
    found = re.search(r"run ([0-9a-z]{10}) of", screen.drawing.text)
    assert found, screen.drawing.text
    return found[1]


def test_a_pipe_is_refused_with_what_to_do(light: Light) -> None:
    done = light.opskit("runbook", "run", "drain", expect=5)
    assert "nobody is there to answer" in done.stderr
    assert "--auto" in done.stderr


def test_auto_in_a_pipe_stops_at_the_first_question(light: Light) -> None:
    done = light.opskit("runbook", "run", "drain", "--auto", "--json", expect=3)
    data = done.json["data"]
    assert (data["outcome"], data["step"]) == ("suspended", "drain-it")
    assert "Which one is slow?" in data["reason"]
    done = light.opskit("runbook", "run", "drain", "--auto", "-p", "server=web03", "--json")
    assert (done.json["status"], done.json["data"]["open"]) == ("done", [])
    assert "well, slow" in done.stderr


def test_a_dry_run_shows_all_and_leaves_nothing(light: Light) -> None:
    done = light.opskit("runbook", "run", "drain", "--dry-run")
    assert "on web[01-02]; changes nothing" in done.stdout
    assert "where is not known yet" in done.stdout
    assert "nothing was run" in done.stdout
    parts = light.opskit("runbook", "run", "drain", "-n", "-p", "server=web03", "--json").json[
        "data"
    ]["steps"][1]["parts"]
    assert parts[1]["hosts"] == ["web03"]
    assert light.opskit("log", "--json").json["data"]["entries"] == []


@pytest.mark.parametrize("width", [30, 50])
def test_it_fits_on_a_narrow_screen_and_has_no_colour_if_none_is_wanted(
    light: Light, screen: Callable[..., Screen], width: int
) -> None:
    one = screen("run", "drain", width=width, NO_COLOR="1")
    answer(one, "Enter do it")
    assert "\x1b[3" not in one.said
    one.resize(width + 20)
    one.type("?\n")
    answer(one, "leaves the run", "q")
    one.wait_for("suspended")
    assert one.end() == 3
    assert all(len(line) <= width + 20 for line in one.drawing.text.splitlines())


def test_a_shell_on_the_host_is_ssh_s_own_with_the_host_key_checked(
    light: Light, screen: Callable[..., Screen]
) -> None:
    one = screen("run", "drain")
    answer(one, "changes nothing", "o web02")
    one.wait_for("a shell on web02")
    one.type('touch "$HOME/was-here"; exit\n')
    until(light.hosts.folder("web02").joinpath("was-here").exists)
    one.wait_for("back from web02")
    answer(one, "changes nothing", "q")
    assert one.end() == 3


def test_a_shell_is_refused_where_the_host_key_is_another(
    light: Light, screen: Callable[..., Screen]
) -> None:
    one = screen("run", "drain")
    answer(one, "changes nothing")
    known = light.hosts.host("web02").known_hosts
    before = known.read_text()
    known.write_text(
        "\n".join(
            line for line in before.splitlines() if str(light.hosts.host("web02").port) not in line
        )
        + "\n"
    )
    try:
        one.type("o web02\n")
        one.wait_for("Host key verification failed")
        one.wait_for("back from web02; ssh ended with status 255")
    finally:
        known.write_text(before)
    answer(one, "changes nothing", "q")
    assert one.end() == 3


def test_undo_shows_first_and_puts_back(light: Light, screen: Callable[..., Screen]) -> None:
    one = screen("run", "drain")
    answer(one, "changes nothing", "")
    answer(one, "Which one is slow?", "web02")
    answer(one, "undone by put-it-back", "")
    answer(one, "Step 3 of 3", "a the host is gone")
    one.wait_for("still open, 1 thing to put back")
    assert one.end() == 5
    run = run_id(one)
    dry = light.opskit("runbook", "undo", run, "--dry-run", expect=3)
    assert 'rm "$HOME/drained"' in dry.stdout
    two = screen("undo", run)
    answer(two, 'rm "$HOME/drained"')
    two.type("nonsense\n")
    answer(two, "put back: Drain it", "")
    assert two.end() == 0
    assert two.drawing.text.count('rm "$HOME/drained"') == 1
    assert not light.hosts.folder("web02").joinpath("drained").exists()


def test_what_a_step_left_is_cleared_with_a_reason_in_a_pipe(light: Light) -> None:
    done = light.opskit("runbook", "run", "drain", "--auto", "-p", "server=web09", expect=1)
    write(light, "drain", PAGE.replace('rm "$HOME/drained"', "false"))
    done = light.opskit(
        "runbook", "run", "drain", "--auto", "--json", "-p", "server=web02", expect=1
    )
    run = done.json["data"]["run"]
    assert [each["step"] for each in done.json["data"]["open"]] == ["drain-it"]
    done = light.opskit("runbook", "undo", run, expect=5)
    assert "nobody is there to answer" in done.stderr
    assert "--auto" not in done.stderr
    assert "no run" in light.opskit("runbook", "undo", "nosuch", expect=2).stderr
    assert (
        "asks for a reason"
        in light.opskit("runbook", "undo", run, "--clear", "2", expect=2).stderr
    )
    done = light.opskit("runbook", "undo", run, "--clear", "2", "-m", "web02 is gone", "--json")
    assert done.json["data"]["open"] == []
    assert "nothing of run" in light.opskit("runbook", "undo", run, "--dry-run").stdout
    assert (
        "nothing of step"
        in light.opskit("runbook", "undo", run, "--clear", "2", "-m", "x", expect=2).stderr
    )


APPROVED = PAGE.replace("## 2. Drain it\n", "## 2. Drain it\n\n**Approve:** Somebody of infra.\n")


def test_the_command_that_approves_is_printed_and_refused_to_who_runs_it(light: Light) -> None:
    write(light, "approved", APPROVED)
    done = light.opskit(
        "runbook", "run", "approved", "--auto", "--json", "-p", "server=web01", expect=3
    )
    run = done.json["data"]["run"]
    done = light.opskit("runbook", "resume", run, "--auto", expect=3)
    assert f"opskit runbook approve {run}" in done.stdout
    done = light.opskit("runbook", "approve", run, "-m", "fine", expect=5)
    assert "who runs it" in done.stderr
    done = light.opskit("runbook", "approve", run, expect=5, env={"OPSKIT_ACTOR": "ben"})
    assert "a laptop of their own" in done.stderr


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="command lines are in /proc")
def test_a_secret_is_typed_unseen_and_stands_in_no_sink(
    light: Light, screen: Callable[..., Screen]
) -> None:
    word = "s3ntinel-of-a-runbook"
    front = "params: {token: {secret: true, required: true, ask: 'The token?'}}"
    page = PAGE.replace("params: {why: {default: slow}}", front)
    leak = 'echo "it is $token"; test "${#token}" -eq 21; sleep 0.5'
    local = f"## 1. Here\n\n<!-- opskit: local mutates=no capture=said -->\n```sh\n{leak}\n```\n\n## 1. Look"
    write(light, "secret", page.replace('echo "well, $why"', leak).replace("## 1. Look", local))
    with Watcher() as watcher:
        one = screen("run", "secret")
        one.wait_for("The token?")
        one.wait_for("token: ")
        one.type(f"{word}\n")
        answer(one, "on this machine; changes nothing", "")
        answer(one, "web[01-02]; changes nothing", "")
        answer(one, "Which one is slow?", ":q")
        assert one.end() == 3
        assert any(b"sleep 0.5" in line for line in watcher.seen)
    shown = one.drawing.text
    assert shown.count("it is [redacted]") > 1
    log = light.opskit("log", run_id(one))
    dump = light.opskit("changelog", "export")
    reports = [light.opskit("runbook", "report", run_id(one), *html) for html in ((), ("--html",))]
    assert "it is [redacted]" in reports[0].stdout
    sinks = {
        **told(light, log, dump, *reports),
        "screen": shown.encode(),
        "ps": b"\n".join(watcher.seen),
    }
    for name, held in sinks.items():
        at = held.find(word.encode())
        assert at < 0, (name, held[max(0, at - 300) :][:600])
