from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.cli.init import FILES, content, filled, write_new
from opskit.config import load
from opskit.errors import OpskitError
from tests.support.cli import REPOSITORY, Opskit


def test_a_new_folder_gets_all_three_files_that_load(opskit: Opskit, tmp_path: Path):
    done = opskit("init", "fleet")
    assert done.stdout.splitlines() == [f"wrote fleet/{name}" for name in FILES]
    assert "cd fleet; opskit doctor" in done.stderr
    assert load(start=tmp_path / "fleet").service("shop").path == "/srv/shop"


def test_the_current_folder_is_meant_if_none_is_named(opskit: Opskit, tmp_path: Path):
    opskit("init")
    assert all((tmp_path / name).is_file() for name in FILES)


def test_what_exists_is_kept_and_the_exit_code_says_partly(opskit: Opskit, tmp_path: Path):
    (tmp_path / "tasks.py").write_text("mine\n")
    done = opskit("init", expect=3)
    assert "kept  tasks.py" in done.stdout
    assert (tmp_path / "tasks.py").read_text() == "mine\n"
    assert (tmp_path / "opskit.toml").read_text() == filled(content("opskit.toml"), tmp_path)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("fleet", "fleet"),
        ("My Fleet (2)", "my-fleet-2"),
        ("..x..", "x"),
        ("\u0444\u043b", "fleet"),
    ],
)
def test_the_changelog_is_named_after_the_folder(opskit: Opskit, tmp_path: Path, folder, name):
    opskit("init", "--", folder)
    assert load(start=tmp_path / folder).changelog.name == name


def test_a_fleet_never_gets_the_changelog_of_another(opskit: Opskit, tmp_path: Path):
    for parent in ("a", "b", "c"):
        opskit("init", f"{parent}/fleet")
        opskit("note", "hello", cwd=tmp_path / parent / "fleet")
        assert opskit("log", cwd=tmp_path / parent / "fleet").stdout.count("hello") == 1
    assert load(start=tmp_path / "c" / "fleet").changelog.name == "fleet-3"


def test_nothing_written_is_no_success(opskit: Opskit):
    opskit("init")
    done = opskit("init", expect=1)
    assert done.stdout.count("kept ") == 3
    assert "nothing written" in done.stderr


def test_json_says_which_files_are_new(opskit: Opskit, tmp_path: Path):
    (tmp_path / "opskit.toml").write_text("")
    done = opskit("init", "--json", expect=3)
    assert done.json["status"] == "partial"
    assert done.json["data"]["files"] == {name: name != "opskit.toml" for name in FILES}


def test_a_folder_that_is_a_file_is_an_error_of_one_line(opskit: Opskit, tmp_path: Path):
    (tmp_path / "file").write_text("")
    done = opskit("init", "file", expect=1)
    assert done.stderr.startswith("opskit: ")
    assert "not a folder" in done.stderr.lower() or "not a directory" in done.stderr.lower()


def test_a_dangling_link_is_not_followed(tmp_path: Path):
    (tmp_path / "opskit.toml").symlink_to(tmp_path / "elsewhere")
    assert write_new(tmp_path / "opskit.toml", "x") is False
    assert not (tmp_path / "elsewhere").exists()


def test_a_write_that_fails_leaves_no_half_file(tmp_path: Path):
    with pytest.raises(UnicodeEncodeError):
        write_new(tmp_path / "opskit.toml", "half\ud800")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error_of_ours():
    with pytest.raises(OpskitError, match="cannot be written"):
        write_new(Path("/proc/opskit.toml"), "x")


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r"), max_size=50))
def test_what_is_written_is_the_content(tmp_path_factory, text):
    file = tmp_path_factory.mktemp("init") / "a" / "b.txt"
    assert write_new(file, text)
    assert file.read_text("utf-8") == text


@pytest.mark.parametrize("name", ["tasks.py", "runbooks/who-broke-it.md"])
def test_the_repositorys_own_files_are_what_init_writes(name):
    assert (REPOSITORY / name).read_text("utf-8") == content(name)
