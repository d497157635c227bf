"""PostgreSQL as an `Upstream`."""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING, Any

from opskit.changelog.packet import Arrival, Greeting, Packet, Pushed, Receipt
from opskit.changelog.signing import claim_of
from opskit.changelog.sql import statement
from opskit.changelog.upstream.postgres import answers
from opskit.changelog.upstream.postgres.address import read_address
from opskit.changelog.upstream.postgres.connecting import Connection, demand_driver
from opskit.changelog.upstream.postgres.preparing import NEWEST
from opskit.changelog.upstream.postgres.waiting import busy
from opskit.errors import UpstreamError, UpstreamRefusesError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opskit.changelog.signing import WriterKey

PAGES = (250, 8000)  # the fewest and the most places of one page
BYTES_EACH = 1536  # of headers and bodies, for each place that a page may have: more is a page of fewer places
FAST, SLOW = (
    1.0,
    5.0,
)  # seconds: a page that came faster is followed by a larger one, a slower one by a smaller
KEY, HEADER, BODY = 7, 9, 12  # of the columns of a page
PUSH_BYTES = 2 * 2**20
ANSWER_S = 40.0  # for what may take its time; the server gives a push up after 30 s by itself


class Postgres:
    """A database that `opskit changelog init` prepared.

    `timeout` are the seconds for connecting and for the first answer. `host` and `port` are the near end of a tunnel to the
    server that the address names. Raises UpstreamError.
    """

    gapless = True

    def __init__(
        self, url: str, *, timeout: float, host: str | None = None, port: int | None = None
    ) -> None:
        demand_driver()
        address = read_address(url, host, port)
        self.name = address.name
        self._timeout = timeout
        self._role = ""
        self._connection = Connection(address, timeout=timeout)

    def greet(self, last: Receipt | None) -> Greeting:
        """Say which log this is, and whether `last` still stands there."""
        rows = self._ask("greet", (last.pos if last else None,), within=max(2.0, self._timeout))
        if not rows or rows[0][:1] == (None,):
            raise UpstreamError(
                f"{self.name} is not prepared for the changelog",
                hint="opskit changelog init",
                is_empty=True,
            )
        answers.demand(self.name, rows[0], answers.GREETING, "no greeting of a changelog")
        version, log, pos, now_ms, digest, chain, role = rows[0]
        if version > NEWEST:
            raise UpstreamError(
                f"{self.name} was prepared by a newer opskit (format {version}, known here: {NEWEST})",
                hint="upgrade opskit on this machine",
            )
        self._role = role
        trouble = ""
        if last is not None and last.pos > pos:
            trouble = "rewound"
        elif last is not None and (last.hash, last.chain) != (digest, chain):
            trouble = "rewritten"
        return Greeting(log, pos, now_ms, trouble)

    def pull(self, *, after: int, vector: Mapping[bytes, int]) -> Iterator[Sequence[Arrival]]:
        """Give every place after `after`, in pages of a size that the line carries within seconds.

        A line that breaks again and again gets on, too, and a long pull over a good one is not slowed by many commits.
        """
        values = {"writers": list(vector), "seqs": list(vector.values())}
        most, whole = PAGES[0], True
        while whole:
            limits = {"most": most, "most_bytes": most * BYTES_EACH}
            began = time.monotonic()
            rows = self._ask("pull", {"after": after, **values, **limits}, answers.page(**limits))
            if not rows:
                return
            seconds = time.monotonic() - began
            page = [self._arrival(row) for row in rows]
            yield page
            after = page[-1].receipt.pos
            size = sum(len(each or b"") for row in rows for each in (row[HEADER], row[BODY]))
            whole = len(rows) == most or size >= limits["most_bytes"]
            most = _next(most, seconds)

    def fetch(self, pos: int) -> Packet:
        """Give the event at one place."""
        rows = self._ask("fetch", (pos,))
        if not rows:
            raise UpstreamError(f"{self.name} has no event at place {pos}")
        answers.demand(self.name, rows[0], answers.EVENT, f"what is no event at place {pos}")
        return Packet.of(rows[0])

    def push(self, packets: Sequence[Packet], *, relay: bool = False) -> Pushed:
        """Append consecutive events of one writer; with `relay` they are another's, which needs the role opskit_relay.

        A message to the server holds about 2 MiB at most, so that a slow line gets on, too.
        """
        answer = Pushed("ok")
        for part in _parts(packets):
            answer = self._push(part, relay=relay)
            if answer.status != "ok":
                break
        return answer

    def claim(self, key: WriterKey, *, log: str, number: int) -> None:
        """Prove that a writer is of the role that we log in as; one that came too late is no error.

        For no other role is anything ever signed, whatever the server says: so a server that is not ours, or whoever stands before
        ours, gets nothing that anybody but our own role can use anywhere. Behind a pooler that logs in as another role there is no
        proof: UpstreamRefusesError says what to do.
        """
        ours = self._connection.raw.info.user
        if not self._role:
            self.greet(None)
        if self._role != ours:
            raise _other_role(self.name, self._role, ours, key)
        signature = key.sign(claim_of(log, number, ours))
        answer = self._tell("claim", (key.public, number, signature), key.writer)
        if not re.fullmatch(rb"(ok|stale) \d{1,16}", answer):
            raise UpstreamError(f"{self.name} does not say what became of a proof")

    def redact(self, event: bytes) -> str:
        """Look whether a body is gone: the database took it away when the event came that says so, if its role may say it."""
        name = event.hex()[:10]
        rows = self._ask("still_there", {"event": event})
        if rows == [(True, False)]:
            raise UpstreamError(
                f"{self.name} still has the body of {name}: nobody pushed the event that redacts it",
                hint="opskit changelog sync --relay",
            )
        if rows == [(True, True)]:
            return (
                f"{self.name} keeps the body of {name}, which is another role's: "
                f"somebody in opskit_relay runs: SELECT opskit.redact('\\x{event.hex()}');"
            )
        return ""

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _push(self, packets: Sequence[Packet], *, relay: bool) -> Pushed:
        first = packets[0]
        lists = ("header", "signature", "nonce", "body")
        values = (
            *(first.writer, first.key, first.seq, first.prev),
            *([getattr(packet, name) for packet in packets] for name in lists),
            relay,
        )
        pushed = _pushed(self._tell("push", values, first.writer))
        if pushed is None or not _can_be(pushed, first.seq, packets[-1].seq, relay=relay):
            raise UpstreamError(f"{self.name} does not say what became of a push")
        return pushed

    def _tell(self, name: str, values: Sequence[Any], writer: bytes) -> bytes:
        """Have the server change something of a writer, in one message that is a transaction; gives the words of its answer."""
        from psycopg import ClientCursor
        from psycopg.errors import LockNotAvailable

        with self._connection.asking(ANSWER_S) as raw, self._in_words():
            message = ClientCursor(raw).mogrify(_said(name), values).encode()
            try:
                row = answers.answer_to(raw, message)
            except LockNotAvailable:
                raise busy(self.name, raw, writer) from None
        return b" ".join(each or b"" for each in row or ())

    def _ask(
        self,
        name: str,
        values: Any,
        limits: answers.Limits = answers.ONE,
        *,
        within: float = ANSWER_S,
    ) -> list[tuple[Any, ...]]:
        with self._connection.asking(within) as raw, self._in_words():
            return list(answers.rows(raw, _said(name), values, limits))

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            hint = "is that database really the changelog's?"
            what = f"{self.name} gives no proper answer: {str(error)[:60]}"
            raise UpstreamError(what, hint=hint) from None

    def _arrival(self, row: Sequence[Any]) -> Arrival:
        known = row[KEY : KEY + 1] == (None,)
        shape = answers.KNOWN if known else answers.NEW
        answers.demand(self.name, row, shape, "what is no event")
        pos, digest, chain, received_ms, role, writer, seq, *rest = row
        receipt = Receipt(pos, digest, chain, received_ms, role)
        key, *more = rest
        packet = None if known else Packet.of((writer, key, seq, *more))
        return Arrival(receipt, writer, seq, packet)


