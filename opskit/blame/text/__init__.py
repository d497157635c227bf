"""What a symptom's words say: `compare` reads the commits that candidates brought, and tells which of them speak of the same.

`tokens` makes words, `log` reads git, `lacking` tells what it has not, `commits` counts what a commit says, `cache` keeps that, `rank` weighs.
"""

from opskit.blame.text.compare import Compared, compare

__all__ = ["Compared", "compare"]
