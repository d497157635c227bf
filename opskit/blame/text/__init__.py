"""What a symptom's words say: `compare` reads the commits that candidates brought, and tells which of them speak of the same.

`tokens` makes words, of a `symptom`, too; `log` reads git, `lacking` tells what it has not, `commits` counts what a commit says, `cache` keeps
that, `reading` brings it together; `fields` and `features` put what each says into numbers, `compare` weighs.
"""

from opskit.blame.text.compare import compare

__all__ = ["compare"]
