"""`python -m tests.bench fanout [--hosts 1,10,50,200]`, `deploy [--hosts 10]`, `restart [--hosts 200]`, `changelog [--events 1000000]`, `words [--commits 100000]` or `blame [--events 1000000] [--commits 100000]`: opskit beside its peers."""

from __future__ import annotations

import argparse

from tests.bench import blame, changelog, deploy, fanout, restart, words


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    sub = parser.add_subparsers(dest="bench", required=True)
    many = sub.add_parser("fanout", help="one command on many hosts, cold connections")
    many.add_argument("--hosts", default="1,10,50,200", help="how many hosts, several by comma")
    many.add_argument("--rounds", type=int, default=5)
    many.add_argument("--tools", default="", help="only these, by comma")
    bring = sub.add_parser("deploy", help="50 MB to some hosts, and one changed file of it")
    bring.add_argument("--hosts", type=int, default=10)
    bring.add_argument("--rounds", type=int, default=5)
    bring.add_argument("--tools", default="", help="only these, by comma")
    again = sub.add_parser("restart", help="a restart in batches beside its commands alone")
    again.add_argument("--hosts", type=int, default=200)
    again.add_argument("--rounds", type=int, default=5)
    history = sub.add_parser("changelog", help="append, log, verify, search; pull and push")
    history.add_argument("--events", type=int, default=1_000_000)
    history.add_argument("--pulled", type=int, default=100_000)
    history.add_argument("--rounds", type=int, default=5)
    text = sub.add_parser("words", help="a symptom's words beside the commits of 40 deploys")
    text.add_argument("--commits", type=int, default=100_000)
    text.add_argument("--rounds", type=int, default=5)
    cause = sub.add_parser("blame", help="who broke it, on many events and a long history")
    cause.add_argument("--events", type=int, default=1_000_000)
    cause.add_argument("--commits", type=int, default=100_000)
    cause.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    if chosen.bench == "blame":
        blame.main(chosen.events, chosen.commits, chosen.rounds)
        return
    if chosen.bench == "words":
        words.main(chosen.commits, chosen.rounds)
        return
    if chosen.bench == "changelog":
        changelog.main(chosen.events, chosen.rounds, chosen.pulled)
        return
    if chosen.bench == "restart":
        restart.main(chosen.hosts, chosen.rounds)
        return
    if chosen.bench == "deploy":
        only = {word for word in chosen.tools.split(",") if word}
        deploy.main(chosen.hosts, chosen.rounds, only)
        return
    counts = [int(word) for word in chosen.hosts.split(",")]
    fanout.main(counts, chosen.rounds, {word for word in chosen.tools.split(",") if word})


if __name__ == "__main__":
    main()
