"""Enrolling, revoking and who is who, as people type it; rollouts enrol their machine by themselves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import open_changelog
from tests.changelog.keys import Keys, add, agent, line, plug_in_token
from tests.changelog.writing import whole
from tests.support.cli import command
from tests.support.terminal import on_terminal

if TYPE_CHECKING:
    from tests.support.cli import Opskit
    from tests.support.hosts import Hosts

TOML = """
default_environment = "production"
[changelog]
name = "test"
allowed_signers = "allowed_signers"
[environments.production]
hosts = ["web[01-03]"]
[services.shop]
path = "~/shop"
hosts = "*"
source = { folder = "." }
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text(TOML)
    (tmp_path / "allowed_signers").write_text("")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Ann's key, which the file of signers knows."""
    folder = Path.home() / ".ssh"
    folder.mkdir(mode=0o700)
    made = Keys(folder).make("id_ed25519")
    (tmp_path / "allowed_signers").write_text(f"ann@example.com {line(made)}\n")
    return made


def test_enroll_says_as_whom_and_until_when(opskit: Opskit, key: Path) -> None:
    said = opskit("changelog", "enroll", "--days", "7", env={"TZ": "UTC"}).stdout
    assert said.startswith("ann@example.com signs for ")
    assert re.fullmatch(r".* until \d{4}-\d\d-\d\d \d\d:\d\d UTC\n", said)
    data = opskit("changelog", "enroll", "--json").json["data"]
    assert data["principal"] == "ann@example.com"
    with open_changelog("test") as changelog:
        assert changelog.show(data["event"]).event.header.kind == "writer.enrolled"
        assert changelog.verify() == []


def test_without_a_key_enroll_fails_with_the_way_out(opskit: Opskit) -> None:
    done = opskit("changelog", "enroll", expect=1)
    assert "there is no SSH key to sign with" in done.stderr
    assert "ssh-keygen -t ed25519" in done.stderr
    assert opskit("changelog", "enroll", "--json", expect=1).json["error"]["kind"] == "attestation"


def test_writers_shows_who_vouches(opskit: Opskit, key: Path) -> None:
    assert "nobody has written" in opskit("changelog", "writers").stderr
    with open_changelog("test") as changelog:
        changelog.append("note", {"text": "before"})
    header, row = opskit("changelog", "writers").stdout.splitlines()
    assert header.split() == [
        *("WRITER", "STANDING", "WHO", "MACHINE", "UNTIL", "EVENTS", "REASON")
    ]
    assert row.split(maxsplit=2)[2].startswith("unattested")
    assert row.endswith("  1       nobody had signed for its writer")
    opskit("changelog", "enroll")
    (data,) = opskit("changelog", "writers", "--json").json["data"]["writers"]
    assert (data["principal"], data["standing"], data["events"]) == (
        "ann@example.com",
        "attested",
        2,
    )


@pytest.mark.parametrize("width", [80, 100, 120])
def test_writers_fits_the_screen(opskit: Opskit, key: Path, tmp_path: Path, width: int) -> None:
    opskit("changelog", "enroll")
    (data,) = opskit("changelog", "writers", "--json").json["data"]["writers"]
    revoke = ("changelog", "revoke", data["writer"], "--all", "-m", "a reason " * 9, "-y")
    opskit(*revoke)
    shown = on_terminal(command("changelog", "writers"), cwd=tmp_path, width=width)
    assert "\x1b[31m* " in shown, "red, since it was revoked"
    table = [line for line in re.sub(r"\x1b\[\d*m", "", shown).splitlines() if ": " not in line]
    assert len(table) == 2
    assert max(map(len, table)) <= width
    assert "✗ revoked" in table[1]
    assert "its writer was revoked by ann@example.com: a reason a reason" in shown


