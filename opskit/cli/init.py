"""`opskit init`: the first opskit.toml, tasks.py and runbook of a fleet."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opskit.cli import options
from opskit.cli.render import envelope, text
from opskit.errors import OpskitError

if TYPE_CHECKING:
    from collections.abc import Mapping

# The file in the fleet's folder: the package and its file that hold the text.
FILES: Mapping[str, tuple[str, str]] = {
    "opskit.toml": ("opskit.config", "template.toml"),
    "tasks.py": ("opskit.cli", "templates/tasks.txt"),
    "runbooks/who-broke-it.md": ("opskit.cli", "templates/who-broke-it.md"),
}
DONE, NOTHING_WRITTEN, PARTLY = 0, 1, 3


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@options.as_json
def init(folder: Path, *, as_json: bool) -> int:
    """Write a first opskit.toml, tasks.py and runbook.

    They go into FOLDER, the current one if left out. A file that exists is kept, never overwritten: the exit
    code is 3 if some were there already, 1 if all were and so nothing was written.
    """
    written = {name: write_new(folder / name, filled(content(name), folder)) for name in FILES}
    code = exit_code(written)
    if as_json:
        return envelope.show("init", {"folder": folder, "files": written}, exit_code=code)
    for name, new in written.items():
        text.say(f"{'wrote' if new else 'kept '} {folder / name}")
    text.mention(
        next_step(folder) if any(written.values()) else "nothing written: it was all there"
    )
    return code


def exit_code(written: Mapping[str, bool]) -> int:
    """Give 0 if every file was written, 1 if none was, 3 if some were."""
    if not any(written.values()):
        return NOTHING_WRITTEN
    return DONE if all(written.values()) else PARTLY


def content(name: str) -> str:
    """Give the text that a new file of that name begins with."""
    from importlib.resources import files

    package, resource = FILES[name]
    return files(package).joinpath(resource).read_text("utf-8")


def filled(content: str, folder: Path) -> str:
    """Give a new file's text with the changelog's name filled in, where it has one."""
    return content.replace('\nname = "default"\n', f'\nname = "{changelog_name(folder)}"\n', 1)


def changelog_name(folder: Path) -> str:
    """Give the name of a new fleet's changelog: its folder's, made safe, that no changelog here has yet."""
    from opskit.changelog.files import changelog_file

    plain = (
        re.sub(r"[^a-z0-9._-]+", "-", folder.resolve().name.lower()).strip(".-")[:50] or "fleet"
    )
    number = 1
    name = plain
    while changelog_file(name).parent.exists():
        number += 1
        name = f"{plain}-{number}"
    return name


def write_new(file: Path, content: str) -> bool:
    """Write a file that is whole or not there at all; False if something of that name exists, which is kept."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = file.open("x", encoding="utf-8", newline="\n")
    except FileExistsError as error:
        if file.parent.is_dir():
            return False
        raise OpskitError(f"{error.filename}: this is not a folder") from None
    except (OSError, ValueError) as error:
        raise _unwritable(file, error) from error
    try:
        with stream:
            stream.write(content)
    except BaseException as error:
        file.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritable(file, error) from error
        raise
    return True


def next_step(folder: Path) -> str:
    """Give the line that says what to do with new files."""
    where = "" if folder == Path() else f"cd {_quoted(folder)}; "
    return f'next: edit the lines of {folder / "opskit.toml"} that end in "<--", then: {where}opskit doctor'


def _quoted(folder: Path) -> str:
    from shlex import quote

    return quote(str(folder))


def _unwritable(file: Path, error: OSError | ValueError) -> OpskitError:
    why = error.strerror if isinstance(error, OSError) else str(error)
    return OpskitError(f"{file}: cannot be written: {why}")
