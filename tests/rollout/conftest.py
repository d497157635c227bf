"""A project with a service of a few files, on OpenSSH's hosts or on both kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.light import Light

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.hosts import Hosts


@pytest.fixture
def light(tmp_path: Path, hosts: Hosts) -> Iterator[Light]:
    """A project of a few files, committed as v1 and not yet deployed."""
    yield from _lent(tmp_path, hosts)


@pytest.fixture
def any_light(tmp_path: Path, any_hosts: Hosts) -> Iterator[Light]:
    """The same on OpenSSH's hosts and on the demo's: a test that takes this holds on both."""
    yield from _lent(tmp_path, any_hosts)


def _lent(folder: Path, hosts: Hosts) -> Iterator[Light]:
    made = Light.create(folder / "project", hosts)
    yield made
    made.end()
