"""`opskit runbook`: procedures in Markdown, followed step by step by whoever is there.

One file a command; `group` lists them.
"""

from opskit.cli.runbook.group import runbook

__all__ = ["runbook"]
