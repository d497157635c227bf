"""`opskit exec` and `opskit run`, end to end: once on each host, what they said, and the record of it."""

from __future__ import annotations

import json
import shlex
import signal
import time
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.light import finish, wait_for_file
from tests.support.processes import at_home
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.support.light import Light

TASKS = '''
from fabric import task

@task(help={"count": "how often"})
def greet(c, name, count=1, loud=False):
    """Say hello, more than once if need be."""
    for _ in range(count):
        c.run(f"echo hello {name}{'!' if loud else ''}")

@task
def broken(c):
    """Fail on web02 only."""
    c.run("test ! -e $HOME/sick || { echo is sick >&2; exit 3; }")

@task
def sleepy(c):
    """Sleep."""
    c.run("touch $HOME/asleep; sleep 60")
'''
WORDS = st.lists(
    st.text(
        st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=12
    ),
    min_size=1,
    max_size=4,
)


def test_equal_output_is_shown_once_under_its_hosts(any_light: Light) -> None:
    (any_light.hosts.folder("web03") / "odd").touch()
    done = any_light.opskit("exec", "-H", "@web", 'ls "$HOME"; echo same')
    assert done.stdout == "web[01-02,04] (3 hosts)\n  same\nweb03 (1 host)\n  odd\n  same\n"
    assert "exec: done (4 done)" in done.stderr
    last = any_light.last()
    assert (last["action"], last["outcome"]) == ("exec", "done")
    assert last["script"] == 'ls "$HOME"; echo same'


def test_one_host_speaks_plainly_each_stream_to_its_own(any_light: Light) -> None:
    done = any_light.opskit("exec", "-H", "web02", "echo out; echo err >&2; exit 0")
    assert done.stdout == "out\n"
    assert done.stderr.splitlines()[0] == "err"


def test_what_one_host_said_is_not_said_again_when_it_fails(light: Light) -> None:
    (light.folder / "tasks.py").write_text(
        'from fabric import task\n@task\ndef ill(c): c.run("echo bad >&2; exit 3")\n'
    )
    for line in (["run", "ill", "-H", "web01"], ["exec", "-H", "web01", "echo bad >&2; exit 3"]):
        done = light.opskit(*line, expect=1)
        assert (done.stdout + done.stderr).replace("echo bad", "").count("bad") == 1


def test_the_exit_code_says_all_none_or_some(light: Light) -> None:
    light.make_sick("web02")
    light.opskit("exec", "-H", "@web", "false", expect=1)
    assert light.last()["outcome"] == "failed"
    done = light.opskit("exec", "-H", "@web", 'test ! -e "$HOME/sick"', expect=3)
    assert "ended with status 1" in done.stderr
    assert light.outcomes()["web02"] == "failed"
    light.hosts.stop("web04")
    light.opskit("exec", "-H", "@web", "true", expect=3)
    assert light.outcomes()["web04"] == "unreachable"
    light.opskit("exec", "-H", "@nothing", "true", expect=2)


def test_several_words_arrive_as_they_are(light: Light) -> None:
    words = ["printf", "%s|", "a b", "$(id)", "`id`", "'", '"', "*", "\\", "ä\nö", "-n", ";", "~"]
    done = light.opskit("exec", "-H", "web01", "--", *words)
    assert done.stdout == "".join(f"{word}|" for word in words[2:])


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(words=WORDS)
def test_whatever_the_words_are(light: Light, words: list[str]) -> None:
    done = light.opskit("exec", "-H", "web01", "--json", "--", "printf", "%s\\0", *words)
    (output,) = done.json["data"]["outputs"].values()
    assert output["stdout"].split("\0")[:-1] == words


def test_a_time_limit_ends_all_processes_of_the_command(any_light: Light) -> None:
    loop = "sh -c 'while :; do date +%s%N >\"$HOME/alive\"; sleep 0.02; done'"
    done = any_light.opskit("exec", "-H", "web01", "--timeout", "1.5", loop, expect=1)
    assert "did not end within 1.5 s; its processes were ended" in done.stderr
    alive = any_light.hosts.folder("web01") / "alive"
    seen = alive.read_text()
    time.sleep(0.2)
    assert alive.read_text() == seen


