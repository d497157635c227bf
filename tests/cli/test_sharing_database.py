"""A team and its database, through the command line: prepared, used directly, by a socket and through an ssh host."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.support.certificates import Authority
from tests.support.hosts import sshd
from tests.support.light import Light
from tests.support.missing import missing
from tests.support.pgbouncer import PASSWORD, pooler
from tests.support.postgres import Server, server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.hosts import Hosts


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with server() as made:
        yield made


@pytest.fixture
def light(tmp_path: Path, hosts: Hosts) -> Iterator[Light]:
    made = Light.create(tmp_path / "project", hosts)
    yield made
    made.end()


class Team:
    def __init__(self, light: Light, *lines: str) -> None:
        self.light = light
        self.env: dict[str, str] = {}
        self.use(*lines)

    def use(self, *lines: str) -> None:
        self.light.configure()
        toml = self.light.folder / "opskit.toml"
        told = "\n".join(['name = "test"', 'timeout = "60s"', *lines, ""])
        toml.write_text(toml.read_text().replace('name = "test"\n', told))

    def does(self, who: str, *words: object, expect: int | None = 0):  # type: ignore[no-untyped-def]
        env = {"OPSKIT_STATE_DIR": str(self.light.folder.parent / who), "OPSKIT_ACTOR": who}
        env |= self.env
        return self.light.opskit(*words, env=env, expect=expect)

    def log(self, who: str, *words: str) -> list[tuple[str, str]]:
        entries = self.does(who, "log", "--json", *words).json["data"]["entries"]
        return [(entry["actor"], entry.get("text") or entry["why"]) for entry in entries]


def test_two_people_see_each_others_rollout_in_the_next_command_and_a_third_reads_on_a_plane(
    light: Light, postgres: Server
) -> None:
    url = postgres.new_database("team")
    team = Team(light, f'upstream = "{url}"')
    unprepared = team.does("ana", "changelog", "sync", expect=1)
    assert "opskit changelog init" in unprepared.stderr
    said = team.does("ana", "changelog", "init").stdout
    assert "opskit_write" in said
    assert team.does("ana", "changelog", "init").exit == 0, "it can be said again"
    team.does("ana", "deploy", "shop", "v1", "-y", "-m", "the first one")
    assert team.log("ben") == [("ana", "the first one")]
    light.commit("v2")
    team.does("ben", "deploy", "shop", "v2", "-y", "-m", "the second one")
    whole = [("ben", "the second one"), ("ana", "the first one")]
    assert team.log("ana") == whole
    assert team.log("cleo") == whole
    postgres.stop()
    try:
        assert team.log("cleo", "--offline") == whole
        said = team.does("cleo", "log")
        assert "this is as of" in said.stderr
        team.does("ana", "rollback", "shop", "-y", "-m", "back, while the database is down")
    finally:
        postgres.start()
    assert team.log("ana")[0] == ("ana", "back, while the database is down")
    assert team.log("ben")[0] == ("ana", "back, while the database is down")
    for who in ("ana", "ben", "cleo"):
        team.does(who, "changelog", "verify")


@pytest.mark.parametrize(
    "way", ["directly", "by a socket", "through an ssh host", "by a socket of an ssh host"]
)
def test_every_way_to_the_database_leads_there(light: Light, postgres: Server, way: str) -> None:
    postgres.new_database("ways")
    by_socket, by_port = postgres.socket_url(database="ways"), postgres.url(database="ways")
    lines = [f'upstream = "{by_socket if "socket" in way else by_port}"']
    if "ssh host" in way:
        if "socket" in way and sshd() is None:
            missing("OpenSSH's sshd")
        lines.append('via = "web01"')
    team = Team(light, *lines)
    team.does("ana", "changelog", "init")
    team.does("ana", "note", "here")
    assert team.log("ben") == [("ana", "here")]
    rows = postgres.sql("SELECT count(*) FROM opskit.event", database="ways")
    assert rows == [(1,)]


def test_a_team_syncs_through_a_pooler_with_passwords_from_the_usual_place(
    light: Light, postgres: Server
) -> None:
    admin = postgres.new_database("pooled")
    for who in ("ina", "bert"):
        postgres.role(who)
    with pooler(postgres, "ina", "bert") as pooled:
        addresses = {who: pooled.url(who, "pooled", password="") for who in ("ina", "bert")}
        passwords = light.folder.parent / "pgpass"
        passwords.write_text(f"127.0.0.1:{pooled.port}:pooled:*:{PASSWORD}\n")
        passwords.chmod(0o600)
        team = Team(light, f'upstream = "{addresses["ina"]}"')
        team.env = {"PGPASSFILE": str(passwords)}
        team.does("ina", "changelog", "init", "--as", admin)
        postgres.sql("GRANT opskit_write TO ina, bert", database="pooled")
        for number in range(3):
            team.use(f'upstream = "{addresses["ina"]}"')
            team.does("ina", "note", f"of ina's, {number}")
            team.use(f'upstream = "{addresses["bert"]}"')
            assert team.log("bert")[0] == ("ina", f"of ina's, {number}")
        team.does("bert", "deploy", "shop", "v1", "-y", "-m", "through the pooler")
        assert team.log("ina")[0] == ("bert", "through the pooler")


def test_a_socket_that_is_not_on_the_ssh_host_is_an_upstream_that_is_down(light: Light) -> None:
    team = Team(light, 'upstream = "postgresql:///opskit?host=/nowhere"', 'via = "web01"')
    said = team.does("ana", "note", "nobody hears it yet").stderr
    assert "web01, on the way to the changelog: there is no socket /nowhere/.s.PGSQL.5432" in said
    error = team.does("ana", "changelog", "sync", "--json", expect=1).json["error"]
    assert error["kind"] == "upstream"
    assert "does its server run there" in error["hint"]


def test_an_engineers_role_may_push_and_no_more(light: Light, postgres: Server) -> None:
    admin = postgres.new_database("rights")
    url = postgres.role("ana")
    team = Team(light, f'upstream = "{url.replace("/opskit", "/rights")}"')
    refused = team.does("ana", "changelog", "init", expect=1)
    assert "Traceback" not in refused.stderr
    team.does("ana", "changelog", "init", "--as", admin)
    said = team.does("ana", "note", "not yet allowed")
    assert "1 event of this machine waits" in said.stderr
    hint = "an administrator runs: GRANT opskit_write TO ana;"
    assert said.stderr.splitlines()[-1].endswith(hint)
    postgres.sql("GRANT opskit_read TO ana", database="rights")
    reader = team.does("ana", "note", "who only reads is told, too")
    assert reader.stderr.splitlines()[-1].endswith(hint)
    postgres.sql("GRANT opskit_write TO ana", database="rights")
    team.does("ana", "note", "allowed")
    rows = postgres.sql("SELECT count(*) FROM opskit.event", database="rights")
    assert rows == [(3,)]


def test_the_file_of_an_ssh_host_is_an_upstream_for_which_nothing_is_installed(
    light: Light,
) -> None:
    team = Team(light, 'upstream = "ssh://web01/~/shared/log"')
    missing = team.does("ana", "changelog", "sync", expect=1)
    assert "opskit changelog init" in missing.stderr
    team.does("ana", "changelog", "init")
    team.does("ana", "note", "by ssh")
    assert team.log("ben") == [("ana", "by ssh")]
    team.does("ben", "note", "and back")
    assert team.log("ana") == [("ben", "and back"), ("ana", "by ssh")]
    assert light.hosts.folder("web01").joinpath("shared", "log").is_file()


@pytest.fixture
def encrypted(postgres: Server, tmp_path: Path) -> Iterator[Authority]:
    """An authority that certified the database for the name localhost."""
    authority = Authority.made(tmp_path / "authority")
    postgres.encrypt(*authority.certify("DNS:localhost"))
    yield authority
    postgres.encrypt_no_more()


@pytest.mark.parametrize("way", ["directly", "through an ssh host"])
def test_a_database_that_is_not_known_by_its_certificate_is_told_nothing(
    light: Light, postgres: Server, encrypted: Authority, way: str
) -> None:
    admin = postgres.new_database("known")
    postgres.role("tess")
    via = ['via = "web01"'] if way == "through an ssh host" else []
    base = f"postgresql://tess@localhost:{postgres.port}/known?sslmode=verify-full&sslrootcert="
    team = Team(light, f'upstream = "{base}{encrypted.certificate}"', *via)
    team.does("tess", "changelog", "init", "--as", admin)
    postgres.sql("GRANT opskit_write TO tess", database="known")
    with only_over_tls(postgres, "tess"):
        team.does("tess", "note", "to whom we know")
        assert team.log("udo") == [("tess", "to whom we know")]
        stranger = Authority.made(encrypted.folder / "stranger")
        team.use(f'upstream = "{base}{stranger.certificate}"', *via)
        said = team.does("tess", "note", "to a stranger")
        assert "is not known by its certificate" in said.stderr
        failed = team.does("tess", "changelog", "sync", "--json", expect=1).json["error"]
        assert failed["kind"] == "upstream"
        assert "sslrootcert" in failed["hint"]
    assert postgres.sql("SELECT count(*) FROM opskit.event", database="known") == [(1,)]


@contextlib.contextmanager
def only_over_tls(postgres: Server, role: str) -> Iterator[None]:
    """Let a role in only over TLS for the block, by whichever way it comes."""
    rules = postgres.data / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(
        f"hostssl all {role} 127.0.0.1/32 trust\nhost all {role} all reject\n{before}"
    )
    postgres.sql("SELECT pg_reload_conf()")
    yield
    rules.write_text(before)
    postgres.sql("SELECT pg_reload_conf()")
