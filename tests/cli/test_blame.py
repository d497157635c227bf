"""`opskit blame` on real hosts: who broke it, why that is believed, and the undo, pasted."""

from __future__ import annotations

import shlex
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from opskit.changelog.files import changelog_file
from opskit.config.places import cache_folder
from tests.support.light import Light

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.cli import Opskit
    from tests.support.hosts import Hosts

CART = "def total(cart):\n    raise KeyError('sencha')\n"
ALL = ("web01", "web02", "web03", "web04")


@pytest.fixture
def light(tmp_path: Path, hosts: Hosts) -> Iterator[Light]:
    made = Light.create(tmp_path / "project", hosts)
    made.deploy("v1", "-m", "open the shop")
    yield made
    made.end()


def deploy_bad(light: Light, *arguments: str) -> str:
    """Deploy a version that nothing finds bad before it is live; gives the id of the rollout."""
    light.commit("v2", author="ben", subject="Sum the cart", files={"cart.py": CART})
    light.deploy("v2", "-m", "prices per 100 g", *arguments, env={"OPSKIT_ACTOR": "ben"})
    return str(light.log()[0]["id"])


def blame(light: Light, *arguments: str, expect: int | None = 0) -> Any:
    return light.opskit("blame", *arguments, "--json", expect=expect).json["data"]


def first(data: Any) -> Any:
    return data["suspects"][0]


def test_with_nothing_given_who_is_ill_is_found_and_the_undo_that_is_printed_heals_it(light: Light) -> None:  # fmt: skip
    bad = deploy_bad(light)
    for host in ALL:
        light.make_sick(host, "v2")
    said = light.opskit("blame").stdout
    assert said.startswith("shop in production is ill now, ")
    assert "  ill       web[01-04]\n" in said
    assert f"deploy {bad} of shop, v1 → v2" in said
    assert "ask       ben, who rolled it out" in said
    assert "why       prices per 100 g" in said
    undo = next(line for line in said.splitlines() if line.startswith("opskit rollback "))
    words = shlex.split(undo)
    assert words[-2:] == ["-m", f"takes back {bad}"]
    light.opskit(*words[1:], "-y")
    assert light.live() == light.on_all("v1")
    after = blame(light, "-s", "shop", expect=None)
    assert after["question"]["ill"] == []
    assert set(after["question"]["well"]) == set(ALL)


def test_the_undo_heals_also_where_the_release_before_is_gone_from_the_hosts(light: Light) -> None:
    light.configure(keep="2")
    bad = deploy_bad(light, "-H", "web01")
    for tag in ("v3", "v4"):
        light.commit(tag, files={"page": tag})
        light.deploy(tag, "-H", "web01")
    light.make_sick("web01")
    assert light.releases("web01") == ["v3", "v4"]
    data = blame(light, "-s", "shop", "--symptom", "KeyError: 'sencha' in total(cart)", expect=None)  # fmt: skip
    undo = next(each["undo"] for each in data["suspects"] if each["id"] == bad)
    assert undo.startswith("opskit deploy shop ")
    light.make_sick("web01", "v2")
    light.opskit(*shlex.split(undo)[1:], "-y")
    assert light.live_on("web01") == "v1"


def test_the_commit_whose_words_the_symptom_has_is_named(light: Light) -> None:
    bad = deploy_bad(light)
    found = first(blame(light, "-s", "shop", "--symptom", "KeyError: 'sencha' in total(cart)", expect=None))  # fmt: skip
    assert found["id"] == bad
    assert found["matches"][0]["subject"] == "Sum the cart"
    assert "cart.py" in " ".join(found["matches"][0]["where"])
    assert list((cache_folder() / "commits").iterdir())
    assert not (changelog_file("test").parent / "commits").exists()


