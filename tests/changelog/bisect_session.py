"""A bisection, to be kept as a golden file: `python -m tests.changelog.bisect_session tests/changelog/golden/v1.bisect.jsonl`.

Times, ids and keys are other ones each time: the file is made once for each version of the format, and kept for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.blame.bisect.record import Tested, Writer
from tests.changelog.running import keep, tell
from tests.changelog.writing import ELSEWHERE, start

if TYPE_CHECKING:
    from opskit.changelog import Changelog

GOOD, MIDDLE, BAD = "a" * 40, "b" * 40, "c" * 40
STARTED = {
    "good": GOOD,
    "bad": BAD,
    "check": "curl -fsS http://$OPSKIT_HOST/",
    "host": "web01",
    "first_parent": True,
    "was": {"release": "r1", "revision": "1" * 40, "label": "v1"},
    "why": "since noon",
    "incident": "INC-7",
    "command": ["opskit", "bisect"],
    "machine": ELSEWHERE,
}


def play(ana: Changelog, ben: Changelog) -> None:
    """Ana begins, and tries two commits; Ben goes on from another laptop, and finds it."""
    began = Writer(ana, "shop", "production", "")
    name = began.start(STARTED)
    drain = start(ana, action="drain", hosts=("web01",), machine=ELSEWHERE)
    began.step("drains", drain)
    for sha, word in ((GOOD, "good"), (BAD, "bad")):
        began.step("brings", start(ana, hosts=("web01",), machine=ELSEWHERE), sha)
        began.tested(Tested(sha, word, int(word == "bad"), "", "502" * (word == "bad"), 420))
    tell(ana, ben)
    on = Writer(ben, "shop", "production", name)
    on.resume(ELSEWHERE, knows=[name[:10]])
    on.tested(Tested(MIDDLE, "skip", -1, "it does not build"))
    on.finish("unclear", (BAD, MIDDLE))
    on.step("returns", start(ben, action="rollback", hosts=("web01",), machine=ELSEWHERE))
    on.step("restores", start(ben, action="restore", hosts=("web01",), machine=ELSEWHERE))
    tell(ben, ana)


if __name__ == "__main__":
    keep(play)
