"""The front matter of a page: the YAML between `---` that says what the page is about and which values a run needs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from opskit.config import checks
from opskit.config.model import NOTHING
from opskit.errors import ConfigError
from opskit.runbook.page import parameters, yamlnodes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yaml.nodes import Node

    from opskit.runbook.model import Parameter
    from opskit.runbook.page.findings import Findings

MARK = "---"
LARGEST = 64 * 1024
_ID = r"[a-z0-9-]{1,100}"
_DATE = r"(?a)\d{4}-\d\d-\d\d"
_REVIEW = r"(?a)(\d{1,4}) (day|week|month|year)s?"
_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}


@dataclass(frozen=True, slots=True)
class Front:
    """What front matter says, see `Runbook`; `places` as in `Page`."""

    id: str = ""
    owner: str = ""
    services: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    params: tuple[Parameter, ...] = ()
    last_reviewed_on: date | None = None
    review_in: int | None = None
    places: Mapping[str, int] = field(default=NOTHING, hash=False)


def read(lines: Sequence[str], found: Findings) -> tuple[Front, int]:
    """Give the front matter of a page, and how many of its `lines` that is; what is wrong with it goes to `found`."""
    if lines[0].rstrip() != MARK:
        found.add(1, "there is no front matter", hint=_first(found))
        return Front(), 0
    end = next((n for n, line in enumerate(lines) if n and line.rstrip() == MARK), None)
    if end is None:
        found.add(1, "the front matter has no end", hint=f"end it with a line of `{MARK}`")
        return Front(), len(lines)
    return _read("\n".join(lines[1:end]), found), end + 1


def _first(found: Findings) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", found.file.stem.lower()).strip("-") or "what-it-is-called"
    return f"begin the page with four lines: `---`, `opskit: 1`, `id: {name}`, `---`"


def _read(text: str, found: Findings) -> Front:
    root = _root(text, found)
    if root is None:
        return Front()
    given = yamlnodes.fields(root, _READERS, found, "front matter")
    said = {key.value for key, _ in root.value if yamlnodes.kind(key) == yamlnodes.SCALAR}
    for key in ("opskit", "id"):
        if key not in said:
            found.add(1, f"front matter: `{key}` is missing", hint=_first(found))
    given.pop("opskit", None)
    return Front(**given, places=_places(root))


def _places(root: Node) -> dict[str, int]:
    told = {str(key.value): (key, value) for key, value in root.value}
    places = {name: yamlnodes.line(key) for name, (key, _) in told.items()}
    below = told["params"][1] if "params" in told else None
    if below is not None and yamlnodes.kind(below) == yamlnodes.TABLE:
        places |= {f"params.{key.value}": yamlnodes.line(key) for key, _ in below.value}
    return places


def _root(text: str, found: Findings) -> Node | None:
    if len(text) > LARGEST:
        found.add(1, f"the front matter is larger than {LARGEST // 1024} KiB")
        return None
    try:
        root = yamlnodes.composed(text)
    except ConfigError as error:
        found.error(int(error.output or 0) + 2, error, about="front matter")
        return None
    if root is None or yamlnodes.kind(root) != yamlnodes.TABLE:
        found.add(1, "front matter: expected lines of `key: value`", hint=_first(found))
        return None
    return root


def _date(node: Node, found: Findings) -> date:
    value = yamlnodes.text(node, found)
    try:
        return date.fromisoformat(value if re.fullmatch(_DATE, value) else "")
    except ValueError:
        checks.wrong("a date like 2026-11-24", value)


def _review(node: Node, found: Findings) -> int:
    value = yamlnodes.text(node, found)
    given = re.fullmatch(_REVIEW, value)
    days = int(given[1]) * _DAYS[given[2]] if given else 0
    if not 0 < days <= 3650:
        checks.wrong("a time like `3 months`, `30 days`, `2 weeks` or `1 year`", value)
    return days


_READERS: Mapping[str, yamlnodes.Reader] = {
    "opskit": yamlnodes.matched("1", "the version of the format, which is 1"),
    "id": yamlnodes.matched(_ID, "a name of a-z, 0-9 and `-`"),
    "owner": yamlnodes.text,
    "services": yamlnodes.list_of(checks.name),
    "alerts": yamlnodes.list_of(checks.text),
    "last_reviewed_on": _date,
    "review_in": _review,
    "params": parameters.read,
}
