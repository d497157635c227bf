from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.errors import ConfigError
from opskit.runbook import attributes, names, parse
from opskit.runbook.attributes import Attributes
from tests.runbook.pages import FILE, FRONT, action

LINE = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=40).filter(str.strip)  # fmt: skip
NASTY = st.lists(st.sampled_from(["-->", "--!>", "--", "<!--", ">", "'", '"', "\\", " ", "=", "#", "é", "{{ a }}", "`", "x"]), min_size=1).map("".join)  # fmt: skip
SELECTORS = (
    (LINE | NASTY).map(str.strip).filter(lambda s: s and not s.startswith("-") and s != "local")
)
ANCHORS = (LINE | NASTY).map(lambda text: "".join(text.split())).filter(bool)
NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,20}", fullmatch=True).filter(lambda name: name != "_")
TIMES = st.integers(1, 604_800_000).map(lambda ms: ms * 0.001)
USERS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}", fullmatch=True)
SAID = st.builds(
    Attributes, on=SELECTORS, batch=st.none() | st.integers(1, 100_000), timeout=st.none() | TIMES,
    capture=st.just("") | NAMES, mutates=st.none() | st.booleans(), rollback=st.just("") | ANCHORS,
    sudo=st.just("") | USERS,
) | st.builds(
    Attributes, local=st.just(True), timeout=st.none() | TIMES, capture=st.just("") | NAMES, rollback=st.just("") | ANCHORS,
) | st.builds(Attributes, expect=st.sampled_from(["exact", "contains", "regex"]))  # fmt: skip


@given(SAID)
def test_what_is_written_is_read_again(said):
    read = attributes.read(attributes.render(said))
    assert read == said


SHAPES = {
    "a step": ("", ""),
    "a list": ("1. First:\n\n", "   "),
    "a nested list": ("- a\n  1. b\n", "     "),
    "details": ("<details>\n<summary>More</summary>\n\n", ""),
}


@pytest.mark.parametrize("shape", SHAPES)
@given(SAID.filter(lambda said: not said.expect and not said.rollback))
def test_what_is_written_survives_a_comment_in_a_page(shape, said):
    above, indent = SHAPES[shape]
    comment = f"<!-- opskit: {attributes.render(said)} -->"
    assert comment.count("-->") == 1
    assert "--!>" not in comment
    body = "".join(f"{indent}{line}\n" for line in (comment, "```sh", "true", "```"))
    for end in ("\n", "\r\n"):
        read = parse.parse(f"{FRONT}## A\n{above}{body}".replace("\n", end), FILE)
        if names.templates(said.on):
            assert "nothing gives" in read.problems[0].what
            continue
        assert read.problems == ()
        assert read.runbook
        (run,) = read.runbook.steps[0].actions
        assert run.on == (said.on or "local")
        assert run.timeout == (said.timeout or 600.0)
        assert (run.batch, run.capture, run.sudo) == (said.batch or 0, said.capture, said.sudo)
        assert run.mutates is (said.mutates is not False)


@given(st.text(max_size=200) | NASTY)
def test_any_words_are_attributes_or_an_error(text):
    with contextlib.suppress(ConfigError):
        said = attributes.read(text)
        assert attributes.read(attributes.render(said)) == said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", Attributes()),
        ("local", Attributes(local=True)),
        ("on=@web", Attributes(on="@web")),
        ('on="web[01-10] & @up"', Attributes(on="web[01-10] & @up")),
        ("on='{{ host }}'", Attributes(on="{{ host }}")),
        ("on=@web sudo", Attributes(on="@web", sudo="root")),
        ("sudo=app on=@web", Attributes(on="@web", sudo="app")),
        ("timeout=1.5m batch=3 on=@web", Attributes(on="@web", timeout=90.0, batch=3)),
        ("mutates=no\n  timeout=500ms", Attributes(mutates=False, timeout=0.5)),
        ('rollback="#4-zurück"', Attributes(rollback="4-zurück")),
        ("rollback=#back capture=out", Attributes(rollback="back", capture="out")),
        ("expect=contains", Attributes(expect="contains")),
    ],
)
def test_words_say_what_they_say(words, said):
    assert attributes.read(words) == said


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        ("timout=30s", "there is no 'timout' here", "did you mean 'timeout'?"),
        ("on={{ host }}", "there is no 'host' here", ""),
        ("on='@web", "a quote is not closed", ""),
        ("on=@web on=@db", "`on` stands there twice", ""),
        ("on", "`on` needs a value", "on=@web"),
        ("on=", "on: expected one line of text, not empty, without control characters", ""),
        ("on=-x", "on: expected a host selector, not '-x'", ""),
        ("local=yes", "`local` takes no value", ""),
        ("local on=@web", "`local` and `on` contradict each other", ""),
        ("batch=2", "`batch` is for hosts, and `on` names none", "on=@web"),
        ("local sudo", "`sudo` is for hosts, and `on` names none", "on=@web"),
        ("on=@web batch=0", "batch: expected a whole number from 1 to 100000", ""),
        ("on=@web batch=25%", "batch: expected a number of hosts, not '25%'", ""),
        ("timeout=soon", "timeout: expected a time with its unit, like \"10s\" or \"5m\", not 'soon'", ""),
        ("timeout=30", "timeout: expected a time with its unit, like \"10s\" or \"5m\", not '30'", "timeout=30s"),
        ("timeout=9999h", "timeout: expected a time above 0 and at most 7 days", ""),
        ("mutates", "`mutates` needs a value", "mutates=no"),
        ("mutates=maybe", "mutates: expected \"yes\" or \"no\", not 'maybe'", ""),
        ("capture=PATH", "capture: $PATH has a meaning of its own for shells or opskit", "take another name, in small letters"),
        ("capture=OPSKIT_RUN", "capture: $OPSKIT_RUN has a meaning of its own for shells or opskit", "take another name, in small letters"),
        ("capture=a-b", "capture: expected a name of A-Z, a-z, 0-9 and `_` that does not begin with a digit, not 'a-b'", ""),
        ("rollback=4-back", "rollback: expected the anchor of a step, like \"#4-put-it-back\", not '4-back'", ""),
        ("on=@web sudo='a b'", "sudo: expected the name of a user", "sudo alone is root"),
        ("expect=exact local", "`expect` stands alone", "how it is run belongs before the command"),
        ("expect=like", "expect: expected \"exact\" or \"contains\" or \"regex\", not 'like'", ""),
        ("x" * 5000, "longer than 4000 characters", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(words, what, hint):
    with pytest.raises(ConfigError) as caught:
        attributes.read(words)
    assert caught.value.what == what
    assert hint in caught.value.hint


def test_a_fence_that_says_nothing_runs_here_and_changes_something():
    run = action("")
    assert (run.on, run.batch, run.timeout, run.mutates) == ("local", 0, 600.0, True)
