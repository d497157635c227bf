"""The frozen shape of opskit.toml; what each key means stands in `template.toml`, beside this file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.config.balancers import LoadBalancer
    from opskit.config.service import CommandStep, Service
    from opskit.config.sources import SecretSource
    from opskit.config.windows import Window


class _Nothing(Mapping[str, Any]):
    """The empty mapping; hashable, as Python 3.11 asks of a dataclass's default."""

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"


NOTHING: Mapping[str, Any] = _Nothing()


class HostEntry(NamedTuple):
    """What opskit.toml says of one host, beyond its name; None leaves it to `~/.ssh/config`.

    `vars` fill `{name}` in a health check's address and reach commands as `OPSKIT_VAR_<name>`. `reboot` is how it is
    rebooted, None for what its environment says.
    """

    name: str
    address: str | None = None
    port: int | None = None
    user: str | None = None
    key: Path | None = None
    jump: str | None = None
    vars: Mapping[str, str] = NOTHING
    reboot: CommandStep | None = None


class Environment(NamedTuple):
    """A named fleet: `hosts` are ranges, `inventory` a command that prints Ansible's inventory JSON.

    `freeze` are windows of time in which nothing is changed but by a rollback. `reboot` is the command that reboots a host, None for the usual one.
    """

    name: str
    hosts: tuple[str, ...] = ()
    groups: Mapping[str, str] = NOTHING
    inventory: str | None = None
    require_why: bool = False
    freeze: tuple[Window, ...] = ()
    load_balancers: Mapping[str, LoadBalancer] = NOTHING
    reboot: CommandStep | None = None
    secrets: Mapping[str, SecretSource] = NOTHING
    sudo_password: SecretSource | None = None


class Ssh(NamedTuple):
    """How hosts are reached; times in seconds. `known_hosts` is empty for OpenSSH's own files."""

    config: Path | None = None
    known_hosts: tuple[Path, ...] = ()
    connect_timeout: float = 10.0
    channel_timeout: float = 15.0
    command_timeout: float = 300.0
    keepalive: float = 15.0
    parallel: int = 64
    handshakes_per_jump: int = 5


class Hook(NamedTuple):
    """Where events of this machine are told of, beyond the changelog.

    The address is `url`, or in the environment variable `url_env`; a key or token is in the variable
    `token_env`. `format`: opskit, slack, grafana or pagerduty. `kinds` of events, as in the changelog.
    """

    name: str
    url: str = ""
    url_env: str = ""
    token_env: str = ""
    format: str = "opskit"
    kinds: tuple[str, ...] = ("rollout.started", "rollout.finished", "note")


class ChangelogSettings(NamedTuple):
    """The changelog: its name on this machine, where it is shared, and whose signatures count.

    `upstream` is "" or an address (postgresql, ssh or file); `via` the host through which a database is reached, "" for
    directly. `offline`: "spool" keeps events for later, "refuse" lets no change but a rollback begin without the upstream.
    `timeout` in seconds: how long a command waits for the upstream. `revoked_keys` is a list of public keys or a KRL.
    """

    name: str = "default"
    upstream: str = ""
    via: str = ""
    offline: str = "spool"
    timeout: float = 3.0
    allowed_signers: Path | None = None
    revoked_keys: Path | None = None
    signing_key: Path | None = None
    hooks: tuple[Hook, ...] = ()


class Config(NamedTuple):
    """opskit.toml, read and checked.

    `default_environment` is "" if there are several environments and none is named as the default.
    `services` maps a service's name to what it is in each environment that it lives in.
    `tasks` is the fleet's file of Fabric tasks, whether or not it exists.
    """

    file: Path
    environments: Mapping[str, Environment]
    default_environment: str
    hosts: Mapping[str, HostEntry] = NOTHING
    services: Mapping[str, Mapping[str, Service]] = NOTHING
    ssh: Ssh = Ssh()
    changelog: ChangelogSettings = ChangelogSettings()

    @property
    def root(self) -> Path:
        """The folder that relative paths start from."""
        return self.file.parent

    @property
    def tasks(self) -> Path:
        """The fleet's own Fabric tasks."""
        return self.root / "tasks.py"

    def environment(self, name: str | None) -> Environment:
        """Give the environment of that name, or the default one.

        Raises UnknownNameError, and UsageError if none is named and there is no default.
        """
        from opskit.config.lookup import named
        from opskit.errors import UsageError

        wanted = name or self.default_environment
        if not wanted:
            choices = " or ".join(f"-e {known}" for known in self.environments)
            hint = f"add {choices}; default_environment in {self.file.name} can name the usual one"
            raise UsageError("which environment?", hint=hint)
        return named("environment", wanted, self.environments)

    def service(self, name: str, environment: str | None = None) -> Service:
        """Give a service as it is in an environment; raises UnknownNameError."""
        from opskit.config.lookup import named

        env = self.environment(environment)
        where = named("service", name, self.services)
        return named(f"service {name} in environment", env.name, where)
