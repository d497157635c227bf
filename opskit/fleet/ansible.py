"""The `inventory` command of an environment, and the Ansible inventory JSON that it prints.

The format is that of `ansible-inventory --list` and of inventory scripts: "Developing dynamic
inventory" in Ansible's documentation, and lib/ansible/plugins/inventory/script.py. Jinja
templates are not rendered; without `_meta` hosts have no vars (Ansible would ask for each host).
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opskit.config.model import NOTHING
from opskit.errors import ConfigError
from opskit.fleet.sshfile import Line, parse_line
from opskit.fleet.sshquery import KEYWORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MAX_HOSTS = 100_000
GROUP_KEYS = ("hosts", "children", "vars")
ARGUMENTS = ("ansible_ssh_common_args", "ansible_ssh_extra_args")
CONNECTION: Mapping[str, tuple[str, ...]] = {
    "hostname": ("ansible_host", "ansible_ssh_host"),
    "port": ("ansible_port", "ansible_ssh_port"),
    "user": ("ansible_user", "ansible_ssh_user"),
    "identityfile": ("ansible_ssh_private_key_file", "ansible_private_key_file"),
    "proxyjump": ARGUMENTS,
}

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class AnsibleHost:
    """What Ansible says of a host: the name that ssh would be given, ssh's options, plain vars.

    `unrendered` maps an ssh keyword to the var that is a template, and so cannot be used.
    """

    name: str
    target: str
    options: tuple[Line, ...] = ()
    vars: Mapping[str, str] = NOTHING
    unrendered: Mapping[str, str] = NOTHING


@dataclass(frozen=True, slots=True)
class AnsibleInventory:
    """Hosts by name in the order of the document, and groups with all their hosts."""

    hosts: Mapping[str, AnsibleHost]
    groups: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Group:
    hosts: tuple[str, ...]
    children: tuple[str, ...]
    vars: Mapping[str, Any]


def parse(data: bytes, where: str) -> AnsibleInventory:
    """Read an inventory; raises ConfigError that begins with `where` and names what is wrong."""
    try:
        return _parse(data)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.what}", hint=error.hint) from None


def _parse(data: bytes) -> AnsibleInventory:
    document = _mapping(_decode(data), "the document")
    meta = _mapping(document.pop("_meta", {}), "_meta")
    hostvars = _mapping(meta.get("hostvars", {}), "_meta.hostvars")
    groups = {name: _group(name, value) for name, value in document.items()}
    for child in [child for group in groups.values() for child in group.children]:
        groups.setdefault(child, _Group((), (), {}))
    order = _order(groups)
    members = _members(groups, order)
    names = dict.fromkeys([*(n for group in groups.values() for n in group.hosts), *hostvars])
    if len(names) > MAX_HOSTS:
        raise ConfigError(f"more than {MAX_HOSTS} hosts")
    inherited = _inherited(groups, members, order)
    hosts = {
        name: _host(name, {**inherited.get(name, {}), **_mapping(hostvars.get(name, {}), name)})
        for name in names
    }
    members["all"] = tuple(names)
    return AnsibleInventory(hosts, members)


def _decode(data: bytes) -> Any:
    try:
        return json.loads(data)
    except UnicodeDecodeError:
        raise ConfigError("this is not UTF-8 text") from None
    except RecursionError:
        raise ConfigError("the JSON is nested too deeply") from None
    except ValueError as error:
        raise ConfigError(f"this is not JSON: {error}", hint="ansible-inventory --list") from None


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{what} must be an object, not {type(value).__name__}")
    return value


def _group(name: str, value: Any) -> _Group:
    """Read a group; a list is its hosts, and an object without any known key is a host's vars."""
    if isinstance(value, list):
        value = {"hosts": value}
    group = _mapping(value, f"group {name!r}")
    if group and not any(key in group for key in GROUP_KEYS):
        group = {"hosts": [name], "vars": group}
    return _Group(
        _names(group.get("hosts", []), f"group {name!r}: hosts"),
        _names(group.get("children", []), f"group {name!r}: children"),
        _mapping(group.get("vars", {}), f"group {name!r}: vars"),
    )


