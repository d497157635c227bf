"""A stolen laptop with its SSH key, through the command line: what the thief comes to, and how the owner goes on."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.changelog.keys import Keys, line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.support.cli import Completed, Opskit

TOML = """
[changelog]
name = "test"
timeout = "60s"
allowed_signers = "allowed_signers"
{more}
[environments.production]
hosts = ["web01"]
"""


@dataclass
class Story:
    """People, each with a home, an SSH key and a laptop; a folder that all of them have from git."""

    folder: Path
    opskit: Opskit

    def begin(self) -> None:
        self.configure(self.folder, f'upstream = "file://{self.folder}/share/log"')
        (self.folder / "share").mkdir()
        keys = {who: self._key(who) for who in ("ana", "ben", "dave")}
        options = {"ana": 'namespaces="opskit-writer@v1" ', "ben": "", "dave": ""}
        self.signers.write_text(
            "".join(f"{who}@x {options[who]}{line(key)} {who}\n" for who, key in keys.items())
        )
        self.does("ana", "changelog", "init")

    @property
    def signers(self) -> Path:
        return self.folder / "allowed_signers"

    @staticmethod
    def configure(folder: Path, *more: str) -> None:
        (folder / "opskit.toml").write_text(TOML.format(more="\n".join(more)))

    def does(
        self,
        who: str,
        *words: str,
        expect: int | None = 0,
        laptop: str = "",
        cwd: Path | None = None,
    ) -> Completed:
        env = {
            "HOME": str(self.folder / "homes" / who),
            "OPSKIT_STATE_DIR": str(self.folder / "laptops" / (laptop or who)),
            "OPSKIT_ACTOR": who,
        }
        return self.opskit(*words, cwd=cwd or self.folder, env=env, expect=expect)

    def unaware(self, who: str, laptop: str) -> None:
        """Sign for a new laptop where nothing of the team's changelog is known, as another program could."""
        alone = self.folder / "alone"
        alone.mkdir()
        self.configure(alone)
        shutil.copy(self.signers, alone)
        self.does(who, "changelog", "enroll", laptop=laptop, cwd=alone)

    def standings(self, who: str) -> Mapping[str, str]:
        entries = self.does(who, "log", "--json").json["data"]["entries"]
        return {entry["text"]: entry["standing"] for entry in entries if "text" in entry}

    def writers(self, who: str) -> Sequence[Mapping[str, str]]:
        found: Sequence[Mapping[str, str]] = self.does(who, "changelog", "writers", "--json").json[
            "data"
        ]["writers"]
        return found

    def writer(self, who: str, by: str) -> str:
        (found,) = [each["writer"] for each in self.writers(by) if each["principal"] == f"{who}@x"]
        return found

    def _key(self, who: str) -> Path:
        folder = self.folder / "homes" / who / ".ssh"
        folder.mkdir(parents=True, mode=0o700)
        return Keys(folder).make("id_ed25519")


@pytest.fixture
def story(tmp_path: Path, opskit: Opskit) -> Story:
    made = Story(tmp_path, opskit)
    made.begin()
    for who in ("dave", "ben", "ana"):
        made.does(who, "note", f"{who} was here")
    return made


def stolen(story: Story, *words: str) -> Completed:
    """Let Ana revoke Dave's stolen laptop."""
    writer = story.writer("dave", by="ana")
    return story.does("ana", "changelog", "revoke", writer, "-m", "stolen", "-y", *words)


def test_a_thief_with_laptop_and_key_does_not_come_back_as_a_new_writer(story: Story) -> None:
    stolen(story)
    shutil.rmtree(story.folder / "laptops" / "dave")
    said = story.does("dave", "note", "it was nothing").stderr
    assert "what follows is not attested: your SSH key SHA256:" in said
    assert "vouches for nobody new since writer" in said
    refused = story.does("dave", "changelog", "enroll", expect=1)
    assert refused.stdout == ""
    assert "was revoked by ana@x: stolen" in refused.stderr
    (mine,) = [each for each in story.writers("dave") if each["here"]]
    assert mine["standing"] == "unattested"
    revoke = ("changelog", "revoke", story.writer("ben", by="ana"), "--all", "-m", "ha", "-y")
    assert "nothing revoked" in story.does("dave", *revoke, expect=1).stderr
    assert story.standings("ana") == {
        "it was nothing": "unattested",
        **{f"{who} was here": "attested" for who in ("ana", "ben", "dave")},
    }


