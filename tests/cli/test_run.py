"""`opskit run`: a task's signature is its command line, its docstring its help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import pytest

from opskit.cli import run as module
from opskit.errors import ConfigError
from opskit.fleet.tasks import list_tasks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.cli import Opskit
    from tests.support.hosts import Hosts

TASKS = '''
from fabric import task
from invoke import Collection

@task(help={"key": "What to warm.", "times": "How often."})
def warm_cache(c, key, times=1, ratio=0.5, mode="fast", force=False, tidy=True, note=None):
    """Warm the cache of a host.

    More of this is for readers of the file.
    """
    c.run(f"echo {key!r} {times!r} {ratio!r} {mode!r} {force!r} {tidy!r} {note!r}")

@task
def sure(c, really: bool):
    """Be sure."""
    print(really)

@task
def typed(c, count: int, share: float = 1, name: "str | None" = None):
    print(count, share, name)

@task
def fail(c):
    c.run("echo said; echo ill >&2; exit 7")

@task
def migrate(c, to="head"):
    """Migrate the database."""
    print("migrates to", to)

ns = Collection(warm_cache, sure, typed, fail, Collection("db", migrate))
'''
TOML = "[environments.production]\nhosts = ['web01']\n"


@pytest.fixture
def tasks(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str = TASKS) -> Path:
        (tmp_path / "opskit.toml").write_text(TOML)
        path = tmp_path / "tasks.py"
        path.write_text(text)
        return path

    return write


def test_the_help_of_an_argument_is_shown(opskit: Opskit, tasks: Callable[[str], Path]) -> None:
    tasks(TASKS)
    assert "  KEY  What to warm.\n" in opskit("run", "warm-cache", "--help").stdout
    assert "KEY" not in opskit("run", "--help").stdout


@pytest.fixture
def ask(tasks: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Give what a command line makes of a task's arguments, and of the shared options."""

    def parse(name: str, *line: str, text: str = TASKS) -> tuple[dict[str, Any], dict[str, Any]]:
        seen: list[Any] = []
        monkeypatch.setattr(
            module, "_run", lambda _, given, **shared: seen.extend((given, shared))
        )
        known = {task.name: task for task in list_tasks(tasks(text))}
        command = module._command(known[name])
        command.main(["-H", "web01", *line], standalone_mode=False)
        given, shared = seen
        return given, shared

    return parse


DEFAULTS = {
    "key": "k", "times": 1, "ratio": 0.5, "mode": "fast", "force": False, "tidy": True, "note": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "change"),
    [
        ("k", {}),
        ("k --times 3", {"times": 3}),
        ("k -t 3", {"times": 3}),
        ("k --ratio 1.25", {"ratio": 1.25}),
        ("k --mode slow", {"mode": "slow"}),
        ("k --force --no-tidy", {"force": True, "tidy": False}),
        ("k --no-force --tidy", {}),
        ("k --note 7", {"note": "7"}),
        ("-- --odd", {"key": "--odd"}),
    ],
)
def test_options_come_from_the_signature(ask: Any, line: str, change: dict[str, object]) -> None:
    given, _ = ask("warm-cache", *line.split())
    assert given == DEFAULTS | change


def test_annotations_give_the_types(ask: Any) -> None:
    assert ask("typed", "3")[0] == {"count": 3, "share": 1, "name": None}
    given, _ = ask("typed", "3", "--share", "2", "--name", "x")
    assert given == {"count": 3, "share": 2.0, "name": "x"}
    assert isinstance(given["share"], float)


@pytest.mark.parametrize(("line", "value"), [("--really", True), ("--no-really", False)])
def test_a_switch_without_a_default_must_be_given(ask: Any, line: str, value: bool) -> None:
    assert ask("sure", line)[0] == {"really": value}
    with pytest.raises(click.MissingParameter):
        ask("sure")


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("warm-cache", "", "KEY"),
        ("warm-cache", "k --times many", "not a valid integer"),
        ("warm-cache", "k --ratio x", "not a valid float"),
        ("warm-cache", "k --colour red", "--colour"),
        ("warm-cache", "k more", "unexpected extra argument"),
        ("typed", "x", "not a valid integer"),
    ],
)
def test_a_wrong_line_is_a_usage_error(ask: Any, name: str, line: str, said: str) -> None:
    with pytest.raises(click.UsageError) as raised:
        ask(name, *line.split())
    assert said.lower() in raised.value.format_message().lower()


