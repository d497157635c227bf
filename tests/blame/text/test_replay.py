"""The evaluation on real history withholds what would give the answer away, and finds a planted one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.eval import history, replay
from tests.eval.fitting import fit, shares
from tests.eval.replay import Told
from tests.support.repositories import repository

if TYPE_CHECKING:
    from pathlib import Path

GUILTY = Told("0123456789abcdef0123456789abcdef01234567", "cart: Count twice.", "")


def fix(body: str) -> Told:
    return Told("f" * 40, "cart: Fix the count.", body)


def test_a_symptom_has_no_trailer_no_hash_and_not_the_guilty_subject() -> None:
    body = (
        'Since commit 0123456789ab ("cart: Count\n  twice.") the total is wrong.\n\n'
        'Fixes: 0123456789ab ("cart: Count twice.")\nReported-by: Bo <bo@example.org>\n'
        "Signed-off-by: Ana <ana@example.org>\nReported-at: https://example.org/7\n"
    )
    said = replay.symptom(fix(body), GUILTY)
    assert "the total is wrong" in said
    assert said.startswith("cart: Fix the count.")
    for secret in ("0123456", "twice", "Fixes", "Bo", "Ana", "example.org"):
        assert secret not in said


@pytest.mark.parametrize(
    ("body", "guilty"),
    [
        ("Fixes: {old}", [24]),
        ("fixes: commit {old} (x)", [24]),
        ("Fixes: {ancient}", [None]),
        ("Fixes: {old}\nFixes: {ancient}", []),
        ("Fixes: 1234567890ab", []),
        ("Fixes: the cart", []),
        ("No line.", []),
    ],
)
def test_a_fix_counts_if_it_names_one_commit_before_it(
    body: str, guilty: list[int | None]
) -> None:
    told = [Told(f"{number:040x}", f"Commit {number}", "") for number in range(300, 0, -1)]
    said = body.format(old=told[35].sha, ancient=told[260].sha)
    told[10] = Told(told[10].sha, "Repair", said)
    found = list(replay.troubles(told))
    assert [trouble.guilty for trouble in found] == guilty
    for trouble in found:
        assert trouble.window == [one.sha for one in told[11:211]]


def test_a_planted_cause_is_found_in_a_real_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = repository(tmp_path / "shop")
    stream = [
        part
        for number in range(230)
        for part in _commit(number, f"file{number % 7}.txt", f"line {number}")
    ]
    stream += _commit(230, "cart.py", "def count_twice(total): pass", "The cart counts twice")
    stream += [p for n in range(231, 260) for p in _commit(n, f"file{n % 7}.txt", f"line {n}")]
    (tmp_path / "stream").write_text("".join(stream))
    with (tmp_path / "stream").open() as opened:
        made.load(opened)
    guilty = made.git("log", "--format=%H", "-1", "--", "cart.py")
    made.git("checkout", "-q", "main")
    made.commit(
        f"Totals are wrong\n\nAs count_twice() says.\n\nFixes: {guilty}", {"cart.py": "\n"}
    )
    (case,) = history.cases(made.folder)
    assert case.guilty == 29
    assert history.ours([case]) == [1]
    names = dict(history.rankings([case]))
    assert names["latest deploy"] == [6]
    assert names["BM25, best commit"] == [1]
    assert case.explained
    monkeypatch.delenv("OPSKIT_EVAL_TUNE", raising=False)
    assert "1 fixes" in "\n".join(history.lines(None, made.folder))


def _commit(number: int, path: str, text: str, message: str = "") -> list[str]:
    message = message or f"Change {number}"
    return [
        f"commit refs/heads/main\ncommitter Ana <ana@example.org> {number} +0000\n",
        f"data {len(message)}\n{message}\nM 644 inline {path}\ndata {len(text)}\n{text}\n",
    ]


def test_weights_are_learned_from_what_tells_the_guilty_apart() -> None:
    windows = [[(1.0, 0.3), (0.0, 0.3), (0.2, 0.9)] for _ in range(20)]
    weights = fit(windows, [0] * 20)
    assert weights[0] > 3
    assert weights[0] > abs(weights[1])
    assert shares(windows[0], weights)[0] > 0.9


def test_without_clones_it_says_where_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPSKIT_EVAL_TUNE", raising=False)
    monkeypatch.delenv("OPSKIT_EVAL_REPORT", raising=False)
    said = "\n".join(history.lines(None, None))
    assert history.TUNED_ON in said
    assert history.REPORTED_ON in said
