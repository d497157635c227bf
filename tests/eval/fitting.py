"""Where the weights of words come from: the likeliest ones for a softmax over the commits of each window, found by Newton's method."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Rows = Sequence[Sequence[float]]

SHRINK = 0.005
"""How much large weights cost: half of that times their squares, a window."""
STEPS = 20
CLOSE = 1e-4


def fit(windows: Sequence[Rows], guilty: Sequence[int]) -> list[float]:
    """Give the weights under which the guilty rows of the windows are likeliest."""
    weights = [0.0] * len(windows[0][0])
    lost = _loss(windows, guilty, weights)
    for _ in range(STEPS):
        step = _solve(*_slopes(windows, guilty, weights))
        size = 1.0
        while True:
            tried = [w - size * s for w, s in zip(weights, step, strict=True)]
            now = _loss(windows, guilty, tried)
            if now < lost or size < CLOSE:
                break
            size /= 2
        weights, gained, lost = tried, lost - now, now
        if gained < CLOSE:
            break
    return weights


def shares(rows: Rows, weights: Sequence[float]) -> list[float]:
    """Give each row's part of the belief."""
    fits = [math.fsum(w * v for w, v in zip(weights, row, strict=True)) for row in rows]
    most = max(fits)
    powers = [math.exp(value - most) for value in fits]
    whole = math.fsum(powers)
    return [power / whole for power in powers]


def _loss(windows: Sequence[Rows], guilty: Sequence[int], weights: Sequence[float]) -> float:
    wrong = math.fsum(
        -math.log(max(shares(rows, weights)[place], 1e-300))
        for rows, place in zip(windows, guilty, strict=True)
    )
    return wrong / len(windows) + SHRINK / 2 * math.fsum(w * w for w in weights)


def _slopes(
    windows: Sequence[Rows], guilty: Sequence[int], weights: Sequence[float]
) -> tuple[list[list[float]], list[float]]:
    """Give the loss's second derivatives and its first."""
    many, places = len(windows), range(len(weights))
    first = [SHRINK * w for w in weights]
    second = [[SHRINK if i == j else 0.0 for j in places] for i in places]
    for rows, place in zip(windows, guilty, strict=True):
        beliefs = shares(rows, weights)
        kept = [(p, row) for p, row in zip(beliefs, rows, strict=True) if p > 1e-6]
        means = [math.fsum(p * row[i] for p, row in kept) for i in places]
        for i in places:
            first[i] += (means[i] - rows[place][i]) / many
            for j in range(i + 1):
                both = math.fsum(p * row[i] * row[j] for p, row in kept) - means[i] * means[j]
                second[i][j] += both / many
                if i != j:
                    second[j][i] += both / many
    return second, first


def _solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Solve linear equations by elimination; the matrix is symmetric and positive, so no rows need to change places."""
    size = len(right)
    for i in range(size):
        for k in range(i + 1, size):
            factor = matrix[k][i] / matrix[i][i]
            right[k] -= factor * right[i]
            for j in range(i, size):
                matrix[k][j] -= factor * matrix[i][j]
    found = [0.0] * size
    for i in reversed(range(size)):
        rest = math.fsum(matrix[i][j] * found[j] for j in range(i + 1, size))
        found[i] = (right[i] - rest) / matrix[i][i]
    return found
