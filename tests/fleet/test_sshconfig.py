from __future__ import annotations

import os
import pwd
import re
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from opskit.errors import ConfigError
from opskit.fleet.sshconfig import SshConfig
from opskit.fleet.sshfile import parse_line
from tests.support.growth import growth

if TYPE_CHECKING:
    from opskit.fleet.sshquery import SshSettings

HOSTS = ("web", "web1", "WEB", "db", "10.0.0.1", "a.b.c")
TRUTH = {"true": "yes", "false": "no", "off": "no"}

patterns = st.sampled_from(
    [
        "web",
        "web1",
        "db",
        "web*",
        "?eb",
        "!web1",
        "!db",
        "*",
        "WEB",
        "w**1",
        "*.ex",
        "10.*",
        "[w]eb",
        "a.b.c",
    ]
)
lists = st.lists(patterns, min_size=1, max_size=3).map(",".join)
criterion = st.one_of(
    st.tuples(st.sampled_from(["host", "originalhost", "Host"]), lists).map(" ".join),
    st.sampled_from(
        [
            "user alice",
            "user !bob,*",
            "user root",
            "localuser root",
            "localuser nobody",
            "final",
            "canonical",
        ]
    ),
    st.sampled_from(['exec "test %h = web"', "exec true", 'exec "test %r = alice -a %p = 2222"']),
)
match_line = st.one_of(
    st.just("Match all"),
    st.just("Match final all"),
    st.lists(
        st.tuples(st.sampled_from(["", "", "!"]), criterion).map("".join), min_size=1, max_size=3
    ).map(lambda criteria: "Match " + " ".join(criteria)),
)
host_line = st.lists(patterns, min_size=1, max_size=3).map(lambda words: "Host " + " ".join(words))
setting = st.sampled_from(
    [
        "User alice",
        "User bob # a comment",
        'user "carol"',
        "Port 2222",
        "PORT=2200",
        "Port = 22",
        "HostName %h.ex",
        "HostName 10.0.0.1",
        "Hostname Mixed.Ex",
        "HostName 100%%.ex",
        "IdentityFile /k/one",
        "IdentityFile /k/two",
        'IdentityFile "/k/with blank"',
        "IdentityFile '/k/it\\'s'",
        "IdentityFile none",
        "IdentityFile /k/a\\ b",
        "IdentitiesOnly yes",
        "IdentitiesOnly no",
        "IdentityAgent none",
        "IdentityAgent /run/agent",
        "ProxyJump jump",
        "ProxyJump al@one:23,two # comment",
        "ProxyJump [::1]:24",
        "ProxyJump none",
        "ProxyCommand nc -x %h %p",
        "ProxyCommand none",
        "UserKnownHostsFile /kh/one",
        'UserKnownHostsFile /kh/%n "/kh/b c" #x',
        "UserKnownHostsFile none",
        "GlobalKnownHostsFile /kh/global",
        "StrictHostKeyChecking yes",
        "StrictHostKeyChecking=no",
        "StrictHostKeyChecking accept-new",
        "StrictHostKeyChecking ask",
        "HostKeyAlias some-alias",
        "ConnectTimeout 7",
        "ConnectTimeout 1m30s",
        "ConnectTimeout none",
        "CanonicalizeHostname yes",
        "Ciphers aes128-ctr,aes256-ctr",
        "HostKeyAlgorithms ssh-ed25519",
        "KexAlgorithms curve25519-sha256",
        "ServerAliveInterval 5",
        "",
        "# User nobody",
        "Include one.conf",
        "Include one.conf two.conf",
        "Include two.conf",
        "Include *.conf",
        "Include missing/*",
    ]
)
indent = st.sampled_from(["", "  ", "\t"])
line = st.tuples(indent, st.one_of(setting, setting, setting, host_line, match_line)).map("".join)
config = st.lists(line, max_size=10).map(lambda lines: "\n".join(lines) + "\n")
included = config.map(lambda text: text.replace("Include *", "#").replace("Include one.conf", "#"))
plain = config.map(lambda text: text.replace("Include", "#"))


