"""The blocks of a page, as CommonMark has them, with the lines on which they stand; the one place that knows the Markdown library.

What a renderer shows is what counts, so nothing here looks at lines by itself. Tables are known, as Git hosts show them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

HEADING, PARAGRAPH, CELL, FENCE = "heading", "paragraph", "cell", "fence"
HTML, QUOTE, OTHER = "html", "quote", "other"
DEEPEST = 40
DEEPEST_INSIDE = 10
"""How deeply emphasis, links and images may stand in each other: the library's time grows with it."""
LONGEST = 3000
"""Characters of one paragraph or heading: what looks for emphasis and links in it takes longer than its length."""
_LISTS = ("bullet_list_open", "ordered_list_open", "table_open")


@dataclass(frozen=True, slots=True)
class Block:
    """One block. Its lines are `start` up to, not with, `end`, from 0; `text` is what it holds, as it was written.

    `level` is that of a heading, `info` what stands behind a fence's marks, entities resolved. `within` says which lists and
    quotes it stands in; `quoted` whether a quote is one of them. `opens` says that it is the first thing of a list's item, `closed` that
    a fence has its end.
    """

    kind: str
    start: int
    end: int
    text: str = ""
    level: int = 0
    info: str = ""
    within: tuple[int, ...] = ()
    quoted: bool = False
    opens: bool = False
    closed: bool = True

    @property
    def line(self) -> int:
        """Where it stands in the file, from 1."""
        return self.start + 1


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a paragraph as it is shown: `text`, `code`, `strong`, `link` (to `href`), `html` or `break`; emphasis is left out.

    `inside` is what stands in one that is strong, whose `text` is all of that.
    """

    kind: str
    text: str
    href: str = ""
    inside: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks of a page in their order; `too_deep` is the line from which on nothing was read, None if all was.

    `references` are what the parser knows of links' definitions.
    """

    all: tuple[Block, ...]
    references: Mapping[str, Any]
    doubles: tuple[Mapping[str, Any], ...] = ()
    too_deep: int | None = None

    def definitions(self) -> list[tuple[int, int]]:
        """Give the lines, from 0, at which links' definitions begin and before which they end."""
        known = [*self.references.values(), *self.doubles]
        return sorted(tuple(one["map"]) for one in known)

    def pieces(self, text: str) -> tuple[Piece, ...]:
        """Give what a paragraph or heading shows; one that is too long is plain text."""
        if len(text) > LONGEST:
            return (Piece("text", text),)
        tokens: list[Token] = []
        parser = _markdown(DEEPEST_INSIDE)
        parser.inline.parse(text, parser, {"references": self.references}, tokens)
        return tuple(_folded(tokens))


def read(text: str) -> Blocks:
    """Give the blocks of a text whose lines end with `\\n`."""
    env: dict[str, Any] = {}
    tokens = _markdown().parse(text, env)
    deep = [t for t in tokens if t.nesting == 1 and t.level >= DEEPEST - 2]
    too_deep = (deep[0].map or [0])[0] + 1 if deep else None
    doubles = tuple(env.get("duplicate_refs", ()))
    return Blocks(tuple(_blocks(tokens)), env.get("references", {}), doubles, too_deep)


def plain(pieces: Sequence[Piece]) -> str:
    """Give pieces as the plain text that is seen; a break is the end of a line."""
    return "".join(piece.text for piece in pieces if piece.kind != "html")


