"""The page of `opskit report --web`: four figures, tables by service and by team, failed changes; no script, nothing from the network."""

from __future__ import annotations

import base64
import hashlib
import html
from importlib.resources import files
from typing import TYPE_CHECKING

from opskit.blame.report import DEFINITIONS
from opskit.cli.render import envelope, figures, terminal, text
from opskit.cli.web.saving import save

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from opskit.blame.report import Failure, Figures, Report
    from opskit.config.model import Config

BY = "opskit report --web"
KIB = 1024
MOST_FAILURES = 500


def write(file: Path, found: Report, config: Config, *, as_json: bool) -> int:
    """Write the page and say so; gives the exit code.

    Raises RefusedError if `file` is something else than such a page, UsageError if it cannot be written.
    """
    size = save(page(found, config.changelog.name), file, by=BY)
    if as_json:
        return envelope.show("report", {"web": {"file": file.absolute(), "bytes": size}})
    text.say(f"wrote {file}: {max(size // KIB, 1)} KiB; open it in a browser")
    return 0


def page(found: Report, name: str) -> str:
    """Give a report on the changelog of that name as HTML; whatever stands in it is text."""
    style = files("opskit.cli.web").joinpath("report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-{digest}'"
    )
    title = f"{name}: rollouts from {figures.in_words(found)}"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="generator" content="{BY}">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{_text(title)}</title>\n'
        f"<style>{style}</style>\n</head>\n<body>\n<h1>{_text(name)} <small>{_text(figures.in_words(found))}</small></h1>\n"
        f"{''.join(_parts(found))}</body>\n</html>\n"
    )


def _parts(found: Report) -> Iterable[str]:
    if not found.all.rollouts:
        yield "<p>Nothing was rolled out in this time, so there is nothing to say of it.</p>\n"
    else:
        yield _tiles(found.all)
        every = [
            *((figures.title(each), each) for each in found.services),
            (figures.ALL, found.all),
        ]
        yield _table("Service", every)
        teams = [(each.name or figures.NO_TEAM, each) for each in found.teams]
        yield _table("Team", teams) if any(each.name for each in found.teams) else ""
        yield _failures(found.all.failures[::-1])
    defined = "".join(f"<dt>{_text(n)}</dt><dd>{_text(d)}</dd>" for n, d in DEFINITIONS.items())
    yield f'<h2>What the figures mean</h2>\n<dl class="definitions">{defined}</dl>\n'


def _tiles(one: Figures) -> str:
    cells = dict(zip(figures.HEADER, figures.cells(one), strict=True))
    named = {
        "Deployments a week": "A WEEK",
        "Change failure rate": "FAILED",
        "Time to restore": "RESTORED IN",
        "Lead time": "LEAD TIME",
    }
    return f"<ul class=tiles>{''.join(_tile(name, cells[key]) for name, key in named.items())}</ul>\n"  # fmt: skip


def _tile(name: str, value: str) -> str:
    first, _, rest = value.partition(" (")
    more = f"<small>{_text(rest.removesuffix(')'))}</small>" if rest else ""
    return f"<li><span>{_text(name)}</span><b>{_text(first)}</b>{more}</li>"


def _table(by: str, rows: Sequence[tuple[str, Figures]]) -> str:
    head = "".join(f"<th>{_text(cell.capitalize())}</th>" for cell in (by, *figures.HEADER))
    body = "".join(
        f"<tr><th>{_text(name)}</th>{''.join(f'<td>{_text(c)}</td>' for c in figures.cells(each))}</tr>"
        for name, each in rows
    )
    return f'<div class="wide"><table class="{by.lower()}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>\n'


def _failures(failures: Sequence[Failure]) -> str:
    if not failures:
        return "<h2>No change failed</h2>\n"
    body = "".join(map(_failure, failures[:MOST_FAILURES]))
    head = "<th>Rollout</th><th>Service</th><th>Since</th><th>Because</th><th>Restored in</th>"
    more = len(failures) - MOST_FAILURES
    left = f"<p>and {more} more, the older ones</p>\n" if more > 0 else ""
    return (
        f"<h2>{_text(text.plural(len(failures), 'failed change'))}</h2>\n"
        f'<div class="wide"><table class="failures"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>\n{left}'
    )


def _failure(one: Failure) -> str:
    where = f"{one.service} in {one.environment}" if one.environment else one.service
    took = figures.span((one.until - one.since).total_seconds()) if one.until else "not yet"
    cells = (where, f"{one.since.astimezone():%Y-%m-%d %H:%M}", one.because, took)
    rest = "".join(f"<td>{_text(cell)}</td>" for cell in cells)
    return f"<tr><th><code>{_text(one.id)}</code></th>{rest}</tr>"


def _text(value: str) -> str:
    return html.escape(terminal.visible(value, one_line=True))
