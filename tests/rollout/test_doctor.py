import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from opskit.changelog import open_changelog
from opskit.config import Config
from opskit.config.reading import parse
from opskit.config.secret import Redactor
from opskit.errors import SelectorError
from opskit.fleet.command import Parameter, TaskInfo
from opskit.fleet.fanout import Fleet
from opskit.fleet.inventory import Host, Inventory
from opskit.rollout.doctor import Finding, examine
from opskit.rollout.doctor.access import check_agent, check_keys, check_known_hosts
from opskit.rollout.doctor.configuration import check_configuration, check_tasks
from opskit.rollout.doctor.machines import LOOK
from opskit.rollout.doctor.record import check_changelog
from tests.support.hosts import Hosts, login_shell
from tests.support.missing import missing

SERVICES = """
[services.shop]
path = "~/shop"
hosts = "@web"
source = { folder = "." }
"""


def config_of(text: str, folder: Path) -> Config:
    return parse(text, folder / "opskit.toml")


def fleet_toml(extra: str = "") -> str:
    return '[environments.production]\nhosts = ["web[01-03]"]\ngroups.web = "web[01-03]"\n' + extra


def inventory_of(*names: str, **facts) -> Inventory:
    hosts = {name: Host(name, "127.0.0.1", 22, "me", **facts) for name in names}
    return Inventory("production", hosts, {"web": tuple(names)})


def real_inventory(hosts: Hosts, known_hosts: Path | None) -> Inventory:
    machines = [hosts.host(name) for name in hosts.names]
    found = {
        m.name: Host(
            m.name,
            m.address,
            m.port,
            m.user,
            keys=(m.key,),
            known_hosts=(known_hosts or m.known_hosts,),
        )
        for m in machines
    }
    return Inventory("production", found, {"web": tuple(found)})


def levels(findings, level: str) -> list[Finding]:
    return [finding for finding in findings if finding.level == level]


def said(findings, level: str) -> str:
    return "\n".join(f"{each.what} ({each.hint}) {each.hosts}" for each in levels(findings, level))


class TestConfiguration:
    def found(self, text: str, folder: Path) -> list[Finding]:
        inventory = inventory_of("web01", "web02", "web03")
        return list(check_configuration(config_of(fleet_toml(text), folder), inventory))

    def test_a_well_one_is_counted(self, tmp_path):
        (found,) = self.found(SERVICES, tmp_path)
        assert found.level == "ok"
        assert "3 hosts and 1 service" in found.what

    @pytest.mark.parametrize(
        ("source", "what"),
        [
            ('{ git = "none" }', "no git repository"),
            ('{ folder = "none" }', "no folder"),
            ('{ artifact = "x" }', "no file"),
        ],
    )
    def test_a_source_that_is_not_there_is_bad(self, tmp_path, source, what):
        text = SERVICES.replace('{ folder = "." }', source)
        assert what in said(self.found(text, tmp_path), "bad")

    def test_a_source_that_a_build_may_make_is_a_warning(self, tmp_path):
        text = SERVICES.replace('"."', '"dist"') + 'build = "make"\n'
        assert "no folder" in said(self.found(text, tmp_path), "warn")

    def test_a_repository_may_be_above_its_folder(self, tmp_path):
        (tmp_path / ".git").mkdir()
        (tmp_path / "part").mkdir()
        text = SERVICES.replace('{ folder = "." }', '{ git = "part" }')
        assert levels(self.found(text, tmp_path), "bad") == []

    def test_a_secret_that_is_not_set_is_a_warning_that_shows_no_value(
        self, tmp_path, monkeypatch
    ):
        monkeypatch.setenv("SET", "hunter2")
        found = self.found(SERVICES + 'secrets = ["TOKEN", "SET"]\n', tmp_path)
        assert "TOKEN not set" in said(found, "warn")
        assert "hunter2" not in str(found)

    def test_hosts_that_no_selector_finds_are_bad(self, tmp_path):
        found = self.found(SERVICES.replace("@web", "web09"), tmp_path)
        assert "services.shop.hosts: no host web09" in said(found, "bad")

    def test_a_health_check_needs_its_vars(self, tmp_path):
        text = SERVICES + 'health = { tcp = "127.0.0.1:{port}" }\n'
        (bad,) = levels(self.found(text, tmp_path), "bad")
        assert "'port'" in bad.what
        assert bad.hosts == ("web01", "web02", "web03")
        of_host = text.replace("{port}", "{host}:80").replace("127.0.0.1:", "")
        assert levels(self.found(of_host, tmp_path), "bad") == []

    def test_two_services_in_one_folder_of_one_host_are_bad(self, tmp_path):
        other = SERVICES.replace("services.shop", "services.site").replace("~/shop", "~/shop/site")
        found = self.found(SERVICES + other, tmp_path)
        assert "share a folder" in said(found, "bad")
        apart = other.replace("@web", "web01") + SERVICES.replace("@web", "web02")
        assert levels(self.found(apart, tmp_path), "bad") == []

    def test_an_entry_about_no_host_is_a_warning(self, tmp_path):
        assert "wbe01" in said(self.found("[hosts.wbe01]\nport = 1\n", tmp_path), "warn")

    def test_a_restart_task_must_be_there_and_want_nothing(self, tmp_path):
        text = fleet_toml(SERVICES + 'restart = { task = "again" }\n')
        services = [config_of(text, tmp_path).service("shop")]
        unit = Parameter("unit", str, None, required=True)
        (missing,) = check_tasks(services, [])
        (wanting,) = check_tasks(services, [TaskInfo("again", "", (unit,))])
        assert "no task 'again'" in missing.what
        assert "wants unit" in wanting.what
        given = Parameter("release", str, None, required=True)
        for parameters in ((), (given,)):
            assert list(check_tasks(services, [TaskInfo("again", "", parameters)])) == []


