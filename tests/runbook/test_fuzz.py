"""Any bytes give a runbook, or problems with a line of the file; never anything else, and never after a long time."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.runbook import lint, parse
from tests.runbook.pages import FILE, FRONT, WHOLE
from tests.support.cli import HEAVY

ROOT = Path(__file__).parents[2]
SHIPPED = [file.read_bytes() for file in sorted((ROOT / "runbooks").glob("*.md"))] + [
    WHOLE.encode()
]
PIECES = [
    "**Ask:** ", "**Confirm:** ", "**Decide:** [a](#a) ", "**Wait:** until `a` is 0, at most 5m", "**Wait:** 5m", "**Approve:** x", "**Rollback:** [a](#a)",
    "<!-- opskit: ", " -->", "<!-- opskit: expect=regex -->\n", "on=@web ", "on={{ a }} ", "rollback=#a ", "```sh\n", "```\n", "~~~ task\n", "`a` - ", "## ", "## A\n",
    "# ", "> [!CAUTION]\n", "> ", "- [ ] ", "- ", "1. ", "(evidence)", "\n", "\n\n", "    ", "\t", "$a ", "{{ a }}", "|a|\n|-|\n", "<details>\n", "---\n", "===\n", "[", "](", "![", "**", "__", "*",
    "&amp;", "&#0;", "\\", "\0", "\r", "\r\n", "\ufeff", "\u2028", "\u202e", "\x1b[31m", "é", "\U0001d518", "\ud800", "opskit deploy shop ", "'", '"',
]  # fmt: skip
SOUP = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=40).map("".join)


def check(page: parse.Page, text: str) -> None:
    """Check what must hold of all that is read."""
    assert page.runbook or any(problem.fatal for problem in page.problems)
    lines = len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    for problem in lint.lint(page):
        assert 1 <= problem.line <= lines, problem
        assert problem.what.strip()
        assert "\n" not in f"{problem}{problem.hint}"
    if page.runbook:
        ids = [step.id for step in page.runbook.steps]
        assert ids == list(dict.fromkeys(ids))
        for step in page.runbook.steps:
            order = [part.line for part in step.parts]
            assert order == sorted(set(order))
            assert all(action.rollback in ("", *ids) for action in step.actions)


@given(SOUP)
def test_any_text_is_a_runbook_or_problems(text):
    check(parse.parse(text, FILE), text)


@given(SOUP)
def test_any_text_below_front_matter_is_a_runbook_or_problems(text):
    whole = f"{FRONT}## A\n{text}"
    check(parse.parse(whole, FILE), whole)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_runbook_or_problems(tmp_path_factory, data):
    file = tmp_path_factory.mktemp("page") / "page.md"
    file.write_bytes(data)
    page = parse.read(file)
    assert page.runbook is None
    assert page.problems


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Give a page with a few bytes or lines changed, doubled, moved or taken out."""
    for _ in range(chance.randint(1, 6)):
        lines = data.split(b"\n")
        at, to = chance.randrange(len(lines)), chance.randrange(len(lines))
        way = chance.randrange(6)
        if way == 0:
            del lines[at]
        elif way == 1:
            lines[at], lines[to] = lines[to], lines[at]
        elif way == 2:
            lines.insert(to, lines[at])
        elif way == 3:
            lines[at] = chance.choice([b"> ", b"- ", b"    ", b"\t", b"  "]) + lines[at]
        elif way == 4:
            spot = chance.randrange(len(lines[at]) + 1)
            lines[at] = (
                lines[at][:spot]
                + chance.choice(PIECES).encode("utf-8", "surrogatepass")
                + lines[at][spot:]
            )
        else:
            spot = chance.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:spot] + bytes([chance.randrange(256)]) + lines[at][spot + 1 :]
        data = b"\n".join(lines)
    return data  # fmt: skip


