"""What is deployed: a commit, a folder or an archive, named first and exported when its turn comes."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from opskit.changelog.records import title_of
from opskit.config.service import ArtifactSource, FolderSource, GitSource
from opskit.errors import SourceError
from opskit.rollout import git
from opskit.rollout.digests import Digests, file_of, kept
from opskit.rollout.tree import entries
from opskit.rollout.unpack import unpack

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opskit.config.service import Source
    from opskit.rollout.tree import Entry


@dataclass(frozen=True, slots=True)
class Version:
    """What exactly is deployed: `revision` is a commit or a content hash, `label` what people call it.

    `notes` says what whoever deploys should know, such as uncommitted changes that stay behind.
    """

    source: Source
    revision: str
    label: str
    notes: tuple[str, ...] = ()
    digests: Digests = field(default_factory=Digests, compare=False, repr=False)
    """Of a folder's files, as they were read."""


def find_version(source: Source, revision: str | None, *, cache: Path | None = None) -> Version:
    """Find what `revision` names in the source (None: its default); raises SourceError.

    In the folder `cache`, if one is given, digests of files are kept: a file that has not changed is not read again.
    """
    if revision is not None and not revision.strip():
        raise SourceError("the revision is empty", hint="leave it out for what opskit.toml says")
    match source:
        case GitSource():
            return _commit(source, revision or source.default_revision)
        case FolderSource():
            return _folder(source, revision, cache)
        case ArtifactSource():
            return _artifact(source, revision)
        case _:
            assert_never(source)


def find_same(source: Source, *, revision: str, label: str) -> Version:
    """Find again what once had that `revision` and `label`; raises SourceError if the source gives it no more."""
    named = None
    if isinstance(source, GitSource):
        named = revision
    elif isinstance(source, ArtifactSource) and "{revision}" in source.path:
        named = label
    version = find_version(source, named)
    if version.revision != revision:
        raise SourceError(f"{title_of(label, revision, '')} is not what the source gives now")
    return version


def export(version: Version, *, to: Path) -> None:
    """Write the version's files into the empty folder `to`; raises SourceError."""
    match version.source:
        case GitSource(repository=repository, folder=folder):
            archive = to.with_suffix(".tar")
            git.archive(repository, version.revision, folder=folder, to=archive)
            unpack(archive, to)
            archive.unlink()
        case FolderSource(folder=folder):
            _copy(folder, to)
            _demand_same(folder, _hash_of_folder(to, Digests()), version)
        case ArtifactSource(path=path):
            file = Path(path.replace("{revision}", version.label))
            _demand_same(file, _hash_of_file(file), version)
            unpack(file, to)
        case _:
            assert_never(version.source)


def demand_unchanged(version: Version, found: Iterable[Entry]) -> None:
    """Raise SourceError if a folder, of which `found` is what stands there now, is not what was planned any more."""
    if isinstance(version.source, FolderSource):
        folder = version.source.folder
        _demand_same(folder, _hash_of_folder(folder, version.digests, found), version)


def commits_between(version: Version, old: str) -> tuple[git.Commit, ...]:
    """Give the commits that the version adds to the revision `old`; none where there is no history."""
    if isinstance(version.source, GitSource) and old:
        return git.commits(version.source.repository, old, version.revision)
    return ()


def irreversible_since(version: Version, old: str) -> tuple[str, ...]:
    """Give why the version cannot be taken back to the revision `old`, as the commits between say."""
    if isinstance(version.source, GitSource) and old:
        return git.trailers(version.source.repository, old, version.revision, key="Irreversible")
    return ()


def _commit(source: GitSource, revision: str) -> Version:
    sha = git.resolve(source.repository, revision)
    notes = []
    if changed := git.changed_files(source.repository):
        notes.append(
            f"uncommitted changes in {source.repository} are not deployed, files: {changed}"
        )
    if git.has_submodules(source.repository, sha):
        notes.append("git submodules are not part of the deployed tree")
    name = git.branch(source.repository) if revision == "HEAD" else revision
    return Version(source, sha, sha[:8] if sha.startswith(name) else name, tuple(notes))


def _folder(source: FolderSource, revision: str | None, cache: Path | None) -> Version:
    if revision:
        raise SourceError(f"a folder has no revisions, so {revision!r} cannot be deployed from it")
    if not source.folder.is_dir():
        raise SourceError(f"{source.folder}: no such folder", hint="the service's `source.folder`")
    file = file_of(source.folder, cache) if cache else None
    digests = kept(file) if file else Digests()
    revision = _hash_of_folder(source.folder, digests)
    if file:
        digests.keep(file)
    return Version(source, revision, source.folder.name, digests=digests)


def _artifact(source: ArtifactSource, revision: str | None) -> Version:
    if "{revision}" in source.path and not revision:
        raise SourceError("which revision? the artifact's path asks for one", hint=source.path)
    file = Path(source.path.replace("{revision}", revision or ""))
    return Version(source, _hash_of_file(file), revision or file.name)


def _demand_same(what: Path, digest: str, version: Version) -> None:
    if digest != version.revision:
        raise SourceError(
            f"{what}: has changed since the plan was made", hint="make a new plan: deploy again"
        )


def _hash_of_file(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"{file}: {error.strerror}", hint="build the artifact first") from None


def _hash_of_folder(folder: Path, digests: Digests, found: Iterable[Entry] | None = None) -> str:
    digest = hashlib.sha256()
    try:
        for entry in entries(folder) if found is None else found:
            said = f"{entry.name}\0{_content(entry, digests)}\0"
            digest.update(said.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise SourceError(f"{error.filename or folder}: {error.strerror}") from None
    return digest.hexdigest()


def _content(entry: Entry, digests: Digests) -> str:
    """Say what a host would get of a path: a link's target, a file's bytes and whether it can be run."""
    if entry.is_link:
        return f"link {os.readlink(entry.path)}"  # noqa: PTH115 - as in `tree`
    if entry.is_file:
        return f"{'program' if entry.is_program else 'file'} {digests.of(entry)}"
    return "folder"


def _copy(folder: Path, to: Path) -> None:
    import shutil

    try:
        shutil.copytree(folder, to, symlinks=True, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        raise SourceError(f"{folder}: cannot be copied: {error}") from None