def test_each_hosts_log_tells_since_when_it_is_ill_and_its_clock_is_no_matter(light: Light) -> None:  # fmt: skip
    bad = deploy_bad(light, "-H", "web01,web02")
    flips = {host["name"]: datetime.fromisoformat(host["at"]) for host in light.log()[0]["hosts"]}
    for number, host in enumerate(ALL):
        ill = host in ("web01", "web02")
        at = flips.get(host, datetime.now(UTC)) + timedelta(seconds=2 + number)
        write_log(light, host, f"{at:%Y-%m-%d %H:%M:%S} \x1b[31mERROR no price for sencha" if ill else "all well")  # fmt: skip
    data = blame(light, "-s", "shop", "--log", "~/shop log/app.log", "--symptom", "ERROR no price for sencha", expect=None)  # fmt: skip
    assert set(data["question"]["onsets"]) == {"web01", "web02"} == set(data["question"]["ill"])
    assert set(data["question"]["well"]) == {"web03", "web04"}
    assert "no price for sencha" in data["question"]["onset_from"]
    assert first(data)["id"] == bad
    assert set(first(data)["ill"]) == {"web01", "web02"}
    shown = light.opskit("blame", "-s", "shop", "--log", "/no/such/log", "--symptom", "no price", expect=None)  # fmt: skip
    assert "web[01-04]: it has no such log, or we may not read it" in shown.stdout


def write_log(light: Light, host: str, line: str) -> None:
    folder = light.hosts.folder(host) / "shop log"
    folder.mkdir(exist_ok=True)
    (folder / "app.log").write_text(f"{line}\n")


def test_what_began_after_the_trouble_is_cleared_with_its_reason(light: Light) -> None:
    began = datetime.now().astimezone() - timedelta(minutes=5)
    bad = deploy_bad(light)
    data = blame(light, "--at", began.isoformat(), "-s", "shop", "-H", "web01", "--no-look", expect=1)  # fmt: skip
    assert not data["explains"]
    assert bad in {each["id"] for each in data["cleared"] if each["because"]}
    said = light.opskit("blame", "--at", began.isoformat(), "-s", "shop", "--no-look", expect=1).stdout  # fmt: skip
    assert "Nothing in the changelog explains this" in said
    assert "opskit runbook run who-broke-it" in said


def test_what_somebodys_hand_changed_is_a_suspect_with_its_time_and_what_undoes_it(light: Light) -> None:  # fmt: skip
    (light.place("web02", "current", "version")).write_text("by hand\n")
    data = blame(light, "-s", "shop", "-H", "web02", expect=None)
    drift = next(each for each in data["suspects"] if each["kind"] == "drift")
    assert set(drift["flips"]) == {"web02"}
    at = datetime.fromisoformat(drift["flips"]["web02"]).timestamp()
    assert abs(time.time() - at) < 60
    assert "version altered" in drift["reason"]
    assert drift["sources"] == ["receipt and files on web02"]
    assert drift["undo"].startswith("opskit deploy shop v1 -H web02 ")
    light.opskit(*shlex.split(drift["undo"])[1:], "-y")
    assert light.live() == light.on_all("v1")


def test_what_a_command_left_in_a_release_is_one_suspect_with_it_and_its_undo_heals(light: Light) -> None:  # fmt: skip
    light.opskit("exec", "-H", "web02", "-m", "tidy up", "-y", "--", "echo by hand >~/shop/current/version")  # fmt: skip
    ran = light.log()[0]["id"]
    data = blame(light, "-s", "shop", "-H", "web02", expect=None)
    assert [each["kind"] for each in data["suspects"] if each["left"] or each["kind"] == "drift"] == ["exec"]  # fmt: skip
    suspect = first(data)
    assert suspect["id"] == ran
    assert "version altered" in suspect["left"]
    assert "kind" not in {term["name"] for term in suspect["terms"]}
    said = light.opskit("blame", "-s", "shop", "-H", "web02", expect=None).stdout
    assert f"exec {ran} of web02: echo by hand" in said
    assert "  left      web02 changed by hand in its release: version altered (receipt and files on web02)" in said  # fmt: skip
    light.opskit(*shlex.split(suspect["undo"])[1:], "-y")
    assert light.live() == light.on_all("v1")