@pytest.mark.parametrize("seed", range(3000 if HEAVY else 30))
def test_a_shipped_page_with_mistakes_in_it_is_a_runbook_or_problems(tmp_path, seed):
    chance = random.Random(seed)
    data = mutated(chance.choice(SHIPPED), chance)
    file = tmp_path / "page.md"
    file.write_bytes(data)
    page = parse.read(file)
    check(page, data.decode("utf-8", "replace"))


MEGABYTE = 1_000_000
LARGE = {
    "words": "word " * 40_000,
    "quotes": "> ",
    "lists": "- ",
    "numbers": "1. ",
    "brackets": "[",
    "images": "![",
    "links": "[a](",
    "stars": "*a **b ",
    "underscores": "_a __b ",
    "backticks": "`a ``b ```c ",
    "less": "<",
    "comments": "<!-- ",
    "html": "<a b='",
    "entities": "&#",
    "backslashes": "\\*",
    "definitions": "[a]: b\n",
    "definitions that go on": "[a\n",
    "steps": "## A\n",
    "numbered steps": "## 1. a\ntext\n",
    "tables": "| a ",
    "rows": "| a | b |\n",
    "wide tables": "|",
    "items": "- [ ] look\n",
    "nested items": "- a\n  - b\n    - c\n",
    "fences": "<!-- opskit: -->\n```sh\ntrue $a\n```\n",
    "open fence": "```sh\n$a '",
    "keywords": "**Ask:** `a` - b\n\n",
    "links to steps": "**Decide:** [a](#a)\n\n",
    "one decision": "[a](#a) ",
    "headings": "###### a\n",
    "setext": "a\n---\n",
    "tabs": "\t",
    "empty lines": "\n",
    "html blocks": "<div>\n",
    "strong": "**a",
    "front matter": "---\n",
    "blanks": " ",
    "long paragraphs of brackets": "![" * 1400 + "\n\n",
    "too long paragraphs": "a " * 2000 + "\n\n",
    "names": "".join(f"**Ask:** `a{n}` - b\n\n" for n in range(4000))
    + "".join(f"**Confirm:** {{{{ b{n} }}}}\n\n" for n in range(50_000)),
    "dead links": "".join(f"### a{n}\n[x](#b{n})\n" for n in range(60_000)),
    "numbered": "".join(f"## {n}. a{n}\n[x](#b{n})\n" for n in range(1, 60_000)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_a_page_of_a_megabyte_is_read_in_bounded_time(name):
    size = MEGABYTE if HEAVY else MEGABYTE // 60
    piece = LARGE[name]
    text = (f"{FRONT}## Start\n" + piece * (size // len(piece) + 1))[:size]
    began = time.process_time()
    check(parse.parse(text, FILE), text)
    assert time.process_time() - began < (120 if HEAVY else 10)


def test_a_page_that_is_too_large_is_not_read(tmp_path):
    file = tmp_path / "page.md"
    file.write_bytes(b"x" * 3_000_000)
    (problem,) = parse.read(file).problems
    assert str(problem) == f"{file}:1: larger than 1 MiB; this cannot be a runbook"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"a\nb\xff\n", "2: not UTF-8 text"),
        (b"a\r\nb\r\xff\n", "3: not UTF-8 text"),
        (b"a\n\0\n", "2: a control character, U+0000"),
        (b"a\n\x1b[31m\n", "2: a control character, U+001B"),
        ("a\n\u009b\n".encode(), "2: a control character, U+009B"),
    ],
)
def test_what_no_page_holds_is_said_with_its_line(tmp_path, data, what):
    file = tmp_path / "page.md"
    file.write_bytes(data)
    assert [str(problem) for problem in parse.read(file).problems] == [f"{file}:{what}"]


def test_what_is_no_file_is_a_problem(tmp_path):
    for file in (tmp_path, tmp_path / "none", tmp_path / "a\0b", Path("/dev/zero")):
        (problem,) = parse.read(file).problems
        assert problem.fatal
