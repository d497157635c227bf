"""Secrets read from where opskit.toml says they are: once for a run, just before it touches anything."""

from __future__ import annotations

import importlib.util
import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.config.secret import Redactor, Secret
from opskit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opskit.config.sources import SecretSource

TIMEOUT = 120.0
"""Seconds for a command or the keyring; somebody may have to type a passphrase."""
LARGEST = 64 * 1024
INSTEAD = "take another one; if it is no secret, put it into `env`"
SHORTEST = 4
"""Characters; what is shorter stands in any text by chance, and could not be hidden there."""

WORDS = (
    "done failed reverted unreachable skipped unknown partial refused interrupted running unfinished rolled "
    "deploy rollback restart reboot replace exec task resume "
    "release releases current shared manifest incoming mark good lock locks held lacks boot time zone live taken placed anew touched count "
    "changed half looked waits gone others there missing writable detaches whole change question rest history receipts renewed opskit"
)  # fmt: skip
"""What opskit writes into its record, and what its own commands on hosts answer: these words must stay readable."""


class Reader:
    """Reads secrets, each source once; `folder` is where commands run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[SecretSource, Secret] = {}

    def all(self, sources: Mapping[str, SecretSource]) -> dict[str, Secret]:
        """Give the secrets by name; raises ConfigError that names a secret and its source, never its value."""
        return {name: self.one(name, source) for name, source in sources.items()}

    def demand_no_name(self, names: Iterable[str]) -> None:
        """Raise ConfigError for a secret that was read and stands in one of these names, which are needed to tell what happens."""
        told = "\n".join(names)
        for source, secret in self._read.items():
            if _stands_in(secret, told):
                raise ConfigError(
                    f"the secret of {source} stands in the name of a host or a service: it cannot be hidden",
                    hint=INSTEAD,
                )

    @property
    def known(self) -> tuple[Secret, ...]:
        """The secrets that were read."""
        return tuple(self._read.values())

    def one(self, name: str, source: SecretSource) -> Secret:
        """Give one secret; raises ConfigError."""
        if source not in self._read:
            what = f"the secret {name} ({source})"
            self._read[source] = checked(what, self._value(what, source))
        return self._read[source]

    def _value(self, what: str, source: SecretSource) -> bytes:
        match source.kind:
            case "environment":
                return os.environb.get(os.fsencode(source.place), b"")
            case "file":
                return _contents(what, Path(source.place))
            case "keyring":
                return self._said(what, _asking_keyring(source.place), hint=hint_for(source))
            case _:
                return self._said(what, source.place)

    def _said(self, what: str, command: str, *, hint: str = "") -> bytes:
        """Give what a command prints. It may talk to the terminal, where a passphrase is asked for."""
        from opskit.fleet import program

        try:
            return program.output(
                command,
                what=what,
                folder=self._folder,
                timeout=TIMEOUT,
                limit=LARGEST,
                in_session=True,
            )
        except ConfigError as error:
            error.hint = Redactor(self.known).text(error.hint) or hint
            raise


def at_hand(sources: Iterable[SecretSource]) -> tuple[Secret, ...]:
    """Give those secrets that are had without asking anybody: of variables and files. What is wrong with the others is not told."""
    found = []
    for source in dict.fromkeys(sources):
        if source.kind in ("environment", "file") and not missing(source):
            try:
                found.append(Reader(Path()).one(source.place, source))
            except ConfigError:
                continue
    return tuple(found)


def demand_at_hand(sources: Mapping[str, SecretSource], whose: str) -> None:
    """Raise ConfigError for secrets whose sources are known to be of no use; reads none."""
    lacking = [at.place for at in sources.values() if at.kind == "environment" and missing(at)]
    if lacking:
        hint = _typed(lacking[0])
        raise ConfigError(f"{whose} needs {', '.join(lacking)} in the environment", hint=hint)
    for name, source in sources.items():
        if source.kind != "command" and (why := missing(source)):
            raise ConfigError(f"the secret {name} ({source}): {why}", hint=hint_for(source))


def missing(source: SecretSource) -> str:
    """Say why a source can give nothing, "" if that is not known before it is asked; reads no secret."""
    match source.kind:
        case "environment":
            return "" if os.environ.get(source.place) else "not set on this machine"
        case "file":
            return _trouble(Path(source.place))
        case "keyring":
            return "" if importlib.util.find_spec("keyring") else "no keyring beside opskit"
        case _:
            return _unknown(source.place)


def _typed(variable: str) -> str:
    """Give what to type so that a variable is set, and its value in no history of a shell."""
    return f"read -rs {variable}; export {variable}"


def hint_for(source: SecretSource) -> str:
    """Say what to do about a source that gives nothing."""
    match source.kind:
        case "environment":
            return f"before a deploy: {_typed(source.place)}"
        case "file":
            return f"chmod 600 {shlex.quote(source.place)}" if Path(source.place).exists() else ""
        case "keyring" if importlib.util.find_spec("keyring"):
            return f"keyring set {' '.join(map(shlex.quote, source.place.rsplit('/', 1)))}"
        case "keyring":
            return "in opskit's environment: pip install keyring"
        case _:
            return ""


def checked(what: str, value: bytes) -> Secret:
    """Give the secret, without the line's end; raises ConfigError for a value that no variable could hold, or that cannot be hidden."""
    try:
        text = value.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ConfigError(f"{what} is not UTF-8") from None
    if not text.strip():
        raise ConfigError(f"{what} is empty")
    if "\0" in text:
        raise ConfigError(f"{what} holds a NUL character, which no variable can")
    if len(value) > LARGEST:
        raise ConfigError(f"{what} is longer than {LARGEST} bytes")
    if len(text) < SHORTEST:
        few = (
            f"{what} has fewer than {SHORTEST} characters: they could not be hidden in other text"
        )
        raise ConfigError(few, hint=INSTEAD)
    if _stands_in(Secret(text), WORDS):
        raise ConfigError(
            f"{what} is a word that opskit has to read and write: it cannot be hidden",
            hint=INSTEAD,
        )
    return Secret(text)


