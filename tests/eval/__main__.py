"""`python -m tests.eval blame [--cases 6000] [--tune PATH --report PATH]`: how often blame is right, on simulated fleets and on real histories."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from tests.eval import fleets, history, misses, simulated, tables


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.eval", description=__doc__)
    sub = parser.add_subparsers(dest="what", required=True)
    blame = sub.add_parser("blame", help="simulated fleets, then real histories")
    blame.add_argument("--cases", type=int, default=6000, help="simulated cases")
    blame.add_argument(
        "--more",
        type=int,
        default=10_000,
        help="further ones that no change has caused; one in eleven says so in its evidence",
    )
    blame.add_argument("--jobs", type=int, default=2, help="processes")
    blame.add_argument("--misses", type=int, default=3, help="tell of so many of the worst")
    blame.add_argument(
        "--tuning-seeds", action="store_true", help="the seeds that constants are tuned on"
    )
    blame.add_argument("--tune", type=Path, help=f"a clone of {history.TUNED_ON}")
    blame.add_argument("--report", type=Path, help=f"a clone of {history.REPORTED_ON}")
    chosen = parser.parse_args()
    began = time.monotonic()
    seeds = fleets.TUNING if chosen.tuning_seeds else fleets.REPORT
    found = simulated.run(seeds[: chosen.cases], chosen.jobs)
    others = seeds[chosen.cases :][: chosen.more]
    more = simulated.run(others, chosen.jobs, simulated.innocent)
    print(f"Simulated fleets: {len(found)} cases of {chosen.cases} seeds from {seeds.start} on,")
    print(f"and {len(more)} that no change has caused of the next {len(others)}\n")
    print("\n".join([*tables.lines(found, more), *misses.lines([*found, *more], chosen.misses)]))
    print(f"in {time.monotonic() - began:.0f} s\n")
    print("\n".join(history.lines(chosen.tune, chosen.report)))


if __name__ == "__main__":
    main()
