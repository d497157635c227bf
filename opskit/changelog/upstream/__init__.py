"""Where laptops share events: a PostgreSQL database, or an append-only file here or over SSH.

Each is an `Upstream`: small, without memory, and not to be trusted; `sync` checks all that it says.
"""

from opskit.changelog.upstream.contract import Upstream

__all__ = ["Upstream"]