def test_the_shared_options_are_there_for_every_task(ask: Any) -> None:
    _, shared = ask("fail", "-e", "production", "-m", "because", "-n", "-y", "--json")
    assert shared == {
        "environment": "production", "hosts": "web01", "why": "because", "dry_run": True, "yes": True, "as_json": True,
        "override_freeze": None, "sudo": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["environment", "env", "hosts", "why", "dry_run", "yes", "json", "as_json", "help"]
)
def test_a_parameter_cannot_take_the_name_of_a_shared_option(ask: Any, name: str) -> None:
    text = f"from fabric import task\n@task\ndef mine(c, {name}=1): pass\n"
    with pytest.raises(ConfigError, match=f"task mine: its parameter '{name}' takes") as raised:
        ask("mine", text=text)
    assert raised.value.hint == "give the parameter another name in tasks.py"


def test_short_options_of_opskit_stay_opskit_s(ask: Any) -> None:
    text = "from fabric import task\n@task\ndef mine(c, erase=1, marks=2, nice=3, home=4, x=5, e_=6): pass\n"
    given, shared = ask("mine", "-e", "production", "-m", "y", "-n", "-x", "9", text=text)
    assert given == {"erase": 1, "marks": 2, "nice": 3, "home": 4, "x": 9, "e_": 6}
    assert (shared["environment"], shared["why"], shared["dry_run"]) == ("production", "y", True)


def test_parameters_that_would_share_an_option_are_told_apart(ask: Any) -> None:
    text = "from fabric import task\n@task\ndef mine(c, cache=True, no_cache=False): pass\n"
    with pytest.raises(ConfigError, match="'no_cache' takes '--no-cache'"):
        ask("mine", text=text)


def test_help_is_the_docstring_the_types_and_what_help_says(
    opskit: Opskit, tasks: Callable[..., Path]
) -> None:
    tasks()
    said = opskit("run", "warm-cache", "--help").stdout
    assert "Warm the cache of a host." in said
    assert "readers of the file" not in said
    assert "warm-cache [OPTIONS] KEY" in said
    assert "--tidy / --no-tidy" in said
    assert "How often." in said
    assert "-H, --hosts SELECTOR" in said


def test_tasks_are_listed_with_those_of_namespaces(
    opskit: Opskit, tasks: Callable[..., Path]
) -> None:
    tasks()
    said = opskit("run", "--help").stdout
    assert [word for word in ("warm-cache", "sure", "typed", "fail", "db.migrate") if word not in said] == []  # fmt: skip
    assert "Migrate the database." in said


def test_one_task_that_cannot_be_run_hides_no_other(
    opskit: Opskit, tasks: Callable[..., Path]
) -> None:
    tasks(
        "from fabric import task\n@task\ndef bad(c, hosts=1): pass\n@task\ndef good(c):\n    'Fine.'\n"
    )
    said = opskit("run", "--help").stdout
    assert "Fine." in said
    assert "parameter 'hosts'" in opskit("run", "bad", "-H", "web01", expect=2).stderr


def test_tasks_are_completed(opskit: Opskit, tasks: Callable[..., Path]) -> None:
    tasks()
    offered = opskit(
        env={"_OPSKIT_COMPLETE": "bash_complete", "COMP_WORDS": "opskit run wa", "COMP_CWORD": "2"}
    ).stdout
    assert offered.split() == ["plain,warm-cache"]


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (["run", "warm-cash", "-H", "web01"], 2, "warm-cache"),
        (["run", "warm-cache", "k"], 2, "--hosts"),
        (["run", "warm-cache", "-H", "nobody", "k"], 2, "nobody"),
    ],
)
def test_a_mistake_touches_nothing_and_names_what_was_meant(
    opskit: Opskit, tasks: Callable[..., Path], line: list[str], code: int, said: str
) -> None:
    tasks()
    assert said in opskit(*line, expect=code).stderr


@pytest.fixture
def fleet(opskit: Opskit, hosts: Hosts, tmp_path: Path) -> Opskit:
    (tmp_path / "opskit.toml").write_text(hosts.toml())
    (tmp_path / "tasks.py").write_text(TASKS)
    return opskit


def test_a_task_runs_on_a_host_and_is_recorded(fleet: Opskit) -> None:
    said = fleet("run", "db.migrate", "--to", "7", "-H", "web01", "-m", "because")
    assert said.stdout == "migrates to 7\n"
    (entry,) = fleet("log", "--json").json["data"]["entries"]
    assert (entry["action"], entry["outcome"], entry["why"]) == ("task", "done", "because")
    assert entry["task"] == "db.migrate"


def test_a_task_that_fails_says_so_by_its_exit_code(fleet: Opskit) -> None:
    done = fleet("run", "fail", "-H", "web01,web02", "--json", expect=1)
    hosts = done.json["data"]["hosts"]
    assert [host["outcome"] for host in hosts] == ["failed", "failed"]


def test_a_dry_run_of_a_task_touches_nothing(fleet: Opskit, hosts: Hosts) -> None:
    said = fleet("run", "typed", "3", "-H", "@web", "--dry-run").stdout
    assert "task typed count=3 share=1.0 name=None" in said
    assert fleet("log", "--json").json["data"]["entries"] == []