def test_a_writer_is_revoked_after_an_event(opskit: Opskit, key: Path) -> None:
    opskit("changelog", "enroll")
    with open_changelog("test") as changelog:
        first, second = whole(changelog), whole(changelog)
        last = changelog.rollout(first).events[-1]
    writer = last.header.writer[:8]
    revoke = ("changelog", "revoke", writer, "--after", last.id)
    assert "wants its reason" in opskit(*revoke, expect=2).stderr
    assert "nobody is there to agree" in opskit(*revoke, "-m", "stolen", expect=5).stderr
    said = opskit(*revoke, "-m", "stolen", "-y").stdout
    assert f"is revoked after its event {last.header.seq}" in said
    row = opskit("changelog", "writers").stdout.splitlines()[1]
    assert " revoked " in row
    assert row.endswith("  its writer was revoked by ann@example.com: stolen")
    line = opskit("log").stdout.splitlines()[1]
    assert f"  revoked writer {last.header.writer[:12]}  " in line
    assert line.endswith("  [revoked] stolen")
    with open_changelog("test") as changelog:
        from opskit.config import load

        settings = load(Path(opskit.cwd) / "opskit.toml").changelog
        events = [changelog.rollout(name).events[0].hash.hex() for name in (first, second)]
        states = changelog.standings(events, settings)
    assert [states[each].state for each in events] == ["attested", "revoked"]


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        (["abcd", "-m", "x"], 2, "no writer 'abcd'"),
        (["ab", "-m", "x"], 2, "no writer 'ab'"),
        (["abcd", "-m", "x", "--all", "--after", "abcd"], 2, "exclude each other"),
    ],
)
def test_a_revocation_that_makes_no_sense_is_refused(
    opskit: Opskit, words: list[str], code: int, what: str
) -> None:
    opskit("note", "one event")
    assert what in opskit("changelog", "revoke", *words, "-y", expect=code).stderr


def test_a_revocation_that_nobody_would_believe_is_not_written(opskit: Opskit) -> None:
    opskit("note", "one event")
    (data,) = opskit("changelog", "writers", "--json").json["data"]["writers"]
    revoke = ("changelog", "revoke", data["writer"], "--all", "-m", "x", "-y")
    assert "nothing revoked" in opskit(*revoke, expect=1).stderr
    with open_changelog("test") as changelog:
        assert changelog.count() == 1


def test_log_marks_what_nobody_vouches_for_and_names_who_signed(
    opskit: Opskit, key: Path, tmp_path: Path
) -> None:
    with open_changelog("test", actor="ann@laptop") as changelog:
        early = whole(changelog, why="at 3 am")
    opskit("changelog", "enroll")
    with open_changelog("test", actor="bob@laptop") as changelog:
        typed = whole(changelog, why="as somebody else")
    with open_changelog("test", actor="Ann@laptop") as changelog:
        own = whole(changelog, why="as herself")
    rows = {line.split()[0]: line for line in opskit("log").stdout.splitlines()[1:]}
    assert len(rows) == 3
    assert "done     [unattested] at 3 am" in rows[early]
    assert "bob@laptop (ann@example.com)" in rows[typed]
    assert rows[typed].endswith("done     as somebody else")
    assert "example.com" not in rows[own]
    found = {each["id"]: each for each in opskit("log", "--json").json["data"]["entries"]}
    assert [found[each]["standing"] for each in (early, typed, own)] == [
        *("unattested", "attested", "attested")
    ]
    assert found[own]["principal"] == "ann@example.com"
    assert found[early]["doubt"] == "nobody had signed for its writer"
    assert opskit("log", "--csv").stdout.splitlines()[1].endswith(",attested,ann@example.com")
    assert "  signed    ann@example.com\n" in opskit("log", typed).stdout
    assert "  signed    unattested: nobody had signed" in opskit("log", early).stdout


def test_without_allowed_signers_nobodys_signature_is_missed(
    opskit: Opskit, tmp_path: Path
) -> None:
    (tmp_path / "opskit.toml").write_text(TOML.replace("allowed_signers =", "#"))
    with open_changelog("test") as changelog:
        name = whole(changelog)
    assert "attested" not in opskit("log").stdout
    assert "signed" not in opskit("log", name).stdout
    (entry,) = opskit("log", "--json").json["data"]["entries"]
    assert entry["standing"] == ""


def test_the_page_of_a_rollout_tells_of_each_of_its_events(opskit: Opskit, key: Path) -> None:
    opskit("changelog", "enroll")
    with open_changelog("test") as changelog:
        name = whole(changelog)
        started, results, finished = changelog.rollout(name).events
    revoke = ("changelog", "revoke", started.header.writer, "--after", started.id)
    opskit(*revoke, "-m", "stolen in the midst", "-y")
    page = opskit("log", name).stdout
    assert "  signed    ann@example.com\n" in page
    for event in (results, finished):
        assert f"  doubt     {event.header.kind} {event.id} is revoked: " in page


