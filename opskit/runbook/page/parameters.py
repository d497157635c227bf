"""The `params` of front matter: the values that a run needs, and how each is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.config import checks
from opskit.errors import ConfigError, UsageError
from opskit.runbook import names
from opskit.runbook.model import Parameter
from opskit.runbook.page import yamlnodes
from opskit.runbook.patterns import matches, pattern

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yaml.nodes import Node

    from opskit.runbook.page.findings import Findings


def read(node: Node, found: Findings) -> tuple[Parameter, ...]:
    """Read the table of parameters; raises ConfigError if it is none."""
    if yamlnodes.is_null(node):
        return ()
    if yamlnodes.kind(node) != yamlnodes.TABLE:
        raise ConfigError('expected a table, like {service: {ask: "Which service?"}}')
    given: dict[str, Parameter] = {}
    for key, value in node.value:
        try:
            parameter = _parameter(key, value, found)
            if parameter.name in given:
                raise ConfigError("stands there twice")  # noqa: TRY301 - told of in one place
            given[parameter.name] = parameter
        except ConfigError as error:
            found.error(yamlnodes.line(key), error, about=f"params: {str(key.value)[:80]}")
    return tuple(given.values())


def _parameter(key: Node, value: Node, found: Findings) -> Parameter:
    name = names.variable(yamlnodes.scalar(key))
    if yamlnodes.is_null(value):
        return Parameter(name)
    if yamlnodes.kind(value) != yamlnodes.TABLE:
        raise ConfigError('expected a table, like {ask: "Which service?"}')
    parameter = Parameter(
        name, **yamlnodes.fields(value, _READERS, found, f"front matter: params: {name}")
    )
    wanted, default = parameter.pattern, parameter.default
    if wanted and default and not _fits(wanted, default):
        raise ConfigError("its default does not match its pattern")
    if parameter.secret and parameter.default:
        hint = f"take `default` out; `env: {name.upper()}` can name a variable that has it"
        raise ConfigError("a secret with a default is one that everybody reads", hint=hint)
    return parameter


def _fits(wanted: str, default: str) -> bool:
    try:
        return matches(wanted, default)
    except UsageError as error:
        raise ConfigError(error.what, hint=error.hint) from None


def _pattern(node: Node, found: Findings) -> str:
    return pattern(yamlnodes.text(node, found))


_READERS: Mapping[str, yamlnodes.Reader] = {
    "ask": yamlnodes.text,
    "default": yamlnodes.free,
    "pattern": _pattern,
    "env": yamlnodes.checked(checks.variable),
    "required": yamlnodes.switch,
    "secret": yamlnodes.switch,
}
