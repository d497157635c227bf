"""Regular expressions that a page holds: what Python cannot read, or is about to read in another way, is refused with the page; trying one takes no longer than a limit."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import warnings

from opskit.errors import ConfigError, UsageError

LIMIT = 5.0
"""Seconds that trying a regular expression may take."""
SHORT = 1000
"""Characters of a text on which one that repeats but once takes no time worth a process of its own."""
_REPEATS = re.compile(r"[*+]|\{\d*,\d*\}|\{\d{2,}\}")
_TRY = """
import json, re, sys
wanted, text, flags, whole = json.load(sys.stdin)
print(bool((re.fullmatch if whole else re.search)(wanted, text, flags)))
"""


def matches(wanted: str, text: str) -> bool:
    """Tell whether a whole text is as a regular expression says; raises UsageError if that takes too long to find out."""
    return _try(wanted, text, 0, whole=True)


def finds(wanted: str, text: str) -> bool:
    """Tell whether a regular expression finds something in a text of several lines; raises UsageError as `matches` does."""
    return _try(wanted, text, int(re.MULTILINE), whole=False)


@functools.lru_cache(maxsize=256)
def _try(wanted: str, text: str, flags: int, *, whole: bool) -> bool:
    repeats = len(_REPEATS.findall(wanted))
    if repeats == 0 or (repeats == 1 and len(text) <= SHORT):
        return bool((re.fullmatch if whole else re.search)(wanted, text, flags))
    said = json.dumps((wanted, text, flags, whole))
    try:
        tried = subprocess.run([sys.executable, "-I", "-S", "-c", _TRY], input=said, capture_output=True, text=True, timeout=LIMIT, check=False)  # fmt: skip
    except subprocess.TimeoutExpired:
        hint = "repeats within repeats, as in (a+)+, take ever longer: write it without"
        raise UsageError(f"this regular expression takes more than {LIMIT:g} s: {wanted[:60]}", hint=hint) from None  # fmt: skip
    return tried.stdout.strip() == "True"


def pattern(text: str) -> str:
    """Check a regular expression; raises ConfigError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(text)
    except (re.error, RecursionError, OverflowError, Warning) as error:
        what = " ".join(str(error).split())[:200]
        raise ConfigError(f"this is no regular expression: {what}") from None
    return text
