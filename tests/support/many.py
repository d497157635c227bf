"""Many hosts on one server: a home and an address for each, for a project of the tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from tests.bench.fanout import Site
    from tests.support.light import Light


def homes_of(site: Site, count: int) -> dict[str, Path]:
    """Make the homes of hosts many00, many01, … of a site."""
    found = {}
    for number, address in enumerate(site.addresses(count)):
        found[f"many{number:02}"] = home = site.name("homes") / address
        home.mkdir(parents=True)
    return found


def join(light: Light, site: Site, homes: dict[str, Path], order: random.Random) -> None:
    """Let opskit.toml know these hosts beside its own, in an order of chance; say it again after `configure`."""
    file = light.folder / "opskit.toml"
    known = json.dumps(str(site.name("known_hosts")))
    lines = file.read_text().replace('known_hosts"]\n', f'known_hosts", {known}]\n').splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith('hosts = ["'))
    names = [*json.loads(lines[place].removeprefix("hosts = ")), *homes]
    order.shuffle(names)
    lines[place] = f"hosts = {json.dumps(names)}"
    user, key = json.dumps(site.user), json.dumps(str(site.name("key")))
    for name, home in homes.items():
        lines += [f"[hosts.{name}]", f'address = "{home.name}"', f"port = {site.port}"]
        lines += [f"user = {user}", f"key = {key}"]
    file.write_text("\n".join(lines) + "\n")
