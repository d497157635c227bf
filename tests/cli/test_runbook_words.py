"""What somebody at a terminal reads and types while a page is followed: letters, reasons, drills, what hosts say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.screen import Screen
from tests.cli.test_runbook_run import answer, write
from tests.support.light import Light

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.hosts import Hosts

PAGE = """---
opskit: 1
id: words
services: [shop]
params: {reason: {default: "it is slow"}, who: {ask: "Who called?"}}
---
# Words

**When to stop:** never.

## 1. Look

- [ ] What do you see? (evidence)

<!-- opskit: local -->
```sh
echo "because $reason"
```
"""


@pytest.fixture
def light(tmp_path: Path, hosts: Hosts) -> Light:
    made = Light.create(tmp_path / "project", hosts)
    write(made, "words", PAGE)
    return made


def test_a_letter_that_means_something_elsewhere_is_an_answer_only_if_typed_twice(
    light: Light,
) -> None:
    one = Screen(light.folder, "runbook", "run", "words", "-m", "customers called")
    one.wait_for("no host says that anything is not as the changelog has it")
    answer(one, "who: Who called?", "cleo")
    assert "When to stop: never." in one.drawing.text.split("who: Who called?")[0]
    answer(one, "What do you see?", "b")
    answer(one, "if b is the answer, type it once more; :b is back", "?")
    answer(one, "; :? is help", "it is green")
    answer(one, "changes something", "")
    one.wait_for("because customers called")
    assert one.end() == 0
    data = light.opskit("log", "--json").json["data"]["entries"][0]
    run = light.opskit("log", data["id"], "--json").json["data"]["run"]
    assert [act["value"] for act in run["acts"] if act["kind"] == "evidence"] == ["it is green"]
    assert {"name": "reason", "value": "customers called"} in run["params"]


def test_the_end_of_a_drill_says_that_it_was_one(light: Light) -> None:
    one = Screen(light.folder, "runbook", "run", "words", "--drill", "-p", "who=cleo")
    answer(one, "What do you see?", "a page")
    answer(one, "what do you expect to see?", "because")
    one.wait_for("Words: done (a drill: what would change something was not run)")
    assert one.end() == 0


def test_a_service_that_there_is_not_has_no_list(light: Light) -> None:
    done = light.opskit("runbook", "list", "--service", "shopp", expect=2)
    assert "there is no service 'shopp'" in done.stderr
    assert "did you mean 'shop'?" in done.stderr
