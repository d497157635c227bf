"""The scripts that opskit itself sends for a restart, in its batches, through its fleet: nothing planned, recorded or shown."""

import json
import sys
from pathlib import Path

from opskit.config import load
from opskit.fleet import load_inventory, open_fleet
from opskit.fleet.command import Command
from opskit.rollout import layout, lockfile
from opskit.rollout.batches import split
from opskit.rollout.layout import run_in_current

OWNER = "benchbench"
RECEIPT = json.dumps({"action": "restart", "rollout": OWNER, "padding": "x" * 300})

config = load(Path(sys.argv[1]) / "opskit.toml")
inventory = load_inventory(config, None)
service = config.services["shop"]["bench"]
path, hosts = service.path, sorted(inventory.hosts)
guard = layout.guard(path, rollout=OWNER, seconds=900)
receipt = layout.leave_receipt(guard, receipt=RECEIPT)
good = f"{guard}\n{layout.mark('good', release='20260101-000000-00000000', rollout=OWNER)}"
probe = layout.probe(path)
lock = lockfile.lock(path, rollout=OWNER, actor="ana", action="restart", seconds=900)
steps = (
    run_in_current(path, service.restart.command, guarded=receipt),
    run_in_current(path, service.health.check.command, then=good),
)
with open_fleet(inventory, config.ssh) as fleet:

    def send(script: str, to: list[str], *, ours: bool) -> None:
        for outcome in fleet.run(Command(script, timeout=60, twice=ours), to):
            if outcome.value is None or not outcome.value.ok:
                sys.exit(f"{outcome.host}: {outcome.error or outcome.value}")

    send(probe, hosts, ours=True)
    for part in (hosts[:1], hosts[1:]):
        send(f"{lock}\n{probe}", part, ours=True)
    for batch in split(hosts, service.batches):
        for step in steps:
            send(step, list(batch), ours=False)
    send(lockfile.unlock(path, rollout=OWNER, keys="all"), hosts, ours=True)
