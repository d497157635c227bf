"""What a page consists of: its title, its steps, and what links call them.

An H2 of the page itself is a step, however it is written. A heading inside a block quote or a list is none: it is quoted, or part of
something else. Neither is a heading that is written as HTML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from opskit.runbook.anchors import Anchors, number, step_id
from opskit.runbook.page.blocks import HEADING, HTML, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opskit.runbook.page.blocks import Block, Blocks
    from opskit.runbook.page.findings import Findings

LONGEST = 200
_HTML_HEADING = re.compile(r"<h2\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Section:
    """An H2 and the blocks below it; `end` is the line, from 0, before which it ends."""

    id: str
    title: str
    anchors: tuple[str, ...]
    heading: Block
    blocks: tuple[Block, ...]
    end: int


@dataclass(frozen=True, slots=True)
class Outline:
    """A page's title ("" if it has none), what stands before its first step, its steps, and all anchors of the page.

    `targets` leads from an anchor, or the id of a step, to the id of the step that it is in ("": before the first one).
    """

    title: str
    intro: tuple[Block, ...]
    sections: tuple[Section, ...]
    targets: Mapping[str, str]

    def target(self, href: str) -> str | None:
        """Give the id of the step that a link leads to, None if it leads to no step of this page."""
        if not href.startswith("#"):
            return None
        return self.targets.get(unquote(href[1:])) or None

    def has(self, href: str) -> bool:
        """Whether a link to this page leads to one of its headings; `#` alone is its top."""
        return href == "#" or unquote(href[1:]) in self.targets


def read(blocks: Blocks, end: int, found: Findings) -> Outline:
    """Give the outline of a page of `end` lines; what is wrong with it goes to `found`."""
    anchors, titles = Anchors(), {}
    for block in blocks.all:
        if block.kind == HEADING:
            words = plain(blocks.pieces(block.text))
            titles[block] = (" ".join(words.split()), anchors.of(words))
    intro, *parts = list(_parts(blocks.all))
    ends = [*(part[0].start for part in parts[1:]), end]
    sections = tuple(_section(part, titles, e) for part, e in zip(parts, ends, strict=False))
    _check(blocks.all, sections, titles, found)
    return Outline(_title(blocks.all, titles), intro, sections, _targets(intro, sections, titles))


def is_step(block: Block) -> bool:
    """Whether a block is the heading of a step."""
    return block.kind == HEADING and block.level == 2 and not block.within


def _parts(blocks: Sequence[Block]) -> Iterator[tuple[Block, ...]]:
    """Give what stands before the first step, and then each step's heading with what is below it."""
    starts = [index for index, block in enumerate(blocks) if is_step(block)]
    for start, end in zip([0, *starts], [*starts, len(blocks)], strict=True):
        yield tuple(blocks[start:end])


def _section(part: Sequence[Block], titles: Mapping[Block, tuple[str, str]], end: int) -> Section:
    title = titles[part[0]][0]
    names = tuple(titles[block][1] for block in part if block in titles)
    return Section(step_id(title), title, names, part[0], tuple(part[1:]), end)


def _title(blocks: Sequence[Block], titles: Mapping[Block, tuple[str, str]]) -> str:
    return next(
        (titles[b][0] for b in blocks if b in titles and b.level == 1 and not b.within), ""
    )


def _targets(
    intro: Sequence[Block], sections: Sequence[Section], titles: Mapping[Block, tuple[str, str]]
) -> dict[str, str]:
    """Give where links lead: what a Git host makes of a name counts before the ids of steps."""
    ids = {section.id: section.id for section in reversed(sections)}
    above = {titles[block][1]: "" for block in intro if block in titles}
    return {**ids, **{name: s.id for s in reversed(sections) for name in s.anchors}, **above}


def _check(
    blocks: Sequence[Block],
    sections: Sequence[Section],
    titles: Mapping[Block, tuple[str, str]],
    found: Findings,
) -> None:
    if not sections:
        found.add(1, "there is no step", hint="each heading of level 2 (`## 1. Look`) is a step")
    heads = [block for block in titles if block.level == 1 and not block.within]
    if not heads:
        found.warn(1, "the page has no title", hint="begin it with a heading of level 1: `# …`")
    for block in heads[1:]:
        found.warn(block.line, "a second title; steps are headings of level 2")
    for block in titles:
        if block.level == 2 and block.within:
            found.warn(block.line, "a heading in a list or a quote is no step")
    for block in blocks:
        if block.kind == HTML and _HTML_HEADING.search(block.text):
            found.warn(block.line, "a heading that is written as HTML is no step")
    _check_ids(sections, found)


def _check_ids(sections: Sequence[Section], found: Findings) -> None:
    seen: dict[str, int] = {}
    for place, section in enumerate(sections, 1):
        line = section.heading.line
        if not section.id or section.id.isdigit():
            found.add(line, "a step needs a heading with a word in it")
        elif len(section.title) > LONGEST:
            found.add(line, f"the heading of a step is longer than {LONGEST} characters")
        elif section.id in seen:
            found.add(
                line, f"the step in line {seen[section.id]} is called {section.id!r}, too",
                hint="steps are known by their headings without the number",
            )  # fmt: skip
        elif number(section.title) not in (None, place):
            found.warn(line, f"this is step {place}, and its heading says {number(section.title)}")
        seen.setdefault(section.id, line)