def links(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Give the links among pieces, also those in what is strong."""
    for piece in pieces:
        if piece.kind == "link":
            yield piece
        yield from links(piece.inside)


@cache
def _markdown(deepest: int = DEEPEST) -> MarkdownIt:
    """Give a parser of blocks: what is inside a paragraph is looked at only where somebody asks."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"maxNesting": deepest}).enable("table")
    parser.core.ruler.disable(["inline", "text_join"])
    return parser


def _blocks(tokens: Sequence[Token]) -> Iterator[Block]:
    within: list[tuple[int, str]] = []
    for index, token in enumerate(tokens):
        if token.type in _LISTS or token.type in ("blockquote_open", "list_item_open"):
            if token.type != "list_item_open":
                kind = QUOTE if token.type == "blockquote_open" else OTHER
                yield _block(kind, token, within)
            within.append((index, token.type))
        elif token.type.endswith("_close") and within and _closes(token, within[-1][1]):
            within.pop()
        elif token.nesting >= 0 and token.type in _READERS:
            opens = index > 0 and tokens[index - 1].type == "list_item_open"
            yield _READERS[token.type](tokens, index, within, opens)


def _closes(token: Token, opened: str) -> bool:
    return token.type == opened.removesuffix("open") + "close"


def _block(kind: str, token: Token, within: Sequence[tuple[int, str]], **more: Any) -> Block:
    start, end = token.map or (0, 0)
    quoted = any(name == "blockquote_open" for _, name in within)
    path = tuple(index for index, _ in within)
    return Block(kind, start, end, within=path, quoted=quoted, **more)


def _text(tokens: Sequence[Token], index: int, within: Any, opens: Any) -> Block:
    token = tokens[index]
    level = int(token.tag[1]) if token.type == "heading_open" else 0
    kind = HEADING if level else PARAGRAPH
    return _block(
        kind, token, within, text=tokens[index + 1].content, level=level, opens=bool(opens)
    )


def _cell(tokens: Sequence[Token], index: int, within: Any, opens: Any) -> Block:
    held = tokens[index + 1]
    return _block(CELL, held, within, text=held.content, opens=bool(opens))


def _fence(tokens: Sequence[Token], index: int, within: Any, opens: Any) -> Block:
    from markdown_it.common.utils import unescapeAll

    token = tokens[index]
    start, end = token.map or (0, 0)
    held = token.content.count("\n") + (not token.content.endswith("\n") and token.content != "")
    return _block(
        FENCE, token, within, text=token.content, info=unescapeAll(token.info.strip()),
        opens=bool(opens), closed=end - start == held + 2,
    )  # fmt: skip


def _html(tokens: Sequence[Token], index: int, within: Any, opens: Any) -> Block:
    return _block(HTML, tokens[index], within, text=tokens[index].content, opens=bool(opens))


def _other(tokens: Sequence[Token], index: int, within: Any, opens: Any) -> Block:
    return _block(OTHER, tokens[index], within, text=tokens[index].content, opens=bool(opens))


_READERS = {
    "heading_open": _text, "paragraph_open": _text, "th_open": _cell, "td_open": _cell,
    "fence": _fence, "html_block": _html, "code_block": _other, "hr": _other,
}  # fmt: skip


def _folded(tokens: Sequence[Token]) -> Iterator[Piece]:
    """Give tokens as pieces: what is strong, and a link, is one piece with all that is in it."""
    index = 0
    while index < len(tokens):
        token = tokens[index]
        if token.type in ("strong_open", "link_open"):
            end = _end(tokens, index)
            yield _holding(token, tuple(_folded(tokens[index + 1 : end])))
            index = end
        elif piece := _piece(token):
            yield piece
        index += 1


def _holding(token: Token, inside: tuple[Piece, ...]) -> Piece:
    if token.type == "link_open":
        return Piece("link", plain(inside), str(token.attrs.get("href", "")))
    return Piece("strong", plain(inside), inside=inside)


def _end(tokens: Sequence[Token], start: int) -> int:
    """Give the index of the token that closes the one at `start`."""
    level = tokens[start].level
    for index in range(start + 1, len(tokens)):
        if tokens[index].nesting == -1 and tokens[index].level == level:
            return index
    return len(tokens)


def _piece(token: Token) -> Piece | None:
    kinds = {"text": "text", "text_special": "text", "code_inline": "code", "html_inline": "html"}
    if token.type in kinds and token.content:
        return Piece(kinds[token.type], token.content)
    return Piece("break", "\n") if token.type in ("softbreak", "hardbreak") else None
