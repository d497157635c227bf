from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.config import load
from opskit.fleet import load_inventory
from opskit.fleet.command import Parameter, TaskInfo
from opskit.runbook import parse
from opskit.runbook.lint import lint
from tests.runbook.pages import FRONT

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
default_environment = "production"
[environments.production]
hosts = ["web[01-03]", "db01"]
groups.web = "web[01-03]"
[environments.staging]
hosts = ["stage01"]
[services.shop]
path = "~/shop"
hosts = "@web"
environments = ["production"]
source = { folder = "." }
"""
TASKS = (TaskInfo("restart-service", "", (Parameter("unit", str, None, required=True), Parameter("wait", int, 30, required=False), Parameter("force", bool, default=True, required=False))),)  # fmt: skip
COMMANDS = (
    "deploy",
    "restart",
    "exec",
    "lb",
    "log",
    "resume",
    "rollback",
    "changelog verify",
    "changelog sync",
)


def linted(folder: Path, body: str, *, front: str = FRONT) -> list[str]:
    (folder / "opskit.toml").write_text(CONFIG)
    config = load(folder / "opskit.toml")
    (folder / "runbooks").mkdir(exist_ok=True)
    file = folder / "runbooks" / "page.md"
    file.write_text(front + body)
    inventory = load_inventory(config, None)
    problems = lint(parse.read(file), config, inventory=inventory, tasks=TASKS, commands=COMMANDS)
    return [f"{p.line}{'' if p.fatal else '?'}: {p.what} ({p.hint})" for p in problems]


def run(language: str, text: str, comment: str = "") -> str:
    return f"## A\n<!-- opskit: {comment} -->\n```{language}\n{text}\n```\n"


RIGHT = [
    run("sh", "true", "on=@web"),
    run("sh", "true", "on=web[01-02],db01"),
    run("sh", "true", 'on="@web!web01"'),
    "**Ask:** `h` - x\n".join(["## A\n", run("sh", "true", 'on="@web!{{ h }}"').removeprefix("## A\n")]),
    run("sh", "true", "on=@failed:ab12"),
    run("task", "# why\nrestart-service --unit nginx \\\n  --wait 5 --no-force", "on=@web"),
    run("task", "restart_service --unit=nginx", "on=@web"),
    run("opskit", "opskit deploy shop -e production -m 'a b' -H @web"),
    "**Ask:** `x` - x\n\n".join(["## A\n", run("opskit", 'opskit deploy "$x" --hosts=$x -e $x').removeprefix("## A\n")]),
    run("opskit", "opskit exec -H stage01 -e staging -- ls"),
    "**Ask:** `x` - x\n\n".join(["## A\n", run("opskit", "opskit exec -H $x -m 'for $x' ls").removeprefix("## A\n")]),
    "**Ask:** `x` - x\n\n".join(["## A\n", run("sh", 'opskit exec -H web01 ls "$x"').removeprefix("## A\n")]),
    run("sh", "opskit changelog verify && opskit log\necho opskit nothing\nopskit log | opskit nothing"),
    run("sh", "opskit changelog --help\nopskit --version\n"),
    run("opskit", "opskit lb shop", "mutates=no"),
    run("sh", "opskit resume\nopskit rollback shop --dry-run\nopskit exec -H web01 -- uptime", "mutates=no"),
    run("python", "opskit = 1\nprint('opskit nothing')"),
]  # fmt: skip
WRONG = {
    run("sh", "true", "on=@wbe"): "8: no group @wbe (did you mean 'web'?)",
    run("sh", "true", "on=web04"): "8: no host web04 (did you mean",
    run("sh", "true", "on='web[01-'"): "8: web[01- is not a range, as in web[01-20]",
    run("sh", "true", "on='@web!web[01-03]'"): "8: @web!web[01-03] names no host",
    run("task", "restart-servce", "on=@web"): "9: there is no task 'restart-servce' in tasks.py (did you mean 'restart-service'?)",
    run("task", "restart-service --wiat 3", "on=@web"): "9: task restart-service has no option '--wiat' (did you mean 'wait'?)",
    run("opskit", "opskit deply shop"): "9: opskit has no command 'deply' (did you mean 'deploy'?)",
    run("opskit", "opskit changelog verfy"): "9: opskit has no command 'changelog verfy' (did you mean 'changelog verify'?)",
    run("opskit", "opskit deploy shpo"): "9: there is no service 'shpo' (did you mean 'shop'?)",
    run("opskit", "opskit deploy shop -e prod"): "9: there is no environment 'prod' (did you mean 'production'?)",
    run("opskit", "opskit deploy shop --hosts=@wbe"): "9: no group @wbe (did you mean 'web'?)",
    run("sh", "true\nopskit deply shop"): "10: opskit has no command 'deply' (did you mean 'deploy'?)",
    run("sh", "opskit log", "on=@web"): "9?: opskit is not there on hosts (take `on` away: it runs on this machine)",
    run("opskit", "opskit deploy shop --yes", "mutates=no"): "9: opskit deploy changes something, and its fence says mutates=no (take mutates=no away",
    run("sh", "true\nopskit lb shop --drain -H web01", "local mutates=no"): "10: opskit lb changes something",
    run("sh", "opskit resume ab12", "mutates=no"): "9: opskit resume changes something",
    "**Ask:** `x` - x\n\n".join(["## A\n", run("sh", 'opskit exec -H web01 "echo $x"').removeprefix("## A\n")]): "11?: $x is pasted into what a shell runs on hosts",
    "## A\n\ntext [x](../opskit.tml)\n": "8?: the link to ../opskit.tml leads to no file ()",
    "## A\n**Confirm:** [x](other.md#b)?\n": "7?: other.md has no heading #b ()",
    "[x](y.md)\n## A\n": "6?: the link to y.md leads to no file ()",
    "## A\n- [ ] [x](y.md)\n": "7?: the link to y.md leads to no file ()",
    "## A\n| [x](y.md) |\n| --- |\n": "7?: the link to y.md leads to no file ()",
    "## A\n[x][y]\n\n[y]: z.md\n": "7?: the link to z.md leads to no file ()",
}  # fmt: skip


@pytest.mark.parametrize("body", RIGHT, ids=range(len(RIGHT)))
def test_what_is_there_is_not_complained_of(tmp_path, body):
    assert linted(tmp_path, body) == []


@pytest.mark.parametrize("body", WRONG, ids=range(len(WRONG)))
def test_what_the_fleet_does_not_have_is_told_of(tmp_path, body):
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "other.md").write_text("---\nid: b\n---\n# A\n")
    (told,) = linted(tmp_path, body)
    assert told.startswith(WRONG[body])


def test_links_that_lead_somewhere_are_left_alone(tmp_path):
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "a b.md").write_text("# A\n## 1. B\n")
    body = "## A\n[1](a%20b.md#1-b) [2](../opskit.toml) [3](https://x.org/y.md) [4](mailto:a@b.c) [5](/z.md) [6](#a) <http://x.org> [7](?x)\n"
    assert linted(tmp_path, body) == []


def test_a_service_that_is_not_there_is_told_of_in_its_line(tmp_path):
    front = FRONT.replace("# Page", "").replace("id: page", "id: page\nservices: [shop, tlil]")
    assert linted(tmp_path, "# Page\n## A\n", front=front) == [
        "4: there is no service 'tlil' (known: shop)"
    ]


def test_what_is_wrong_with_the_page_itself_comes_along(tmp_path):
    assert linted(tmp_path, "## A\n[x](#b)\n")[0].startswith("7?: the link #b leads to no heading")
    assert linted(tmp_path, "**Ask:**\n")[0].startswith("1: there is no step")


def test_what_is_not_known_is_not_looked_at(tmp_path):
    file = tmp_path / "page.md"
    file.write_text(FRONT + run("sh", "opskit nothing -e no", "on=@none"))
    assert [problem.what for problem in lint(parse.read(file))] == ["opskit is not there on hosts"]


def test_a_script_that_nothing_can_read_is_named_at_its_line(tmp_path: Path) -> None:
    (told,) = linted(tmp_path, run("sh", "true\nif then\nfi"))
    assert told.startswith("10: sh: ")
    assert linted(tmp_path, run("python", "x = 1\nprint 1 1", "local"))[0].startswith(
        "10: Python: "
    )
    assert linted(tmp_path, run("sh", "case $- in *) \"$(echo 'a')\" ;; esac", "on=@web")) == []


def test_a_page_that_cannot_be_run_is_compared_with_the_fleet_all_the_same(tmp_path: Path) -> None:
    body = run("sh", "true", "on=web09 timeout=30s") + run("task", "nothing-such", "on=@web").replace("## A", "## B") + "**Ask:** which?\n"  # fmt: skip
    told = linted(tmp_path, body, front=FRONT.replace("id: page", "id: page\nservices: [nosuch]"))
    for said in (
        "no service 'nosuch'",
        "web09",
        "no task 'nothing-such'",
        "what is the answer called?",
    ):
        assert any(said in each for each in told), (said, told)


def test_a_review_that_is_yet_to_come_is_told_of(tmp_path: Path) -> None:
    front = FRONT.replace("id: page", "id: page\nlast_reviewed_on: 2999-01-01")
    assert linted(tmp_path, run("sh", "true"), front=front) == [
        "4?: last_reviewed_on: 2999-01-01 is yet to come ()"
    ]
