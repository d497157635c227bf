"""Who changes together: every host once, in order, and never a batch of none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.config.checks import batch as checked
from opskit.rollout.batches import exposure, size_of, split

SHARES = st.one_of(
    st.integers(1, 100).map(lambda n: f"{n}%"),
    st.decimals("0.001", 100, places=3).map(lambda n: f"{n}%"),
)
SIZES = st.one_of(st.integers(1, 500), SHARES)
HOSTS = st.integers(0, 400).map(lambda n: [f"web{i}" for i in range(n)])


@given(hosts=HOSTS, batches=st.lists(SIZES, min_size=1, max_size=5))
def test_every_host_has_exactly_one_turn_in_order(
    hosts: list[str], batches: list[int | str]
) -> None:
    made = split(hosts, batches)
    assert [host for batch in made for host in batch] == hosts
    assert all(made)


@given(batch=SIZES, hosts=st.integers(1, 10**6))
def test_a_percentage_never_rounds_to_zero(batch: int | str, hosts: int) -> None:
    assert size_of(checked(batch), hosts) >= 1


@pytest.mark.parametrize(
    ("batch", "hosts", "size"),
    [
        ("25%", 100, 25),
        ("25%", 3, 1),
        ("100%", 7, 7),
        ("99%", 10, 9),
        ("29%", 100, 29),
        ("12.5%", 80, 10),
        ("0.001%", 5, 1),
        (3, 100, 3),
        (9, 4, 9),
    ],
)
def test_what_a_batch_means(batch: int | str, hosts: int, size: int) -> None:
    assert size_of(batch, hosts) == size


def test_the_last_size_repeats() -> None:
    assert [len(b) for b in split([str(n) for n in range(20)], [1, "25%"])] == [1, 5, 5, 5, 4]


def test_no_hosts_are_no_batches() -> None:
    assert split([], [1]) == ()


@given(hosts=HOSTS, batches=st.lists(SIZES, min_size=1, max_size=4), budget=st.integers(0, 50))
def test_the_exposure_is_what_a_wholly_bad_change_reaches(
    hosts: list[str], batches: list[int | str], budget: int
) -> None:
    made = split(hosts, batches)
    bad = 0
    for batch in made:
        if bad > budget:
            break
        bad += len(batch)
    assert exposure(made, budget) == bad
    assert exposure(made, budget) >= min(len(hosts), budget + 1)