def ssh_g(file: Path, host: str, *options: str) -> dict[str, list[str]] | None:
    """What `ssh -G` answers, or None if it refuses the file."""
    done = subprocess.run(
        ["ssh", "-G", "-F", str(file), *options, host],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        return None
    answers: dict[str, list[str]] = {}
    # ssh takes the home folder from the password database, whatever HOME says; a test's is elsewhere.
    told = done.stdout.replace(pwd.getpwuid(os.getuid()).pw_dir + "/", os.environ["HOME"] + "/")
    for answer in told.splitlines():
        key, _, value = answer.partition(" ")
        answers.setdefault(key, []).append(value)
    return answers


def assert_same(ours: SshSettings, theirs: dict[str, list[str]]) -> None:
    assert ours.hostname == theirs["hostname"][0]
    assert str(ours.port) == theirs["port"][0]
    assert ours.user == theirs["user"][0]
    if ours.keys:
        keys = [str(key).replace("/dev/null", "none") for key in ours.keys]
        assert keys == theirs["identityfile"]
    else:
        assert all(
            f"{os.environ['HOME']}/.ssh/" in key.replace("~", os.environ["HOME"])
            for key in theirs["identityfile"]
        )
    assert ours.identities_only == (theirs["identitiesonly"][0] == "yes")
    assert ours.agent == theirs.get("identityagent", [""])[0]
    assert ours.proxy_jump == theirs.get("proxyjump", [""])[0]
    command = theirs.get("proxycommand", [""])[0].replace("%h", ours.hostname)
    assert ours.proxy_command == command.replace("%p", str(ours.port))
    strict = theirs["stricthostkeychecking"][0]
    assert TRUTH.get(ours.strict, ours.strict) == TRUTH.get(strict, strict)
    assert ours.host_key_alias == theirs.get("hostkeyalias", [""])[0]
    assert (
        str(int(ours.connect_timeout) if ours.connect_timeout else "none")
        == theirs["connecttimeout"][0]
    )
    files = shlex.split(" ".join([*theirs["userknownhostsfile"], *theirs["globalknownhostsfile"]]))
    if not any("b c" in file for file in map(str, ours.known_hosts)):
        assert [str(file) for file in ours.known_hosts] == [
            file for file in files if file != "none"
        ]
    for name, value in (("ciphers", ours.ciphers), ("kexalgorithms", ours.kex)):
        assert not value or theirs[name] == [value]
    assert not ours.host_key_algorithms or theirs["hostkeyalgorithms"] == [
        ours.host_key_algorithms
    ]


@settings(max_examples=120, deadline=None)
@given(config, included, plain, st.sampled_from(HOSTS))
@example("Host web\nInclude one.conf\nUser late\n", "User early\nHost db\nUser never\n", "", "web")
@example("Host db\nInclude one.conf\nHost *\nPort 7\n", "Host web\nPort 2222\n", "", "web")
@example("HostName %h.ex\nMatch final host *.ex\nUser alice\nHost *.ex\nPort 2222", "", "", "WEB")
def test_the_answer_is_that_of_ssh(text: str, one: str, two: str, host: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "one.conf").write_text(one)
        (folder / "two.conf").write_text(two)
        main = folder / "config"
        main.write_text(
            text.replace("Include ", f"Include {folder}/").replace(
                " two.conf", f" {folder}/two.conf"
            )
        )
        theirs = ssh_g(main, host)
        assume(theirs is not None)
        assert theirs is not None
        assert_same(SshConfig.read(main).lookup(host), theirs)


@pytest.mark.parametrize("given_user", ["", "alice"])
def test_what_is_given_wins_as_on_the_command_line(tmp_path: Path, given_user: str) -> None:
    file = written(
        tmp_path / "config",
        "Host web\nPort 1\nUser bob\nMatch user alice\nHostName for-her\n",
    )
    lines = [
        parse_line(text, "test") for text in ("Port=2222", f"User {given_user}") if text[-1] != " "
    ]
    ours = SshConfig.read(file).lookup("web", [line for line in lines if line])
    options = ["-p", "2222", *(["-l", given_user] if given_user else [])]
    theirs = ssh_g(file, "web", *options)
    assert theirs is not None
    assert_same(ours, theirs)


def test_tokens_in_a_key_file_are_those_of_ssh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYS", "/from env")
    paths = [
        "/k/%h-%n-%p-%r-%u-%%",
        "%d/k",
        "/k/%i-%k-%l-%L",
        "${KEYS}/%h",
        "/k/%C",
        "~/k",
        "/k/a b",
    ]
    text = "Host web\nHostName %h.ex\nUser alice\nPort 2222\n" + "".join(
        f'IdentityFile "{path}"\n' for path in paths
    )
    file = written(tmp_path / "config", text)
    said = subprocess.run(
        ["ssh", "-v", "-F", file, "-o", "ProxyCommand=false", "-o", "BatchMode=yes", "web"],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    ).stderr
    theirs = re.findall(r"identity file (.*) type -1", said)[::2]
    home = pwd.getpwuid(os.getuid()).pw_dir
    ours = [
        str(key).replace(os.environ["HOME"], home)
        for key in SshConfig.read(file).lookup("web").keys
    ]
    assert len(ours) == len(paths)
    assert ours == theirs


def test_the_users_file_comes_before_the_systems(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = Path.home() / ".ssh"
    (folder / "conf.d").mkdir(parents=True)
    written(folder / "config", "Include conf.d/*\nHost web\n  User alice\n")
    written(folder / "conf.d" / "a", "Host web\n  Port 2222\n  Include nested\n")
    written(folder / "nested", "HostKeyAlias nested\n")
    system = written(tmp_path / "ssh_config", "Host *\nUser system\nIdentityFile /k/system\n")
    monkeypatch.setattr("opskit.fleet.sshconfig.SYSTEM_CONFIG", system)
    found = SshConfig.read(None).lookup("web")
    assert (found.user, found.port, found.host_key_alias) == ("alice", 2222, "nested")
    assert found.keys == (Path("/k/system"),)


def test_without_any_file_there_are_defaults(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("opskit.fleet.sshconfig.SYSTEM_CONFIG", tmp_path / "none")
    found = SshConfig.read(None).lookup("web")
    assert (found.hostname, found.port, found.keys) == ("web", 22, ())
    assert found.known_hosts[0] == Path.home() / ".ssh" / "known_hosts"


def test_a_file_that_others_can_write_is_refused() -> None:
    file = Path.home() / ".ssh" / "config"
    file.parent.mkdir(exist_ok=True)
    written(file, "User alice\n").chmod(0o664)
    with pytest.raises(ConfigError, match="written by others") as caught:
        SshConfig.read(None)
    assert caught.value.hint == f"chmod 644 {file}"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Host web\nPort 0\n", "config:2: '0' is not a port"),
        ("ConnectTimeout soon\n", "config:1: 'soon' is not a time"),
        ('User "alice\n', "config:1: a quote is not closed"),
        ("User\n", "config:1: User has no value"),
        ("Match\n", "config:1: Match has no value"),
        ("Match wrong x\n", "config:1: opskit does not know the Match criterion 'wrong'"),
        ("Match host\n", "config:1: the Match criterion 'host' needs a value"),
        ("IdentityFile %y\n", "'%y' in '%y' stands for nothing"),
        ("IdentityFile ${NO_SUCH}\n", "stands for nothing"),
        ("Include config\n", "includes are more than 16 deep"),
        ("CanonicalizeHostname yes\nCanonicalDomains ex\n", "does not complete host names"),
        ("Port 0x16\nHost web", "is not a port"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(tmp_path: Path, text: str, what: str) -> None:
    file = written(tmp_path / "config", text.replace("Include ", f"Include {tmp_path}/"))
    with pytest.raises(ConfigError) as caught:
        SshConfig.read(file).lookup("web")
    assert what in caught.value.what


def test_a_match_that_opskit_does_not_know_counts_only_where_it_is_reached(tmp_path: Path) -> None:
    text = "Match originalhost web localnetwork 10.0.0.0/8\nUser alice\n"
    config = SshConfig.read(written(tmp_path / "config", text))
    assert config.lookup("db").user == pwd.getpwuid(os.getuid()).pw_name
    with pytest.raises(ConfigError, match="localnetwork"):
        config.lookup("web")


def test_a_command_of_match_exec_runs_once_for_all_hosts(tmp_path: Path) -> None:
    text = f'Match exec "echo x >> {tmp_path}/ran"\nUser alice\n'
    config = SshConfig.read(written(tmp_path / "config", text))
    assert {config.lookup(f"web{n}").user for n in range(20)} == {"alice"}
    assert (tmp_path / "ran").read_text() == "x\n"


def test_a_missing_file_that_was_asked_for_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        SshConfig.read(tmp_path / "none")


@given(
    st.text(max_size=40) | st.text("Ma tch=\"'\\#!%${}~*?,hostuserexecfinal\t\r\f", max_size=40)
)
def test_any_line_is_read_or_is_a_config_error(text: str) -> None:
    try:
        parse_line(text, "test:1")
    except ConfigError as error:
        mistake = error
    else:
        return
    assert mistake.what.startswith("test:1: ")


def test_eight_times_as_many_hosts_take_little_more_time_each(tmp_path: Path) -> None:
    def look_up(count: int) -> None:
        blocks = [
            f"Host web{n:03} alias{n}\n  HostName 10.0.{n}.1\n  Port {2000 + n}\n  User u{n}\n"
            for n in range(count)
        ]
        text = (
            "".join(blocks) + "Host web*\n  ProxyJump bastion\nHost *\n  IdentityFile ~/.ssh/%r\n"
        )
        config = SshConfig.read(written(tmp_path / "config", text))
        found = [config.lookup(f"web{n:03}") for n in range(count)]
        assert [settings.port for settings in found] == [2000 + n for n in range(count)]

    assert growth(look_up, 50, 400) < 3


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path
