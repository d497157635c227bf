"""What a command printed names hosts, and no more of them than that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.runbook.scripted import book_of
from tests.runbook.test_walk import steps

if TYPE_CHECKING:
    from tests.runbook.scripted import Stage

PRINTS = "<!-- opskit: mutates=no capture=slow -->\n```sh\necho '{}'\n```\n"
RESTART = '<!-- opskit: on="{{ slow }}" -->\n```sh\ntouch restarted\n```\n'


@pytest.mark.parametrize(
    ("said", "named"),
    [("web01", ["web01"]), ("web01, web02", ["web01", "web02"]), ("@web", None), ("*", None), ("@web!web01", None)],
)  # fmt: skip
def test_what_a_host_prints_names_no_group(
    fleet_stage: Stage, said: str, named: list[str] | None
) -> None:
    page = steps(PRINTS.format(said), RESTART)
    end, _ = fleet_stage.run(book_of(page), mode="auto")
    began = [e.body for e in fleet_stage.events() if e.body.get("what") == "began"]
    if named is None:
        assert (end.outcome, len(began)) == ("failed", 1)
        assert "was captured, and names no hosts alone" in end.reason
    else:
        assert (end.outcome, began[1]["hosts"]) == ("done", named)


def test_a_pattern_of_the_page_can_allow_it(fleet_stage: Stage) -> None:
    more = 'params: {slow: {pattern: "@web", default: "@web"}}\n'
    end, _ = fleet_stage.run(book_of(steps(PRINTS.format("@web"), RESTART), more), mode="auto")
    assert end.outcome == "done"


def test_nor_does_it_in_a_command_of_opskit(stage: Stage) -> None:
    fence = "<!-- opskit: -->\n```opskit\nopskit restart shop -H $slow --yes\n```\n"
    end, _ = stage.run(book_of(steps(PRINTS.format("@web"), fence)), mode="auto")
    assert "was captured, and names no hosts alone" in end.reason
