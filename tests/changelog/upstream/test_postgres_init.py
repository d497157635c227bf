"""`opskit changelog init` on a real server: by whoever may, as often as one likes, and it says what is in the way."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from opskit.changelog.upstream.postgres import preparing, setup
from opskit.errors import UpstreamError
from tests.changelog.upstream.chains import Chain, opened
from tests.support.postgres import server

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.changelog.upstream.postgres import Postgres
    from tests.support.postgres import Server


def prepare(url: str) -> list[str]:
    return setup(url, timeout=60.0)


def lines_for_people(said: list[str]) -> list[str]:
    return [line.strip() for line in said if line.startswith("  ")]


def test_what_it_prints_for_an_engineer_is_all_that_an_engineer_needs(postgres: Server) -> None:
    url = postgres.new_database("fresh")
    first, *_ = said = prepare(url)
    assert first.startswith(f"{url} is ready: format 1, log ")
    for line in lines_for_people(said)[:1]:
        postgres.sql(line.replace("ana", "dora"), database="fresh")
    with opened(postgres.url("dora", "fresh")) as upstream:
        assert upstream.push(Chain(1).write()).status == "ok"


def test_what_it_prints_for_who_only_reads_is_all_that_is_needed(postgres: Server) -> None:
    said = lines_for_people(prepare(postgres.new_database("read")))
    line = said[1]
    assert line == "CREATE ROLE max LOGIN PASSWORD '...'; GRANT opskit_read TO max;"
    postgres.sql(line, database="read")
    with opened(postgres.url("max", "read")) as upstream:
        assert upstream.greet(None).pos == 0


def test_again_changes_nothing_and_says_so(postgres: Server, ana: Postgres) -> None:
    ana.push(Chain(1).write(2))
    log = ana.greet(None).log
    for who in ("postgres", "ana", "rob"):
        first, *_ = prepare(postgres.url(who))
        assert first == f"{postgres.url(who)} was ready already: format 1, log {log[:8]}, 2 events"


def test_two_at_once_on_a_new_server_are_one() -> None:
    with server() as fresh:
        urls = [fresh.url(), fresh.new_database("other"), fresh.url(), fresh.url(database="other")]
        said: list[str] = []
        ready = threading.Barrier(len(urls))

        def work(url: str) -> None:
            ready.wait(60)
            said.append(prepare(url)[0])

        threads = [threading.Thread(target=work, args=(url,)) for url in urls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(said) == len(urls), "none of them failed"
        assert len({line.partition("log ")[2] for line in said}) == 2
        assert sum(" is ready: " in line for line in said) == 2


def test_an_administrator_who_is_no_superuser_will_do_and_keeps_no_way_in() -> None:
    with server() as new:
        url = new.role("boss", options="CREATEROLE")
        new.sql("GRANT CREATE ON DATABASE opskit TO boss")
        assert " is ready: " in prepare(url)[0]
        owners = """
            SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'opskit'::regnamespace
            UNION SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE pronamespace = 'opskit'::regnamespace
            UNION SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'opskit'
        """
        assert new.sql(owners) == [("opskit_owner",)]
        assert "was ready already" in prepare(url)[0]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            new.sql("SET ROLE opskit_owner", role="boss")


@pytest.mark.parametrize("granted", ["", " WITH ADMIN OPTION"])
@pytest.mark.parametrize("options", ["CREATEROLE", ""])
def test_an_administrator_needs_a_grant_of_roles_that_another_made(
    postgres: Server, options: str, granted: str
) -> None:
    postgres.new_database("managed")
    who = f"boss {options} {granted}".replace(" ", "_").lower()
    url = postgres.role(who, options=options).replace("/opskit", "/managed")
    postgres.sql(f'GRANT CREATE ON DATABASE "managed" TO "{who}"')
    if not options or postgres.version >= 16:
        with pytest.raises(UpstreamError, match="ADMIN OPTION of opskit_owner, opskit_read"):
            prepare(url)
        postgres.sql(f'GRANT opskit_owner, opskit_read TO "{who}"{granted}')
    assert " is ready: " in prepare(url)[0]
    assert "was ready already" in prepare(url)[0]
    postgres.sql('DROP DATABASE "managed"')


def test_nobody_can_log_in_as_the_owner(postgres: Server) -> None:
    with pytest.raises(UpstreamError, match="does not let opskit_owner log in"):
        prepare(postgres.url("opskit_owner"))


def test_functions_are_for_those_they_are_granted_to(postgres: Server) -> None:
    open_to_all = """
        SELECT proname FROM pg_proc WHERE pronamespace = 'opskit'::regnamespace
            AND has_function_privilege('public', oid, 'EXECUTE')
        UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'opskit'::regnamespace
            AND NOT 'search_path=pg_catalog, pg_temp' = ANY (proconfig)
        UNION ALL SELECT tgname FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
            WHERE relnamespace = 'opskit'::regnamespace AND NOT tgisinternal AND tgenabled <> 'A'
    """
    assert postgres.sql(open_to_all) == []


def test_who_may_not_prepare_is_told_what_is_missing(postgres: Server) -> None:
    postgres.new_database("closed")
    with pytest.raises(UpstreamError, match="lacks CREATE on the database closed") as caught:
        prepare(postgres.url("ana", "closed"))
    assert caught.value.hint.startswith("opskit changelog init --as postgresql://")


def test_a_schema_of_that_name_that_is_not_ours_stays_as_it_is(postgres: Server) -> None:
    url = postgres.new_database("taken")
    postgres.sql("CREATE SCHEMA opskit; CREATE TABLE opskit.theirs ()", database="taken")
    with pytest.raises(UpstreamError, match="which opskit did not make"):
        prepare(url)
    assert postgres.sql("SELECT 1 FROM opskit.theirs", database="taken") == []


def test_a_database_that_is_not_utf8_is_refused(postgres: Server) -> None:
    url = postgres.new_database("latin", options="ENCODING 'LATIN1' TEMPLATE template0")
    with pytest.raises(UpstreamError, match="stores text as LATIN1") as caught:
        prepare(url)
    postgres.sql("DROP DATABASE IF EXISTS latin_utf8")
    postgres.sql(caught.value.hint.removeprefix("make one: "))
    assert prepare(postgres.url(database="latin_utf8"))


def test_a_newer_format_is_left_alone(postgres: Server, ana: Postgres) -> None:
    postgres.sql("INSERT INTO opskit.format (version) VALUES (2)")
    with pytest.raises(UpstreamError, match="newer opskit") as caught:
        ana.greet(None)
    assert "upgrade opskit" in caught.value.hint
    with pytest.raises(UpstreamError, match="newer opskit"):
        prepare(postgres.url())


def test_an_older_format_is_brought_up_to_date(
    postgres: Server, ana: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = Chain(1)
    ana.push(chain.write(2))
    step = b"CREATE TABLE opskit.more (); INSERT INTO opskit.format (version) VALUES (2)"
    monkeypatch.setattr(preparing, "FORMATS", (*preparing.FORMATS, ("next.sql",)))
    monkeypatch.setattr(preparing, "NEWEST", 2)
    monkeypatch.setattr(preparing, "_script", lambda name: step if name == "next.sql" else b"")
    with pytest.raises(UpstreamError, match="may not prepare"):
        prepare(postgres.url("ana"))
    assert "is ready (format 1 before): format 2" in prepare(postgres.url())[0]
    assert postgres.sql("SELECT version, made_by FROM opskit.format ORDER BY 1") == [
        (1, "postgres"),
        (2, "postgres"),
    ]
    assert ana.push(chain.write()).status == "ok"


def test_the_command_prepares_as_somebody_else_than_who_pushes(
    postgres: Server, opskit: Any, tmp_path: Path
) -> None:
    admin = postgres.new_database("shared")
    upstream = postgres.url("ana", "shared")
    toml = f'[changelog]\nname = "acme"\nupstream = "{upstream}"\n[environments.production]\nhosts = ["a"]\n'
    (tmp_path / "opskit.toml").write_text(toml)
    refused = opskit("changelog", "init", expect=1)
    assert "ana may not prepare" in refused.stderr
    said = opskit("changelog", "init", "--as", admin).stdout
    assert "CREATE ROLE ana LOGIN PASSWORD" in said
    postgres.engineer("ana")
    again = opskit("changelog", "init", "--json").json
    assert "was ready already" in again["data"]["said"][0]
