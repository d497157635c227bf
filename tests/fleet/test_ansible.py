from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.errors import ConfigError
from opskit.fleet.ansible import AnsibleInventory, parse


def read(document: Any) -> AnsibleInventory:
    return parse(json.dumps(document).encode(), "inv")


def options(document: Any, host: str) -> dict[str, str]:
    return {line.keyword: line.rest for line in read(document).hosts[host].options}


def with_vars(**hostvars: Any) -> dict[str, Any]:
    return {"_meta": {"hostvars": {"web": hostvars}}}


def test_what_ansible_inventory_prints_is_read() -> None:
    told = read(
        {
            "_meta": {
                "hostvars": {"web01": {"ansible_host": "10.0.0.1", "color": "blue"}, "db": {}}
            },
            "all": {"children": ["ungrouped", "site"]},
            "site": {"children": ["web", "db"]},
            "web": {"hosts": ["web02", "web01"]},
            "db": {"hosts": ["db"]},
        }
    )
    assert list(told.hosts) == ["web02", "web01", "db"]
    assert told.groups["site"] == ("web02", "web01", "db")
    assert told.groups["all"] == ("web02", "web01", "db")
    assert told.groups["ungrouped"] == ()
    assert told.hosts["web01"].target == "10.0.0.1"
    assert told.hosts["web02"].target == "web02"
    assert told.hosts["web01"].vars == {"color": "blue"}


def test_the_older_forms_of_a_group_are_read() -> None:
    told = read(
        {"web": ["web01", "web02"], "db01": {"ansible_port": 2222, "role": "db"}, "none": {}}
    )
    assert told.groups["web"] == ("web01", "web02")
    assert told.groups["db01"] == ("db01",)
    assert told.groups["none"] == ()
    assert told.hosts["db01"].vars == {"role": "db"}


def test_a_childs_vars_win_over_its_parents_and_a_hosts_own_over_both() -> None:
    told = read(
        {
            "_meta": {"hostvars": {"web02": {"color": "own"}}},
            "web": {"hosts": ["web01", "web02"], "vars": {"color": "web", "size": "web"}},
            "all": {"vars": {"color": "all", "size": "all", "kind": "all"}},
            "site": {"children": ["web"], "vars": {"color": "site", "kind": "site"}},
        }
    )
    assert told.hosts["web01"].vars == {"color": "web", "size": "web", "kind": "site"}
    assert told.hosts["web02"].vars == {"color": "own", "size": "web", "kind": "site"}


def test_connection_vars_become_ssh_options_in_ansibles_order() -> None:
    document = with_vars(
        ansible_port=2222,
        ansible_user="deploy",
        ansible_ssh_private_key_file="~/.ssh/deploy",
        ansible_ssh_common_args="-C -o ProxyJump=al@bastion:23 -oControlMaster=auto",
        ansible_ssh_extra_args='-o "UserKnownHostsFile /kh/a" -J ignored',
    )
    assert options(document, "web") == {
        "port": "2222",
        "identityfile": "~/.ssh/deploy",
        "user": "deploy",
        "proxyjump": "ignored",
        "userknownhostsfile": "/kh/a",
    }
    assert [
        line.rest for line in read(document).hosts["web"].options if line.keyword == "proxyjump"
    ] == [
        "al@bastion:23",
        "ignored",
    ]


def test_older_names_of_connection_vars_are_known() -> None:
    document = with_vars(ansible_ssh_host="10.0.0.1", ansible_ssh_port=22, ansible_ssh_user="root")
    assert read(document).hosts["web"].target == "10.0.0.1"
    assert options(document, "web") == {"port": "22", "user": "root"}


def test_scalars_become_vars_and_nothing_else_does() -> None:
    document = with_vars(
        text="a",
        number=8081,
        yes=True,
        share=0.5,
        unsafe={"__ansible_unsafe": "x"},
        vaulted={"__ansible_vault": "$ANSIBLE_VAULT;1.1"},
        listed=[1],
        nothing=None,
        nul="a\0b",
        ansible_become_password="secret",
        **{"not-a-name": "x"},
    )
    assert read(document).hosts["web"].vars == {
        "text": "a",
        "number": "8081",
        "yes": "true",
        "share": "0.5",
        "unsafe": "x",
    }


def test_a_template_in_a_connection_var_is_set_aside() -> None:
    host = read(with_vars(ansible_host="{{ name }}.ex", ansible_user="bob")).hosts["web"]
    assert host.unrendered == {"hostname": "ansible_host"}
    assert host.target == "web"
    assert [line.keyword for line in host.options] == ["user"]


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ([], "the document must be an object, not list"),
        ({"_meta": []}, "_meta must be an object, not list"),
        ({"_meta": {"hostvars": 1}}, "_meta.hostvars must be an object, not int"),
        ({"_meta": {"hostvars": {"web": []}}}, "web must be an object, not list"),
        ({"web": "web01"}, "group 'web' must be an object, not str"),
        ({"web": {"hosts": "web01"}}, "group 'web': hosts must be a list of names"),
        ({"web": {"hosts": [1]}}, "group 'web': hosts must be a list of names"),
        ({"web": {"children": [None]}}, "group 'web': children must be a list of names"),
        ({"web": {"vars": []}}, "group 'web': vars must be an object, not list"),
        (
            {"a": {"children": ["b"]}, "b": {"children": ["a"]}},
            "group 'a' is its own child, by way of 'b'",
        ),
        ({"a": {"children": ["a"]}}, "group 'a' is its own child, by way of 'a'"),
        (
            with_vars(ansible_ssh_common_args="-o 'x"),
            "host 'web': ansible_ssh_common_args: No closing quotation",
        ),
    ],
)
def test_a_mistake_is_one_line_that_names_it(document: Any, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(document)
    assert caught.value.what == f"inv: {what}"


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000, b"not json\nat all"])
def test_what_is_not_json_is_said(data: bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(data, "inv")
    assert "\n" not in caught.value.what


def test_deep_and_wide_groups_are_no_trouble() -> None:
    document: dict[str, Any] = {f"g{n}": {"children": [f"g{n + 1}"]} for n in range(3000)}
    document["g3000"] = {"hosts": ["web"]}
    assert read(document).groups["g0"] == ("web",)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["hosts", "children", "vars", "_meta", "hostvars", "ansible_host", "a"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(
    values | st.dictionaries(st.sampled_from(["_meta", "all", "web", "db"]), values, max_size=4)
)
def test_any_document_is_read_or_is_a_config_error(document: Any) -> None:
    try:
        told = read(document)
    except ConfigError as error:
        mistake = error
    else:
        assert set(told.groups["all"]) == set(told.hosts)
        return
    assert mistake.what.startswith("inv: ")
