"""`opskit changelog`: share the changelog, check it, sign for it, and bring it back.

One file a command; `group` lists them.
"""

from opskit.cli.changelog.group import changelog

__all__ = ["changelog"]
