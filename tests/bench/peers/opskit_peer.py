"""opskit's fleet alone, without its command line: what fan-out itself costs."""

import sys
from pathlib import Path

from opskit.config import load
from opskit.fleet import load_inventory, open_fleet
from opskit.fleet.command import Command

folder, command = Path(sys.argv[1]), sys.argv[2]
config = load(folder / "opskit.toml")
inventory = load_inventory(config, None)
failed = 0
with open_fleet(inventory, config.ssh) as fleet:
    for outcome in fleet.run(Command(command), inventory.hosts):
        if outcome.value is None or not outcome.value.ok:
            failed += 1
            print(outcome.error, file=sys.stderr)
        else:
            print(f"{outcome.host}: {outcome.value.text}", end="")
sys.exit(failed > 0)
