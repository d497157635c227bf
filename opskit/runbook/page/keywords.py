"""Paragraphs that begin with a bold keyword: `**Ask:**`, `**Confirm:**`, `**Decide:**`, `**Wait:**`, `**Approve:**`, …

What a renderer shows in bold decides, and what was written must say the same plainly, so that nobody reads a question that no run asks.
"""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import unquote

from opskit.config import checks
from opskit.config.lookup import did_you_mean
from opskit.errors import ConfigError
from opskit.runbook import names
from opskit.runbook.model import NEXT, Approve, Ask, Choice, Confirm, Decide, Wait
from opskit.runbook.page.blocks import links

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opskit.runbook.model import Part
    from opskit.runbook.page.blocks import Piece
    from opskit.runbook.page.outline import Outline

ASKS = ("Ask", "Confirm", "Decide", "Wait", "Approve", "Rollback")
WORDS = (*ASKS, "Note")
"""All that have a meaning; a Note is only read."""
GO_ON = "go on"
MANY = 1000
"""Anchors of a page: among more, looking for a near one takes too long."""
_START = re.compile(r"(\*\*|__)(?P<word>[A-Za-z]+):\1(?:\s+|$)(?P<rest>.*)", re.DOTALL)
_MARKED = re.compile(r"(?:\*\*|__)\s*([A-Za-z]+)\s*:")
_BOLD_HTML = re.compile(
    rf"<(?:b|strong)\b[^<>]*>\s*({'|'.join(ASKS)})\s*(?:</(?:b|strong)>\s*)?:", re.IGNORECASE
)
_FOOTNOTE = re.compile(r"^\s*\[\^[^\]]*\]:")
_ASK = re.compile(r"`+\s*\$?(?P<name>[^`\s]*)\s*`+\s*(?:[-\u2013\u2014:]+(?:\s+|$))?(?P<text>.*)", re.DOTALL)  # fmt: skip
_SPAN = r"\d+(?:\.\d+)?(?:ms|s|m|h)"
_FOR = re.compile(rf"(?a)(?:for\s+)?(?P<span>{_SPAN})(?![\w.])")
_UNTIL = re.compile(
    r"(?a)until\s+`\$?(?P<name>\w+)`\s+is\s+(?P<negated>not\s+)?"
    r"(?:`(?P<code>[^`]*)`|\"(?P<quoted>[^\"]*)\"|(?P<bare>[^\s,`\"]+))(?P<rest>.*)"
)
_CLAUSE = re.compile(rf"(?a)(?P<key>every|at\s+most)\s+(?P<span>{_SPAN})|else\s+(?:go\s+(?:on\s+)?(?:to|with)\s+)?(?P<link>\x00)")  # fmt: skip
_WAIT = "**Wait:** 5m, or: **Wait:** until `NAME` is VALUE, every 5s, at most 5m, else go to [Step](#step)"


def keyword(text: str, pieces: Sequence[Piece]) -> str:
    """Give the keyword that a paragraph begins with, "" if none.

    Raises ConfigError where what is shown looks like one, and what is written is not quite that.
    """
    written = _START.match(text)
    word = written["word"] if written and written["word"] in WORDS else ""
    shown = _shown(pieces)
    if word and shown == word:
        return word
    if wanted := shown or word or _unclosed(text, pieces):
        raise ConfigError(
            f"this looks like a keyword and is none: write `**{wanted}:** …`",
            hint="the bold word begins the paragraph, with its colon inside, and a blank behind it",
        )
    return ""


def _unclosed(text: str, pieces: Sequence[Piece]) -> str:
    """Give the keyword that the marks before it do not make bold, as in `**Ask: **`, "" if there is none."""
    found = _MARKED.match(text)
    bold = pieces and pieces[0].kind == "strong"
    return found[1] if found and found[1] in ASKS and not bold else ""


def _shown(pieces: Sequence[Piece]) -> str:
    """Give the word before a colon with which a paragraph begins in bold, in the spelling of its keyword; "" if there is none."""
    if not pieces or pieces[0].kind != "strong":
        return ""
    bold = pieces[0].text.strip()
    follows = pieces[1].text if len(pieces) > 1 else ""
    if not bold.endswith(":") and not follows.startswith(":"):
        return ""
    plain = bold.removesuffix(":").strip().lower()
    return next((word for word in WORDS if word.lower() == plain), "")


def meant(pieces: Sequence[Piece]) -> str:
    """Give the keyword that a bold word at the beginning is perhaps a misspelling of, "" if none."""
    bold = pieces[0].text if pieces and pieces[0].kind == "strong" else ""
    word = bold.removesuffix(":").strip()
    if not bold.endswith(":") or not 2 < len(word) < 12:
        return ""
    near = (w for w in ASKS if w[0] == word[0] and abs(len(w) - len(word)) < 2 and w != word)
    return next((w for w in near if SequenceMatcher(None, w, word).ratio() >= 0.75), "")


def later(pieces: Sequence[Piece]) -> str:
    """Give a keyword that begins a line of a paragraph other than its first, "" if none does."""
    for before, piece in pairwise(pieces):
        word, colon, rest = piece.text.partition(":")
        if (
            before.kind == "break"
            and piece.kind == "strong"
            and word in ASKS
            and colon
            and not rest
        ):
            return word
    return ""


