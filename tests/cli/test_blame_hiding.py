"""No answer of `opskit blame`, and no error of any command, shows a secret that can be had without asking anybody."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from opskit.blame.model import Answer, Candidate, Question, Suspect, Term
from opskit.changelog import Commit
from opskit.cli.hiding import without

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Opskit

TOML = """
[changelog]
name = "test"
[environments.production]
hosts = ["web01"]
[services.shop]
path = "~/shop"
hosts = "*"
source = { folder = "." }
secrets = ["TOKEN"]
"""
SECRET = "hunter2zebra"
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("blame", "--url", f"http://127.0.0.1:1/x?t={SECRET}", "--no-look"), 1),
        (("blame", "--url", f"ftp://127.0.0.1/{SECRET}", "--no-look"), 2),
        (("blame", "--log", f"/var/log/{SECRET}"), 2),
        (("blame", "-s", SECRET, "--no-look"), 2),
        (("blame", "-H", SECRET, "--no-look"), 2),
        (("blame", "--symptom", f"/var/{SECRET}.log", "--no-look"), 2),
        (("bisect", SECRET, "--good", "a", "--bad", "b", "--check", "true", "--local"), 2),
        (("bisect", "--resume", SECRET, "-m", "x"), 2),
        (("deploy", SECRET, "-m", "x"), 2),
    ],
)
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_no_secret_is_shown_of_what_was_typed(opskit: Opskit, tmp_path: Path, words: tuple[str, ...], code: int, more: tuple[str, ...]) -> None:  # fmt: skip
    (tmp_path / "opskit.toml").write_text(TOML)
    done = opskit(*words, *more, env={"TOKEN": SECRET}, expect=code)
    assert SECRET not in f"{done}"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_an_address_that_answers_well_is_named_without_its_secret(opskit: Opskit, tmp_path: Path, more: tuple[str, ...]) -> None:  # fmt: skip
    (tmp_path / "opskit.toml").write_text(TOML)
    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/?t={SECRET}"
        done = opskit("blame", "-s", "shop", "--url", url, "--no-look", *more, env={"TOKEN": SECRET}, expect=1)  # fmt: skip
        server.shutdown()
    assert "/?t=[redacted] answers 200 just now" in done.stdout
    assert SECRET not in f"{done}"


def test_an_answer_is_told_without_secrets_all_the_way_down() -> None:
    question = Question(NOON, onsets={"web01": NOON}, well_from=f"/x?t={SECRET} answers")
    term = Term("text", 1.0, f"says {SECRET}", f"--log /var/log/{SECRET}")
    commit = Commit("1" * 40, f"say {SECRET}", "ben")
    suspect = Suspect(Candidate("a", "task", NOON, text=SECRET, commits=(commit,)), 0.5, (term,))
    answer = Answer(question, (suspect,), (), 0.5, missing=(f"/{SECRET} was not looked into",))
    told = without(answer, lambda text: text.replace(SECRET, "…"))
    assert SECRET not in f"{told}"
    assert told.question == Question(NOON, onsets={"web01": NOON}, well_from="/x?t=… answers")
    assert told.suspects[0].candidate.commits == (Commit("1" * 40, "say …", "ben"),)
    assert told.suspects[0].terms == (Term("text", 1.0, "says …", "--log /var/log/…"),)
