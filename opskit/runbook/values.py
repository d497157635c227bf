"""The values of a run: what was given, asked, answered and captured; they reach commands as environment, never as text of a script."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from opskit.errors import ConfigError, UsageError
from opskit.rollout.secrets import checked
from opskit.runbook import patterns
from opskit.runbook.model import Ask
from opskit.runbook.names import TEMPLATE
from opskit.runbook.quoting import one_line
from opskit.runbook.talk import LEAVE, TEXT, Question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opskit.config.secret import Secret
    from opskit.runbook.model import Parameter, Runbook

MOST = 16 * 1024
"""Characters of a value: what is longer would not fit beside others into the environment of a process."""


def fill(text: str, values: Mapping[str, str]) -> str:
    """Give a text with `{{ name }}` replaced by values, each in one line, or it would look like lines of ours; names that have none stay as they are."""
    return TEMPLATE.sub(
        lambda found: one_line(values[found[1]], MOST) if found[1] in values else found[0], text
    )


def demand_known(book: Runbook, given: Mapping[str, str]) -> None:
    """Raise UsageError for a value that the page neither has as a parameter nor asks for, or that is a secret."""
    from opskit.config.lookup import did_you_mean

    known = {each.name: each for each in book.parameters}
    names = {*known, *asked_later(book)}
    for name in given:
        if name not in names:
            raise UsageError(
                f"{book.id} has no parameter {name!r}", hint=did_you_mean(name, names)
            )
        if name in known and known[name].secret:
            env = known[name].env
            hint = f"it is asked for{f', or taken from ${env}' if env else ''}"
            raise UsageError(f"{name} is a secret: it does not stand on a command line", hint=hint)


def problem_of(parameter: Parameter | None, value: str, *, name: str = "") -> str:
    """Say what is wrong with a value, "" if nothing is. One that a step asks for has a `name`: it is left out only where its parameter allows that."""
    if "\0" in value:
        return "a value holds no NUL character"
    if len(value) > MOST:
        return f"it is longer than {MOST} characters"
    if parameter is None:
        return f"{name} needs a value" if name and not value.strip() else ""
    if parameter.required and not value.strip():
        return f"{parameter.name} needs a value"
    return _unfit(parameter, value) if parameter.pattern and (value or name) else ""


def _unfit(parameter: Parameter, value: str) -> str:
    """Say why a value is not as the pattern of its parameter says, "" if it is."""
    try:
        fits = patterns.matches(parameter.pattern, value)
    except UsageError as error:
        return error.what
    return "" if fits else f"{parameter.name} must match {parameter.pattern}"


def asked_later(book: Runbook) -> frozenset[str]:
    """Give the names that steps ask for themselves."""
    parts = (part for step in book.steps for part in step.parts)
    return frozenset(part.name for part in parts if isinstance(part, Ask))


def of_page(book: Runbook, told: Mapping[str, str]) -> dict[str, str]:
    """Give of the values that a run's events tell those that the page has a name for, and that fit there.

    Events may be another one's: what stands beside these would be a variable of somebody else's choice in what is run here.
    """
    plain = {each.name: each for each in book.parameters}
    names = {*names_of(book)} - {name for name, each in plain.items() if each.secret}
    return {
        name: value
        for name, value in told.items()
        if name in names and not problem_of(plain.get(name), value)
    }


def names_of(book: Runbook) -> tuple[str, ...]:
    """Give the names of all values of a page: of its parameters, of what it asks for, of what its commands capture."""
    captured = (each.capture for step in book.steps for each in step.actions if each.capture)
    given = (each.name for each in book.parameters)
    return tuple(dict.fromkeys((*given, *sorted(asked_later(book)), *captured)))


def collect(
    book: Runbook, given: Mapping[str, str], *, ask: Callable[[Question], str] | None
) -> dict[str, str]:
    """Give the values of all parameters that are no secrets: given, of the environment, asked for, or their defaults.

    Without `ask`, nobody can be asked. Raises UsageError for a value that is missing, or does not fit.
    """
    demand_known(book, given)
    later = asked_later(book)
    answers = {name: value for name, value in given.items() if name in later}
    for name, value in answers.items():
        if problem := problem_of(None, value):
            raise UsageError(f"{name}: {problem}")
    plain = [each for each in book.parameters if not each.secret]
    now = {p.name: _one(p, given, ask) for p in plain if p.name not in later}
    had = {p.name: _had(p, given) or p.default for p in plain if p.name in later}
    return answers | now | {name: value for name, value in had.items() if value or name in given}


def _one(
    parameter: Parameter, given: Mapping[str, str], ask: Callable[[Question], str] | None
) -> str:
    """Give a value that is needed from the beginning; what is asked for and has no default is not answered with nothing."""
    name, default = parameter.name, parameter.default
    told = _had(parameter, given)
    if told is not None:
        return told
    wanted = parameter.ask or (parameter.required and not default)
    if ask is not None and wanted:
        text = parameter.ask or f"the value of {name}"
        question = Question("param", text, (TEXT, LEAVE), wanted=name, default=default)
        return _until_it_fits(parameter, question, ask)
    problem = problem_of(parameter, default)
    if problem or (wanted and not default):
        problem = problem or f"nobody is there to say: {parameter.ask}"
        raise UsageError(f"{name}: {problem}", hint=f"say it: -p {name}=VALUE")
    return default


def _had(parameter: Parameter, given: Mapping[str, str]) -> str | None:
    """Give the value that was given or that the environment has, None if neither; raises UsageError for one that does not fit."""
    name = parameter.name
    told = given.get(name) if name in given else os.environ.get(parameter.env or "", None)
    if told is not None and (problem := problem_of(parameter, told)):
        raise UsageError(f"{name}: {problem}")
    return told


def _until_it_fits(
    parameter: Parameter, question: Question, ask: Callable[[Question], str]
) -> str:
    from dataclasses import replace

    while True:
        value = ask(question)
        problem = problem_of(parameter, value)
        if not problem:
            return value
        question = replace(question, problem=problem)


def secrets(
    parameters: Iterable[Parameter], *, ask: Callable[[Question], str] | None
) -> dict[str, Secret]:
    """Give the secrets that are had of the environment, or typed by somebody; none is kept anywhere. Raises UsageError."""
    found: dict[str, Secret | None] = {}
    for each in parameters:
        told = os.environ.get(each.env, "") if each.env else ""
        if told:
            found[each.name] = secret(each, told)
        elif ask is not None:
            found[each.name] = _typed(each, ask)
        elif each.required:
            hint = (
                f"set ${each.env}" if each.env else "run it on a terminal, where it is asked for"
            )
            raise UsageError(f"the secret {each.name} is missing", hint=hint)
    return {name: value for name, value in found.items() if value is not None}


def secret(parameter: Parameter, value: str) -> Secret:
    """Give a value as a secret; raises UsageError for one that does not fit, or could not be hidden."""
    if problem := problem_of(parameter, value):
        raise UsageError(
            f"the secret {parameter.name}: it does not fit its pattern"
            if parameter.pattern
            else problem
        )
    try:
        return checked(f"the secret {parameter.name}", value.encode("utf-8", "surrogateescape"))
    except ConfigError as error:
        raise UsageError(error.what, hint=error.hint) from None


def _typed(parameter: Parameter, ask: Callable[[Question], str]) -> Secret | None:
    """Let somebody type a secret until it can be one; None if it is not needed and nothing was typed."""
    text = parameter.ask or f"the secret {parameter.name}"
    problem = ""
    while True:
        typed = ask(Question("secret", text, (TEXT,), wanted=parameter.name, problem=problem))
        if not typed and not parameter.required:
            return None
        try:
            return secret(parameter, typed)
        except UsageError as error:
            problem = error.what
