"""One suspect in words: what it was, whom to ask, what speaks for it, and what undoes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.blame.undo import NOTHING, RESUMED, also_undone, is_same
from opskit.cli.render import text
from opskit.cli.render.releases import from_to, named

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from opskit.blame.model import Answer, Candidate, CommitMatch, Question, Suspect, Term
    from opskit.changelog import Release

MOST_COMMITS = 3
MOST_WORDS = 6
MOST_REASON = 200
SHORT = 60
"""Characters of a note or a command, in a title."""
AT_ONCE = ("task", "exec")


def title(candidate: Candidate, *, with_id: bool = True) -> str:
    """Give what it was, in a few words: `deploy 7k3q2m9x4d of shop, v2 → v3`."""
    id = f" {candidate.id}" if with_id else ""
    if candidate.kind == "drift":
        return f"a change of {candidate.service} that no rollout of the changelog explains{':' * with_id}{id}"
    if candidate.kind == "note":
        return f"note{id}: {_first(candidate.text)}"
    if candidate.kind == "runbook":
        return f"run{id} of a runbook: {_first(candidate.text)}"
    about = "" if candidate.kind in AT_ONCE else candidate.service
    about = about or _about(candidate)
    versions = _versions(candidate)
    return f"{candidate.kind}{id} of {about}".replace(" of  ", " ") + (
        f", {versions}" if versions else ""
    )


def facts(suspect: Suspect, answer: Answer) -> Iterator[tuple[str, str]]:
    """Give what is known of a suspect, each with the word that stands before it."""
    candidate = suspect.candidate
    asked = f"{candidate.actor}, who {_did(candidate)} {before(candidate, _onset(answer))}"
    commits = [commit(match) for match in suspect.matches[:MOST_COMMITS]]
    told = (
        ("ask", asked if candidate.actor else ""),
        ("why", candidate.why),
        ("hosts", _hosts(suspect, answer.question)),
        *(("" if number else "commit", said) for number, said in enumerate(commits)),
        ("outcome", ": ".join(filter(None, (candidate.outcome, candidate.reason)))[:MOST_REASON]),
        ("left", f"{candidate.left} ({', '.join(candidate.sources)})" if candidate.left else ""),
        *(("forced", f"it went over {override}") for override in candidate.overrides),
        (
            "in run",
            f"{candidate.during}: opskit log {candidate.during}" if candidate.during else "",
        ),
        *_of_undo(candidate, answer),
    )
    yield from ((word, said) for word, said in told if said)


def _of_undo(candidate: Candidate, answer: Answer) -> Iterator[tuple[str, str]]:
    """Give what is to be known before it is undone."""
    if over := [release.irreversible for release in candidate.after if release.irreversible]:
        said = f"its undo is refused until --past-irreversible says why: {'; '.join(over)}"
        yield "one way", said
    if later := also_undone(candidate, [each.candidate for each in answer.suspects]):
        yield "with it", f"its undo also takes back {', '.join(later)}, which came later"


def because(terms: Sequence[Term]) -> Iterator[str]:
    """Give each term with its weight in bits, its sentence and what that is from, and the sum of what is shown."""
    shown = [round(term.bits, 1) + 0.0 for term in terms]
    rows = [
        f"{bits:+5.1f}  {term.because} ({term.source})"
        for bits, term in zip(shown, terms, strict=True)
    ]
    for number, line in enumerate(rows):
        yield f"{'because' if number == 0 else '':<9} {line}"
    if len(rows) > 1:
        yield f"{'':<9} {sum(shown):+5.1f}  bits in all"


def commit(match: CommitMatch) -> str:
    """Give a commit that the symptom points to: what it is called, whose it is, and what both say, where."""
    said = ", ".join(match.words[:MOST_WORDS])
    where = ", ".join(match.where[:MOST_COMMITS])
    also = f": {said}" + (f" (in {where})" if where else "") if said else ""
    return f"{match.sha[:10]} {match.subject} ({match.author}){also}"


def before(candidate: Candidate, onset: datetime) -> str:
    """Say how long before the trouble it reached the last host that it had reached by then."""
    flips = [at for at in candidate.flips.values() if at <= onset]
    at = max(flips, default=candidate.at)
    seconds = (onset - at).total_seconds()
    return (
        f"{text.duration(seconds)} before" if seconds >= 0 else f"{text.duration(-seconds)} after"
    )


def no_undo(candidate: Candidate) -> str:
    """Say why no command undoes it."""
    if candidate.kind in NOTHING:
        return NOTHING[candidate.kind]
    if candidate.flips and set(candidate.flips) <= set(candidate.retreats):
        return "no host runs it any more"
    if (
        candidate.kind in RESUMED
        and candidate.before
        and is_same(candidate.before, candidate.after)
    ):
        return "it brought the revision that ran there already"
    if candidate.kind == "drift":
        return f"see what differs: opskit status {candidate.service} --check-files"
    if candidate.kind == "runbook":
        return "nothing that it did is to be taken back, says its page"
    return "before it, there was nothing to go back to, or what there was is gone from hosts and source"


def _onset(answer: Answer) -> datetime:
    return min((answer.question.at, *answer.question.onsets.values()))


def _hosts(suspect: Suspect, question: Question) -> str:
    """Say which of its hosts show the symptom and which do not; of those that had gone back from it by then, only that."""
    candidate = suspect.candidate
    if candidate.distance > 0:
        return f"{text.folded(list(candidate.flips))}, which what is ill needs" * bool(
            candidate.flips
        )
    back = [*candidate.gone(question.at)]
    ill, well = ([h for h in hosts if h not in back] for hosts in (suspect.ill, suspect.well))
    counted = {*suspect.ill, *suspect.well, *back}
    rest = [host for host in candidate.flips if host not in counted]
    said = (
        (ill, "show it" if len(ill) > 1 else "shows it"),
        (well, f"{'have' if len(well) > 1 else 'has'} it too, and {are_well(question, well)}"),
        (rest, _unseen(rest) if suspect.ill or suspect.well else ""),
        (back, "went back from it"),
    )
    return "; ".join(f"{text.folded(hosts)} {words}".strip() for hosts, words in said if hosts)


def are_well(question: Question, hosts: Sequence[str]) -> str:
    """Say that hosts are well, and by what: a health check sees less than customers do."""
    said = "is well" if len(hosts) == 1 else "are well"
    return f"{said}: {question.well_from}" if question.well_from else said


def _unseen(hosts: Sequence[str]) -> str:
    return f"{'have' if len(hosts) > 1 else 'has'} it, and nobody looked"


def _did(candidate: Candidate) -> str:
    """Say what whoever is to be asked did."""
    words = {
        "note": "wrote it",
        "thaw": "ended the freeze",
        "exec": "ran it",
        "task": "ran it",
        "runbook": "followed it",
        "deploy": "rolled it out",
        "rollback": "rolled it back",
    }
    return words.get(candidate.kind, "did it")


def _versions(candidate: Candidate) -> str:
    """Give what a deploy or a rollback brought, and what it took the place of: each commit once, by its label where any host has it so."""
    if candidate.kind not in ("deploy", "rollback"):
        return ""
    before, after = candidate.before, candidate.after
    releases = (*before, *after)
    labels = {each.revision: each.label for each in releases if not _is_bare(each)}
    called = {each: labels.get(each.revision) or named(each) for each in releases}
    if len({*called.values()}) < len({each.revision or each.release for each in releases}):
        called = {each: each.title for each in releases}  # labels as those of folders tell nothing
    old, new = (list(dict.fromkeys(called[each] for each in them)) for them in (before, after))
    return f"{', '.join(new)} again" if old == new and new else from_to(old, ", ".join(new))


def _is_bare(release: Release) -> bool:
    """Tell whether a release is called by its commit, or by nothing."""
    return not release.label or not release.revision or release.revision.startswith(release.label)


def _about(candidate: Candidate) -> str:
    hosts = text.folded(list(candidate.flips))
    said = _first(candidate.text) if candidate.kind in AT_ONCE else ""
    return f"{hosts}: {said}" if said else hosts or candidate.environment or "all environments"


def _first(said: str) -> str:
    line = next((line for line in said.splitlines() if line.strip()), "")
    return text.cut(line.strip(), SHORT)