def _names(value: Any, what: str) -> tuple[str, ...]:
    if not isinstance(value, (list, dict)) or not all(isinstance(name, str) for name in value):
        raise ConfigError(f"{what} must be a list of names")
    return tuple(dict.fromkeys(value))


def _order(groups: Mapping[str, _Group]) -> Sequence[str]:
    """Give the groups, parents before children; raises ConfigError where they go in circles."""
    done: dict[str, None] = {}
    for start in sorted(groups):
        path: dict[str, Iterator[str]] = {}
        if start not in done:
            path[start] = iter(groups[start].children)
        while path:
            name, children = next(reversed(path.items()))
            child = next((one for one in children if one not in done), None)
            if child is None:
                path.popitem()
                done[name] = None
            elif child in path:
                raise ConfigError(f"group {child!r} is its own child, by way of {name!r}")
            else:
                path[child] = iter(groups[child].children)
    return list(reversed(done))


def _members(groups: Mapping[str, _Group], order: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for name in reversed(order):
        found[name] = dict.fromkeys(groups[name].hosts)
        for child in groups[name].children:
            found[name].update(found[child])
    return {name: tuple(found[name]) for name in groups}


def _inherited(
    groups: Mapping[str, _Group], members: Mapping[str, tuple[str, ...]], order: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Give each host its groups' vars: `all` first, then parents before their children."""
    found: dict[str, dict[str, Any]] = {}
    everyone = [name for names in members.values() for name in names]
    for group in sorted(order, key=lambda name: name != "all"):
        if groups[group].vars:
            for host in dict.fromkeys(everyone) if group == "all" else members[group]:
                found.setdefault(host, {}).update(groups[group].vars)
    return found


def _host(name: str, given: Mapping[str, Any]) -> AnsibleHost:
    texts = {key: text for key, value in given.items() if (text := _text(value)) is not None}
    own = {
        key: text
        for key, text in texts.items()
        if _VARIABLE.fullmatch(key) and not key.startswith("ansible_") and "\0" not in text
    }
    unrendered = {
        keyword: key
        for keyword, keys in CONNECTION.items()
        for key in keys
        if "{{" in texts.get(key, "")
    }
    usable = {key: text for key, text in texts.items() if key not in unrendered.values()}
    target = _first(usable, CONNECTION["hostname"]) or name
    return AnsibleHost(name, target, tuple(_options(name, usable)), own, unrendered)


def _text(value: Any) -> str | None:
    """Give a scalar as text, None for anything else; Ansible marks some texts as unsafe."""
    if isinstance(value, dict) and set(value) == {"__ansible_unsafe"}:
        value = value["__ansible_unsafe"]
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (str, int, float)) else None


def _first(texts: Mapping[str, str], keys: Iterable[str]) -> str:
    return next((texts[key] for key in keys if texts.get(key)), "")


def _options(host: str, texts: Mapping[str, str]) -> Iterator[Line]:
    """Give ssh's options in the order in which Ansible would give them to ssh."""
    for keyword in ("port", "identityfile", "user"):
        text = _first(texts, CONNECTION[keyword])
        if text:
            yield Line(keyword, text, (text,), f"host {host!r}: {CONNECTION[keyword][0]}")
    for key in ARGUMENTS:
        yield from _arguments(texts.get(key, ""), f"host {host!r}: {key}")


def _arguments(text: str, where: str) -> Iterator[Line]:
    """Give the `-o` and `-J` options of a command line that opskit can follow; others are not ours."""
    try:
        words = iter(shlex.split(text))
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None
    for word in words:
        if word[:2] in ("-o", "-J"):
            value = word[2:] or next(words, "")
            line = parse_line(f"ProxyJump {value}" if word[:2] == "-J" else value, where)
            if line and line.keyword in KEYWORDS:
                yield line