def test_what_an_ill_service_needs_is_asked_too_and_its_change_is_first_where_it_is_ill(light: Light) -> None:  # fmt: skip
    health = '{ command = "test ! -e empty", within = "200ms", interval = "50ms" }'
    stock = f'[services.stock]\npath = "~/stock"\nhosts = "web01"\nsource = {{ git = "." }}\nhealth = {health}'
    light.configure(extra=stock, depends_on='["stock"]')
    light.opskit("deploy", "stock", "v1", "-y")
    fine = blame(light, "-s", "shop", "--symptom", "no price", expect=None)["question"]
    assert fine["below"] == ["stock, which shop needs, is well: its health check passes on web01"]
    light.opskit("deploy", "stock", light.commit("v2"), "-y")
    bad = str(light.log()[0]["id"])
    (light.hosts.folder("web01") / "stock" / "current" / "empty").touch()
    light.deploy("v2")
    for host in ALL:
        light.make_sick(host)
    data = blame(light, "-s", "shop")
    assert (data["question"]["needed"], data["question"]["needing"]) == (["stock"], ["shop"])
    assert "stock, which shop needs, is ill itself: web01 says " in data["question"]["below"][0]
    assert bad in [each["id"] for each in data["suspects"][:2]]
    assert {each["service"] for each in data["suspects"][:2]} == {"stock"}


def test_a_host_that_does_not_answer_is_said_and_not_guessed(light: Light) -> None:
    bad = deploy_bad(light)
    for host in ("web01", "web02", "web03"):
        light.make_sick(host, "v2")
    light.hosts.stop("web04")
    try:
        data = blame(light, "-s", "shop", expect=None)
    finally:
        light.hosts.start("web04")
    assert "web04" not in (*data["question"]["ill"], *data["question"]["well"])
    assert any(said.startswith("web04 could not be asked: ") for said in data["missing"])
    assert first(data)["id"] == bad


CONFIG = """
[environments.production]
hosts = ["web01", "web02"]
[services.shop]
path = "~/shop"
hosts = "web01,web02"
source = { folder = "." }
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--onset", "web01"), "is no HOST=TIME"),
        (("--onset", "nobody=14:00"), "nobody"),
        (("--onset", "web01=10m", "--onset", "web[01-02]=5m"), "web01 has one already"),
        (
            ("--at", "2h", "--onset", "web01=5m", "--onset", "web02=6m"),
            "--at 2h is before every --onset: web02 shows it since",
        ),
        (("--symptom", "-"), "--symptom says nothing: standard input is empty"),
        (("--at", "teatime"), "cannot read the time"),
        (("--at", "2999-01-01"), "--at 2999-01-01: that is still to come"),
        (("--onset", "web01=2999-01-01"), "that is still to come"),
        (("--log", "app.log"), "which folder"),
        (("--log", "/app.log", "--symptom", "no price"), "--no-look"),
        (("--log", "/app.log"), "what is to be looked for in it?"),
        (("--symptom", "/tmp/no/such.log"), "no such file"),
        (("--url", "ftp://example.com"), "is no http address"),
        (("--symptom", " "), "says nothing"),
        (("-s", "shpo"), "shop"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(opskit: Opskit, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:  # fmt: skip
    (tmp_path / "opskit.toml").write_text(CONFIG)
    done = opskit("blame", "--no-look", *arguments, expect=2)
    assert said in done.stderr
    assert done.stdout == ""


def test_an_empty_changelog_explains_nothing_and_that_is_no_error(opskit: Opskit, tmp_path: Path) -> None:  # fmt: skip
    (tmp_path / "opskit.toml").write_text(CONFIG)
    done = opskit("blame", "--no-look", expect=1)
    assert "Nothing in the changelog explains this" in done.stdout
    assert done.stderr == ""


def test_where_all_is_well_nobody_is_accused(light: Light) -> None:
    ran = light.opskit("blame", expect=1)
    assert ran.stdout == ""
    assert "nothing is ill that opskit can see: 4 health checks just passed" in ran.stderr
    assert "--url, --symptom, -s, -H, or --at" in ran.stderr
