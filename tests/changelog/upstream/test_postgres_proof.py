"""The server's own ed25519 beside RFC 8032, beside what signs for laptops, and against what no honest program signs."""

from __future__ import annotations

import hashlib
import random
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from opskit.changelog.signing import is_signed, writer_key
from tests.changelog.upstream import curve
from tests.changelog.upstream.curve import (
    IDENTITY,
    L,
    P,
    added,
    encoded,
    signature,
    times,
    torsion,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.postgres import Server

    Check = Callable[[bytes, bytes, bytes], bool]

# Section 7.1: TEST 1, 2, 3 and SHA(abc).
VECTORS = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", b"",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", b"\x72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", b"\xaf\x82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf", hashlib.sha512(b"abc").digest(),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
)  # fmt: skip
MESSAGE = b"a proof"


@pytest.fixture
def holds(postgres: Server) -> Iterator[Check]:
    """Ask the server whether a key signed a message so."""
    with psycopg.connect(postgres.url(), autocommit=True) as connection:

        def ask(key: bytes, message: bytes, signed: bytes) -> bool:
            values = (key, message, signed)
            row = connection.execute("SELECT opskit.is_signed(%s, %s, %s)", values).fetchone()
            assert row is not None
            assert type(row[0]) is bool
            return row[0]

        yield ask


def any_key(dice: random.Random) -> tuple[int, bytes]:
    """Give a secret and the public key that belongs to it."""
    secret = dice.randrange(1, L)
    return secret, encoded(times(secret, curve.base()))


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_the_signatures_of_rfc_8032_hold_and_those_next_to_them_do_not(holds: Check) -> None:
    for key, message, signed in VECTORS:
        assert holds(bytes.fromhex(key), message, bytes.fromhex(signed))
        assert not holds(bytes.fromhex(key), message + b"\0", bytes.fromhex(signed))
    (one, message, _), (_, _, two) = VECTORS[:2]
    assert not holds(bytes.fromhex(one), message, bytes.fromhex(two))


def test_whatever_a_laptop_signs_holds_and_no_bit_of_it_can_be_another(holds: Check) -> None:
    dice = random.Random(1)
    for number in range(60):
        key = writer_key(dice.randbytes(32))
        message = dice.randbytes(dice.choice((0, 1, 32, 200, 5000)))
        signed = key.sign(message)
        assert holds(key.public, message, signed)
        assert not holds(flipped(key.public, dice.randrange(256)), message, signed)
        assert not holds(key.public, message, flipped(signed, dice.randrange(512)))
        if message:
            assert not holds(
                key.public, flipped(message, dice.randrange(8 * len(message))), signed
            )
        assert not holds(writer_key(bytes([number]) * 32).public, message, signed)


def test_a_second_form_of_the_same_signature_is_none(holds: Check) -> None:
    key = writer_key(b"k" * 32)
    signed = key.sign(MESSAGE)
    scalar = int.from_bytes(signed[32:], "little")
    for more in range(1, 15):
        other = signed[:32] + (scalar + more * L).to_bytes(32, "little")
        assert not holds(key.public, MESSAGE, other)
    for scalar in (L, L - 1, 2**256 - 1, 2**252, 2**255):
        assert not holds(key.public, MESSAGE, signed[:32] + scalar.to_bytes(32, "little"))


def test_what_has_another_length_is_no_key_and_no_signature(holds: Check) -> None:
    key = writer_key(b"k" * 32)
    signed = key.sign(MESSAGE)
    for wrong in (b"", key.public[:31], key.public + b"\0", key.public * 2):
        assert not holds(wrong, MESSAGE, signed)
    for wrong in (b"", signed[:32], signed[:63], signed + b"\0", b"\0" * 64, b"\xff" * 64):
        assert not holds(key.public, MESSAGE, wrong)


