"""Full text search: what is found, and that whatever people type is only ever text."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from opskit.changelog import Changelog, Filter
from opskit.errors import UsageError
from tests.changelog.writing import whole


def found(changelog: Changelog, words: str) -> list[str]:
    return [getattr(entry, "text", entry.id) for entry in changelog.entries(Filter(grep=words))]


def test_all_words_must_stand_in_it_in_any_order_and_case(changelog: Changelog) -> None:
    changelog.append("note", {"text": "The certificate of web01 has expired"})
    changelog.append("note", {"text": "The certificate is new"})
    assert found(changelog, "EXPIRED certificate") == ["The certificate of web01 has expired"]
    assert len(found(changelog, "certificate")) == 2
    assert found(changelog, '"has expired"') == ["The certificate of web01 has expired"]
    assert found(changelog, '"expired has"') == []
    assert len(found(changelog, "cert*")) == 2
    assert found(changelog, "cert") == []
    changelog.append("note", {"text": "Größe geändert, 日本語"})
    assert found(changelog, "große") == ["Größe geändert, 日本語"], "accents do not matter"


def test_reasons_commits_errors_and_tasks_of_a_rollout_are_searched(changelog: Changelog) -> None:
    whole(changelog, why="the cart is broken since noon")
    (record,) = changelog.rollouts()
    assert found(changelog, "cart noon") == [record.id]
    for commit in record.commits:
        assert found(changelog, f'"{commit.subject}"') == [record.id]
    for host in record.hosts:
        if host.error:
            assert found(changelog, f'"{host.error}"') == [record.id]


def test_what_is_found_is_filtered_like_everything_else(changelog: Changelog) -> None:
    for service in ("shop", "search"):
        changelog.append("note", {"text": "slow"}, service=service, environment="production")
    both = changelog.entries(Filter(grep="slow"))
    assert [entry.service for entry in both] == ["search", "shop"]  # type: ignore[union-attr]
    (one,) = changelog.entries(Filter(grep="slow", service="shop"))
    assert one.service == "shop"  # type: ignore[union-attr]
    assert len(changelog.entries(Filter(grep="slow", limit=1))) == 1


@pytest.mark.parametrize("nothing", ["", " ", '""', "*", "-", "()", "' '"])
def test_without_a_word_there_is_nothing_to_look_for(changelog: Changelog, nothing: str) -> None:
    changelog.append("note", {"text": "x"})
    if nothing:
        with pytest.raises(UsageError, match="no word"):
            found(changelog, nothing)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40) | st.from_regex(r'[a"*()^:+\-{}ANDORT ]{1,20}', fullmatch=True))
@example("a\0b")
def test_whatever_is_typed_is_text(changelog: Changelog, typed: str) -> None:
    if not changelog.count():
        changelog.append("note", {"text": "a AND b OR NOT c NEAR d"})
    try:
        found(changelog, typed or "x")
    except UsageError:
        assert not any(
            character.isalnum() or character == "_" for character in typed.replace('"', "")
        )


def test_a_word_that_stands_in_a_note_is_found_by_itself(changelog: Changelog) -> None:
    for operator in ("AND", "OR", "NOT", "NEAR"):
        changelog.append("note", {"text": f"before {operator} after"})
        assert found(changelog, operator) == [f"before {operator} after"]
