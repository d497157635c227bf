"""Runbooks as people and programs read them: a list, one page, what is wrong with them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.cli.render import drawing, envelope, table, terminal, text
from opskit.cli.render.text import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opskit.cli.runbook.reading import Listed
    from opskit.runbook.freshness import Freshness
    from opskit.runbook.model import Parameter, Problem, Runbook

HEADER = ("ID", "STATE", "LAST DONE", "REVIEWED", "SERVICES", "OWNER", "ALERTS", "TITLE")
FEW = ((100, 8), (70, 6), (50, 4), (0, 3))
"""How many columns there are on a terminal that is at least so wide."""


def show_list(found: Sequence[Listed], *, as_json: bool) -> int:
    """Show runbooks, and which of them are too old."""
    if as_json:
        return envelope.show("runbook list", {"runbooks": [*map(_data, found)]})
    if not found:
        text.mention("there is no such runbook; to write one: opskit runbook new ID")
        return 0
    now = datetime.now(UTC)
    columns = _columns()
    if left := HEADER[columns:]:
        text.mention(f"no room for {', '.join(left)}: make the window wider")
    table.show(HEADER[:columns], [_row(each, now)[:columns] for each in found])
    for each in found:
        if each.book is None:
            text.mention(f"{short(each.file)} cannot be run: opskit runbook lint {short(each.file)}", colour="yellow")  # fmt: skip
        for said in each.freshness.expired if each.freshness and each.book else ():
            text.mention(f"{each.book.id if each.book else ''}: {said}", colour="yellow")
    return 0


def show_page(one: Listed, source: str, *, as_json: bool) -> int:
    """Show a runbook, whose text is `source`; one that cannot be run is shown as it stands, and said to be so."""
    from opskit.runbook.showing import shown

    if as_json:
        return envelope.show("runbook show", {**_data(one), "text": source})
    for problem in one.problems:
        text.mention(line_of(problem), colour="red" if problem.fatal else "yellow")
    if one.book is None:
        _print(source)
        return 0
    for name, value in _facts(one.book, one.freshness, datetime.now(UTC)):
        text.say(f"{name:<11}{terminal.visible(value, one_line=True)}", wrap=True)
    for parameter in one.book.parameters:
        text.say(
            f"{'asks for':<11}{terminal.visible(_parameter(parameter), one_line=True)}", wrap=True
        )
    text.say()
    _print(shown(source, one.book))
    return 0


def show_problems(found: Sequence[Problem], pages: int, *, command: str, as_json: bool) -> int:
    """Show what is wrong with so many pages, a line each; gives 1 if any of it is more than a warning, else 0."""
    found = sorted(found, key=lambda problem: (str(problem.file), problem.line))
    fatal = [problem for problem in found if problem.fatal]
    code = 1 if fatal else 0
    if as_json:
        data = {"pages": pages, "problems": [_problem(problem) for problem in found]}
        return envelope.show(command, data, exit_code=code)
    for problem in found:
        text.say(line_of(problem), colour="red" if problem.fatal else "yellow")
        if problem.hint:
            text.say(f"    {problem.hint}", wrap=True)
    said = (
        f"{text.plural(len(fatal), 'problem')}, {text.plural(len(found) - len(fatal), 'warning')}"
    )
    text.mention(f"{text.plural(pages, 'runbook')}: {said if found else 'all is well'}")
    return code


def line_of(problem: Problem) -> str:
    """Give a problem as editors and CI read it: `file:line: what`."""
    kind = "" if problem.fatal else "warning: "
    return terminal.visible(
        f"{short(problem.file)}:{problem.line}: {kind}{problem.what}", one_line=True
    )


def short(file: Path) -> str:
    """Give a file as it is named from here, if it is below; else whole."""
    try:
        return str(file.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(file)


def freshness_lines(fresh: Freshness, now: datetime) -> Iterator[tuple[str, str]]:
    """Give how old a runbook is, each with what it is called."""
    yield (
        "last done",
        _proof(fresh, now) + (", and the page has changed since" if fresh.changed else ""),
    )
    yield "reviewed", str(fresh.reviewed or "never")
    yield "written", f"{fresh.written.last.astimezone():%Y-%m-%d}"
    for said in fresh.expired:
        yield "too old", said


def _print(markdown: str) -> None:
    """Print Markdown: drawn on a terminal, as it stands in a pipe."""
    if terminal.is_terminal():
        drawing.draw(markdown)
    else:
        text.say(terminal.visible(markdown).rstrip("\n"))


def _row(each: Listed, now: datetime) -> list[str | Status]:
    book, fresh = each.book, each.freshness
    if book is None:
        return [each.file.stem, Status("broken"), *[""] * 6]
    reviewed = str(book.last_reviewed_on) if book.last_reviewed_on else "never"
    done = _when(fresh, now) if fresh else "?"
    state = Status(_state(each))
    about = (", ".join(book.services), book.owner, ", ".join(book.alerts))
    return [book.id, state, done, reviewed, *about, book.title]


def _state(each: Listed) -> str:
    """Give whether a page is broken, expired, new (nobody has followed it yet) or fresh."""
    if each.book is None:
        return "broken"
    if each.is_stale:
        return "expired"
    return "fresh" if each.freshness and each.freshness.proof else "new"


def _columns() -> int:
    """Give how many columns there is room for; in a pipe, all."""
    if not terminal.is_terminal():
        return len(HEADER)
    return next(many for width, many in FEW if terminal.screen_width() >= width)


def _when(fresh: Freshness, now: datetime) -> str:
    from opskit.runbook.freshness import in_words

    proof = fresh.proof
    return f"{in_words(proof)} {text.ago(proof.at, now)}" if proof else "never"


def _proof(fresh: Freshness, now: datetime) -> str:
    from opskit.runbook.freshness import in_words

    proof = fresh.proof
    return f"{in_words(proof)} {proof.id}, {text.ago(proof.at, now)}" if proof else "never"


def _facts(book: Runbook, fresh: Freshness | None, now: datetime) -> Iterator[tuple[str, str]]:
    yield "runbook", f"{book.id} ({short(book.file)})"
    names = {
        "owner": book.owner,
        "services": ", ".join(book.services),
        "alerts": ", ".join(book.alerts),
    }
    yield from ((name, value) for name, value in names.items() if value)
    yield from freshness_lines(fresh, now) if fresh else ()


def _parameter(one: Parameter) -> str:
    default = f" (if left out: {one.default})" if one.default else ""
    secret = " (secret)" if one.secret else ""
    return f"{one.name}{f': {one.ask}' if one.ask else ''}{default}{secret}"


def _data(each: Listed) -> Mapping[str, object]:
    book, fresh = each.book, each.freshness
    data: dict[str, object] = {
        "id": book.id if book else None, "file": each.file, "title": book.title if book else "", "owner": book.owner if book else "",
        "services": list(each.services), "alerts": list(each.alerts), "steps": [s.id for s in book.steps] if book else [],
        "state": _state(each), "problems": [*map(_problem, each.problems)],
    }  # fmt: skip
    if fresh:
        proof = fresh.proof
        done = (
            {"run": proof.id, "at": proof.at, "actor": proof.actor, "mode": proof.mode}
            if proof
            else None
        )
        data |= {"last_done": done, "changed_since": fresh.changed, "good_for_days": fresh.days, "expired": list(fresh.expired)}  # fmt: skip
        data |= {
            "last_reviewed_on": str(fresh.reviewed or "") or None,
            "written": fresh.written.last,
        }
    return data


def _problem(problem: Problem) -> Mapping[str, object]:
    return {"file": problem.file, "line": problem.line, "what": problem.what, "hint": problem.hint, "fatal": problem.fatal}  # fmt: skip
