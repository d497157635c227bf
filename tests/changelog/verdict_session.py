"""Verdicts, to be kept as a golden file: `python -m tests.changelog.verdict_session tests/changelog/golden/v1.verdicts.jsonl`.

Times, ids and keys are other ones each time: the file is made once for each version of the format, and kept for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.changelog.running import begin, keep, tell
from tests.changelog.writing import ELSEWHERE, start

if TYPE_CHECKING:
    from opskit.changelog import Changelog

ONSET_MS = 1_795_392_000_000
ASKED = {
    "when": ONSET_MS + 120_000,
    "at": ONSET_MS + 60_000,
    "is_onset": False,
    "environment": "production",
    "services": ["shop"],
    "ill": ["web01"],
    "well": ["web02"],
    "fleet": ["web01", "web02"],
    "onsets": [{"host": "web01", "at": ONSET_MS}],
    "symptom": "502 Bad Gateway",
}


def play(ana: Changelog, ben: Changelog) -> None:
    """Ana rolls out and takes it for innocent; Ben knows better; then one on a run."""
    rollout, run = start(ana, machine=ELSEWHERE), begin(ana)
    tell(ana, ben)
    about = {"service": "shop", "environment": "production", "rollout": rollout}
    ana.append("verdict", {"verdict": "innocent", "why": "it was the disk", "onset": 0}, **about)
    tell(ana, ben)
    said = {"verdict": "guilty", "why": "its cache is cold", "incident": "INC-7", "during": run}
    ben.append("verdict", {**said, "onset": ONSET_MS, "asked": ASKED}, **about)
    ben.append("verdict", {"verdict": "innocent", "why": "it only looked"}, rollout=run)
    tell(ben, ana)


if __name__ == "__main__":
    keep(play)
