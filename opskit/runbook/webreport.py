"""A report as a page for a browser, in one file: no script, nothing from the network."""

from __future__ import annotations

import base64
import hashlib
import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 75rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; } td, th { border: 1px solid #8886; padding: .2rem .5rem; text-align: left; vertical-align: top; }
pre { border: 1px solid #8886; padding: .5rem; overflow-x: auto; white-space: pre-wrap; }
h2 { margin-top: 2rem; border-bottom: 1px solid #8886; }
"""


def page(markdown: str, title: str) -> str:
    """Give a report that is only read as HTML; what looks like HTML in it is text."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-{digest}'"
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{html.escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{_reader().render(markdown)}</body>\n</html>\n"
    )


def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return (
        MarkdownIt("commonmark", {"html": False})
        .enable("table")
        .disable(["link", "image", "autolink"])
    )
