"""The environment that a service's own commands get: build, restart, checks and tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.config.secret import Secret
    from opskit.config.service import Service
    from opskit.rollout.probe import Release


def commands_environment(
    service: Service,
    *,
    release: Release | None,
    rollout: str,
    host: str,
    variables: Mapping[str, str],
    secrets: Mapping[str, Secret],
) -> dict[str, str | Secret]:
    """Give `OPSKIT_*`, the host's vars as `OPSKIT_VAR_*`, the service's env, its secrets; the last win."""
    facts = {
        "OPSKIT_SERVICE": service.name,
        "OPSKIT_RELEASE": release.id if release else "",
        "OPSKIT_REVISION": release.revision if release else "",
    }
    place = host_environment(
        environment=service.environment, rollout=rollout, host=host, variables=variables
    )
    return {**facts, **place, **service.env, **secrets}


def host_environment(
    *, environment: str, rollout: str, host: str, variables: Mapping[str, str]
) -> dict[str, str]:
    """Give what a command that is about a host, and not about a service, gets of `OPSKIT_*`, the host's vars among it."""
    facts = {"OPSKIT_ENVIRONMENT": environment, "OPSKIT_ROLLOUT": rollout, "OPSKIT_HOST": host}
    return {**facts, **{f"OPSKIT_VAR_{_word(name)}": value for name, value in variables.items()}}


def _word(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in name)