def make_key(file: Path, passphrase: str = "") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", file], check=True)
    return file


class TestKeys:
    def found(self, **facts) -> list[Finding]:
        return list(check_keys(inventory_of("web01", "web02", **facts).hosts.values()))

    def test_a_key_that_can_be_used_is_ok_and_said_once_for_all_hosts(self, tmp_path):
        (found,) = self.found(keys=(make_key(tmp_path / "key"),))
        assert (found.level, found.hosts) == ("ok", ("web01", "web02"))

    def test_a_key_that_others_can_read_is_a_warning_for_it_can_be_used(self, tmp_path):
        make_key(tmp_path / "my key").chmod(0o644)
        found = self.found(keys=(tmp_path / "my key",))
        assert f"(chmod 600 '{tmp_path}/my key')" in said(found, "warn")
        assert [each.level for each in found] == ["warn", "ok"]

    def test_a_file_that_is_no_key_is_not_told_to_be_made(self, tmp_path):
        (tmp_path / "key").write_text("garbage\n")
        (tmp_path / "key").chmod(0o600)
        (bad,) = self.found(keys=(tmp_path / "key",))
        assert "key is not a private key" in bad.what
        assert "make one" not in bad.hint
        assert "ssh-keygen -y -f" in bad.hint

    def test_a_passphrase_that_no_agent_knows_is_bad(self, tmp_path):
        found = self.found(keys=(make_key(tmp_path / "key", "secret"),))
        assert "wants a passphrase" in said(found, "bad")
        assert f"ssh-add {tmp_path / 'key'}" in said(found, "bad")

    def test_a_key_that_is_missing_is_named(self, tmp_path):
        found = self.found(keys=(tmp_path / "gone",))
        assert "gone: No such file" in said(found, "warn")
        assert "no key to log in with" in said(found, "bad")

    def test_no_key_at_all_says_how_to_make_one(self):
        assert "ssh-keygen" in said(self.found(), "bad")


@pytest.fixture
def agent(tmp_path):
    socket = tmp_path / "agent"
    running = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE)
    assert running.stdout
    running.stdout.readline()
    yield socket
    running.kill()
    running.communicate()


