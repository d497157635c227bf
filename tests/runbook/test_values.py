"""What reaches commands: values that the page has names for, each given by somebody, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.config.secret import Redactor
from opskit.runbook.record import Record
from opskit.runbook.talk import Warned
from tests.runbook.scripted import GO, book_of
from tests.runbook.test_walk import LOOK, steps

if TYPE_CHECKING:
    from opskit.runbook.model import Runbook
    from tests.runbook.scripted import Stage

PARAMS = 'params: {server: {default: web01, pattern: "web[0-9]+"}, zone: {default: a}, token: {secret: true}}\n'


def begun_with(stage: Stage, book: Runbook, params: dict[str, str]) -> str:
    """Write what a run leaves that somebody's own program began with these values; gives its id."""
    with stage.changelog("eve") as changelog:
        record = Record(
            book, changelog, run=changelog.new_run_id(), environment="test", redactor=Redactor
        )
        how = {
            "mode": "run",
            "start": "",
            "secrets": [],
            "incident": "",
            "why": "please finish it",
        }
        record.start(params=params, **how)  # type: ignore[arg-type]
        record.finish("suspended", "left")
    return record.run


def test_of_the_values_that_events_tell_only_those_that_the_page_knows_and_that_fit_reach_commands(
    stage: Stage,
) -> None:
    seen = 'echo "${zone-unset} ${server-unset} ${BASH_ENV-unset} ${token-unset}"'
    book = book_of(steps(LOOK.format(seen)), PARAMS)
    forged = {"zone": "b", "server": "@*", "BASH_ENV": "$(touch pwned)", "token": "theirs"}
    end, talk = stage.resume(book, begun_with(stage, book, forged), GO)
    assert (end.outcome, talk.heard["local"]) == ("done", b"b unset unset unset\n")
    assert talk.facts(Warned)[0].what.endswith("left out: BASH_ENV, server, token")
