"""How good blame's answers were: asked again from the changelog, for each trouble whose culprit a verdict names."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from opskit.cli import blaming, wiring
from opskit.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.blame.gather import Place
    from opskit.blame.grade import Case, Grade
    from opskit.blame.model import Candidate
    from opskit.changelog import Changelog
    from opskit.config.model import Config


def show(config: Config, changelog: Changelog, environment: str | None, *, as_json: bool) -> int:
    """Show how often answers were right, in one environment or in all of them; gives the exit code. Raises ChangelogError."""
    from opskit.cli.render import envelope, grades

    found = _graded(config, changelog, environment)
    if as_json:
        return envelope.show("blame", {"grade": grades.as_data(found)})
    grades.show(found)
    return 0


def _graded(config: Config, changelog: Changelog, environment: str | None) -> Grade:
    from opskit.blame.answering import answer
    from opskit.blame.grade import cases, grade
    from opskit.blame.recalling import recalled
    from opskit.changelog import Filter

    where = config.environment(environment).name if environment else ""
    given = changelog.verdicts(Filter(environment=where))
    found = cases(changelog.judged(given, config.changelog))
    places = functools.cache(functools.partial(_place, config))

    def recall(case: Case) -> Sequence[Candidate]:
        return recalled(case, places(case.question.environment), changelog)

    return grade(found, recall, functools.partial(answer, cache=blaming.kept_commits()))


def _place(config: Config, environment: str) -> Place:
    """Give what opskit.toml says of an environment; of one that is gone, nothing."""
    from opskit.blame.gather import Place

    try:
        return blaming.place(config, wiring.open_inventory(config, environment))
    except UnknownNameError:
        return Place(environment, {}, {})