class TestAgent:
    def test_having_none_is_fine(self):
        assert check_agent({}).level == "ok"

    def test_one_that_does_not_answer_is_a_warning(self, tmp_path):
        found = check_agent({"SSH_AUTH_SOCK": str(tmp_path / "gone")})
        assert found.level == "warn"
        assert "does not answer" in found.what

    def test_an_empty_one_is_a_warning_until_it_has_a_key(self, agent, tmp_path):
        environ = {**os.environ, "SSH_AUTH_SOCK": str(agent)}
        assert check_agent(environ) == Finding(
            "agent", "warn", "the agent holds no key", "ssh-add"
        )
        subprocess.run(["ssh-add", "-q", make_key(tmp_path / "key")], env=environ, check=True)
        assert check_agent(environ).level == "ok"


class TestKnownHosts:
    def test_an_unknown_host_is_bad_and_the_hint_says_how_to_accept_it(self, tmp_path):
        file = tmp_path / "known_hosts"
        file.write_text("127.0.0.1 " + make_key(tmp_path / "key").with_suffix(".pub").read_text())
        known = Host("known", "127.0.0.1", 22, "me", known_hosts=(file,))
        other = Host("other", "127.0.0.2", 2222, "me", known_hosts=(file,))
        bad, ok = check_known_hosts([known, other])
        assert bad.hosts == ("other",)
        assert "under hosts" in bad.hint
        assert (ok.level, ok.what) == ("ok", "a key is known of 1 of 2")

    def test_a_jump_host_must_be_known_too(self, tmp_path):
        hop = Host("bastion", "192.0.2.1", 22, "me", known_hosts=(tmp_path / "none",))
        host = Host("web01", "127.0.0.1", 22, "me", hops=(hop,), known_hosts=(tmp_path / "none",))
        assert {name for each in check_known_hosts([host]) for name in each.hosts} == {
            "web01",
            "bastion",
        }


class TestChangelog:
    def test_one_that_has_not_begun_is_ok_and_is_not_made(self):
        with open_changelog("default") as changelog:
            (found,) = check_changelog(changelog)
            assert (found.level, changelog.file.exists()) == ("ok", False)

    def test_one_with_a_changed_event_is_bad(self):
        with open_changelog("default", actor="me") as changelog:
            changelog.append("note", {"text": "hello", "hosts": []})
            assert [each.level for each in check_changelog(changelog)] == ["ok"]
            change_an_event(changelog.file)
            assert levels(check_changelog(changelog), "bad")

    def test_a_file_that_is_no_database_is_bad(self):
        with open_changelog("default") as changelog:
            changelog.file.parent.mkdir(parents=True)
            changelog.file.write_bytes(b"this is not a database at all, " * 99)
            assert levels(check_changelog(changelog), "bad")

    def test_a_folder_that_cannot_be_made_is_bad(self, monkeypatch, tmp_path):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path / "file"))
        with open_changelog("default") as changelog:
            assert "cannot be written" in said(check_changelog(changelog), "bad")

    def test_a_disk_of_another_machine_is_bad(self, monkeypatch):
        monkeypatch.setattr("opskit.rollout.doctor.record.filesystem", lambda _: "nfs4")
        with open_changelog("default") as changelog:
            assert "nfs4" in said(check_changelog(changelog), "bad")


def change_an_event(file: Path) -> None:
    database = sqlite3.connect(file)
    for (trigger,) in database.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    ).fetchall():
        database.execute(f"DROP TRIGGER {trigger}")
    database.execute(
        "UPDATE body SET body = CAST(replace(CAST(body AS TEXT), 'hello', 'HELLO') AS BLOB)"
    )
    database.commit()
    database.close()


