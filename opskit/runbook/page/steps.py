"""A step from the blocks below its heading: what is asked, checked and run, and all between that as prose."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import replace
from textwrap import dedent
from typing import TYPE_CHECKING

from opskit.errors import ConfigError
from opskit.runbook import actions, attributes
from opskit.runbook.model import Action, Check, Part, Prose, Step, Wait
from opskit.runbook.page import comments, keywords
from opskit.runbook.page.blocks import CELL, FENCE, HEADING, HTML, LONGEST, PARAGRAPH, QUOTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from opskit.runbook.attributes import Attributes
    from opskit.runbook.page.blocks import Block, Blocks, Piece
    from opskit.runbook.page.findings import Findings
    from opskit.runbook.page.outline import Outline, Section

_BOX = re.compile(r"\[(?P<mark>[ xX])\]\s+(?P<text>\S.*)", re.DOTALL)
_NO_BOX = re.compile(r"\[\](?!\()|\[[ xX]\](?=\w)")
_EVIDENCE = re.compile(r"\s*\(evidence\)[.\s]*$", re.IGNORECASE)
_CAUTION = re.compile(r"\[!CAUTION\]\s*(\n|$)", re.IGNORECASE)


class Reader:
    """Reads one step; what is wrong with it goes to `found`."""

    def __init__(
        self,
        section: Section,
        blocks: Blocks,
        outline: Outline,
        lines: Sequence[str],
        found: Findings,
    ) -> None:
        self._section, self._blocks, self._outline = section, blocks, outline
        self._lines, self._found = lines, found
        self._parts: list[Part] = []
        self._taken: list[Block] = []
        self._quotes = {b.start for b in section.blocks if b.kind == QUOTE and not b.within}
        self._captures: dict[str, Action] = {}
        self._read: Block | None = None
        self._cautious = False
        self._rollback: str | None = None
        self._comment: tuple[Block, Attributes | None] | None = None

    def step(self) -> Step:
        """Give the step."""
        for block in self._section.blocks:
            self._unbind(block)
            self._block(block)
        self._unbind(None)
        section = self._section
        source = "\n".join(self._lines[section.heading.start : section.end]).rstrip()
        return Step(
            section.id, section.title, section.heading.line, self._in_order(),
            hashlib.sha256(source.encode()).hexdigest(), section.anchors, self._cautious,
        )  # fmt: skip

    def _in_order(self) -> tuple[Part, ...]:
        parts = [self._undone(part) for part in self._parts]
        between = prose(self._lines, self._section.heading.end, self._section.end, self._taken, self._section.blocks)  # fmt: skip
        return tuple(sorted([*parts, *between], key=lambda part: part.line))

    def _undone(self, part: Part) -> Part:
        """Give an action that names no rollback itself the one of its step."""
        if isinstance(part, Action) and part.mutates and not part.rollback and self._rollback:
            return replace(part, rollback=self._rollback)
        return part

    def _block(self, block: Block) -> None:
        if block.kind == HTML:
            self._html(block)
        elif block.kind == FENCE:
            self._fence(block)
        elif block.kind == PARAGRAPH:
            self._paragraph(block)
        if block.kind in (HTML, PARAGRAPH, HEADING, CELL) and ":" in unicodedata.normalize(
            "NFKC", block.text
        ):
            self._look_for_words(block)

    def _look_for_words(self, block: Block) -> None:
        """Say which bold words read as if something were asked, and nothing is."""
        pieces = () if block.kind == HTML else self._blocks.pieces(block.text)
        is_told = block in (self._read, *self._taken[-1:]) or self._found.tells(block.line)
        if not is_told and (word := keywords.elsewhere(block.text, pieces)):
            self._found.add(block.line, f"**{word}:** reads as if something were asked here, and nothing is", hint="begin a paragraph of the step with it")  # fmt: skip

    def _unbind(self, block: Block | None) -> None:
        """Say that a comment before a block that is no fence beside it has nothing to say."""
        if self._comment is None:
            return
        comment = self._comment[0]
        if block is None or block.kind != FENCE or block.within != comment.within:
            self._found.add(comment.line, "no fence follows this comment", hint="it belongs right before the ``` of a command")  # fmt: skip
            self._comment = None

    def _html(self, block: Block) -> None:
        words = comments.words(block)
        if words is None:
            if comments.hidden(block.text):
                self._found.add(block.line, "this comment is not read: it must begin with `<!-- opskit:`, and nothing else may stand beside it")  # fmt: skip
            return
        if block.quoted:
            self._quoted(block)
            return
        self._taken.append(block)
        self._comment = block, self._attributes(block.line, words)

    def _attributes(self, line: int, words: str) -> Attributes | None:
        try:
            return attributes.read(words)
        except ConfigError as error:
            self._found.error(line, error)
            return None

    def _fence(self, block: Block) -> None:
        bound, self._comment = self._comment, None
        words = comments.info_words(block.info)
        if bound is None and words is None:
            if attributes.look_like(comments.other_words(block.info)):
                self._found.warn(block.line, "this is shown and not run", hint="a comment before the fence says how: <!-- opskit: … -->")  # fmt: skip
            return
        if block.quoted:
            self._quoted(block)
            return
        if bound and words is not None:
            self._found.add(
                block.line, "attributes stand in the comment and behind the language, too"
            )
            return
        if words is not None:
            self._found.warn(
                block.line, "attributes behind the language: not all that shows Markdown can read this",
                hint=f"<!-- opskit: {words.strip()[:200]} --> before the fence",
            )  # fmt: skip
        said = bound[1] if bound else self._attributes(block.line, words or "")
        self._taken.append(block)
        if said:
            self._run(block, said)

    def _run(self, block: Block, said: Attributes) -> None:
        if not block.closed:
            self._found.add(block.line, "this fence has no end: all below would be run")
            return
        try:
            if said.expect:
                self._expect(block, said.expect)
            else:
                rollback = self._leads_to(said.rollback) if said.rollback else ""
                language = comments.language(block.info)
                made = actions.action(block.line, language, block.text, said, rollback=rollback)
                self._parts.append(made)
                self._captures[made.capture] = made
        except ConfigError as error:
            self._found.error(block.line, error)

    def _leads_to(self, anchor: str) -> str:
        step = self._outline.target(f"#{anchor}")
        if step is None:
            hint = keywords.near(f"#{anchor}", self._outline)
            raise ConfigError(
                f"rollback: {keywords.no_such(f'#{anchor}', self._outline)}", hint=hint
            )
        if step == self._section.id:
            raise ConfigError("rollback: a step cannot undo itself")
        return step

    def _expect(self, block: Block, kind: str) -> None:
        before = self._parts[-1] if self._parts else None
        if not isinstance(before, Action) or before.expect:
            raise ConfigError("no command stands before this that could print it")
        self._parts[-1] = replace(before, expect=actions.expect(block.line, block.text, kind))

    def _paragraph(self, block: Block) -> None:
        if len(block.text) > LONGEST:
            self._found.warn(
                block.line, "too long a paragraph: nobody looks for links and keywords in it"
            )
        pieces = self._blocks.pieces(block.text)
        if any(piece.kind == "html" and comments.hidden(piece.text) for piece in pieces):
            self._found.add(block.line, "this comment is not read: it must stand on lines of its own, right before a fence")  # fmt: skip
        if block.quoted:
            self._in_quote(block, pieces)
        elif block.opens and (box := _BOX.match(block.text)):
            self._check(block, box)
        elif block.opens and _NO_BOX.match(block.text):
            self._found.warn(block.line, "this is no box, and nobody is asked: write `- [ ] …`")
        else:
            self._words(block, pieces)

    def _in_quote(self, block: Block, pieces: Sequence[Piece]) -> None:
        """Look at a paragraph of a quote, where nothing is asked; `> [!CAUTION]` makes the next confirmation a typed one."""
        if _CAUTION.match(block.text) and self._begins_quote(block):
            self._cautious = True
        try:
            asks = keywords.keyword(block.text, pieces) in keywords.ASKS
        except ConfigError:
            asks = True
        if asks or (block.opens and _BOX.match(block.text)):
            self._quoted(block)

    def _begins_quote(self, block: Block) -> bool:
        """Whether a block is the first one of a quote of the page itself."""
        return len(block.within) == 1 and block.start in self._quotes

    def _quoted(self, block: Block) -> None:
        self._found.add(
            block.line, "nothing in a block quote is asked or run", hint="take the `>` away"
        )

    def _check(self, block: Block, box: re.Match[str]) -> None:
        text = " ".join(box["text"].split())
        if box["mark"] != " ":
            self._found.warn(block.line, "this box is ticked in the page already: write `- [ ]`")
        seen = _EVIDENCE.search(text)
        self._parts.append(Check(block.line, text[: seen.start()] if seen else text, bool(seen)))
        self._taken.append(block)

    def _words(self, block: Block, pieces: Sequence[Piece]) -> None:
        try:
            word = keywords.keyword(block.text, pieces)
            if hidden := keywords.later(pieces):
                self._found.add(block.line, f"**{hidden}:** is hidden in a paragraph", hint="put an empty line before it")  # fmt: skip
            self._read = block if word in keywords.ASKS else None
            if word == "Rollback":
                self._step_rollback(pieces)
            elif word in keywords.ASKS:
                self._asked(word, block, pieces)
            elif near := keywords.meant(pieces):
                self._found.warn(block.line, f"{pieces[0].text!r} is no keyword", hint=f"did you mean **{near}:**?")  # fmt: skip
        except ConfigError as error:
            self._found.error(block.line, error)

    def _asked(self, word: str, block: Block, pieces: Sequence[Piece]) -> None:
        self._taken.append(block)
        part = keywords.part(word, block.line, block.text, pieces, self._outline, typed=self._cautious)  # fmt: skip
        if isinstance(part, Wait) and part.name:
            self._check_wait(part)
        self._parts.append(part)

    def _check_wait(self, wait: Wait) -> None:
        again = self._captures.get(wait.name)
        if again is None:
            raise ConfigError(f"no command above in this step captures {wait.name}", hint=f"<!-- opskit: capture={wait.name} mutates=no -->")  # fmt: skip
        if again.mutates:
            raise ConfigError("the command that is run again and again changes something", hint="if it does not, say mutates=no")  # fmt: skip

    def _step_rollback(self, pieces: Sequence[Piece]) -> None:
        """Take the step that undoes this one; a rollback without a link is for people only."""
        for link in keywords.own(pieces)[:1]:
            if self._rollback is not None:
                raise ConfigError("a second rollback of this step", hint='one fence alone: rollback="#anchor" in its comment')  # fmt: skip
            self._rollback = self._leads_to(link.href[1:])


def prose(
    lines: Sequence[str], start: int, end: int, taken: Iterable[Block], blocks: Iterable[Block]
) -> list[Prose]:
    """Give what stands from line `start` up to `end`, from 0, without the lines of what is `taken`."""
    gone = {line for block in taken for line in range(block.start, block.end)}
    inside = {line for b in blocks if b.within for line in range(b.start, b.end)}
    found: list[Prose] = []
    kept: list[int] = []
    for line in range(start, end + 1):
        if line < end and line not in gone:
            if kept or lines[line].strip():
                kept.append(line)
            continue
        if kept:
            text = "\n".join(lines[kept[0] : kept[-1] + 1])
            found.append(
                Prose(kept[0] + 1, (dedent(text) if kept[0] in inside else text).rstrip())
            )
        kept = []
    return found
