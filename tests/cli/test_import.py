"""What `opskit changelog import` and `rebuild` take for an export, and what they say of one that is not as it was written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.changelog.upstream.chains import Chain

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Completed

CONFIG = """
[changelog]
name = "test"
[environments.production]
hosts = ["web01"]
"""


class Desk:
    """A folder with an opskit.toml, and people with a laptop each who share nothing but files."""

    def __init__(self, folder: Path, opskit: Any) -> None:
        self.folder, self._opskit = folder, opskit
        (folder / "opskit.toml").write_text(CONFIG)

    def does(self, who: str, *words: object, expect: int | None = 0, said: str = "") -> Completed:
        env = {"OPSKIT_STATE_DIR": str(self.folder / who), "OPSKIT_ACTOR": who}
        done: Completed = self._opskit(*words, cwd=self.folder, env=env, expect=expect, input=said)
        return done

    def database(self, who: str) -> Path:
        return self.folder / who / "test" / "changelog.db"

    def export(self, *notes: str) -> list[str]:
        for note in notes:
            self.does("ana", "note", note)
        return self.does("ana", "changelog", "export").stdout.splitlines()


@pytest.fixture
def desk(tmp_path: Path, opskit: Any) -> Desk:
    return Desk(tmp_path, opskit)


def altered(line: str) -> str:
    fields = json.loads(line)
    return json.dumps({**fields, "body": fields["body"].replace("one", "two")})


def test_an_altered_body_is_named_by_its_line_and_a_true_copy_heals_it(desk: Desk) -> None:
    lines = desk.export("number one", "number three")
    bad = desk.folder / "bad.jsonl"
    bad.write_text("\n".join([lines[0], altered(lines[1]), *lines[2:]]) + "\n")
    said = desk.does("ben", "changelog", "import", bad, expect=1)
    assert "line 2: not the body that was signed; the event is taken in without it" in said.stderr
    assert "2 events taken in" in said.stdout
    found = desk.does("ben", "changelog", "verify", expect=1).stdout
    assert "its body is missing, and no event redacted it" in found
    assert "import an export" in found
    desk.does("ben", "changelog", "import", "-", said="\n".join(lines))
    desk.does("ben", "changelog", "verify")
    entries = desk.does("ben", "log", "--grep", "number", "--json").json["data"]["entries"]
    assert [entry["text"] for entry in entries] == ["number three", "number one"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "standard input is not an export of a changelog: it is empty"),
        ('["opskit"]\n', "standard input is not an export of a changelog"),
        ('[changelog]\nname = "x"\n', "standard input is not an export of a changelog"),
        ("[" * 100_000, "standard input is not an export of a changelog"),
        ('{"opskit":"changelog","version":2}\n', "standard input was written by a newer opskit"),
    ],
)
def test_what_is_no_export_is_refused_in_one_line(desk: Desk, text: str, what: str) -> None:
    said = desk.does("ben", "changelog", "import", "-", said=text, expect=1)
    assert said.stderr.splitlines()[0] == f"opskit: {what}"
    assert "opskit" in said.stderr.splitlines()[1]


def test_a_line_without_end_is_not_read_to_its_end(desk: Desk) -> None:
    said = desk.does("ben", "changelog", "import", "/dev/zero", expect=1)
    assert "/dev/zero is not an export of a changelog: it has a line of more than" in said.stderr


@pytest.mark.parametrize("seq", [0, 2**53, 2**63, 2**70, "1", True, None])
def test_a_number_that_no_event_can_have_is_a_line_that_cannot_be_read(
    desk: Desk, seq: object
) -> None:
    first, line = desk.export("one")
    desk.does("ben", "changelog", "import", "-", said=f"{first}\n{line}\n")
    bad = json.dumps({**json.loads(line), "seq": seq})
    said = desk.does("ben", "changelog", "import", "-", said=f"{first}\n{bad}\n", expect=1)
    assert "line 2: no event; it is cut off or was altered" in said.stderr


def test_a_rebuild_from_another_file_leaves_all_as_it_is(desk: Desk) -> None:
    desk.does("ana", "note", "one")
    inode = desk.database("ana").stat().st_ino
    said = desk.does("ana", "changelog", "rebuild", "--from", "opskit.toml", "-y", expect=1)
    assert "opskit.toml is not an export of a changelog" in said.stderr
    assert desk.database("ana").stat().st_ino == inode


def test_a_rebuild_says_in_words_what_it_did(desk: Desk) -> None:
    lines = desk.export("one", "two")
    (desk.folder / "all.jsonl").write_text("\n".join(lines) + "\n")
    fresh = desk.does("ben", "changelog", "rebuild", "--from", "all.jsonl", "-y").stdout
    assert fresh == "2 events from all.jsonl\n2 events in the changelog of this machine\n"
    desk.does("ben", "note", "three")
    again = desk.does("ben", "changelog", "rebuild", "--from", "itself", "-y").stdout.splitlines()
    assert again[0].startswith("3 events from the old database, which is now ")
    assert again[1] == "3 events in the changelog of this machine"
    (desk.folder / "all.jsonl").write_text("\n".join([*lines, "not json"]) + "\n")
    partly = desk.does("ben", "changelog", "rebuild", "--from", "all.jsonl", "-y", expect=3)
    assert "line 4: no event; it is cut off or was altered" in partly.stderr


def test_an_event_that_was_truly_signed_and_is_of_no_use_is_a_remark_and_alarms_nobody(
    desk: Desk,
) -> None:
    begin, *_ = desk.export("well")
    odd = Chain(1).put("writer.enrolled", {"statement": 7})
    desk.does("ana", "changelog", "import", "-", said=f"{begin}\n{odd.to_json()}\n")
    said = desk.does("ana", "changelog", "verify").stdout
    assert "all as written" in said
    name = f"writer {odd.writer.hex()[:12]}, event 1 ({odd.hash.hex()[:10]})"
    assert f"{name}: it vouches for nobody: its statement is missing" in said
    found = desk.does("ana", "changelog", "verify", "--json").json["data"]
    assert (found["problems"], len(found["remarks"])) == ([], 1)
    assert "every signature holds" in desk.does("ana", "doctor", expect=None).stdout
