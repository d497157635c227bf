"""`python -m tests.bench fanout [--hosts 1,10,50,200] [--rounds 5]`: opskit beside its peers."""

from __future__ import annotations

import argparse

from tests.bench import fanout


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    sub = parser.add_subparsers(dest="bench", required=True)
    many = sub.add_parser("fanout", help="one command on many hosts, cold connections")
    many.add_argument("--hosts", default="1,10,50,200", help="how many hosts, several by comma")
    many.add_argument("--rounds", type=int, default=5)
    many.add_argument("--tools", default="", help="only these, by comma")
    chosen = parser.parse_args()
    counts = [int(word) for word in chosen.hosts.split(",")]
    fanout.main(counts, chosen.rounds, {word for word in chosen.tools.split(",") if word})


if __name__ == "__main__":
    main()