class TestHosts:
    def found(
        self, hosts: Hosts, folder: Path, selector: str = "", known_hosts: Path | None = None
    ) -> list[Finding]:
        config = config_of(fleet_toml(SERVICES), folder)
        inventory = real_inventory(hosts, known_hosts)
        with (
            Fleet(inventory, config.ssh, redactor=Redactor()) as fleet,
            open_changelog(config.changelog.name) as changelog,
        ):
            return list(examine(config, inventory, fleet, changelog, selector=selector))

    def test_a_well_fleet_is_all_ok(self, any_hosts, tmp_path):
        found = self.found(any_hosts, tmp_path)
        assert said(found, "bad") + said(found, "warn") == ""
        areas = {each.area for each in found}
        assert areas == {
            "configuration",
            "agent",
            "keys",
            "known hosts",
            "changelog",
            "hosts",
            "clock",
        }
        (hosts,) = [each for each in found if each.area == "hosts"]
        assert hosts.hosts == any_hosts.names

    def test_looking_leaves_nothing_behind(self, hosts, tmp_path):
        self.found(hosts, tmp_path)
        assert [entry.name for name in hosts.names for entry in hosts.folder(name).iterdir()] == []

    def test_a_host_that_does_not_answer_is_bad_and_the_others_are_still_looked_at(
        self, hosts, tmp_path
    ):
        hosts.stop("web02")
        (bad,) = levels(self.found(hosts, tmp_path), "bad")
        assert (bad.area, bad.hosts) == ("hosts", ("web02",))

    def test_only_the_hosts_asked_for_are_looked_at(self, hosts, tmp_path):
        hosts.stop("web02")
        assert said(self.found(hosts, tmp_path, "web01,web03"), "bad") == ""

    def test_an_unknown_host_key_comes_with_the_command_that_accepts_it(self, hosts, tmp_path):
        machine = hosts.host("web01")
        lines = machine.known_hosts.read_text().splitlines()
        some = tmp_path / "known_hosts"
        some.write_text(
            "\n".join(line for line in lines if f":{machine.port} " not in line) + "\n"
        )
        first, second = levels(self.found(hosts, tmp_path, known_hosts=some), "bad")
        assert [(each.area, each.hosts) for each in (first, second)] == [
            ("known hosts", ("web01",)),
            ("hosts", ("web01",)),
        ]
        command = second.hint.partition("accept the key: ")[2]
        subprocess.run(["sh", "-c", command], check=True)
        assert levels(self.found(hosts, tmp_path, known_hosts=some), "bad") == []

    def test_a_selector_that_makes_no_sense_is_a_usage_error(self, hosts, tmp_path):
        with pytest.raises(SelectorError):
            self.found(hosts, tmp_path, "web99")

    def test_a_current_that_is_a_folder_is_bad(self, hosts, tmp_path):
        (hosts.folder("web03") / "shop/current").mkdir(parents=True)
        (bad,) = levels(self.found(hosts, tmp_path), "bad")
        assert bad.hosts == ("web03",)
        assert bad.what.startswith("shop: `current` is not a symbolic link")

    def test_a_host_without_tools_names_them(self, openssh_hosts, tmp_path):
        bare = tmp_path / "bin"
        bare.mkdir()
        for tool in (
            "date",
            "ln",
            "mv",
            "rm",
            "mktemp",
            "df",
            "readlink",
            "gzip",
            "dirname",
            "cat",
        ):
            (bare / tool).symlink_to(shutil.which(tool))
        shell = login_shell(f"env PATH={bare} /bin/sh")
        openssh_hosts.odd("bare", ForceCommand=shell)
        found = self.found(openssh_hosts, tmp_path, "bare")
        assert "lacks tar" in said(found, "bad")
        assert "lacks sha256sum or shasum" in said(found, "bad")
        assert "mktemp" not in said(found, "bad")

    @pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
    def test_the_script_says_the_same_in_every_sh(self, shell):
        program = shutil.which(shell)
        if program is None:
            missing(shell)
        line = [program, "sh"] if shell == "busybox" else [program]
        ran = subprocess.run(line, input=LOOK, capture_output=True, text=True, check=True)
        assert [line.split()[0] for line in ran.stdout.splitlines()] == ["now", "end"]
        assert ran.stderr == ""