def _said(name: str) -> Any:
    """Give one of our statements, as psycopg's types want it: not made of what somebody typed."""
    return statement(name, "upstream/postgres/statements.sql")


def _other_role(name: str, role: str, ours: str, key: WriterKey) -> UpstreamRefusesError:
    what = f"{name} says that this laptop is its role {role!r}, and it logs in as {ours}: for another role it signs nothing"
    assign = f"SELECT opskit.assign('\\x{key.writer.hex()}', 'ROLE', '\\x{key.public.hex()}');"
    hint = f"if a pooler means it so, let the address name that role (postgresql://ROLE@...), or somebody in opskit_relay runs: {assign}"
    return UpstreamRefusesError(what, hint=hint)


def _pushed(answer: bytes) -> Pushed | None:
    """Read what the push function answered; None if it is nothing that it would."""
    found = re.fullmatch(rb"(ok|gap|fork|unproven) (\d{1,16})", answer)
    return Pushed(found[1].decode(), int(found[2])) if found else None


def _can_be(pushed: Pushed, first: int, last: int, *, relay: bool) -> bool:
    """Tell whether the push function can have said that of events `first` to `last`."""
    at = pushed.head_seq
    found = {
        "ok": last <= at,
        "gap": at < first - 1,
        "fork": first - 2 <= at < last,
        "unproven": not relay,
    }
    return found[pushed.status] and answers.number(at)


def _next(most: int, seconds: float) -> int:
    """Give how many places the next page may have, after one of `most` that took so many seconds."""
    if seconds < FAST:
        return min(2 * most, PAGES[1])
    return max(most // 2, PAGES[0]) if seconds > SLOW else most


def _parts(packets: Sequence[Packet]) -> Iterator[list[Packet]]:
    part: list[Packet] = []
    size = 0
    for packet in packets:
        weight = len(packet.header) + len(packet.body or b"")
        if part and size + weight > PUSH_BYTES:
            yield part
            part, size = [], 0
        part.append(packet)
        size += weight
    if part:
        yield part
