"""The standing of events: who vouches for them, and which count for nobody.

An event is *attested* if its writer was enrolled before it, the enrolment had not ended, and the key that signed the
enrolment might sign then, as the file of allowed signers says. The time of an event is the upstream's, when it was
received; its own only until then. It is *revoked* if somebody revoked its writer from an earlier event on, or if the only
SSH key that vouches for it had vouched for a revoked writer, and was told to vouch for nobody new; *forked*
if its writer has two chains from there on, and *unattested* in every other case, with the reason.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from opskit.changelog.attestation import read_enrolment
from opskit.changelog.signers import in_words
from opskit.changelog.sshkeys import fingerprint
from opskit.errors import AttestationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opskit.changelog.attestation import Enrolment
    from opskit.changelog.evidence import Enrolled, Evidence, Place, Revoked
    from opskit.changelog.verdicts import Verdicts

ATTESTED, UNATTESTED, REVOKED, FORKED = "attested", "unattested", "revoked", "forked"


@dataclass(frozen=True, slots=True)
class Standing:
    """`state` is attested, unattested, revoked or forked; `principal` who vouches for the event, "" if nobody does.

    `reason` says in words why it is not attested.
    """

    state: str
    principal: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Voucher:
    """What was found for a place: who vouches, by which enrolment; or why nobody does.

    `bar` is the revocation by which the key of the enrolment vouches for nobody new: `principal` then is only who has that key.
    """

    principal: str = ""
    enrolment: Enrolment | None = None
    reason: str = ""
    bar: Revoked | None = None

    @property
    def stands(self) -> bool:
        """Whether somebody vouches."""
        return bool(self.principal) and self.bar is None


@dataclass(slots=True)
class Limits:
    """Revocations that count, in their order, by the writer that each is about; only those that go further than all before.

    `last_words` are the last ones that say what the SSH keys of a writer are good for; that they are in good hands, no writer says of itself:
    a thief could have written it beforehand.
    """

    revocations: dict[str, list[Revoked]] = field(default_factory=dict)
    last_words: dict[str, Revoked] = field(default_factory=dict)

    def add(self, revocation: Revoked) -> None:
        """Add the next one."""
        is_own = revocation.by.writer == revocation.writer
        if revocation.keys or (revocation.keys is not None and not is_own):
            self.last_words[revocation.writer] = revocation
        before = self.revocations.setdefault(revocation.writer, [])
        if not before or revocation.last_seq < before[-1].last_seq:
            before.append(revocation)

    def on(self, place: Place) -> Revoked | None:
        """Give the first that revokes what stands at a place, None if none does."""
        about = self.revocations.get(place.writer, [])
        first = bisect.bisect_right(about, -place.seq, key=lambda each: -each.last_seq)
        return about[first] if first < len(about) else None

    def bar(self, key: str, writer: str) -> Revoked | None:
        """Give the first that keeps an SSH key (as `Enrolled.key`) from vouching for a writer, None if none does."""
        for each in self.last_words.values():
            if key in (each.keys or ()) and writer != each.writer and writer not in each.kept:
                return each
        return None


class Judge:
    """Judges events by the evidence; `verdicts` is None where no file of allowed signers is configured."""

    def __init__(self, evidence: Evidence, verdicts: Verdicts | None, trouble: str = "") -> None:
        self._evidence = evidence
        self._verdicts = verdicts
        self._trouble = trouble or "no allowed_signers are configured"
        self._vouchers: dict[Place, Voucher] = {}
        self._honoured: Limits | None = None

    def standings(self) -> dict[str, Standing]:
        """Give the standing of each event that was asked for, by its hash."""
        return {event: self.standing(place) for event, place in self._evidence.places.items()}

    def standing(self, place: Place) -> Standing:
        """Give the standing of the event at a place."""
        voucher = self.voucher(place)
        if revoked := self.revoked(place):
            return Standing(
                REVOKED, voucher.principal, f"its writer was revoked{self._words(revoked)}"
            )
        if self._is_forked(place):
            reason = "its writer has two chains: a copied or restored changelog went on twice"
            return Standing(FORKED, voucher.principal, reason)
        if voucher.enrolment and voucher.bar:
            return Standing(
                REVOKED,
                voucher.principal,
                f"its {self.barred(voucher.enrolment.key, voucher.bar)}",
            )
        if voucher.principal:
            return Standing(ATTESTED, voucher.principal)
        return Standing(UNATTESTED, "", voucher.reason)

    def voucher(self, place: Place) -> Voucher:
        """Give who vouches for an event at a place; forks and revocations of its writer are not looked at."""
        if place not in self._vouchers:
            self._vouchers[place] = self._find_voucher(place, self._limits())
        return self._vouchers[place]

    def revoked(self, place: Place) -> Revoked | None:
        """Give what revokes what stands at a place, None if nothing does."""
        return self._limits().on(place)

    def bar(self, key: str, writer: str) -> Revoked | None:
        """Give what keeps an SSH key (as `Enrolled.key`) from vouching for a writer, None if nothing does."""
        return self._limits().bar(key, writer)

    def barred(self, key: str, bar: Revoked) -> str:
        """Say in words why a public key line vouches for nobody new."""
        since = f"since writer {bar.writer[:12]}, for which it had signed, was revoked"
        return f"SSH key {fingerprint(key)} vouches for nobody new {since}{self._words(bar)}"

    def _words(self, revoked: Revoked) -> str:
        who = self.voucher(revoked.by).principal
        return f"{f' by {who}' if who else ''}: {revoked.why}"

    def _find_voucher(self, place: Place, limits: Limits) -> Voucher:
        if self._verdicts is None:
            return Voucher(reason=self._trouble)
        reason = ""
        barred: Voucher | None = None
        for enrolled in self._evidence.enrolments.get(place.writer, ()):
            if enrolled.seq <= place.seq:
                found = self._by(self._verdicts, enrolled, place)
                bar = limits.bar(enrolled.key, place.writer)
                if found.principal and bar is None:
                    return found
                if found.principal:
                    barred = barred or replace(found, bar=bar)
                reason = reason or found.reason
        return barred or Voucher(reason=reason or "nobody had signed for its writer")

    @staticmethod
    def _by(verdicts: Verdicts, enrolled: Enrolled, place: Place) -> Voucher:
        """Give what one enrolment says of an event at a place."""
        try:
            enrolment = read_enrolment(place.writer, enrolled.body)
            if place.at > enrolment.statement.expires:
                when = (
                    f"it reached the upstream on {in_words(place.at)}, " if place.received else ""
                )
                ended = f"its writer's enrolment ended on {in_words(enrolment.statement.expires)}"
                return Voucher(reason=when + ended + _moved(place))
            verdict = verdicts.of(enrolment.said, enrolment.signature, place.at)
        except ValueError as error:
            return Voucher(reason=f"its writer's enrolment is no good: {error}")
        except AttestationError as error:
            return Voucher(reason=f"{error.what}; {error.hint}" if error.hint else error.what)
        if not verdict.principal:
            what = f"its writer's enrolment does not stand: {verdict.reason}"
            return Voucher(reason=what + _moved(place))
        return Voucher(verdict.principal, enrolment)

    def _is_forked(self, place: Place) -> bool:
        first = self._evidence.forks.get(place.writer)
        return first is not None and place.seq >= first

    def _limits(self) -> Limits:
        if self._honoured is None:
            self._honoured = self._find_honoured()
        return self._honoured

    def _find_honoured(self) -> Limits:
        """Give the revocations that count: attested ones (if that can be told) that no other one revokes, or takes the voucher of.

        They are taken in their order, so that of two writers that revoke each other the first one wins. One that falls
        to a later revocation is taken out, and with it all that followed from it.
        """
        waiting = [each for each in self._evidence.revocations if self._may_revoke(each)]
        while True:
            limits = Limits()
            honoured: list[Revoked] = []
            for each in waiting:
                if not limits.on(each.by) and not self._is_barred(each, limits):
                    limits.add(each)
                    honoured.append(each)
            falling = _falling(honoured) | {e for e in honoured if self._is_barred(e, limits)}
            if not falling:
                return limits
            waiting = [each for each in waiting if each not in falling]

    def _may_revoke(self, revocation: Revoked) -> bool:
        if self._is_forked(revocation.by):
            return False
        return self._verdicts is None or self._find_voucher(revocation.by, Limits()).stands

    def _is_barred(self, revocation: Revoked, limits: Limits) -> bool:
        """Tell whether who revokes is vouched for only by keys that vouch for nobody new."""
        if self._verdicts is None or not limits.last_words:
            return False
        return not self._find_voucher(revocation.by, limits).stands


def _moved(place: Place) -> str:
    """Say that the time of an event may be that of a new log, which got all events anew: what its writer says proves nothing."""
    if not place.written:
        return ""
    says = f"it says that it was written on {in_words(place.written)} for a log that was replaced"
    return f"; {says}, and only laptops that knew that log know when it came there"


def _falling(honoured: Iterable[Revoked]) -> set[Revoked]:
    """Give those that another one of them revokes."""
    last: dict[str, list[int]] = {}
    for each in honoured:
        last.setdefault(each.writer, []).append(each.last_seq)
    for numbers in last.values():
        numbers.sort()
    return {
        each
        for each in honoured
        if bisect.bisect_left(last.get(each.by.writer, []), each.by.seq)
        > (each.writer == each.by.writer and each.last_seq < each.by.seq)
    }
