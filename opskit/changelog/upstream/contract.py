"""The contract of every upstream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opskit.changelog.packet import Arrival, Greeting, Packet, Pushed, Receipt
    from opskit.changelog.signing import WriterKey


class Upstream(Protocol):
    """One open upstream. Every method raises UpstreamError when it cannot be reached, refuses, or is none; UpstreamRefusesError if
    that is about one writer only.
    """

    name: str
    """How people know it: its address without any secret."""

    gapless: bool
    """Whether places are 1, 2, 3 and so on, so that a missing one shows."""

    def greet(self, last: Receipt | None) -> Greeting:
        """Say which log this is, and whether `last`, the newest receipt that we hold, still stands there."""

    def pull(self, *, after: int, vector: Mapping[bytes, int]) -> Iterator[Sequence[Arrival]]:
        """Give every place after position `after` in order, in pages of at most 1,000.

        Events that the puller has by its `vector` (writer to newest seq) come without their packet.
        """

    def fetch(self, pos: int) -> Packet:
        """Give the event at one place."""

    def push(self, packets: Sequence[Packet], *, relay: bool = False) -> Pushed:
        """Append consecutive events of one writer (at most 500); what is there already is no error.

        With `relay` they are another's, brought back: they are nobody's there, until the writer's key proves whose it is.

        Durable at the upstream when this returns. When this raises, the outcome is unknown: push again.
        """

    def claim(self, key: WriterKey, *, log: str, number: int) -> None:
        """Prove to `log`, after a push said "unproven", that a writer is ours, by its key; one more than that said is the number.

        The next push tells what came of it: "unproven" again if another proof was faster. Upstreams that know no roles never ask.
        """

    def redact(self, event: bytes) -> str:
        """Remove the body of the event of that hash; a `body.redacted` event that names it was pushed before.

        Gives "" when it is gone; if the upstream keeps it, why, and what takes it away.
        """

    def close(self) -> None:
        """Let go of it."""
