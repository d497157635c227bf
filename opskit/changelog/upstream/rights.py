"""Who may read and write a shared file: said as `ls -l` would, and how its maker lets the others in."""

from __future__ import annotations

import grp
import posixpath
import pwd
import shlex
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def for_others(host: str, path: str) -> list[str]:
    """Give the lines that tell who made a file what the others need; `host` is "" for one on this machine."""
    folder, file = (_quoted(each) for each in (posixpath.dirname(path), path))
    where = f" on {host}" if host else ""
    said = (
        []
        if folder == "'/~'"
        else [  # a home folder that others may write is one that sshd does not trust
            f"For the others to read and write it, its owner (or root) runs{where}, with a group for GROUP that all of you are in:",
            f"  chgrp GROUP {folder} {file}; chmod 2770 {folder}; chmod 660 {file}",
        ]
    )
    if host and "@" not in host:
        begin = "Or all" if said else "For the others to read and write it, all"
        said.append(f"{begin} of you log in there as one user: ssh://USER@{host}{path}")
    return said


def _quoted(path: str) -> str:
    """Quote a path for a shell; `/~/` begins in the home of the login user."""
    return f"~/{shlex.quote(path[3:])}" if path.startswith("/~/") else shlex.quote(path)


def rights(path: Path) -> str:
    """Say whose a file or folder is that keeps us out, as `ls -l` would; the nearest to the file that can be seen."""
    for each in (path, *path.parents):
        try:
            found = each.stat()
        except OSError:
            continue
        name = "it" if each == path else str(each)
        mode = stat.filemode(found.st_mode)
        return (
            f" ({name} is {mode}, of user {_user(found.st_uid)} and group {_group(found.st_gid)})"
        )
    return ""


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
