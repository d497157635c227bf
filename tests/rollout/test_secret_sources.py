"""Where secrets come from: variables, commands, files and the keyring, read once and only when they are needed."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from opskit.config.secret import Secret
from opskit.config.sources import SecretSource
from opskit.errors import ConfigError
from opskit.rollout.secrets import Reader, at_hand, demand_at_hand, hint_for, missing

if TYPE_CHECKING:
    from pathlib import Path

VALUE = "f0und-value"


def command(line: str) -> SecretSource:
    return SecretSource("command", line)


def private(file: Path, content: bytes = VALUE.encode() + b"\n", mode: int = 0o600) -> SecretSource:  # fmt: skip
    file.write_bytes(content)
    file.chmod(mode)
    return SecretSource("file", str(file))


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def test_each_kind_gives_its_value_without_the_end_of_its_line(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", VALUE)
    sources = {
        "A": SecretSource("environment", "TOKEN"),
        "B": command(f"echo {VALUE} | cat; pwd >here"),
        "C": private(tmp_path / "c", f"{VALUE}\r\n".encode()),
    }
    assert reader.all(sources) == dict.fromkeys("ABC", Secret(VALUE))
    assert (tmp_path / "here").read_text().strip() == str(tmp_path)


def test_lines_within_a_value_and_blanks_around_it_stay(reader: Reader, tmp_path: Path) -> None:
    source = private(tmp_path / "key", b" -----BEGIN\nabc\n\n-----END \n")
    assert reader.one("KEY", source).reveal() == " -----BEGIN\nabc\n\n-----END "


def test_the_same_command_is_asked_once(reader: Reader, tmp_path: Path) -> None:
    line = command(f"echo x >>runs; echo {VALUE}")
    assert set(reader.all({"A": line, "B": line})) == {"A", "B"}
    assert (tmp_path / "runs").read_text() == "x\n"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("true", "is empty"),
        ("echo; echo", "is empty"),
        ("echo abc", "has fewer than 4 characters"),
        ("echo placed", "is a word that opskit has to read and write"),
        ("echo reach", "is a word that opskit has to read and write"),
        (r"printf 'abcd\0efgh'", "holds a NUL character"),
        (r"printf '\377\376abc'", "is not UTF-8"),
        ("head -c 70000 /dev/zero | tr '\\0' a", "printed more than 65536 bytes"),
        ("echo secretly >&2; exit 3", "ended with status 3"),
        ("no-such-program-anywhere", "ended with status 127"),
    ],
)
def test_what_is_no_secret_is_refused_by_name(reader: Reader, line: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as told:
        reader.one("DB_PASSWORD", command(line))
    assert "the secret DB_PASSWORD (the command " in told.value.what


def test_a_secret_that_stands_in_a_name_is_refused_and_not_told(reader: Reader) -> None:
    reader.one("A", command("printf eb%s 01"))
    reader.demand_no_name(["web02", "shop"])
    with pytest.raises(ConfigError, match="stands in the name of a host or a service") as told:
        reader.demand_no_name(["shop", "web01"])
    assert "eb01" not in told.value.what


def test_a_failed_command_tells_what_it_complained_of_but_no_secret(reader: Reader) -> None:
    reader.one("A", command(f"echo {VALUE}"))
    with pytest.raises(ConfigError) as told:
        reader.one("B", command(f"echo half-a-secret; echo 'no {VALUE}, half-a-secret' >&2; exit 1"))  # fmt: skip
    assert told.value.hint == "no [redacted], [redacted]"


def test_a_command_that_does_not_end_is_ended(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opskit.rollout.secrets.TIMEOUT", 0.2)
    with pytest.raises(ConfigError, match=r"did not end within 0\.2 s"):
        reader.one("A", command("exec sleep 100"))


def test_a_file_that_others_may_read_is_refused_with_what_to_do(
    reader: Reader, tmp_path: Path
) -> None:
    for mode in (0o640, 0o604, 0o620):
        source = private(tmp_path / "it's", mode=mode)
        with pytest.raises(ConfigError, match="others may read or write it") as told:
            reader.one("A", source)
        assert told.value.hint.startswith("chmod 600 ")
    assert stat.S_IMODE((tmp_path / "it's").stat().st_mode) == 0o620


def test_a_file_of_somebody_else_a_folder_a_pipe_and_none_at_all_are_refused(
    reader: Reader, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, why in (("pipe", "no plain file"), (".", "no plain file"), ("none", "no such file")):
        with pytest.raises(ConfigError, match=why):
            reader.one("A", SecretSource("file", str(tmp_path / name)))
    if os.geteuid() == 0:
        source = private(tmp_path / "theirs")
        os.chown(source.place, 60123, 60123)
        with pytest.raises(ConfigError, match="belongs to somebody else"):
            reader.one("A", source)


def test_a_large_file_is_not_taken_in_whole(reader: Reader, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is longer than 65536 bytes"):
        reader.one("A", private(tmp_path / "large", b"a" * 70_000))


BACKEND = f"""
from keyring.backend import KeyringBackend
class Ours(KeyringBackend):
    priority = 1
    def get_password(self, service, username):
        return "{VALUE}" if (service, username) == ("team/shop", "db") else None
    def set_password(self, *_): ...
    def delete_password(self, *_): ...
"""


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyring of our own, as keyring's own variable for it takes one."""
    pytest.importorskip("keyring")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "ours.py").write_text(BACKEND)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "ours.Ours")


@pytest.mark.usefixtures("keyring")
def test_the_keyring_is_asked_for_a_service_and_a_user(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "keyring.py").write_text("raise SystemExit('another keyring')")
    assert reader.one("A", SecretSource("keyring", "team/shop/db")).reveal() == VALUE
    with pytest.raises(ConfigError, match="ended with status 1") as told:
        reader.one("A", SecretSource("keyring", "team/shop/web"))
    assert told.value.hint == "keyring set team/shop web"


def test_a_missing_keyring_is_said_before_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    source = SecretSource("keyring", "shop/db")
    with pytest.raises(ConfigError, match=r"the secret A \(the keyring, shop/db\): no keyring") as told:  # fmt: skip
        demand_at_hand({"A": source}, "service shop")
    assert "pip install keyring" in told.value.hint


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("no-such-program x", "there is no program no-such-program here"),
        ("echo x", ""),
        (f"{sys.executable} -c 1", ""),
        ("A=b no-such-program", ""),
        ("$HOME/bin/x", ""),
        ("it's unfinished", ""),
    ],
)
def test_what_is_missing_is_known_without_asking(line: str, why: str) -> None:
    assert missing(command(line)) == why


def test_only_variables_and_files_are_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", VALUE)
    file, open_file = private(tmp_path / "a"), private(tmp_path / "b", mode=0o644)
    asked = command(f"touch {tmp_path}/asked; echo {VALUE}")
    found = at_hand([SecretSource("environment", "TOKEN"), SecretSource("environment", "NONE"), file, open_file, asked])  # fmt: skip
    assert found == (Secret(VALUE), Secret(VALUE))
    assert not (tmp_path / "asked").exists()
    typed = "read -rs NONE; export NONE"
    assert hint_for(SecretSource("environment", "NONE")) == f"before a deploy: {typed}"
    assert hint_for(open_file) == f"chmod 600 {open_file.place}"
