"""What a test needs and this machine lacks: a reason to skip it here, and to fail where all is to be there."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip the test for what is not here; in CI, which installs all of it (see .ci/run), that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"missing in CI, where nothing may be: {what}", pytrace=False)
    pytest.skip(f"missing: {what}")
