"""The changelog as commands open it: shared with the upstream around their work, if there is one."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opskit.cli import options, wiring
from opskit.cli.render import text
from opskit.errors import ChangelogError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from opskit.changelog import Changelog, Event
    from opskit.changelog.sync import Synced
    from opskit.changelog.syncing import Syncer
    from opskit.config.model import Config

OFFLINE = "--offline asks for it"
FRESH = 5.0  # seconds below which nobody needs to be told how old something is


@contextlib.contextmanager
def open_changelog(config: Config, *, every: float | None = None) -> Iterator[Changelog]:
    """Give the changelog for the block: what others did is pulled first, what is done is pushed, failures are told.

    With `every`, news is looked for after so many seconds again and again. `--offline`, or no upstream: only what is here;
    with `--offline` how old that is, is told.
    """
    with wiring.open_changelog(config) as changelog, _hooked(config, changelog):
        if not config.changelog.upstream:
            yield changelog
            return
        _make_ready(changelog)
        if options.is_offline():
            _say_how_old(changelog, OFFLINE, unless_newer=FRESH)
            changelog.unshared = lambda: OFFLINE
            try:
                yield changelog
            finally:
                _say_what_waits(_waiting(changelog), f": {OFFLINE}")
            return
        syncer = _syncer(config, changelog, every)
        syncer.start()
        if not syncer.wait_for_news():
            _say_what_is_here(config, changelog, syncer)
        _warn(syncer)
        changelog.on_append = _each(changelog.on_append, syncer.appended)
        changelog.unshared = functools.partial(_unshared, config, syncer)
        changelog.look = syncer.look
        try:
            yield changelog
        finally:
            _end(syncer)


def _make_ready(changelog: Changelog) -> None:
    """Let an old index be made anew here, where it is told, not by the syncer, for which nobody would wait so long."""
    with contextlib.suppress(
        ChangelogError
    ):  # whoever needs the changelog tells it; a rollback does not
        changelog.make_ready()


@contextlib.contextmanager
def _hooked(config: Config, changelog: Changelog) -> Iterator[None]:
    """Tell the hooks of opskit.toml what is appended during the block; what they were not told is said at its end."""
    if not config.changelog.hooks:
        yield
        return
    from opskit.changelog.hooks import Hooks

    hooks = Hooks(config.changelog.hooks, changelog=config.changelog.name)
    changelog.on_append = hooks.sent
    try:
        yield
    finally:
        if lost := hooks.close(config.changelog.timeout):
            text.mention("; ".join(lost), colour="yellow")


def _each(*told: Callable[[Event], None] | None) -> Callable[[Event], None]:
    """Give what tells each of them of an event, in this order."""
    wanted = [one for one in told if one is not None]

    def tell(event: Event) -> None:
        for one in wanted:
            one(event)

    return tell


def sync_now(
    config: Config,
    changelog: Changelog,
    *,
    everybody: bool = False,
    accept: bool = False,
    again: bool = False,
) -> Synced:
    """Sync once and wait for it, however long it takes; raises UpstreamError, UpstreamLiesError."""
    from opskit.changelog.sync import sync
    from opskit.cli.upstreams import open_upstream

    exchange = changelog.exchange()
    try:
        with open_upstream(config) as upstream:
            return sync(exchange, upstream, everybody=everybody, accept=accept, again=again)
    finally:
        exchange.close()


def lag_of(config: Config, changelog: Changelog) -> Mapping[str, object]:
    """Give, for `--json`, how old what is here is, and how much of it the others cannot see yet."""
    from opskit.changelog.lag import Lag, lag

    found = lag(changelog.file) if config.changelog.upstream else Lag()
    seconds = None if found.seconds is None else round(found.seconds, 1)
    return {"synced_seconds_ago": seconds, "waiting": found.waiting}


def mention_left(done: Synced) -> None:
    """Say how many events are here and not upstream, and what brings those of others there."""
    if done.waiting:
        verb = "waits" if done.waiting == 1 else "wait"
        what = f"{text.plural(done.waiting, 'event')} of this machine {verb} for the upstream"
        text.mention(what, colour="yellow")
    if done.left:
        verb = "is" if done.left == 1 else "are"
        what = f"{text.plural(done.left, 'event')} that others wrote {verb} here, and not upstream"
        hint = "if their laptops do not come back: opskit changelog sync --relay"
        text.mention(f"{what}; {hint}", colour="yellow")


def _syncer(config: Config, changelog: Changelog, every: float | None) -> Syncer:
    from opskit.changelog.syncing import Syncer
    from opskit.cli.upstreams import open_upstream

    connect = functools.partial(open_upstream, config)
    return Syncer(
        changelog.file,
        connect,
        limit=config.changelog.timeout,
        every=every,
        settings=config.changelog,
    )


def _unshared(config: Config, syncer: Syncer) -> str:
    """Say why what was appended is not upstream yet, "" if it is."""
    if syncer.wait_until_shared():
        return ""
    return syncer.error.what if syncer.error else f"{_address(config)} does not answer in time"


def _address(config: Config) -> str:
    """Give the address of the upstream without what may be secret in it."""
    parts = urlsplit(config.changelog.upstream)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _say_what_is_here(config: Config, changelog: Changelog, syncer: Syncer) -> None:
    """Say why the command goes on without the others' news, and how old the last of it is."""
    if type(syncer.error) is ChangelogError:  # the trouble is here; how old it is does not matter
        text.mention(f"not shared with the others: {syncer.error.what}", colour="yellow")
        return
    why = syncer.error.what if syncer.error else f"{_address(config)} does not answer in time"
    _say_how_old(changelog, why)


def _say_how_old(changelog: Changelog, why: str, *, unless_newer: float = 0) -> None:
    """Say how old what is here is; a changelog that cannot be read is no reason to end what only wants to say this."""
    from opskit.changelog.lag import lag

    try:
        seconds = lag(changelog.file).seconds
    except ChangelogError as error:
        text.mention(f"{error.what}; {why}", colour="yellow")
        return
    if seconds is None:
        text.mention(f"never synced: {why}", colour="yellow")
    elif seconds >= unless_newer:
        text.mention(f"this is as of {text.duration(seconds)} ago: {why}", colour="yellow")


def _warn(syncer: Syncer) -> None:
    for warning in syncer.warnings():
        end = "" if warning.endswith(";") else ";"  # of a line of SQL
        text.mention(f"warning: {warning}{end} see: opskit changelog verify", colour="red")


def _end(syncer: Syncer) -> None:
    waiting = syncer.close()
    _warn(syncer)
    error = syncer.error
    hint = f"; {error.hint}" if error and error.hint else ""
    _say_what_waits(
        waiting, f": {error.what}{hint}" if error else "; the next command tries again"
    )


def _waiting(changelog: Changelog) -> int:
    """Count our events that the upstream has not; 0 also if nobody knows."""
    from opskit.changelog.lag import lag

    try:
        return lag(changelog.file).waiting
    except ChangelogError:
        return 0  # whoever asked the changelog for something has said so


def _say_what_waits(waiting: int, why: str) -> None:
    if waiting:
        verb = "waits" if waiting == 1 else "wait"
        what = f"{text.plural(waiting, 'event')} of this machine {verb} for the upstream"
        text.mention(f"{what}{why}", colour="yellow")