def elsewhere(text: str, pieces: Sequence[Piece]) -> str:
    """Give a keyword that something is shown to begin with in bold, and where no run looks for one: in a cell, a heading, HTML, behind a sign; "" if none is."""
    if html := _BOLD_HTML.search(_plain(text)):
        return html[1].capitalize()
    before = ""
    for piece, follows in zip(pieces, (*pieces[1:], None), strict=False):
        shown = _plain(piece.text).strip() if piece.kind in ("strong", "link") else ""
        colon = shown.endswith(":") or (
            follows is not None and _plain(follows.text).startswith(":")
        )
        if shown.removesuffix(":").strip() in ASKS and colon:
            return shown.removesuffix(":").strip()
        before += piece.text
        if re.search(r"[^\W\d_]", _FOOTNOTE.sub("", before)):
            return ""  # what is named amid a sentence asks nothing
    return ""


def _plain(text: str) -> str:
    """Give a text as it looks: without signs that are not shown, in the letters that others look like."""
    seen = unicodedata.normalize("NFKC", text)
    return "".join(sign for sign in seen if unicodedata.category(sign) != "Cf")


def part(
    word: str, line: int, text: str, pieces: Sequence[Piece], outline: Outline, *, typed: bool
) -> Part:
    """Give what a paragraph that begins with `word` asks for; `typed` if it stands behind a caution. Raises ConfigError."""
    found = _START.match(text)
    rest = " ".join(found["rest"].split()) if found else ""
    if not rest:
        raise ConfigError(f"**{word}:** says nothing")
    if word == "Confirm":
        return Confirm(line, rest, typed=typed)
    return _PARTS[word](line, rest, pieces, outline)


def _ask(line: int, rest: str, pieces: Sequence[Piece], outline: Outline) -> Ask:  # noqa: ARG001
    found = _ASK.fullmatch(rest)
    if not found:
        raise ConfigError("what is the answer called?", hint="**Ask:** `NAME` - Which server?")
    return Ask(line, names.variable(found["name"]), found["text"])


def _decide(line: int, rest: str, pieces: Sequence[Piece], outline: Outline) -> Decide:
    ways = [Choice(_label(link), target(link, outline)) for link in own(pieces)]
    once = {way.target: way for way in reversed(ways)}
    chosen = [way for way in ways if once[way.target] is way]
    labels = [way.label for way in chosen]
    if len({*labels, GO_ON}) <= len(labels):
        raise ConfigError(
            f"two ways are called the same, or {GO_ON!r}", hint="what a link says is its name"
        )
    return Decide(line, rest, (*chosen, Choice(GO_ON, NEXT)))


def _label(link: Piece) -> str:
    return " ".join(link.text.split())[:100] or link.href


def _approve(line: int, rest: str, pieces: Sequence[Piece], outline: Outline) -> Approve:  # noqa: ARG001
    return Approve(line, rest)


def own(pieces: Sequence[Piece]) -> list[Piece]:
    """Give the links to places of this page."""
    return [link for link in links(pieces) if link.href.startswith("#")]


def target(link: Piece, outline: Outline) -> str:
    """Give the id of the step that a link leads to; raises ConfigError if it leads to none."""
    found = outline.target(link.href)
    if found is None:
        raise ConfigError(no_such(link.href, outline), hint=near(link.href, outline))
    return found


def no_such(href: str, outline: Outline) -> str:
    """Say that a link leads to no step."""
    known = href[1:] in outline.targets
    return f"{href[:80]} is before the first step" if known else f"there is no step {href[:80]}"


def near(href: str, outline: Outline) -> str:
    """Give a hint that names the closest anchor."""
    near_enough = len(outline.targets) <= MANY
    return did_you_mean(unquote(href[1:])[:100], outline.targets) if near_enough else ""


def _wait(line: int, rest: str, pieces: Sequence[Piece], outline: Outline) -> Wait:
    if span := _FOR.match(rest):
        return Wait(line, rest, checks.duration(span["span"]))
    shown = _flat(pieces)
    found = _UNTIL.fullmatch(shown)
    if not found:
        raise ConfigError("for how long, or until what?", hint=_WAIT)
    told = _clauses(found["rest"])
    if "at most" not in told:
        raise ConfigError("say how long at most", hint=_WAIT)
    value = next(found[k] for k in ("code", "quoted", "bare") if found[k] is not None)
    otherwise = target(own(pieces)[-1], outline) if "else" in told else ""
    return Wait(
        line, rest, checks.duration(told["at most"]), names.variable(found["name"]), value,
        bool(found["negated"]), checks.duration(told.get("every", "5s")), otherwise,
    )  # fmt: skip


def _clauses(text: str) -> dict[str, str]:
    """Give what stands behind the value of a Wait, by `every`, `at most` and `else`."""
    told: dict[str, str] = {}
    for clause in filter(None, (part.strip().rstrip(".") for part in text.split(","))):
        found = _CLAUSE.fullmatch(clause)
        if not found:
            raise ConfigError(f"{clause[:60].replace(chr(0), '[…]')!r} cannot be read", hint=_WAIT)
        key = " ".join((found["key"] or "else").split())
        if key in told:
            raise ConfigError(f"`{key}` stands there twice", hint=_WAIT)
        told[key] = found["span"] or ""
    return told


def _flat(pieces: Sequence[Piece]) -> str:
    """Give what is behind the keyword in one line, code in backticks, a NUL for each link to a place of this page."""
    shown = "".join(
        f"`{p.text}`" if p.kind == "code" else "\0" if p.kind == "link" and p.href.startswith("#") else p.text
        for p in pieces[1:]
    )  # fmt: skip
    return " ".join(shown.split())


_PARTS: Mapping[str, Callable[[int, str, Sequence[Piece], Outline], Part]] = {
    "Ask": _ask,
    "Decide": _decide,
    "Wait": _wait,
    "Approve": _approve,
}
