"""Points of ed25519's curve in a few slow lines (RFC 8032 section 5.1), to make what no honest program signs."""

from __future__ import annotations

import functools
import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)  # of -1

Point = tuple[int, int]
IDENTITY = (0, 1)


def added(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    both = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + both, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - both, -1, P)
    return x % P, y % P


def times(scalar: int, point: Point) -> Point:
    found = IDENTITY
    while scalar:
        if scalar & 1:
            found = added(found, point)
        point, scalar = added(point, point), scalar >> 1
    return found


def encoded(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def decoded(data: bytes) -> Point | None:
    number = int.from_bytes(data, "little")
    y, odd = number % 2**255, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT % P
    if y >= P or x * x % P != square or (x == 0 and odd):
        return None
    return (x if x & 1 == odd else P - x), y


def base() -> Point:
    found = decoded(encoded((0, 4 * pow(5, -1, P) % P)))
    assert found is not None
    return found


@functools.cache
def torsion() -> tuple[Point, ...]:
    """Give the eight points of small order, the n-th being n times one of order 8."""
    for y in range(2, 100):
        point = decoded(encoded((0, y)))
        eighth = times(L, point) if point is not None else IDENTITY
        if times(4, eighth) != IDENTITY:
            return tuple(times(count, eighth) for count in range(8))
    raise AssertionError("no point of order 8")


def challenge(first: bytes, key: bytes, message: bytes) -> int:
    return int.from_bytes(hashlib.sha512(first + key + message).digest(), "little") % L


def signature(first: bytes, secret: int, nonce: int, key: bytes, message: bytes) -> bytes:
    """Give the signature with any bytes as its first half, for a secret and a nonce that fit them or do not."""
    scalar = (nonce + challenge(first, key, message) * secret) % L
    return first + scalar.to_bytes(32, "little")