def test_a_key_of_small_order_signs_nothing_whoever_else_believes_it(holds: Check) -> None:
    """With such a key, a signature can be made by anybody: [S]B = R + [k]A is [S]B = R for each k that is a multiple of 8."""
    secret, first = any_key(random.Random(2))
    believed = 0
    for point in torsion():
        key = encoded(point)
        for number in range(40):
            message = f"{number}".encode()
            signed = signature(first, 0, secret, key, message)
            believed += is_signed(key, signed, message)
            if curve.challenge(first, key, message) % 8 == 0:
                assert not holds(key, message, signed)
                break
        else:
            raise AssertionError("no such message")
        zero = signature(encoded(IDENTITY), 0, 0, key, b"0")
        assert not holds(key, b"0", zero)
    assert len(set(torsion())) == 8
    assert believed >= 1, "this attack is one"


def test_a_key_with_a_part_of_small_order_is_judged_as_by_the_laptops_library(
    holds: Check,
) -> None:
    dice = random.Random(3)
    judged = []
    for point in torsion()[1:]:
        secret, honest = any_key(dice)
        found = curve.decoded(honest)
        assert found is not None
        key = encoded(added(found, point))
        nonce, first = any_key(dice)
        for number in range(6):
            message = f"{number}".encode()
            signed = signature(first, secret, nonce, key, message)
            judged.append(holds(key, message, signed))
            assert judged[-1] == is_signed(key, signed, message)
    assert set(judged) == {True, False}


def test_a_first_half_that_is_no_point_or_an_odd_one_is_judged_exactly(holds: Check) -> None:
    secret, key = any_key(random.Random(4))
    identity = encoded(IDENTITY)
    assert holds(key, MESSAGE, signature(identity, secret, 0, key, MESSAGE)), "odd, and true"
    again = (P + 1).to_bytes(32, "little")
    for first in (
        again,
        flipped(again, 255),
        flipped(identity, 255),
        b"\xff" * 32,
        b"\2" + b"\0" * 31,
    ):
        signed = signature(first, secret, 0, key, MESSAGE)
        assert not holds(key, MESSAGE, signed)
        assert not is_signed(key, signed, MESSAGE)


def test_bytes_are_the_points_that_rfc_8032_says_or_none(postgres: Server) -> None:
    dice = random.Random(5)
    given = [dice.randbytes(32) for _ in range(100)]
    given += [(y | odd << 255).to_bytes(32, "little") for y in range(25) for odd in (0, 1)]
    given += [
        (y | odd << 255).to_bytes(32, "little") for y in range(P - 5, 2**255) for odd in (0, 1)
    ]
    given += [encoded(point) for point in torsion()]
    asked = "SELECT opskit.point_of(bytes)::text[] FROM unnest(%s::bytea[]) bytes"
    found = [row[0] and tuple(map(int, row[0])) for row in postgres.sql(asked, (given,))]
    assert found == [curve.decoded(each) for each in given]
    assert 60 < sum(each is not None for each in found) < len(found)


def test_without_a_key_a_message_or_a_signature_there_is_no_answer_that_could_be_taken_for_yes(
    postgres: Server,
) -> None:
    for values in ((None, b"", b""), (b"", None, b""), (b"", b"", None)):
        assert postgres.sql("SELECT opskit.is_signed(%s, %s, %s)", values) == [(None,)]


def test_a_proof_takes_the_server_hundredths_of_a_second(postgres: Server, holds: Check) -> None:
    """Of a second of the machine on which 20,000 powers modulo the curve's prime take a few of them."""
    powers = (
        "SELECT sum(mod(n::numeric ^ 16, 2::numeric ^ 255 - 19)) FROM generate_series(1, 20000) n"
    )
    times_taken: dict[str, list[float]] = {"proof": [], "powers": []}
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        for seed in range(20):
            key = writer_key(bytes([seed]) * 32)
            signed = key.sign(MESSAGE)
            began = time.perf_counter()
            assert holds(key.public, MESSAGE, signed)
            between = time.perf_counter()
            connection.execute(powers)
            times_taken["proof"].append(between - began)
            times_taken["powers"].append(time.perf_counter() - between)
    proof, unit = map(min, times_taken.values())
    print(f"\na proof takes {proof * 1000:.1f} ms, the powers {unit * 1000:.1f} ms")
    assert proof < 5 * unit