def test_show_says_in_words_whether_an_event_counts(opskit: Opskit, key: Path) -> None:
    def standing(event: str) -> str:
        shown = opskit("changelog", "show", event).stdout
        (line,) = [each for each in shown.splitlines() if each.startswith("standing ")]
        return line.removeprefix("standing").strip()

    with open_changelog("test") as changelog:
        early = changelog.append("note", {"text": "x"}).id
        opskit("changelog", "enroll")
        signed = changelog.append("note", {"text": "x"})
        late = changelog.append("note", {"text": "x"}).id
    assert standing(early) == "unattested: nobody had signed for its writer"
    assert standing(signed.id) == "attested: ann@example.com signs for its writer"
    opskit(
        *("changelog", "revoke", signed.header.writer, "--after", signed.id), "-m", "gone", "-y"
    )
    assert standing(late) == (
        "revoked: its writer was revoked by ann@example.com: gone (signed by ann@example.com)"
    )
    data = opskit("changelog", "show", late, "--json").json["data"]
    assert (data["standing"], data["principal"]) == ("revoked", "ann@example.com")


def test_a_rollout_enrols_its_machine_first_and_goes_on_without(
    opskit: Opskit, key: Path, tmp_path: Path, hosts: Hosts
) -> None:
    signed = '[changelog]\nname = "test"\nallowed_signers = "allowed_signers"\n'
    (tmp_path / "opskit.toml").write_text(f"{signed}{hosts.toml()}")
    signers = (tmp_path / "allowed_signers").read_text()
    (tmp_path / "allowed_signers").write_text("")
    exec_ = ("exec", "-H", hosts.names[0], "true")
    done = opskit(*exec_)
    (warning,) = [each for each in done.stderr.splitlines() if "warning" in each]
    assert warning.startswith("warning: what follows is not attested: none of your SSH keys")
    (tmp_path / "allowed_signers").write_text(signers)
    assert "attested" not in opskit(*exec_).stderr
    entries = opskit("log", "--json").json["data"]["entries"]
    assert [each["standing"] for each in entries] == ["attested", "unattested"]


@pytest.mark.parametrize("kind", ["ed25519-sk", "ecdsa-sk"])
def test_a_token_that_only_an_agent_reaches_vouches_and_others_verify_without_it(
    opskit: Opskit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    folder = Path.home() / ".ssh"
    folder.mkdir(mode=0o700)
    with monkeypatch.context() as at_anns, agent(tmp_path) as socket:
        plug_in_token(at_anns)
        made = Keys(folder).make("id_token", kind)
        add(socket, made)
        made.rename(tmp_path / "elsewhere")  # the agent alone has it
        (tmp_path / "allowed_signers").write_text(f"ann@example.com {line(made)}\n")
        env = {"SSH_AUTH_SOCK": str(socket)}
        asked = opskit("changelog", "enroll", env=env)
        assert asked.stdout.startswith("ann@example.com signs for ")
        assert "touch" in asked.stderr
        opskit("note", "written with a token", env=env)
    (note,) = opskit("log", "--json").json["data"]["entries"][:1]
    assert (note["text"], note["standing"]) == ("written with a token", "attested")
    assert "[unattested]" not in opskit("log").stdout
    opskit("changelog", "verify")
    (row,) = opskit("changelog", "writers", "--json").json["data"]["writers"]
    assert (row["principal"], row["standing"]) == ("ann@example.com", "attested")


@pytest.mark.parametrize("option", ["no-touch-required", "verify-required"])
def test_an_option_that_only_authorized_keys_has_counts_for_nobody_and_the_line_is_named(
    opskit: Opskit, key: Path, tmp_path: Path, option: str
) -> None:
    signers = tmp_path / "allowed_signers"
    signers.write_text(f"# all of us\nann@example.com {option} {line(key)}\n")
    said = opskit("changelog", "enroll", expect=1).stderr
    assert "line 2 of the signers names its key and cannot be read: unknown key option" in said
