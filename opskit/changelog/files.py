"""Where a changelog lives on this machine: private folders and files, on a disk that can lock."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import threading
from pathlib import Path

from opskit.errors import ChangelogError

LINUX = sys.platform.startswith("linux")

# SQLite needs locks and syncs that mean what they say; these do not promise that.
_REMOTE = r"nfs\d?|cifs|smb\w*|9p|afs|afpfs|webdav|davfs|ncpfs|fuse\.(sshfs|rclone|s3fs|gcsfuse|davfs2?|curlftpfs|smbnetfs)"


def is_remote(kind: str) -> bool:
    """Tell whether a file system of this kind is another machine's."""
    return re.fullmatch(_REMOTE, kind) is not None


def state_folder() -> Path:
    """Give the folder of all changelogs of this user: `$OPSKIT_STATE_DIR`, or the platform's own."""
    named = os.environ.get("OPSKIT_STATE_DIR")
    if named:
        return Path(named).expanduser().absolute()
    if LINUX:
        # what platformdirs answers on Linux, without its 14 ms of import
        base = os.environ.get("XDG_STATE_HOME", "").strip()
        return Path(base or Path.home() / ".local" / "state") / "opskit"
    from platformdirs import user_state_dir

    return Path(user_state_dir("opskit", appauthor=False))


def changelog_file(name: str) -> Path:
    """Give the database of the changelog called `name`; raises ChangelogError for no proper name."""
    if not re.fullmatch(r"[a-z0-9_-][a-z0-9._-]{0,63}", name):
        raise ChangelogError(
            f"{name!r} cannot be the name of a changelog",
            hint="use lower-case letters, digits, '.', '_' and '-'",
        )
    return state_folder() / name / "changelog.db"


def demand_place(file: Path) -> None:
    """Raise ChangelogError where there is no changelog and none can be made: then nobody can say that it is empty."""
    folder = file.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    mark = folder / f".opskit-{os.getpid()}-{threading.get_ident()}"
    try:
        mark.mkdir(mode=0o700)
        mark.rmdir()
    except OSError as error:
        raise ChangelogError(
            f"there is no changelog {file}, and none can be made there: {error.strerror}",
            hint="OPSKIT_STATE_DIR names the folder of all changelogs, if it is set",
        ) from error


def prepare(file: Path) -> None:
    """Make the folder (0700) and an empty file (0600) for a database, durably.

    Raises ChangelogError when the disk belongs to another machine; OSError as the system gives it.
    """
    _make_folders(file.parent)
    kind = filesystem(file.parent)
    if is_remote(kind):
        raise ChangelogError(
            f"{file.parent} is on a {kind} file system, where a changelog is not safe",
            hint="set OPSKIT_STATE_DIR to a folder on a disk of this machine",
        )
    _make_private(file)


def read_small(file: Path, most: int = 2**20) -> bytes:
    """Give the bytes of a regular file of at most so many; raises OSError, also for anything else, and waits for nobody.

    A pipe or a device by that name would be read for ever.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as stream:  # noqa: PTH123 - of a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(file))
        found = stream.read(most + 1)
    if len(found) > most:
        size = f"{most >> 20} MiB" if most >= 2**20 else f"{most >> 10} KiB"
        raise OSError(errno.EFBIG, f"it is larger than {size}", str(file))
    return found


def write_private(file: Path, data: bytes) -> None:
    """Write a new file (0600) that is whole and on the disk when this returns."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def filesystem(folder: Path) -> str:
    """Give the type of the file system that holds `folder`, such as "ext4"; "" if nobody says."""
    where = os.path.realpath(folder)
    mounts = _linux_mounts() if LINUX else _bsd_mounts()
    holding = [(point, kind) for point, kind in mounts if _holds(point, where)]
    longest = max((len(point) for point, _ in holding), default=0)
    return next((kind for point, kind in reversed(holding) if len(point) == longest), "")


def _holds(point: str, path: str) -> bool:
    return path == point or path.startswith(point.rstrip("/") + "/")


def _linux_mounts() -> list[tuple[str, str]]:
    try:
        lines = Path("/proc/self/mounts").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return []
    return [(_unescaped(fields[1]), fields[2]) for fields in (line.split(" ") for line in lines)]


def _unescaped(point: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), point)


def _bsd_mounts() -> list[tuple[str, str]]:
    import subprocess

    said = subprocess.run(["mount"], capture_output=True, text=True, check=False, timeout=10)
    return re.findall(r"^.* on (/.*) \(([\w.]+)[,)]", said.stdout, re.MULTILINE)


def _make_folders(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def _make_private(file: Path) -> None:
    """Create a file that only we may read, or take away what others may do with it.

    An existing database is never opened here: to close any descriptor of it would drop the locks
    that this process holds on it through SQLite (a rule of POSIX).
    """
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if file.is_file() and file.stat().st_mode & 0o077:
            file.chmod(0o600)
    if file.parent.stat().st_mode & 0o077:
        file.parent.chmod(0o700)
    sync_folder(file.parent)
