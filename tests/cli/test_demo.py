"""`opskit demo` from a user's chair: the whole story, and nothing left behind however it ends."""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.blame.urls import fetch
from opskit.demo.folder import find
from opskit.demo.play import offer
from tests.support.cli import command
from tests.support.processes import kill_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.cli import Opskit

PEOPLE = ("ana", "ben", "chloe")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The demo's place for temporary files; whatever runs below it at the end is killed."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    kill_all(lambda: running_below(tmp_path))


def running_below(folder: Path) -> dict[int, str]:
    """Give the processes, by pid, that name the folder in their command line or live in a demo's home."""
    listed = subprocess.run(
        ["ps", "axeww", "-o", "pid=,command="], capture_output=True, check=True
    )
    marks = (f" {folder}/", f"HOME={folder}/temporary/", f"HOME={folder}/my demo/")
    lines = listed.stdout.decode(errors="replace").splitlines()
    found = {int(line.split()[0]): line[:200] for line in lines if any(m in line for m in marks)}
    return {pid: line for pid, line in found.items() if pid != os.getpid()}


def test_the_story_goes_as_told_and_leaves_nothing(
    opskit: Opskit, tmp_path: Path, temporary: Path
) -> None:
    began = time.monotonic()
    said = opskit("demo", timeout=280).stdout
    commands = re.findall(r"^\$ opskit (\w+)", said, re.MULTILINE)
    assert {
        "hosts",
        "deploy",
        "rollback",
        "restart",
        "run",
        "exec",
        "status",
        "log",
        "blame",
        "note",
    } == set(commands)
    blamed = said.partition("$ opskit blame --url ")[2].partition("$ opskit rollback shop --to ")
    assert re.search(r"First suspect, \d+ %: deploy \w+ of shop, v2 → v4", blamed[0])
    assert re.search(r"commit +\w+ Call the offer of the week a special \(chloe\)", blamed[0])
    assert "rollback shop: done (3 done)" in blamed[2]
    assert all(person in said for person in PEOPLE)
    assert "Give prices per 100 g" in said
    assert "\x1b" not in said
    assert list(temporary.iterdir()) == []
    assert running_below(tmp_path) == {}
    assert not Path(os.environ["OPSKIT_STATE_DIR"]).exists()
    assert time.monotonic() - began < 240  # 20 s on an idle machine


def test_without_git_and_as_json_the_story_is_the_same(
    opskit: Opskit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "ps"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    monkeypatch.setenv("PATH", str(tools))
    data = opskit("demo", "--json", timeout=280).json["data"]
    assert data["folder"] is None
    assert {step["actor"] for step in data["steps"]} == set(PEOPLE)
    failed = [step for step in data["steps"] if step["exit_code"]]
    assert [step["command"] for step in failed] == [
        'opskit deploy shop v3 -m "prices per 100 g" -y'
    ]
    assert "500" in failed[0]["output"]


def test_a_kept_demo_can_be_watched_on_a_terminal_played_with_and_ended(
    opskit: Opskit, tmp_path: Path
) -> None:
    said = on_a_terminal(command("demo", "--keep", "my demo"), tmp_path)
    folder = tmp_path / "my demo"
    assert "\x1b[" in said
    assert "opskit demo --stop" in said
    opskit("deploy", "shop", "v2", "-m", "once more", "-y", cwd=folder)
    assert "once more" in opskit("log", cwd=folder).stdout
    paste_the_undo(opskit, folder)
    opskit("demo", "--keep", "my demo", expect=2)
    opskit("demo", "--stop", "my demo")
    assert not folder.exists()
    assert list(Path(os.environ["OPSKIT_STATE_DIR"]).iterdir()) == []
    assert running_below(tmp_path) == {}
    opskit("demo", "--stop", "my demo", expect=2)


def paste_the_undo(opskit: Opskit, folder: Path) -> None:
    """Break the offer of the week once more, and undo that by what `opskit blame` prints, as a shell reads it."""
    demo = find(folder)
    url = offer(demo)
    opskit("deploy", "shop", "v4", "-m", "autumn", "-y", cwd=folder)
    assert fetch(url).status == 500
    said = opskit("blame", "--url", url, cwd=folder).stdout
    undo = next(line for line in said.splitlines() if line.startswith("opskit rollback "))
    opskit(*shlex.split(undo)[1:], "-y", cwd=folder)
    assert {fetch(url.replace(str(demo.hosts[0].shop_port), str(h.shop_port))).status for h in demo.hosts} == {200}  # fmt: skip
    well = opskit("blame", "--url", url, cwd=folder, expect=1).stderr
    assert "nothing is ill that opskit can see: 3 health checks just passed" in well
    break_one_of_three(opskit, folder, url)


def break_one_of_three(opskit: Opskit, folder: Path, url: str) -> None:
    """Break it on a host that whoever fetched the page did not reach: so it is with a load balancer, two times of three."""
    opskit("deploy", "shop", "v4", "-H", "web03", "-m", "only there", "-y", cwd=folder)
    assert fetch(url).status == 200
    said = opskit("blame", "--url", url, "--json", cwd=folder).json["data"]
    assert (said["question"]["ill"], said["question"]["well"]) == (["web03"], ["web01", "web02"])
    assert said["suspects"][0]["why"] == "only there"
    assert f"{url} answers 200 just now, but not on web03 itself" in said["missing"]


@pytest.mark.parametrize("wanted", ["hosts --ping", "deploy shop v1", "deploy shop v3"])
def test_ctrl_c_leaves_nothing(
    opskit: Opskit, tmp_path: Path, temporary: Path, wanted: str
) -> None:
    demo = subprocess.Popen(
        command("demo"), cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert demo.stdout
    assert any(wanted in line for line in demo.stdout)
    os.killpg(demo.pid, signal.SIGINT)
    demo.communicate(timeout=100)
    assert demo.returncode == 130
    assert list(temporary.iterdir()) == []
    assert running_below(tmp_path) == {}


def test_a_folder_in_use_is_refused(opskit: Opskit, tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    assert "not empty" in opskit("demo", ".", expect=2).stderr
    opskit("demo", "--keep", "--stop", expect=2)
    assert (tmp_path / "precious").exists()


def on_a_terminal(argv: list[str], cwd: Path) -> str:
    """Run a command that believes a person is looking, and give what it showed."""
    master, slave = pty.openpty()
    env = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    said = b""
    try:
        while data := os.read(master, 65536):
            said += data
    except OSError:  # Linux: all who held the terminal are gone
        pass
    os.close(master)
    assert process.wait(timeout=100) == 0, said.decode(errors="replace")
    return said.decode(errors="replace")
