"""The frozen shape of a service of opskit.toml: where it comes from, its steps, when it is healthy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.config.model import NOTHING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from opskit.config.balancers import Behind
    from opskit.config.sources import SecretSource
    from opskit.config.windows import Window


@dataclass(frozen=True, slots=True)
class GitSource:
    """A revision of a git repository; `folder` is the part of its tree that is deployed."""

    repository: Path
    folder: str = ""
    default_revision: str = "HEAD"


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder of this machine, as it stands."""

    folder: Path


@dataclass(frozen=True, slots=True)
class ArtifactSource:
    """A tar archive; `{revision}` in the path is replaced by the revision asked for."""

    path: str


Source = GitSource | FolderSource | ArtifactSource


@dataclass(frozen=True, slots=True)
class CommandStep:
    """A step that is a shell command, run on the host in the current release; as the user `sudo` by sudo, if one is named.

    `unit` is the unit of systemd that it restarts, "" if it is the fleet's own command; `of_user` says that it is none of the system.
    """

    command: str
    sudo: str = ""
    unit: str = ""
    of_user: bool = False


@dataclass(frozen=True, slots=True)
class TaskStep:
    """A step that is a Fabric task of `tasks.py`; `sudo` says that its `c.sudo` may need a password."""

    task: str
    sudo: bool = False


Step = CommandStep | TaskStep


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """Healthy when `url`, fetched from the host through the SSH connection, answers as expected.

    `url` names the service as the host sees it, usually on 127.0.0.1; `{name}` stands for a host's var. `contains` is looked for in the
    first 64 KiB of the body.
    """

    url: str
    status: int = 200
    contains: str = ""


@dataclass(frozen=True, slots=True)
class TcpCheck:
    """Healthy when the host can open a TCP connection to `address`, written `host:port`."""

    address: str


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """Healthy when the command ends with 0 on the host; it runs as the user `sudo` by sudo, if one is named."""

    command: str
    sudo: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """A check, tried every `interval` seconds until it holds, for at most `within` seconds.

    From then on it must hold at every try for `settle` seconds more.
    """

    check: HttpCheck | TcpCheck | CommandCheck
    within: float = 30.0
    interval: float = 1.0
    timeout: float = 5.0
    settle: float = 0.0


@dataclass(frozen=True, slots=True)
class Service:
    """What is deployed and restarted, resolved for one environment.

    `batches` are host counts (`1`) or shares (`"25%"`); the last repeats until all hosts are done.
    `min_healthy`, a count or share of the service's hosts, must stay healthy while others are changed. Before each next batch
    the run waits for `pause` seconds, and `gate` must agree: a command on this machine, or a task on the hosts of the batch before.
    `on_failure` says what is done with the hosts that have the change already when the run is stopped: "stop" leaves them, "rollback" puts
    them back. A host that does not hear within `confirm_within` seconds that it is well goes back by itself.
    `path` is absolute or starts with `~/`, the login user's home on the host. With `hard_links` releases share the files that are the same, so nothing may ever write into them. `env` is given to build, restart, check and tasks; `secrets` says where more
    variables come from that are given likewise and shown nowhere, also those of the environment. `freeze` are windows beside those of the environment.
    """

    name: str
    environment: str
    path: str
    hosts: str
    source: Source
    build: str | None = None
    build_timeout: float = 1800.0
    restart: Step | None = None
    restart_timeout: float = 120.0
    health: Health | None = None
    batches: tuple[int | str, ...] = (1, "25%")
    max_failures: int = 0
    min_healthy: int | str | None = None
    pause: float = 0.0
    gate: Step | None = None
    gate_timeout: float = 60.0
    on_failure: str = "stop"
    confirm_within: float | None = None
    keep: int = 5
    shared_folders: tuple[str, ...] = ()
    shared_files: tuple[str, ...] = ()
    hard_links: bool = False
    env: Mapping[str, str] = NOTHING
    secrets: Mapping[str, SecretSource] = NOTHING
    owner: str = ""
    depends_on: tuple[str, ...] = ()
    freeze: tuple[Window, ...] = ()
    load_balancer: Behind | None = None
