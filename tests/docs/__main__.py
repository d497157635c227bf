"""`python -m tests.docs` brings README.md up to date; with `--picture` its picture too, from a real demo."""

from __future__ import annotations

import sys

from tests.docs import picture, readme

if __name__ == "__main__":
    readme.README.write_text(readme.renewed(readme.README.read_text("utf-8")), "utf-8")
    if "--picture" in sys.argv:
        picture.draw()
