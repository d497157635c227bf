"""A process that appends notes and says so: `python -m tests.changelog.worker FILE COUNT [NAME]`."""

from __future__ import annotations

import sys
from pathlib import Path

from opskit.changelog import Changelog
from opskit.errors import ChangelogError


def main() -> None:
    """Append COUNT notes; print `ACK hash` for each that is said to be durable, else `ERR message`."""
    file, count, name = Path(sys.argv[1]), int(sys.argv[2]), (sys.argv[3:] or ["one"])[0]
    with Changelog(file, actor=f"{name}@test") as changelog:
        for number in range(count):
            try:
                event = changelog.append("note", {"text": f"{name} {number}", "hosts": ["web01"]})
            except ChangelogError as error:
                print(f"ERR {error}", flush=True)
            else:
                print(f"ACK {event.hash.hex()}", flush=True)


if __name__ == "__main__":
    main()
