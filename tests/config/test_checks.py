import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.config import checks
from opskit.errors import ConfigError

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
ALL = [
    checks.command, checks.text, checks.free_text, checks.variable_value, checks.selector, checks.boolean,
    checks.whole(1, 5), checks.duration, checks.batch, checks.list_of(checks.batch, least=1), checks.name,
    checks.host, checks.address, checks.hosts, checks.variable, checks.changelog, checks.revision,
    checks.local_path(Path("/r")), checks.repository(Path("/r")), checks.artifact(Path("/r")), checks.host_path,
    checks.release_path,
]  # fmt: skip


@given(ANYTHING, st.sampled_from(ALL))
def test_a_check_gives_a_value_or_a_config_error(value, check):
    what = _complaint(check, value)
    assert "\n" not in what
    assert len(what) < 300


def _complaint(check, value) -> str:
    try:
        check(value)
    except ConfigError as error:
        return error.what
    return ""


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("10s", 10),
        ("5m", 300),
        ("500ms", 0.5),
        ("1h", 3600),
        ("1.5s", 1.5),
        (2, 2),
        (0.25, 0.25),
        (604800, 604800),
    ],
)
def test_a_duration_is_seconds(value, seconds):
    assert checks.duration(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "10",
        "s",
        "10 s",
        "-1s",
        "0s",
        0,
        -1,
        604801,
        "8d",
        "169h",
        math.inf,
        math.nan,
        10**400,
        True,
        [],
        "\u0661s",
    ],
)
def test_what_is_no_duration_is_refused(value):
    with pytest.raises(ConfigError):
        checks.duration(value)


@pytest.mark.parametrize("value", [1, 99, "25%", "100%", "0.5%", "33.3%"])
def test_a_batch_is_a_count_or_a_share(value):
    assert checks.batch(value) == value


@pytest.mark.parametrize(
    "value",
    [0, -1, True, 1.5, "0%", "0.000%", "150%", "100.1%", "25", "%", "-5%", "", None, 10**30],
)
def test_what_is_no_batch_is_refused(value):
    with pytest.raises(ConfigError):
        checks.batch(value)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("/srv/shop", "/srv/shop"),
        ("/srv//shop/", "/srv/shop"),
        ("//srv", "/srv"),
        ("~/shop", "~/shop"),
        ("/srv/a b;'", "/srv/a b;'"),
        ("/srv/./x", "/srv/x"),
    ],
)
def test_a_path_on_a_host_is_normal_form(value, path):
    assert checks.host_path(value) == path


@pytest.mark.parametrize(
    "value",
    [
        "",
        "/",
        "~",
        "~/",
        "srv",
        "./srv",
        "~bob/x",
        "/srv/..",
        "/srv/../etc",
        "~/..",
        "/a\nb",
        "/a\0",
        "/a\x9b",
        "-rf",
        "/" + "x" * 1000,
        3,
    ],
)
def test_what_is_no_path_on_a_host_is_refused(value):
    with pytest.raises(ConfigError):
        checks.host_path(value)


@pytest.mark.parametrize("value", ["", ".", "/etc", "../x", "a/../b", "~/x", "-x", "a\n", "..", 1])
def test_what_is_no_path_in_a_release_is_refused(value):
    with pytest.raises(ConfigError):
        checks.release_path(value)


def test_a_path_in_a_release_is_normal_form():
    assert checks.release_path("./config//settings.ini/") == "config/settings.ini"


@pytest.mark.parametrize(
    "value", ["", "-x", ".x", "a b", "a/b", "a\n", "a@b", "x" * 101, "\u202ea", None]
)
def test_what_is_no_name_is_refused(value):
    with pytest.raises(ConfigError):
        checks.name(value)


@pytest.mark.parametrize("value", ["A-B", "1A", "", "A B", "A=1", "Ä", "A\n"])
def test_what_is_no_posix_variable_is_refused(value):
    with pytest.raises(ConfigError):
        checks.variable(value)


@pytest.mark.parametrize("value", ["-oProxyCommand=x", "a b", "a\n", ""])
def test_what_ssh_could_take_for_an_option_is_refused(value):
    for check in (checks.host, checks.address, checks.hosts):
        with pytest.raises(ConfigError):
            check(value)


@pytest.mark.parametrize("value", ["..", ".", ".x", "a/b", "A", "", "x" * 65])
def test_a_changelogs_name_cannot_leave_its_folder(value):
    with pytest.raises(ConfigError):
        checks.changelog(value)


@pytest.mark.parametrize(
    "value", ["https://git.example.com/x", "git@example.com:x.git", "ssh://h/x"]
)
def test_a_repository_elsewhere_says_to_clone_it(value):
    with pytest.raises(ConfigError) as caught:
        checks.repository(Path("/r"))(value)
    assert "clone" in caught.value.hint


def test_local_paths_start_at_the_root_or_at_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    path = checks.local_path(Path("/fleet"))
    assert path("dist") == Path("/fleet/dist")
    assert path("/abs") == Path("/abs")
    assert path("~/x") == Path("/home/me/x")
    with pytest.raises(ConfigError, match="no home"):
        path("~nobody-has-this-name/x")


def test_a_wrong_entry_of_a_list_is_numbered():
    with pytest.raises(ConfigError, match=r"^entry 2: expected a share"):
        checks.list_of(checks.batch)([1, "x"])


def test_a_long_text_is_cut_in_the_error():
    with pytest.raises(ConfigError) as caught:
        checks.duration("x" * 10_000)
    assert len(caught.value.what) < 120
