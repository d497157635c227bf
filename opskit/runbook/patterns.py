"""Regular expressions that a page holds: what Python cannot read, or is about to read in another way, is refused with the page."""

from __future__ import annotations

import re
import warnings

from opskit.errors import ConfigError


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
