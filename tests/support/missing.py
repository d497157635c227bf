"""What a test needs and this machine lacks: a reason to skip it here, and a failure in CI, which installs all that tests need.

Only what the kernel or the user of CI does not allow may be skipped there, too; such a reason begins with FORBIDDEN.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

FORBIDDEN = "not allowed here: "


def missing(what: str) -> NoReturn:
    """Skip the test for a tool that is not installed."""
    pytest.skip(f"missing: {what}")


def forbidden(what: str) -> NoReturn:
    """Skip the test for what the kernel, or not being root, does not let anybody do here."""
    pytest.skip(f"{FORBIDDEN}{what}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a test fail in CI that was skipped for anything but what is forbidden."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if FORBIDDEN not in reason:
            report.outcome = "failed"
            report.longrepr = f"{reason}; in CI nothing may be: let .ci/run install it"
    return report
