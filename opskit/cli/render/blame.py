"""The answer of `opskit blame`, as people and programs read it: the first suspect whole, then the others, then what was cleared."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from opskit.cli.render import envelope, table, terminal, text
from opskit.cli.render.suspects import are_well, because, facts, title

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opskit.blame.model import Answer, Candidate, Cleared, Question, Suspect

EXPLAINED, UNEXPLAINED = 0, 1
SHOWN = 4
"""Suspects beside the first that get a line."""
EVEN = 0.5
LEAST = 0.005
"""The share below which a suspect gets none, unless all are asked for."""
SHOWN_CLEARED = 8
SYMPTOM = 160
"""Characters of the symptom's first two lines."""


def show(answer: Answer, *, everything: bool) -> int:
    """Print the answer; gives 0 if something in the changelog explains the trouble best, else 1."""
    for line in trouble(answer.question):
        _say(line)
    _say("")
    if not answer.explains:
        for line, bold in _nothing(answer):
            _say(line, bold=bold)
    first = 1 if answer.explains or everything else 0
    for number, suspect in enumerate(answer.suspects if everything else answer.suspects[:first]):
        _whole(answer, suspect, number)
    _others(answer, () if everything else answer.suspects[first:])
    _cleared(answer, everything=everything)
    _missing(answer.missing)
    if answer.since:
        _say(f"\nLooked at what came after {local(answer.since)}; --since looks further back.")
    return EXPLAINED if answer.explains else UNEXPLAINED


def trouble(question: Question) -> Iterator[str]:
    """Say what is known of the trouble: which services, since when, on which hosts, what it says."""
    what = ", ".join(question.services) or "something"
    when = f"since {local(question.at)}" if question.is_onset else f"now, {local(question.at)}"
    if any(
        (question.services, question.ill, question.is_onset, question.onsets, question.symptom)
    ):
        yield f"{what} in {question.environment} is ill {when}"
    else:
        yield f"what is ill in {question.environment}, nobody says: what was changed until {when}"
    fine = text.folded(question.well)
    well = f"; {fine} {are_well(question, question.well)}" if question.well else ""
    if question.ill:
        yield f"  ill       {text.folded(question.ill)}{well}"
    elif question.well:
        by = f": {question.well_from}" if question.well_from else ""
        yield f"  well      {fine}{by}; which hosts are ill, nobody says"
    if question.onsets:
        since = sorted(question.onsets.items(), key=lambda each: each[1])
        said = ", ".join(f"{host} {clock(at)}" for host, at in since[:SHOWN_CLEARED])
        more = f" and {len(since) - SHOWN_CLEARED} more" if len(since) > SHOWN_CLEARED else ""
        yield f"  since     {said}{more} ({question.onset_from})"
    for line in question.below:
        yield f"  below     {line}"
    if question.symptom:
        lines = [line.strip() for line in question.symptom.splitlines() if line.strip()]
        yield f"  symptom   {text.cut(': '.join(lines[:2]), SYMPTOM)}"


def clock(at: datetime) -> str:
    """Give a time of today without its date."""
    here = at.astimezone()
    is_today = here.date() == datetime.now().astimezone().date()
    return f"{here:%H:%M:%S}" if is_today else local(at)


