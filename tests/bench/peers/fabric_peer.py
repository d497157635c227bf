"""The same by Fabric's own ThreadingGroup."""

import json
import sys
from pathlib import Path

import fabric

folder, command = Path(sys.argv[1]), sys.argv[2]
settings = json.loads((folder / "settings.json").read_text())
group = fabric.ThreadingGroup(
    *(folder / "list").read_text().split(),
    user=settings["user"],
    port=settings["port"],
    connect_kwargs={
        "key_filename": str(folder / "key"),
        "allow_agent": False,
        "look_for_keys": False,
    },
)
for connection, result in group.run(command, hide=True).items():
    print(f"{connection.host}: {result.stdout}", end="")
