"""Terms in sentences, each with what it is from."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from opskit.blame.model import Term
from opskit.blame.terms.lag import middle
from opskit.blame.terms.prior import brings_nothing
from opskit.blame.terms.weighing import TERMS
from opskit.blame.terms.weights import OUTCOME

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from opskit.blame.model import Candidate, TextEvidence
    from opskit.blame.terms.asked import Asked
    from opskit.blame.terms.passed import Pass
    from opskit.blame.terms.trace import Trace
    from opskit.blame.terms.weighing import Weighed

SMALLEST = 0.005
"""Terms below that (bits) say nothing, and are not shown."""


def terms(
    asked: Asked,
    candidate: Candidate,
    trace: Trace,
    weighed: Weighed,
    text: TextEvidence | None,
    *,
    last: Mapping[str, Pass],
) -> Iterator[Term]:
    """Say every term of a candidate that weighs anything; their bits add up to what it weighs, but for what was left out as nothing."""
    said = event(candidate)
    hosts = both(said, hosts_from(asked))
    yield Term(
        "time",
        weighed.time,
        _time(asked, candidate, trace, weighed),
        both(said, onset_from(asked)),
    )
    if asked.ill:
        yield Term("hosts", weighed.hosts, _ill(asked, candidate, trace, weighed), hosts)
    if asked.counted and asked.well:
        by = asked.question.well_from or hosts_from(asked)
        yield Term("well", weighed.well, _well(asked, trace, weighed), both(said, by))
    if len(asked.onsets) > 1:
        yield Term("lag", weighed.lag, _lag(weighed), both(said, onset_from(asked)))
    if text is not None:
        yield Term("text", weighed.text, _text(text), _text_from(candidate, text))
    for name, bits, because in _known(asked, candidate, weighed):
        if abs(bits) > SMALLEST:
            yield Term(name, bits, because, said)
    if weighed.passed:
        host, seen = max(last.items(), key=lambda one: one[1].at)
        because = f"the health check passed on {host} after it, in {seen.by}"
        yield Term("passed", weighed.passed, because, f"event {seen.event[:10]}")


def faint(candidate: Candidate, weighed: Weighed) -> Term:
    """Say all terms of a candidate that hardly anything speaks for in one, with their bits."""
    named = zip(weighed._fields, weighed[:TERMS], strict=False)
    parts = [f"{name} {bits:+.1f}" for name, bits in named if abs(bits) > SMALLEST]
    because = f"less than one in ten thousand: {', '.join(parts) or 'nothing speaks for it'}"
    return Term("all", weighed.bits, because, event(candidate))


def _known(
    asked: Asked, candidate: Candidate, weighed: Weighed
) -> Iterator[tuple[str, float, str]]:
    past = f"{some(candidate.overrides)} did not count" if candidate.overrides else ""
    ended = f"it came out {candidate.outcome}" if candidate.outcome in OUTCOME else ""
    kind = f"of a kind that is less often to blame than a deploy: {candidate.kind}"
    same = "it brought the revision that ran there already, and so is as a restart"
    yield "kind", weighed.kind, same if brings_nothing(candidate) else kind
    yield "outcome", weighed.outcome, ", ".join(filter(None, (ended, past)))
    yield "distance", weighed.distance, _distance(asked, candidate)
    yield (
        "gone",
        weighed.gone,
        "its hosts went back from it before the trouble was seen; what it did may have stayed",
    )
    yield (
        "reaction",
        weighed.reaction,
        f"so shortly before, it may be an answer to the trouble: {candidate.kind}",
    )


def _time(asked: Asked, candidate: Candidate, trace: Trace, weighed: Weighed) -> str:
    what = "before the onset" if asked.dated else "before it was seen"
    if weighed.lags:
        lag = middle(weighed.lags)
        return f"live {_apart(lag, what)} on {count(len(weighed.lags), 'host')}"
    if not trace.flips:
        return f"written down {_apart(asked.first - candidate.at.timestamp(), what)}"
    harmed = [at for h, at in trace.flips.items() if h in asked.ill]
    ages = [asked.first - at for at in harmed or trace.flips.values()]
    last = min((age for age in ages if age >= 0), default=max(ages))
    whose = "an ill host" if harmed else "a host"
    if candidate.away and last > 0:
        return f"{whose} ran it for {span(last)} in all {what}"
    return f"last change of {whose} {_apart(last, what)}"


def _apart(seconds: float, what: str) -> str:
    """Give a time before something, or after it."""
    return (
        f"{span(seconds)} {what}"
        if seconds >= 0
        else f"{span(seconds)} {what.replace('before', 'after', 1)}"
    )


def _ill(asked: Asked, candidate: Candidate, trace: Trace, weighed: Weighed) -> str:
    without = sorted(asked.ill - trace.flips.keys())
    if not weighed.counts.ill and (candidate.distance > 0 or not trace.flips):
        one = len(asked.ill) == 1
        needed = f", which need{'s' * one} it" if candidate.distance > 0 else ""
        where = "not on the ill host" if one else f"on none of {len(asked.ill)} ill hosts"
        return f"it was {where}{needed}"
    have = f"{weighed.counts.ill} of {count(len(asked.ill), 'ill host')} had it{_unnamed(asked, trace, weighed)}"
    return f"{have}; {some(without)} had it not" if without else have


def _unnamed(asked: Asked, trace: Trace, weighed: Weighed) -> str:
    """Say how many had it that nobody named, where that is all that is known of them."""
    if asked.counted or not asked.fleet:
        return ""
    others = sum(host in asked.fleet for host in trace.flips) - weighed.counts.ill
    return f", and {count(others, 'host')} that nobody named" if others else ", and no other"


def _well(asked: Asked, trace: Trace, weighed: Weighed) -> str:
    counts = weighed.counts
    parts = ["none that had it is well"]
    if counts.well:
        fine = some(sorted(asked.well & trace.flips.keys()))
        verb = "is" if counts.well == 1 else "are"
        parts = [f"{count(counts.well, 'host')} had it and {verb} well ({fine})"]
    if counts.well_without:
        parts.append(f"{counts.well_without} well without it")
    if counts.early:
        parts.append(f"{counts.early} had it too late to tell")
    return ", ".join(parts)


def _lag(weighed: Weighed) -> str:
    if len(weighed.lags) < 2:
        return "the symptom does not follow it from host to host"
    centre = middle(weighed.lags)
    apart = middle([abs(value - centre) for value in weighed.lags])
    scatter = f"give or take {span(apart)}" if round(apart) else "on each alike"
    return f"on {len(weighed.lags)} hosts the symptom came {span(centre)} {'before' if centre < 0 else 'after'} it, {scatter}"


def _text(text: TextEvidence) -> str:
    words = text.matches[0].words if text.matches else text.words
    if not words:
        return "what it says and the symptom share no rare word"
    said = some([repr(word) for word in words])
    if not text.matches:
        return f"what it says of itself and the symptom both say {said}"
    who = f"{text.matches[0].sha[:8]} {text.matches[0].subject[:60]!r}"
    if text.bits < 0:
        return f"of the symptom, {who} says only {said}"
    return f"{who} and the symptom both say {said}"


def _text_from(candidate: Candidate, text: TextEvidence) -> str:
    return f"commit {text.matches[0].sha[:10]}" if text.matches else event(candidate)


def _distance(asked: Asked, candidate: Candidate) -> str:
    if candidate.distance < 0:
        return f"{candidate.service or 'it'} only shares hosts with what is ill"
    if candidate.service in asked.question.needing:
        return f"{some(asked.question.needed)}, which {candidate.service} needs, is ill itself"
    steps = count(candidate.distance, "step")
    return f"{candidate.service or 'it'} is needed by what is ill, {steps} below"


def event(candidate: Candidate) -> str:
    """Name the event that says what a candidate was, or what on hosts does."""
    if candidate.events:
        return f"event {candidate.events[0][:10]}"
    return candidate.sources[0] if candidate.sources else candidate.id


def onset_from(asked: Asked) -> str:
    """Name what says when the trouble began."""
    if asked.onsets:
        return asked.question.onset_from or "--onset"
    return "--at" if asked.dated else "now"


def hosts_from(asked: Asked) -> str:
    """Name what says which hosts are ill."""
    return "hosts looked at" if asked.counted else "hosts named"


def both(first: str, second: str) -> str:
    """Name two sources."""
    return f"{first}, {second}"


def some(names: Collection[str]) -> str:
    """Give the first few of many names."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(islice(names, 3)) + more


def count(number: int, noun: str) -> str:
    """Give a number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def span(seconds: float) -> str:
    """Give a length of time in its two largest units: 20 s, 4 min, 3 h 10 min, 2 d 4 h."""
    whole = round(abs(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, left = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {left} min" if left else f"{hours} h"
    days, rest = divmod(hours, 24)
    return f"{days} d {rest} h" if rest else f"{days} d"