def _stands_in(secret: Secret, text: str) -> bool:
    return Redactor((secret,)).text(text) != text


def _contents(what: str, file: Path) -> bytes:
    """Give at most a byte too much of a file that is only the user's own; raises ConfigError."""
    if why := _trouble(file):
        hint = f"chmod 600 {shlex.quote(str(file))}" if file.exists() else ""
        raise ConfigError(f"{what}: {why}", hint=hint)
    try:
        with file.open("rb") as stream:
            return stream.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"{what}: {(error.strerror or 'unreadable').lower()}") from None


def _trouble(file: Path) -> str:
    """Say why a file is not to be read: not there, no file, or open to others; "" if it is well."""
    try:
        found = file.stat()
    except OSError as error:
        return (error.strerror or "unreadable").lower()
    if not stat.S_ISREG(found.st_mode):
        return "no plain file"
    if found.st_uid != os.geteuid():
        return "belongs to somebody else"
    return "others may read or write it" if found.st_mode & 0o077 else ""


def _asking_keyring(place: str) -> str:
    """Give the command that asks the keyring; a keyring.py of the fleet's folder is not what is meant."""
    service, user = place.rsplit("/", 1)
    return shlex.join([sys.executable, "-P", "-m", "keyring", "get", service, user])


def _unknown(command: str) -> str:
    """Say that there is no program of the name that a command begins with, as far as that can be told."""
    try:
        first, *_ = shlex.split(command)
    except ValueError:
        return ""
    if any(sign in first for sign in "=$`(){}<>|&;*?"):
        return ""
    look = ["/bin/sh", "-c", 'command -v -- "$1"', "sh", str(Path(first).expanduser())]
    known = subprocess.run(look, check=False, capture_output=True, timeout=10)
    return "" if known.returncode == 0 else f"there is no program {first} here"
