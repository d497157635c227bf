"""What hosts have already: the manifests of their live releases, each fetched once for all hosts that have it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from opskit.errors import HostError
from opskit.fleet.command import Command
from opskit.rollout import incoming
from opskit.rollout.manifest import Manifest, read_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote
    from opskit.rollout.probe import HostState

MOST_PACKED = 32 * 1024 * 1024
MOST_ASKED = 3  # hosts for one manifest


def find_bases(
    fleet: Fleet, states: Mapping[str, HostState], *, known: Manifest, path: str
) -> Mapping[str, Manifest]:
    """Give the manifests of live releases by their SHA-256; one that no host can show as it was is not there.

    `known` needs no fetching. A host that lies here is found out when it has to make the release of it.
    """
    found = {known.digest: known}
    owners: dict[str, list[str]] = defaultdict(list)
    for host, state in states.items():
        if state.current and state.current.manifest:
            owners[state.current.manifest].append(host)
    for turn in range(MOST_ASKED):
        asked = {
            hosts[turn]: digest
            for digest, hosts in owners.items()
            if digest not in found and len(hosts) > turn
        }

        def fetch(remote: Remote, asked: Mapping[str, str] = asked) -> Manifest | None:
            return _fetch(remote, asked[remote.name], path, states[remote.name].live)

        for outcome in fleet.each(fetch, asked):
            if outcome.value:
                found[outcome.value.digest] = outcome.value
    return found


def _fetch(remote: Remote, digest: str, path: str, release: str) -> Manifest | None:
    packed = bytearray()

    def take(stream: str, data: bytes) -> None:
        if stream == "stdout":
            packed.extend(data[: MOST_PACKED - len(packed)])

    script = incoming.read_manifest(path, release=release)
    try:
        remote.execute(Command(script, timeout=120, twice=True), watch=take)
    except HostError:
        return None  # it is asked again when it is staged, and that is where its error belongs
    return read_manifest(bytes(packed), digest)
