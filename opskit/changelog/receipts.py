"""The chain of an upstream's receipts, followed place by place, and what writers say that they had seen of it."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

from opskit.errors import UpstreamLiesError

if TYPE_CHECKING:
    from opskit.changelog.packet import Arrival

TAMPERED = "find out where: opskit changelog verify; then see runbooks/changelog-disaster.md, 'The upstream was tampered with'"

# Canonical JSON has one spelling, and none of these bytes can stand within a string of it; to parse every header once more
# would take as long as all else that is done with it.
_SEEN = re.compile(
    rb'"seen":\{"chain":"([0-9a-f]{64})","log":"([0-9a-f]{32})","pos":([0-9]{1,16})\}'
)


class Seen(NamedTuple):
    """What a writer had seen of an upstream when it wrote: which log, its newest place, the chain up to there."""

    log: str
    pos: int
    chain: bytes


def seen_in(header: bytes) -> Seen | None:
    """Give what a header says that its writer had seen; None if it says nothing."""
    found = _SEEN.search(header)
    if found is None:
        return None
    return Seen(found[2].decode(), int(found[3]), bytes.fromhex(found[1].decode()))


def first_chain(log: str) -> bytes:
    """Give the chain of a log before its first event."""
    return hashlib.sha256(b"opskit.log.v1" + log.encode()).digest()


class Chain:
    """Follows the receipts of a log, from its beginning or from a place that is known."""

    def __init__(self, log: str, *, gapless: bool, pos: int = 0, chain: bytes = b"") -> None:
        self.pos = pos
        self.chain = chain or first_chain(log)
        self._gapless = gapless

    def follow(self, arrival: Arrival) -> None:
        """Go on to the next place, also if this raises: UpstreamLiesError if it cannot be the next one."""
        receipt, pos = arrival.receipt, self.pos
        chain = hashlib.sha256(self.chain + receipt.hash).digest()
        self.pos, self.chain = receipt.pos, receipt.chain
        where = where_of(arrival)
        if receipt.pos <= pos:
            raise _lie("reordered", f"gave {where} after place {pos}")
        if self._gapless and receipt.pos != pos + 1:
            raise _lie("dropped", f"left out place {pos + 1}")
        if arrival.packet is not None and arrival.packet.hash != receipt.hash:
            raise _lie("altered", f"gave another event than it says for {where}")
        if chain != receipt.chain:
            raise _lie("altered", f"says of {where} what does not follow from what it said before")


def where_of(arrival: Arrival) -> str:
    """Name a place and the event there."""
    writer = arrival.writer.hex()[:12]
    return f"place {arrival.receipt.pos}, event {arrival.seq} of writer {writer}"


def _lie(trick: str, what: str) -> UpstreamLiesError:
    return UpstreamLiesError(trick, f"the upstream {what}", hint=TAMPERED)
