"""A file that only its maker may read says so, and what `init` prints lets the others in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from opskit.changelog.upstream.rights import for_others
from tests.changelog.upstream.places import KINDS, file_log
from tests.changelog.upstream.writers import Writer, pull
from tests.support.missing import FORBIDDEN

if TYPE_CHECKING:
    from collections.abc import Iterator

as_root = pytest.mark.skipif(os.getuid() != 0, reason=f"{FORBIDDEN}only root can be somebody else")
GROUP, BEN = 54321, 54322

PUSH = """
import os, sys
from pathlib import Path
from opskit.errors import UpstreamError
from tests.changelog.upstream.places import file_log
from tests.changelog.upstream.writers import Writer, pull
os.setgroups([int(sys.argv[3])]); os.setgid(int(sys.argv[4])); os.setuid(int(sys.argv[4]))
try:
    log = file_log(sys.argv[1], Path(sys.argv[2]))
    print(log.push(Writer(2).write()).status, len(pull(log)))
except UpstreamError as error:
    print(error.what, error.hint, sep="|")
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that others can reach."""
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    made.chmod(0o755)
    yield made / "opskit"
    shutil.rmtree(made)


def pushed_by_ben(kind: str, path: Path) -> str:
    """Push as somebody else, who is in the group."""
    words = [sys.executable, "-c", PUSH, kind, str(path), str(GROUP), str(BEN)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


@as_root
@pytest.mark.parametrize("kind", KINDS)
def test_who_is_kept_out_is_told_by_what_and_what_init_prints_lets_them_in(
    kind: str, folder: Path
) -> None:
    path = folder / "log"
    file_log(kind, path).create()
    said, _, hint = pushed_by_ben(kind, path).partition("|")
    assert "drwx------" in said
    assert "root" in said
    assert "opskit changelog init" in hint
    folder.chmod(0o755)
    assert "-rw-------" in pushed_by_ben(kind, path)
    _, order = for_others("", str(path))
    subprocess.run(["sh", "-c", order.replace("GROUP", str(GROUP))], check=True)
    assert pushed_by_ben(kind, path) == "ok 1"
    assert file_log(kind, path).push(Writer(1).write()).status == "ok"
    assert len(pull(file_log(kind, path))) == 2


def test_a_path_is_printed_so_that_it_can_be_pasted() -> None:
    one_user = "all of you log in there as one user: ssh://USER@web01"
    assert for_others("web01", "/~/ops/my log")[1:] == [
        "  chgrp GROUP ~/ops ~/'ops/my log'; chmod 2770 ~/ops; chmod 660 ~/'ops/my log'",
        f"Or {one_user}/~/ops/my log",
    ]
    said = for_others("web01", "/~/log")
    assert said == [f"For the others to read and write it, {one_user}/~/log"]
    assert for_others("", "/srv/it's")[1].startswith("  chgrp GROUP /srv '/srv/it'")


def test_init_prints_it_with_the_real_path(opskit: Any, tmp_path: Path) -> None:
    path = tmp_path / "share" / "log"
    toml = f'[changelog]\nname = "acme"\nupstream = "file://{path}"\n[environments.production]\nhosts = ["a"]\n'
    (tmp_path / "opskit.toml").write_text(toml)
    said = opskit("changelog", "init").stdout
    assert f"chgrp GROUP {path.parent} {path}; chmod 2770 {path.parent}" in said
