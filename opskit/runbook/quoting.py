"""What people, hosts and files said, as Markdown that shows just that: nothing in it is a heading, a link, a comment or a command.

Characters that a reader would not see, or that a terminal obeys, are shown as escapes like `\\x1b`.
"""

from __future__ import annotations

import json
import re

from opskit.errors import ConfigError
from opskit.runbook import actions, attributes, names
from opskit.runbook.attributes import Attributes
from opskit.runbook.model import LANGUAGES, LOCAL

MOST = 1000
"""Characters of what stands in a line."""
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ud800-\udfff\U000e0000-\U000e007f]"
)
_SIGNS = {
    **{sign: f"\\{sign}" for sign in "\\`*_[]#~$"},
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "|": "&#124;",
}
_LINKS = re.compile(r"://|www\.", re.IGNORECASE)
"""What a Git host makes links of without being asked."""
_TABLE = str.maketrans(_SIGNS)


def visible(text: str) -> str:
    """Give a text in which everything can be seen; its lines end with `\\n`, tabs stay."""
    return _UNSEEN.sub(_escaped, text.replace("\r\n", "\n"))


def one_line(text: str, most: int = MOST) -> str:
    """Give a text in one line, its line ends as `\\n`, with a sign if its end is left out."""
    shown = visible(text).replace("\n", "\\n").replace("\t", " ")
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def inline(text: str, most: int = MOST) -> str:
    """Give a text as a part of a line of Markdown, also in a table."""
    return _LINKS.sub(_unlinked, one_line(text, most).translate(_TABLE))


def _unlinked(found: re.Match[str]) -> str:
    return "&#58;//" if found[0] == "://" else f"{found[0][:3]}&#46;"


def fence(text: str, language: str = "text") -> str:
    """Give a text as a fence that nothing in it can end."""
    held = visible(text).rstrip("\n")
    longest = max((len(run) for run in re.findall(r"`+", held)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}{language}\n{held}\n{marks}"


def value(text: str) -> str:
    """Give a text of one line as a value of front matter."""
    return json.dumps(one_line(text), ensure_ascii=False)


def command(
    script: str,
    language: str,
    *,
    on: str = LOCAL,
    mutates: bool = True,
    rollback: str = "",
    capture: str = "",
    batch: int = 0,
    timeout: float = 0.0,
    sudo: str = "",
) -> str:
    """Give a fence that is run, with its comment; what cannot be run as it stands is only shown. `rollback` is an anchor without its `#`, `timeout` in seconds."""
    here = on in ("", LOCAL)
    said = Attributes(
        on="" if here else on, local=here, mutates=None if mutates else False,
        rollback=rollback, capture=capture, batch=None if here else batch or None,
        timeout=timeout if timeout not in (0.0, actions.TIMEOUT) else None, sudo="" if here else sudo,
    )  # fmt: skip
    if not _can_be_run(script, language, said):
        return fence(script)
    return f"<!-- opskit: {attributes.render(said)} -->\n{fence(script, language)}"


def _can_be_run(script: str, language: str, said: Attributes) -> bool:
    if language not in LANGUAGES or visible(script) != script or names.templates(script):
        return False
    try:
        written = attributes.read(attributes.render(said))
        actions.action(1, language, script, written, rollback=said.rollback)
    except ConfigError:
        return False
    return written == said


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
