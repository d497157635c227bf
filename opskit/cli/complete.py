"""Shell completion from opskit.toml, git and the changelog; quiet when one cannot be read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from opskit.errors import OpskitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import click

    from opskit.changelog import Changelog, Filter, RolloutRecord, RunRecord
    from opskit.config.model import Config

RECENT = 50  # rollouts that TAB offers
ID = r"[0-9a-z]{1,64}"
TASK = re.compile(r"^@task\b[^\n]*\n(?:@[^\n]*\n)*def (?P<name>[a-z]\w*)\(", re.MULTILINE)


def environments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    """Give the environments that start so."""
    config = _config()
    return _starting(config.environments if config else (), incomplete)


def services(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    """Give the services that start so."""
    config = _config()
    return _starting(config.services if config else (), incomplete)


def hosts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    """Give the hosts as opskit.toml writes them and the @groups; the last term of a selector is completed."""
    config = _config()
    if config is None:
        return []
    before, term = _last_term(incomplete)
    wanted = ctx.params.get("environment")
    chosen = [env for env in config.environments.values() if wanted in (None, env.name)]
    names = {host for env in chosen for host in env.hosts} | set(config.hosts)
    groups = {f"@{group}" for env in chosen for group in env.groups} | {"@*"}
    return [before + name for name in _starting(names | groups, term)]


def revisions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    """Give the tags and branches of the service's git repository that start so."""
    import subprocess

    config = _config()
    places = config.services.get(ctx.params.get("service") or "", {}) if config else {}
    repositories = {getattr(service.source, "repository", None) for service in places.values()}
    found: set[str] = set()
    for repository in repositories - {None}:
        listing = [
            "git",
            "-C",
            str(repository),
            "for-each-ref",
            "--count=200",
            "--format=%(refname:short)",
        ]
        try:
            refs = subprocess.run(
                [*listing, "refs/tags", "refs/heads"],
                capture_output=True,
                text=True,
                timeout=1,
                check=False,
            )
        except (OSError, ValueError, subprocess.TimeoutExpired):
            continue
        found.update(refs.stdout.split())
    return _starting(found, incomplete)


def rollouts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    """Give the ids of recent rollouts that start so, the newest first."""
    return _ids(incomplete, lambda changelog, wanted: changelog.rollouts(wanted))


def records(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    """Give the ids of recent rollouts and runs that start so, the newest first."""

    def ask(changelog: Changelog, wanted: Filter) -> Sequence[RolloutRecord | RunRecord]:
        both: list[RolloutRecord | RunRecord] = [*changelog.rollouts(wanted)]
        both += changelog.runs(wanted)
        return sorted(both, key=lambda record: record.at, reverse=True)

    return _ids(incomplete, ask)


def runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    """Give the ids of recent runs of runbooks that start so, the newest first."""
    return _ids(incomplete, lambda changelog, wanted: changelog.runs(wanted))


def _ids(
    incomplete: str,
    ask: Callable[[Changelog, Filter], Sequence[RolloutRecord | RunRecord]],
) -> list[str]:
    from opskit.changelog import Filter
    from opskit.cli import wiring

    if (config := _config()) is None:
        return []
    try:
        with wiring.open_changelog(config, quiet=True) as changelog:
            found = ask(changelog, Filter(limit=RECENT))
    except OpskitError:
        return []
    return [record.id for record in found if _is_harmless(record.id, incomplete)]


def runbooks(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    """Give the names of runbooks that start so."""
    from opskit.runbook.shelf import files

    config = _config()
    return _starting((file.stem for file in files(config.root)) if config else (), incomplete)


def _is_harmless(name: str, incomplete: str) -> bool:
    """Tell whether an id starts so and is one that opskit makes: what a stranger made up reaches no shell."""
    return name.startswith(incomplete) and re.fullmatch(ID, name) is not None


def tasks(incomplete: str) -> list[str]:
    """Give the tasks of tasks.py, found by reading it: running it would import fabric."""
    config = _config()
    try:
        source = config.tasks.read_text(encoding="utf-8") if config else ""
    except (OSError, ValueError):
        return []
    return _starting((m["name"].replace("_", "-") for m in TASK.finditer(source)), incomplete)


def _config() -> Config | None:
    from opskit.cli import wiring

    try:
        return wiring.read_config()
    except OpskitError:
        return None


def _starting(names: Iterable[str], incomplete: str) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))


def _last_term(selector: str) -> tuple[str, str]:
    """Split a selector before its last term, minding commas inside of a range: `web[1,2],db`."""
    parts = re.match(r"(?P<before>(?:.*[,!&^])?)(?P<term>[^,!&^]*)$", selector)
    if parts is None or parts["before"].count("[") != parts["before"].count("]"):
        return "", selector
    return parts["before"], parts["term"]
