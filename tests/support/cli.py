"""The real CLI as a user runs it: a process of its own, its streams, its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support import forks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REPOSITORY = Path(__file__).parents[2]
HEAVY = os.environ.get("OPSKIT_HEAVY") == "1"


@dataclass(frozen=True)
class Completed:
    """What a run said on its two streams, and its exit code."""

    stdout: str
    stderr: str
    exit: int

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.stdout)


@dataclass(frozen=True)
class Opskit:
    """Runs `opskit ARGUMENTS` in `cwd`; demands the exit code `expect`, any one if that is None."""

    cwd: Path

    def __call__(
        self,
        *arguments: object,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        expect: int | None = 0,
        input: str = "",
        timeout: float = 100.0,
    ) -> Completed:
        line = [str(argument) for argument in arguments]
        run = forks.run if _may_fork(env or {}) else start
        full = {**os.environ, **(env or {})}
        ran = run(line, cwd=cwd or self.cwd, env=full, input=input, timeout=timeout)
        done = Completed(ran.stdout, ran.stderr, ran.returncode)
        assert expect in (None, done.exit), _mismatch(line, done, expect)
        return done

    def start(
        self, *arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a run that the test watches, signals and waits for itself."""
        return subprocess.Popen(
            command(*(str(argument) for argument in arguments)),
            cwd=cwd or self.cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def _may_fork(env: Mapping[str, str]) -> bool:
    """Whether a run may be a fork: Python has nothing else to read as it starts, and nobody wants real starts."""
    return not HEAVY and not any(name.startswith(forks.AT_START) for name in env)


def start(
    arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], input: str, timeout: float
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=cwd, env=env, input=input, timeout=timeout,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def command(*arguments: str) -> list[str]:
    """Give the command line of this tree's opskit, whatever is installed."""
    return [sys.executable, "-m", "opskit", *arguments]


def isolated_environment(folder: Path) -> dict[str, str]:
    """Give an environment that knows nothing of the user: no home, agent, git or opskit settings."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    secretive = ("OPSKIT_", "GIT_", "SSH_", "XDG_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(secretive)}
    return kept | {
        "HOME": str(home),
        "OPSKIT_STATE_DIR": str(folder / "state"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(REPOSITORY), kept.get("PYTHONPATH")])),
        "NO_PROXY": "*",
    }


def _mismatch(line: list[str], done: Completed, expect: int | None) -> str:
    return (
        f"opskit {' '.join(line)}\nended with {done.exit}, not {expect}\n"
        f"--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"
    )