def test_a_thief_who_signs_without_asking_is_marked_and_named_everywhere(story: Story) -> None:
    stolen(story)
    story.unaware("dave", laptop="dave-2")
    story.does("dave", "note", "all is well", laptop="dave-2")
    for who in ("ana", "ben", "newcomer"):
        assert story.standings(who)["all is well"] == "revoked"
        (found,) = [each for each in story.writers(who) if each["barred"]]
        assert (found["standing"], found["principal"]) == ("revoked", "dave@x")
        assert found["key"].startswith("SHA256:")
        assert "[revoked] all is well" in story.does(who, "log").stdout
        shown = story.does(who, "changelog", "writers").stderr
        assert f"warning: writer {found['writer'][:12]} is new, and its SSH key SHA256:" in shown
        doctor = story.does(who, "doctor", "--json", expect=None).json["data"]["findings"]
        told = [each["what"] for each in doctor if found["writer"][:12] in each["what"]]
        assert len(told) == 1
        assert "is believed by nobody: its SSH key SHA256:" in told[0]


def test_the_doctor_of_a_revoked_machine_tells_a_thief_nothing(story: Story) -> None:
    stolen(story)
    for why in ("its writer was revoked by ana@x", "vouches for nobody new since"):
        story.does("dave", "log")
        findings = story.does("dave", "doctor", "--json", expect=1).json["data"]["findings"]
        bad = [each for each in findings if each["area"] == "signing" and each["level"] == "bad"]
        assert [why in each["what"] for each in bad] == [True]
        assert not [each for each in bad if "mv " in each["hint"] or "--keep-key" in each["hint"]]
        shutil.rmtree(story.folder / "laptops" / "dave")


def test_revoke_shows_the_key_and_the_lines_that_end_it_and_they_can_be_pasted(
    story: Story,
) -> None:
    said = stolen(story).stdout.splitlines()
    key = next(each for each in said if each.startswith("SSH key SHA256:"))
    assert key.endswith(" had signed for it, and vouches for no new writer now")
    at = said.index(f"to end it for good, line 3 of {story.signers} becomes:")
    assert said[at + 1].startswith('  dave@x valid-before="20')
    (last,) = [i for i, each in enumerate(said) if each.startswith("if nothing that it ever")]
    public = (story.folder / "homes" / "dave" / ".ssh" / "id_ed25519.pub").read_text().split()
    assert said[last + 1].split() == public[:2]
    lines = story.signers.read_text().splitlines()
    story.signers.write_text("\n".join([*lines[:2], said[at + 1].strip(), ""]))
    assert set(story.standings("ben").values()) == {"attested"}
    assert story.does("ben", "changelog", "enroll").exit == 0
    (story.folder / "revoked").write_text(said[last + 1])
    share = f'upstream = "file://{story.folder}/share/log"'
    story.configure(story.folder, share, 'revoked_keys = "revoked"')
    assert story.standings("ben")["dave was here"] == "unattested"
    again = stolen_again(story)
    assert f"add this line to {story.folder / 'revoked'}:" in again


def stolen_again(story: Story) -> str:
    (writer,) = [each["writer"] for each in story.writers("ana") if each["standing"] == "revoked"]
    return story.does("ana", "changelog", "revoke", writer, "-m", "again", "-y").stdout


@pytest.mark.parametrize("when", ["at once", "later"])
def test_whoever_has_a_new_laptop_and_still_the_key_goes_on_once_a_colleague_says_so(
    story: Story, when: str
) -> None:
    writer = story.writer("dave", by="ana")
    if when == "later":
        stolen(story)
        story.does("dave", "changelog", "enroll", laptop="dave-2", expect=1)
    keep = ("changelog", "revoke", writer, "--keep-key", "-m", "the key is on a token", "-y")
    said = story.does("ben", *keep).stdout
    assert said.count("\n") == 1
    assert "SSH key" not in said
    story.does("dave", "note", "on my new laptop", laptop="dave-2")
    assert story.standings("ana")["on my new laptop"] == "attested"
    assert not [each for each in story.writers("ana") if each["barred"]]
    assert story.does("dave", "note", "on the old one").stderr.count("counts for nobody") == 1
    assert story.standings("ana")["on the old one"] == "revoked"


def test_a_second_laptop_of_the_same_key_stays_and_is_named(story: Story) -> None:
    story.does("dave", "note", "from home", laptop="dave-2")
    before = {each["writer"] for each in story.writers("ana") if each["principal"] == "dave@x"}
    first = min(before)
    revoked = story.does("ana", "changelog", "revoke", first, "-m", "stolen", "-y", "--json")
    (key,) = revoked.json["data"]["keys"]
    assert key["still_vouches_for"] == sorted(before - {first})
    assert key["allowed_signers"][0]["number"] == 3
    states = {each["writer"]: each["standing"] for each in story.writers("ben")}
    assert [states[each] for each in sorted(before)] == ["revoked", "attested"]


def test_enroll_on_a_revoked_machine_fails(story: Story) -> None:
    stolen(story)
    done = story.does("dave", "changelog", "enroll", expect=1)
    assert done.stdout == ""
    assert "nobody believes this machine: its writer was revoked by ana@x: stolen" in done.stderr