def test_ctrl_c_ends_the_command_on_every_host(any_light: Light) -> None:
    loop = "sh -c 'while :; do date +%s%N >\"$HOME/alive\"; sleep 0.02; done'"
    process = any_light.start("exec", "-H", "@web", loop)
    files = [any_light.hosts.folder(name) / "alive" for name in any_light.hosts.names]
    for file in files:
        wait_for_file(file)
    process.send_signal(signal.SIGINT)
    code, _, complaint = finish(process)
    assert code == 130, complaint
    seen = [file.read_text() for file in files]
    time.sleep(0.2)
    assert [file.read_text() for file in files] == seen
    assert any_light.last()["outcome"] == "interrupted"


def test_a_dry_run_of_exec_and_run_touches_nothing(light: Light) -> None:
    (light.folder / "tasks.py").write_text(TASKS)
    said = light.opskit("exec", "-n", "-H", "@web", 'touch "$HOME/x"').stdout
    assert 'touch "$HOME/x"' in said
    light.opskit("run", "greet", "ana", "-n", "-H", "@web")
    assert (light.tree(), light.log()) == ({}, [])


def test_what_a_host_says_cannot_move_the_terminal(light: Light) -> None:
    done = light.opskit("exec", "-H", "@web", "printf 'a\\033[2Jb\\n'")
    assert "\x1b" not in done.stdout
    assert "a\\x1b[2Jb" in done.stdout


def test_much_output_and_bytes_that_are_no_text_are_fine(light: Light) -> None:
    light.opskit("exec", "-H", "@web", "head -c 3000000 /dev/urandom")
    assert light.last()["outcome"] == "done"


def test_a_task_has_options_and_help_from_its_signature(any_light: Light) -> None:
    (any_light.folder / "tasks.py").write_text(TASKS)
    shown = any_light.opskit("run", "greet", "--help").stdout
    assert "Say hello, more than once if need be." in shown
    assert "how often" in shown
    assert "NAME" in shown
    done = any_light.opskit(
        "run", "greet", "ana b", "--count", "2", "--loud", "-H", "@web", "-m", "why not"
    )
    assert "web[01-04] (4 hosts)" in done.stdout
    assert done.stdout.count("hello ana b!") == 2
    last = any_light.last()
    assert (last["action"], last["task"], last["why"]) == ("task", "greet", "why not")


def test_a_task_that_is_unknown_or_given_nonsense_is_a_usage_error(light: Light) -> None:
    (light.folder / "tasks.py").write_text(TASKS)
    assert "did you mean 'greet'?" in light.opskit("run", "gret", "-H", "web01", expect=2).stderr
    light.opskit("run", "greet", "ana", "--count", "many", "-H", "web01", expect=2)
    light.opskit("run", "greet", "ana", expect=2)
    assert light.log() == []


def test_a_task_that_fails_says_where_and_why(light: Light) -> None:
    (light.folder / "tasks.py").write_text(TASKS)
    light.make_sick("web02")
    done = light.opskit("run", "broken", "-H", "@web", expect=3)
    assert "is sick" in done.stdout + done.stderr
    assert light.outcomes() == light.on_all("done") | {"web02": "failed"}


def test_ctrl_c_ends_a_task_and_what_it_runs(light: Light) -> None:
    (light.folder / "tasks.py").write_text(TASKS)
    process = light.start("run", "sleepy", "-H", "web[01-02]")
    for name in ("web01", "web02"):
        wait_for_file(light.hosts.folder(name) / "asleep")
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 130
    homes = [light.hosts.folder(name) for name in light.hosts.names]
    until(lambda: not at_home(homes), what="what it runs to end")


def test_a_reason_is_asked_for_where_the_environment_says_so(light: Light) -> None:
    light.configure(require_why=True)
    light.opskit("exec", "-H", "web01", "true", expect=2)
    light.opskit("exec", "-H", "web01", "-m", "look", "true")
    assert light.last()["why"] == "look"


def test_exec_goes_nowhere_when_it_cannot_be_recorded(light: Light, tmp_path) -> None:
    nowhere = tmp_path / "file"
    nowhere.touch()
    env = {"OPSKIT_STATE_DIR": str(nowhere)}
    light.opskit("exec", "-H", "@web", 'touch "$HOME/x"', expect=1, env=env)
    assert light.tree() == {}


def test_the_envelope_holds_what_every_host_said(light: Light) -> None:
    done = light.opskit("exec", "-H", "@web", "--json", "echo $0; false", expect=1)
    envelope = json.loads(done.stdout)
    assert (envelope["command"], envelope["exit_code"]) == ("exec", 1)
    outputs = envelope["data"]["outputs"]
    assert set(outputs) == set(light.hosts.names)
    assert outputs["web03"]["exit"] == 1
    assert shlex.split(outputs["web03"]["stdout"])
