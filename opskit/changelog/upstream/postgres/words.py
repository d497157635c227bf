"""What went wrong with a database, in one line and what to do next; never with the password."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

    from opskit.changelog.upstream.postgres.address import Address

INIT = "opskit changelog init"
NOT_PREPARED = ("42P01", "3F000", "42883")
RULES = ("OPS01", "OPS02", "OPS03")  # no event; no proof of a writer; not in opskit_relay
ABOUT_A_WRITER = RULES[:2]
OURS = re.compile(r'GRANT opskit_relay TO [\w"-]+;')
NO_PROOF = "try again: opskit changelog sync; if that stays so, does a pooler before the database log in as another role each time?"

# A server does not say whether the password or the role is wrong.
NEW_ROLE = f"how an administrator makes a role, this says: {INIT}"
OTHER_ROLE = (
    "put your role into the address (postgresql://ROLE@...) or PGUSER; or an administrator runs: "
    "CREATE ROLE {who} LOGIN PASSWORD '...'; GRANT opskit_write TO {who};"
)

# A server that refuses a connection says so in words only, some of them in its own language; what is not known here is shown
# as it is.
REFUSALS = (
    (
        r'password authentication failed for user "(?P<who>[^"]*)"',
        "refuses the password of {who}, or has no such role",
        f"correct it in ~/.pgpass or PGPASSWORD; {NEW_ROLE}",
    ),
    (
        r"SASL authentication failed",  # PgBouncer, which says the same of a role that it does not know
        "refuses the password, or the role",
        "correct it in ~/.pgpass or PGPASSWORD; a pooler must know the role, too",
    ),
    (
        r"no password supplied",
        "asks for the password of {user}",
        "add this line to ~/.pgpass (chmod 600 ~/.pgpass), with the password at its end: {entry}",
    ),
    (
        r'(?:role|user) "(?P<who>[^"]*)" does not exist',
        "knows no role {who}",
        OTHER_ROLE,
    ),
    (
        r'database "(?P<who>[^"]*)" does not exist',
        "has no database {who}",
        "is upstream right? An administrator makes it: CREATE DATABASE {who};",
    ),
    (
        r'role "(?P<who>[^"]*)" is not permitted to log in',
        "does not let {who} log in",
        "an administrator runs: ALTER ROLE {who} LOGIN;",
    ),
    (
        r'permission denied for database "(?P<who>[^"]*)"',
        "does not let this role into its database {who}",
        "an administrator runs: GRANT CONNECT ON DATABASE {who} TO {user};",
    ),
    (
        r"pg_hba\.conf .*for (?P<who>.*, (?:no encryption|SSL off))",
        "lets nobody in this way: {who}",
        "does it demand TLS? Put ?sslmode=require into the address; or an administrator adds it to pg_hba.conf",
    ),
    (
        r"pg_hba\.conf .*for (?P<who>.*)",
        "lets nobody in this way: {who}",
        "an administrator adds it to pg_hba.conf; or go through a host with `via`",
    ),
    (
        r'certificate for "(?P<who>[^"]*)".* does not match host name',
        'shows a certificate for "{who}", not for the name in the address',
        "upstream must name it as its certificate does; or is somebody else there?",
    ),
    (
        r"certificate verify failed",
        "is not known by its certificate",
        "sslrootcert must be the certificate of its authority; or is somebody else there?",
    ),
    (
        r"does not support SSL",
        "offers no TLS",
        "sslmode in the address demands it; its administrator turns it on: ALTER SYSTEM SET ssl = on;",
    ),
    (
        r"certificate|SSL|TLS|(?<!post)gssapi",
        "and this machine do not agree on encryption: {said}",
        "see sslmode and sslrootcert in PostgreSQL's manual; both can stand in the address",
    ),
    (
        r"unsupported startup parameter(?: in (?=options)|: )(?P<who>options(?=:)|.*)",
        "is a pooler that takes no {who} in the address",
        "leave it out, or its administrator adds it to ignore_startup_parameters",
    ),
    (
        r"server login has been failing|cannot connect to server|server_login_retry",
        "is a pooler that does not get into its server: {said}",
        "does the server behind it run, and let this role in?",
    ),
    (r"[Cc]onnection refused", "refuses connections", "does the server run, and at this port?"),
    (r"No such file or directory", "is not there: {said}", "does the server run on this machine?"),
    (r"timeout expired|timed out", "does not answer", "is it reachable from here?"),
    (
        r"could not translate host name|resolve host|[Nn]ame or service not known",
        "cannot be found: this machine does not know the name",
        "is the name right, and this machine online?",
    ),
    (
        r"too many (clients|connections)|remaining connection slots|no more connections allowed",
        "has too many clients",
        "",
    ),
    (r"is starting up|shutting down|recovery mode", "is just starting or stopping", "try again"),
    (
        r"server closed the connection|connection.*(lost|closed|reset)|Broken pipe",
        "broke the connection",
        "",
    ),
)

STATES = {
    "25006": ("is a copy that can only be read", "upstream must name the primary server"),
    "55P03": ("is busy: others hold its log for too long", "try again; who holds it: SELECT * FROM pg_stat_activity;"),
    "57014": ("took too long", "try again"),
    "40P01": ("was wanted by two at once, who waited for each other", "try again"),
    "40001": ("was changed by somebody else meanwhile", "try again"),
    "53100": ("has no space left", "its administrator must make room; nothing is lost here meanwhile"),
    "53300": ("has too many clients", "try again"),
    "57P01": ("is stopping", "try again"),
    "57P03": ("is just starting", "try again"),
    "28P01": ("refuses the password, or has no such role", f"correct it in ~/.pgpass or PGPASSWORD; {NEW_ROLE}"),
}  # fmt: skip


def of(error: psycopg.Error, address: Address) -> tuple[str, str]:
    """Give what went wrong, to be put behind the database's name, and a hint."""
    said = _first_line(address.without_secrets(str(error)))
    state = error.sqlstate or ""
    if state in NOT_PREPARED:
        return "is not prepared for the changelog", INIT
    if state in RULES:
        hint = NO_PROOF if state == "OPS02" else _hint(error.diag.message_hint or "")
        return f"refuses: {said}", hint
    if state == "42501":
        return f"refuses: {said}", f"an administrator runs: GRANT opskit_write TO {address.user};"
    if state in STATES:
        return STATES[state]
    for pattern, what, hint in REFUSALS:
        if found := re.search(pattern, str(error)):
            values = {"said": said, "user": address.user, "entry": address.entry}
            values |= found.groupdict()
            safe = {
                key: address.without_secrets(_first_line(text)) for key, text in values.items()
            }
            return what.format_map(safe), hint.format_map(safe)
    return f"says: {said}" if said else "broke the connection", ""


def _hint(said: str) -> str:
    """Give a hint of a server: as it is only if it is one that our functions give, since people type what stands there."""
    line = next(iter(said.strip().splitlines()), "")
    return line if not line or OURS.fullmatch(line) else f"the server says: {line}"


def _first_line(text: str) -> str:
    """Give what a server said, without the words before it that say only that it was the server."""
    line = next(iter(text.strip().splitlines()), "")
    line = re.sub(r"^connection failed: ", "", line)
    line = re.sub(r"^connection to server .*? failed: ", "", line)
    return re.sub(r"^(FATAL|ERROR): +", "", line)
