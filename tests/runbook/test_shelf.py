"""Which files are runbooks, and what people said as Markdown that is nothing but text."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from opskit.runbook import quoting, shelf

if TYPE_CHECKING:
    from pathlib import Path


def test_a_pipe_among_the_runbooks_is_not_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / shelf.FOLDER
    folder.mkdir()
    os.mkfifo(folder / "pipe.md")
    (folder / "page.md").write_text("---\nopskit: 1\nid: page\n---\n# A\n")
    assert [file.name for file in shelf.files(tmp_path)] == ["page.md"]


def test_no_address_that_somebody_said_becomes_a_link() -> None:
    said = quoting.inline("see https://evil.example and WWW.evil.example\u00ad")
    assert "https://" not in said
    assert "WWW." not in said
    assert said.endswith("\\\\xad")
