"""What links call headings: GitHub's slugs of them; and the ids of steps, which stay when steps are numbered anew."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

NUMBER = re.compile(r"(?a)\d{1,9}(?:\.\d{1,9})*[.):]\s+")


def slug(text: str) -> str:
    """Give GitHub's slug of a heading's plain text: `2. Drain it!` is `2-drain-it`."""
    kept = (sign for sign in text.strip().lower() if sign in "- " or _is_of_words(sign))
    return "".join(kept).replace(" ", "-")


def step_id(title: str) -> str:
    """Give the id of a step: the slug of its heading without its number, "" if nothing is left of it."""
    number = NUMBER.match(title)
    return slug(title[number.end() :] if number else title).strip("-")


def number(title: str) -> int | None:
    """Give the number before a heading, None if it has none or one like `2.1`."""
    found = NUMBER.match(title)
    digits = found[0].rstrip().rstrip(".):") if found else ""
    return int(digits) if digits.isdigit() else None


class Anchors:
    """The anchors of one page: a second heading of the same words gets `-1` at its end, the third `-2`."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def of(self, text: str) -> str:
        """Give the anchor of the next heading of the page."""
        name = slug(text)
        seen = self._seen[name]
        self._seen[name] += 1
        return f"{name}-{seen}" if seen else name


def _is_of_words(sign: str) -> bool:
    category = unicodedata.category(sign)
    return category[0] in "LMN" or category == "Pc"
