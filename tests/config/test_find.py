import os
from pathlib import Path

import pytest

from opskit.config import load
from opskit.config.find import find, read_text
from opskit.errors import ConfigError
from tests.support.privileges import none_over_files

SMALL = '[environments.production]\nhosts = ["web01"]\n'


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPSKIT_CONFIG", raising=False)


def test_the_nearest_file_above_is_found(tmp_path: Path):
    deep = tmp_path / "a/b/c"
    deep.mkdir(parents=True)
    (tmp_path / "opskit.toml").write_text(SMALL)
    (tmp_path / "a/opskit.toml").write_text(SMALL)
    assert load(start=deep).file == tmp_path / "a/opskit.toml"


def test_the_current_folder_is_where_the_search_starts(tmp_path: Path, monkeypatch):
    (tmp_path / "opskit.toml").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    assert load().root == tmp_path


def test_the_variable_names_a_file_elsewhere(tmp_path: Path, monkeypatch):
    (tmp_path / "ours.toml").write_text(SMALL)
    monkeypatch.setenv("OPSKIT_CONFIG", str(tmp_path / "ours.toml"))
    assert load(start=Path("/")).file == tmp_path / "ours.toml"


def test_a_path_that_is_given_wins_over_the_variable(tmp_path: Path, monkeypatch):
    (tmp_path / "given.toml").write_text(SMALL)
    monkeypatch.setenv("OPSKIT_CONFIG", str(tmp_path / "other.toml"))
    assert load(tmp_path / "given.toml").file == tmp_path / "given.toml"


def test_no_file_anywhere_says_how_to_get_one(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"no opskit\.toml") as caught:
        load(start=tmp_path)
    assert "opskit init" in caught.value.hint


def test_a_named_file_that_is_missing_says_how_to_get_one(tmp_path: Path):
    with pytest.raises(ConfigError, match="no such file") as caught:
        load(tmp_path / "opskit.toml")
    assert "opskit init" in caught.value.hint


def test_a_dangling_link_is_not_skipped(tmp_path: Path):
    (tmp_path / "opskit.toml").symlink_to(tmp_path / "gone")
    with pytest.raises(ConfigError, match="no such file"):
        load(start=tmp_path)


def test_a_folder_is_not_a_file(tmp_path: Path):
    (tmp_path / "opskit.toml").mkdir()
    with pytest.raises(ConfigError, match="not a file"):
        load(start=tmp_path)


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "opskit.toml")
    with pytest.raises(ConfigError, match="not a file"):
        load(start=tmp_path)


def test_a_file_of_more_than_a_mebibyte_is_refused(tmp_path: Path):
    file = tmp_path / "opskit.toml"
    file.write_bytes(b"#" * (1 << 20))
    assert len(read_text(file)) == 1 << 20
    file.write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        read_text(file)


def test_text_that_is_not_utf8_is_named_with_its_line(tmp_path: Path):
    file = tmp_path / "opskit.toml"
    file.write_bytes(b"# one\n# \xff\n")
    with pytest.raises(ConfigError, match=r"opskit\.toml:2: not UTF-8"):
        load(file)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path):
    file = tmp_path / "opskit.toml"
    file.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    assert load(file).default_environment == "production"


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path):
    file = tmp_path / "opskit.toml"
    file.write_text(SMALL)
    file.chmod(0)
    with none_over_files(), pytest.raises(ConfigError, match="Permission denied"):
        load(file)


def test_a_file_that_cannot_be_opened_says_why(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="Not a directory"):
        load(tmp_path / "file" / "opskit.toml")


def test_a_path_that_no_system_knows_is_an_error_of_ours():
    with pytest.raises(ConfigError, match="cannot be read"):
        load(Path("/nul\0byte"))


def test_a_strangers_file_above_us_is_not_read(tmp_path: Path, monkeypatch):
    mine = tmp_path / "mine"
    mine.mkdir()
    (tmp_path / "opskit.toml").write_text(SMALL)
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    monkeypatch.setattr(Path, "lstat", lambda _: os.stat_result((0, 0, 0, 0, 4242, 0, 0, 0, 0, 0)))
    with pytest.raises(ConfigError, match="belongs to another user") as caught:
        find(start=mine)
    assert f"OPSKIT_CONFIG={tmp_path / 'opskit.toml'}" in caught.value.hint


def test_a_colleagues_folder_with_its_own_file_is_fine(tmp_path: Path, monkeypatch):
    (tmp_path / "opskit.toml").write_text(SMALL)
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    assert find(start=tmp_path) == tmp_path / "opskit.toml"


def test_a_current_folder_that_is_gone_is_an_error_of_ours(tmp_path: Path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigError):
        load()
