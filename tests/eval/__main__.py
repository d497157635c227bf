"""`python -m tests.eval blame [--cases 18000] [--jobs 2]`: how often blame is right, on simulated fleets and on real histories."""

from __future__ import annotations

import argparse
import importlib.util
import time

from tests.eval import fleets, misses, simulated, tables


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.eval", description=__doc__)
    sub = parser.add_subparsers(dest="what", required=True)
    blame = sub.add_parser("blame", help="simulated fleets, then real histories")
    blame.add_argument("--cases", type=int, default=18_000, help="simulated cases")
    blame.add_argument("--jobs", type=int, default=2, help="processes")
    blame.add_argument("--misses", type=int, default=3, help="tell of so many of the worst")
    blame.add_argument(
        "--tuning", action="store_true", help="the seeds that constants are tuned on"
    )
    chosen = parser.parse_args()
    began = time.monotonic()
    seeds = (fleets.TUNING if chosen.tuning else fleets.REPORT)[: chosen.cases]
    found = simulated.run(seeds, chosen.jobs)
    print(f"Simulated fleets: {len(found)} cases of seeds {seeds.start} to {seeds.stop - 1}\n")
    print("\n".join([*tables.lines(found), *misses.lines(found, chosen.misses)]))
    print(f"in {time.monotonic() - began:.0f} s\n")
    if importlib.util.find_spec("tests.eval.history"):
        print(importlib.import_module("tests.eval.history").table())


if __name__ == "__main__":
    main()
