import pytest

from opskit.config.lookup import did_you_mean

HOSTS = ["db01", "web01.example.com", "web02.example.com"]


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("web01", HOSTS, "web01.example.com"),
        ("web01", [*HOSTS, "web03"], "web01.example.com"),
        ("db01.example.com", HOSTS, "db01"),
        ("pth", ["path", "hosts"], "path"),
        ("prod", ["production-of-everything"], "production-of-everything"),
    ],
)
def test_the_name_that_was_perhaps_meant_is_given(name, known, meant):
    assert did_you_mean(name, known) == f"did you mean {meant!r}?"


def test_where_nothing_is_close_the_known_names_are_given():
    assert did_you_mean("zzz", HOSTS).startswith("known: db01, web01")
    assert did_you_mean("", HOSTS).startswith("known: ")
    assert did_you_mean("zzz", []) == ""
