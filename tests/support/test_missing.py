"""A test that is skipped fails in CI, unless nobody can help it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

TESTS = """
import pytest
from tests.support.missing import FORBIDDEN, forbidden, missing

@pytest.fixture
def tool():
    missing("a tool of a fixture")

def test_one(): missing("a tool")
def test_two(tool): pass
@pytest.mark.skipif(True, reason="no tool of a mark")
def test_three(): pass
def test_four(): forbidden("a network of one's own")
@pytest.mark.skipif(True, reason=f"{FORBIDDEN}only root")
def test_five(): pass
@pytest.mark.xfail
def test_six(): assert False
"""


@pytest.mark.parametrize(
    ("ci", "counted"),
    [("true", "1 failed, 2 skipped, 1 xfailed, 2 errors"), ("", "5 skipped, 1 xfailed")],
)
def test_in_ci_only_what_is_forbidden_is_skipped(tmp_path: Path, ci: str, counted: str) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.support.missing", "--rootdir", ".", "test_it.py"],
        cwd=tmp_path, env={**os.environ, "CI": ci, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert counted in ran.stdout, ran.stdout
    assert ("a tool of a fixture; in CI nothing may be" in ran.stdout) == bool(ci)
