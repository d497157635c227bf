"""A PostgreSQL database as an upstream: `Postgres` talks to one, `setup` prepares one, `far_end` and `demands_tls` tell how one is reached.

`schema.sql`, `proof.sql` and `push.sql` say what is in the database, and what it holds to, whoever talks to it.
"""

from opskit.changelog.upstream.postgres.address import demands_tls, far_end
from opskit.changelog.upstream.postgres.client import Postgres
from opskit.changelog.upstream.postgres.preparing import setup

__all__ = ["Postgres", "demands_tls", "far_end", "setup"]