def local(at: datetime) -> str:
    """Give a time in the zone of this machine."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def _whole(answer: Answer, suspect: Suspect, number: int) -> None:
    """Print all of a suspect."""
    candidate = suspect.candidate
    name = "First suspect" if number == 0 else f"Suspect {number + 1}"
    _say(
        f"{name}, {percent(suspect.share)}: {title(candidate)}",
        colour="red" if number == 0 else "",
        bold=True,
    )
    for word, said in facts(suspect, answer):
        _say(f"  {word:<9} {said}")
    for line in because(suspect.terms):
        _say(f"  {line}")
    _undo(suspect)
    _say("")


def _undo(suspect: Suspect) -> None:
    """Print the command that undoes it, on a line of its own, so that it can be pasted; or why there is none."""
    from opskit.cli.render.suspects import no_undo

    undo = suspect.candidate.undo
    if undo:
        _say("  undo it:")
        text.say(terminal.visible(undo, one_line=True), bold=True, colour="cyan")
    else:
        _say(f"  undo      none: {no_undo(suspect.candidate)}")


def _nothing(answer: Answer) -> Iterator[tuple[str, bool]]:
    """Say that nothing in the changelog explains it, or nothing more than something else, why, and what to look at next."""
    none = percent(answer.outside)
    if answer.outside < EVEN and answer.suspects:
        best = percent(answer.suspects[0].share)
        said = f"No one change stands out: {best} for the likeliest, {none} that it was none."
    else:
        said = f"Nothing in the changelog explains this ({none})."
    yield said, True
    for line in because(answer.outside_terms):
        yield f"  {line}", False
    where = f" {answer.question.services[0]}" if answer.question.services else ""
    yield "  Look next:", False
    yield (
        f"    what hosts really run, and changes by hand      opskit status{where} --check-files",
        False,
    )
    yield (
        "    step by step, by a page that opskit brings      opskit runbook run who-broke-it",
        False,
    )
    yield (
        "    what it depends on outside of this fleet: providers, certificates, disks, load",
        False,
    )
    yield "", False


def _others(answer: Answer, suspects: Sequence[Suspect]) -> None:
    """Print a line for each of the others, and for the belief that it was none of them."""
    likely = [suspect for suspect in suspects if suspect.share >= LEAST][:SHOWN]
    if not (likely or answer.explains):
        likely = [*suspects[:SHOWN]]
    rows = [_row(suspect) for suspect in likely]
    if answer.explains:
        rows.append((percent(answer.outside), "", "nothing in the changelog", "", ""))
    if not rows:
        return
    _say("Other suspects" if answer.explains else "Likeliest of what there is", bold=True)
    table.listed(rows)
    if left := len(suspects) - len(likely):
        _say(f"  and {left} more that are hardly likely: --all")


def _row(suspect: Suspect) -> tuple[str, ...]:
    candidate = suspect.candidate
    best = max(suspect.terms, key=lambda term: term.bits, default=None)
    why = best.because if best else ""
    return (
        percent(suspect.share),
        candidate.id,
        title(candidate, with_id=False),
        candidate.actor,
        why,
    )


def _cleared(answer: Answer, *, everything: bool) -> None:
    """Print what was cleared, and by what: first what came shortly before the trouble, last what came after it."""
    at = answer.question.at
    order = sorted(
        answer.cleared, key=lambda each: (each.candidate.at > at, abs(each.candidate.at - at))
    )
    shown = order if everything else order[:SHOWN_CLEARED]
    if not shown:
        return
    _say("\nCleared", bold=True)
    table.listed([_cleared_row(each) for each in shown])
    if left := len(order) - len(shown):
        _say(f"  and {left} more: --all")


def _missing(missing: Sequence[str]) -> None:
    """Print what was not known."""
    if missing:
        _say("\nNot known, and so not weighed", bold=True)
    for line in missing:
        _say(f"  {line}", colour="yellow")


def _cleared_row(each: Cleared) -> tuple[str, ...]:
    candidate = each.candidate
    return (candidate.id, title(candidate, with_id=False), each.because, f"({each.source})")


def percent(share: float) -> str:
    """Give a belief as people say it, never quite certain."""
    whole = round(share * 100)
    return f"{min(max(whole, 0), 99)} %" if 0 < whole < 100 else (">99 %" if whole else "<1 %")


def _say(line: str, *, colour: str = "", bold: bool = False) -> None:
    first = "\n" if line.startswith("\n") else ""
    said = terminal.visible(line.removeprefix("\n"), one_line=True)
    text.say(f"{first}{said}", colour=colour, bold=bold, wrap=True)


def as_json(answer: Answer) -> int:
    """Print the answer as JSON; gives the exit code as `show` does."""
    question = asdict(answer.question)
    data = {
        "question": question,
        "explains": answer.explains,
        "suspects": [_data(suspect) for suspect in answer.suspects],
        "outside": {"share": round(answer.outside, 6), "terms": list(answer.outside_terms)},
        "cleared": [
            {**_candidate(each.candidate), "because": each.because, "source": each.source}
            for each in answer.cleared
        ],
        "missing": list(answer.missing),
        "since": answer.since,
    }
    return envelope.show("blame", data, exit_code=EXPLAINED if answer.explains else UNEXPLAINED)


def _data(suspect: Suspect) -> dict[str, object]:
    return {
        **_candidate(suspect.candidate),
        "share": round(suspect.share, 6),
        "bits": round(suspect.bits, 3),
        "terms": list(suspect.terms),
        "ill": list(suspect.ill),
        "well": list(suspect.well),
        "matches": list(suspect.matches),
        "undo": suspect.candidate.undo or None,
    }


def _candidate(candidate: Candidate) -> dict[str, object]:
    names = ("id", "kind", "at", "service", "environment", "actor", "why", "outcome", "reason", "flips", "retreats", "before", "after", "distance", "overrides", "events", "sources", "left", "during", "incident")  # fmt: skip
    return {name: getattr(candidate, name) for name in names}
