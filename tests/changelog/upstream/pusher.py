"""A process that pushes: `python -m tests.changelog.upstream.pusher KIND FILE SEED COUNT FIRST`, and says `ACK n` for what is there.

It pushes the events of the writer of that seed from number FIRST on, a few at a time, in one session or in a new one each time.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from opskit.errors import UpstreamError
from tests.changelog.upstream.places import file_log
from tests.changelog.upstream.writers import Writer

TEXT = "z" * 400


def main() -> None:
    kind, file, seed, count, first = sys.argv[1:]
    events = Writer(int(seed)).write(int(count), text=TEXT)
    dice = random.Random(f"{seed} {first}")
    done = int(first) - 1
    log = file_log(kind, Path(file))
    while done < len(events):
        some = events[done : done + dice.randrange(1, 6)]
        if dice.random() < 0.3:
            log = file_log(kind, Path(file))
        try:
            answer = log.push(some)
        except UpstreamError as error:
            print(f"ERR {error}", flush=True)
            continue
        assert answer.status == "ok", answer
        done += len(some)
        print(f"ACK {done}", flush=True)


if __name__ == "__main__":
    main()
