"""What opskit itself says of how a trouble was seen: none of its words is of the trouble, in a symptom or in what a rollout recorded."""

from __future__ import annotations

import re

SAID = re.compile(
    r"(?:\b[A-Z]{3,7} )?https?://[^/\s'\"]+(/[^\s,:'\"]*)?"
    r"(?: gave \d{3}\b[^\n,]*|: no(?: HTTP)? answer\b[^\n]*| does not contain\b)?(?:, expected \d{3})?"
    r"|\bthe health command ended with(?: status)? -?\d+"
    r"|\bnot healthy within [\d.]+ s: |\bhealthy at first, and [\d.]+ s later not any more: "
    r"|(?<![\w.-])[\w.-]{1,253}:\d{1,5}: (?:connection failed|forbidden there|unknown kind|out of resources|no connection within [\d.]+ s)"
    r"|\bthe command did not end within [\d.]+ s; [^\n]*"
    r"|\bthe connection was lost (?:after [\d.]+ s|before the command began)[^\n]*"
)
"""An address with what it answered, and how checks, commands and connections fail, as `rollout.health`, `fleet` and `blame.urls` say it."""


def without(text: str, *, paths: bool) -> str:
    """Give a text without that; with or without the `paths` of addresses: of a symptom they are what is broken, of a rollout only what was checked."""
    return SAID.sub(lambda found: (found[1] if paths else "") or " ", text)
