"""Archives unpacked with suspicion: nothing in them is written anywhere but into the folder asked for."""

from __future__ import annotations

import errno
import lzma
import os
import posixpath
import tarfile
import zlib
from typing import TYPE_CHECKING

from opskit.errors import OpskitError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def unpack(archive: Path, to: Path) -> None:
    """Unpack a tar file of any compression into `to`.

    Raises SourceError for what is no archive, and for a member that is neither file, folder nor link, that
    is named outside of the archive, or that would be written through a link. Links may point anywhere:
    they are only written down.
    """
    try:
        with tarfile.open(archive) as tar:
            # our own rules hold on every Python; Debian 12's, for one, has no extraction filters yet
            tar.extraction_filter = getattr(tarfile, "fully_trusted_filter", None)
            tar.extractall(to, members=list(_checked(archive, tar)))  # noqa: S202 - checked by us
    except OSError as error:
        if error.errno in NO_ROOM:
            raise OpskitError(
                f"{to}: {error.strerror}", hint="TMPDIR names another folder"
            ) from None
        raise SourceError(f"{archive}: cannot be unpacked: {error}") from None
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise SourceError(f"{archive}: cannot be unpacked: {error}") from None


def _checked(archive: Path, tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    links: set[str] = set()
    for member in tar:
        name = posixpath.normpath(member.name)
        if wrong := _wrong(member, name, links):
            raise SourceError(f"{archive}: member {member.name!r} {wrong}, so nothing is unpacked")
        if member.issym() or (member.islnk() and posixpath.normpath(member.linkname) in links):
            links.add(name)
        member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
        member.mode = member.mode & 0o755 | 0o600
        yield member


def _wrong(member: tarfile.TarInfo, name: str, links: set[str]) -> str:
    if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        return "is neither a file, a folder nor a link"
    if _outside(name) or (member.islnk() and _outside(posixpath.normpath(member.linkname))):
        return "reaches outside of the archive"
    through = [name, posixpath.normpath(member.linkname)] if member.islnk() else [name]
    if name in links or any(parent in links for path in through for parent in _parents(path)):
        return "lies behind a link"
    return ""


def _outside(name: str) -> bool:
    return posixpath.isabs(name) or name == ".." or name.startswith("../")


def _parents(name: str) -> Iterator[str]:
    while name := posixpath.dirname(name):
        yield name
