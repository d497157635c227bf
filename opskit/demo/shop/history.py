"""The shop's history: who changed what, as a git repository, or as archives where there is no git."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

Catalogue = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Change:
    """One commit: who, what for, what is sold from then on; `tag` names the version it completes."""

    author: str
    subject: str
    catalogue: Catalogue
    tag: str = ""


def sold(version: str, news: str, **teas: object) -> Catalogue:
    """Give a catalogue with sencha as its offer of the week; a price is a number."""
    return {"version": version, "news": news, "offer": "sencha", "teas": teas}


def without_offer(catalogue: Catalogue) -> Catalogue:
    """Give a catalogue that calls the offer of the week by another name."""
    return {("special" if name == "offer" else name): what for name, what in catalogue.items()}


AUTUMN = sold("v4", "New: autumn teas", sencha=7.5, assam=5.9, oolong=9, rooibos=4.2)
CHANGES = (
    Change("ana", "Open the shop", sold("v1", "Welcome", sencha=7.5, assam=6.2), "v1"),
    Change("chloe", "Sell oolong", sold("v2", "Welcome", sencha=7.5, assam=6.2, oolong=9)),
    Change(
        "ana",
        "Tell customers about the oolong",
        sold("v2", "New: oolong", sencha=7.5, assam=6.2, oolong=9),
        "v2",
    ),
    Change(
        "chloe",
        "Lower the price of assam",
        sold("v3", "New: oolong", sencha=7.5, assam=5.9, oolong=9),
    ),
    Change(
        "ben",
        "Give prices per 100 g",
        # The page still expects a number: this is what the health check finds.
        sold(
            "v3", "New: oolong", sencha={"100 g": 7.5}, assam={"100 g": 5.9}, oolong={"100 g": 9}
        ),
        "v3",
    ),
    Change(
        "ben",
        "Make prices numbers again",
        sold("v4", "New: oolong", sencha=7.5, assam=5.9, oolong=9),
    ),
    Change("ana", "Sell rooibos in autumn", AUTUMN),
    # The page of the offer still looks for the old name, and no health check looks at that page.
    Change("chloe", "Call the offer of the week a special", without_offer(AUTUMN), "v4"),
)


def write_files(folder: Path, catalogue: Catalogue) -> None:
    """Write the shop as it is deployed into `folder`."""
    here = files("opskit.demo.shop")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shop.py").write_text(here.joinpath("service.py").read_text("utf-8"), "utf-8")
    (folder / "control").write_text(here.joinpath("control.txt").read_text("utf-8"), "utf-8")
    (folder / "catalogue.json").write_text(f"{json.dumps(catalogue, indent=2)}\n", "utf-8")


def write_repository(folder: Path) -> None:
    """Make `folder` a git repository with the whole history; each version is a tag."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    for change in CHANGES:
        commit(folder, change)


def commit(repository: Path, change: Change) -> str:
    """Add a change to the repository and give its full hash."""
    write_files(repository, change.catalogue)
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", f"--message={change.subject}", author=change.author)
    if change.tag:
        git(repository, "tag", change.tag)
    return git(repository, "rev-parse", "HEAD").strip()


def write_archives(folder: Path) -> None:
    """Write each version as `shop-<version>.tar.gz` into `folder`."""
    for change in (change for change in CHANGES if change.tag):
        tree = folder / change.tag
        write_files(tree, change.catalogue)
        with tarfile.open(folder / f"shop-{change.tag}.tar.gz", "w:gz") as archive:
            archive.add(tree, ".")


def git(repository: Path, *arguments: str, author: str = "demo") -> str:
    """Run git, blind to the user's own settings, and give what it said."""
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    people = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", author), ("EMAIL", f"{author}@example.com"))
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    ran = subprocess.run(
        ["git", "-c", "commit.gpgsign=false", *arguments],
        cwd=repository,
        env=kept | settings | people,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout
