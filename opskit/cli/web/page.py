"""The page as text: the template, its style, its scripts and the data, all in one, closed to the network."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from opskit.cli.web.facts import Names, drawn, opened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from opskit.changelog import Entry

# In this order they make one script: what stands earlier knows nothing of what comes later.
SCRIPTS = (
    *("words", "times", "symbols", "entries", "lanes", "view", "chart", "pointing"),
    *("overview", "listing", "detail", "main"),
)
FORBID = "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:"
# What could end a <script> early or break a line in it; JSON has another way to write each.
UNSAFE = re.compile("[<>&\u2028\u2029]")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the page says of itself.

    `name` is the changelog's, `scope` what was asked for in words, `command` what makes the page
    anew. `synced` is when this machine last heard of the others; None if it shares with nobody, or
    never did. `limit`: only the newest so many are there; 0 if all are.
    """

    name: str
    made: datetime
    command: str
    scope: tuple[str, ...] = ()
    shared: bool = False
    synced: datetime | None = None
    limit: int = 0


def made(entries: Sequence[Entry], about: About) -> str:
    """Give the page that shows `entries` (newest first) as HTML."""
    style = _text("page.css")
    script = (
        '(() => {\n"use strict";\n' + "".join(_text(f"js/{n}.js") for n in SCRIPTS) + "})();\n"
    )
    policy = f"{FORBID}; style-src {_fingerprint(style)}; script-src {_fingerprint(script)}"
    parts = {
        "policy": html.escape(policy),
        "title": html.escape(_title(about)),
        "style": style,
        "script": script,
        "data": _json(_data(entries, about)),
        "details": "\n".join(_json(opened(entry)) for entry in entries),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _text("page.html"))


def _data(entries: Sequence[Entry], about: About) -> Mapping[str, object]:
    hosts, outcomes = Names(), Names()
    listed = [drawn(entry, hosts, outcomes) for entry in entries]
    return {
        "name": about.name,
        "scope": about.scope,
        "made": round(about.made.timestamp() * 1000),
        "shared": about.shared,
        "synced": round(about.synced.timestamp() * 1000) if about.synced else 0,
        "command": about.command,
        "limit": about.limit,
        "hosts": hosts.all(),
        "outcomes": outcomes.all(),
        "entries": listed,
    }


def _title(about: About) -> str:
    return " · ".join([f"{about.name} changelog", *about.scope, f"{about.made:%Y-%m-%d %H:%M}"])


def _json(value: object) -> str:
    text = json.dumps(value, separators=(",", ":"))
    return UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _fingerprint(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _text(name: str) -> str:
    return files("opskit.cli.web").joinpath(name).read_text(encoding="utf-8")
