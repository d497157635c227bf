"""The commands of a restart in its batches, through opskit's fleet, and nothing else."""

import sys
from pathlib import Path

from opskit.config import load
from opskit.fleet import load_inventory, open_fleet
from opskit.fleet.command import Command
from opskit.rollout.batches import split
from opskit.rollout.layout import run_in_current

config = load(Path(sys.argv[1]) / "opskit.toml")
inventory = load_inventory(config, None)
service = config.services["shop"]["bench"]
commands = (service.restart.command, service.health.check.command)
with open_fleet(inventory, config.ssh) as fleet:
    for batch in split(list(inventory.hosts), service.batches):
        for command in commands:
            script = run_in_current(service.path, command)
            for outcome in fleet.run(Command(script, timeout=60), batch):
                if outcome.value is None or not outcome.value.ok:
                    sys.exit(f"{outcome.host}: {outcome.error or outcome.value}")
