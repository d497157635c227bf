"""`opskit blame` where the cause is not the last deploy of what is ill: below it, behind a load balancer, or in a runbook."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from tests.rollout.test_drain import configure
from tests.support.haproxy import Answers, HAProxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import BaseHTTPRequestHandler

    from tests.support.light import Light

WEB = ("web01", "web02", "web03", "web04")


def blame(light: Light, *words: str, expect: int | None = None) -> Any:
    return light.opskit("blame", *words, "--json", expect=expect).json["data"]


def heal(light: Light, suspect: Any) -> None:
    """Paste its undo."""
    light.opskit(*shlex.split(suspect["undo"])[1:], "-y")


PRICES = """
[services.{name}]
path = "~/{name}"
hosts = "web03,web04"
source = {{ git = ".", folder = "{name}" }}
"""


def test_a_rollout_of_a_service_that_the_ill_one_needs_is_a_suspect_and_its_undo_heals(
    light: Light,
) -> None:
    """The shop of web01 and web02 reads prices that web03 has; those of search, beside them, it does not."""
    file = light.place("web03").parent / "prices" / "current" / "list.py"
    check = f"grep -q sencha {file} || {{ echo \"KeyError: 'sencha' in price_of\"; exit 1; }}"
    extra = "".join(PRICES.format(name=name) for name in ("prices", "search"))
    light.configure(extra=extra, hosts='"web01,web02"', depends_on='["prices"]', health=f"{{ command = {json.dumps(check)}, within = '5s' }}")  # fmt: skip
    for tag, prices in (("v2", "PRICES = {'sencha': 7}\n"), ("v3", "PRICES = {}  # price_of knows nothing\n")):  # fmt: skip
        light.commit(tag, author="ben", subject=f"Prices of {tag}", files={"prices/list.py": prices, "search/list.py": tag})  # fmt: skip
        light.opskit("deploy", "prices", tag, "-m", "new prices", "-y")
        if tag == "v2":
            light.opskit("deploy", "shop", "v1", "-y")
    light.opskit("deploy", "search", "v3", "-m", "beside it", "-y")
    beside, bad = (each["id"] for each in light.log()[:2])
    data = blame(light, expect=0)
    assert (data["question"]["services"], data["question"]["ill"]) == (
        ["shop"],
        ["web01", "web02"],
    )
    first = data["suspects"][0]
    assert (first["id"], first["service"]) == (bad, "prices")
    assert "distance" in {term["name"] for term in first["terms"]}
    shares = {each["id"]: each["share"] for each in data["suspects"]}
    assert shares[bad] > 3 * shares.get(beside, 0.0)
    heal(light, first)
    assert "sencha" in file.read_text()
    assert light.opskit("blame", expect=1).stderr.startswith("opskit: nothing is ill")


class Shop(Answers):
    """Answers as v2 of the shop does once any host runs that."""

    light: Light

    def is_bad(self) -> bool:
        return any(self.light.place(host, "current", "cart.py").exists() for host in WEB)


def _answer(self: BaseHTTPRequestHandler) -> None:
    shop: Shop = self.server  # type: ignore[assignment]
    bad = self.path.startswith("/cart") and shop.is_bad()
    body = b"KeyError: 'sencha' in total" if bad else b"ok"
    self.send_response(500 if bad else 200)
    self.send_header("Content-Length", str(len(body)))
    self.end_headers()
    self.wfile.write(body)


@pytest.fixture
def edge(light: Light) -> Iterator[HAProxy]:
    """HAProxy on lb01, before a shop that is as its hosts' releases are."""
    light.hosts.odd("lb01")
    with Shop() as shop, HAProxy(dict.fromkeys(WEB, shop.port)) as edge:
        shop.light = light
        shop.RequestHandlerClass = type("Cart", (shop.RequestHandlerClass,), {"do_GET": _answer})  # type: ignore[assignment]
        configure(light, edge)
        edge.wait_for(**dict.fromkeys(WEB, "UP"))
        light.deploy("v1")
        yield edge
        shop.shutdown()


def test_of_an_address_of_the_load_balancer_the_service_behind_it_is_ill(
    light: Light, edge: HAProxy
) -> None:
    url = f"http://127.0.0.1:{edge.port}/cart?tea=sencha"
    light.commit("v2", author="ben", subject="Sum the cart", files={"cart.py": "def total(cart):\n    raise KeyError('sencha')\n"})  # fmt: skip
    light.deploy("v2", "-m", "prices per 100 g")
    data = blame(light, "--url", url, expect=0)
    assert data["question"]["services"] == ["shop"]
    assert f"GET http://127.0.0.1:{edge.port}/cart gave 500" in data["question"]["symptom"]
    first = data["suspects"][0]
    assert (first["id"], first["kind"]) == (light.log()[0]["id"], "deploy")
    assert first["matches"][0]["subject"] == "Sum the cart"
    heal(light, first)
    assert "nothing is ill" in light.opskit("blame", "--url", url, expect=1).stderr
    edge.stop()
    refused = blame(light, "--url", url)
    assert refused["question"]["services"] == ["shop"]
    assert "no answer" in refused["question"]["symptom"]


RUNBOOK = """---
opskit: 1
id: warm
services: [shop]
---
# Warm the cache

## 1. Look

<!-- opskit: on=web01,web02 mutates=no timeout=30s -->
```sh
true
```

## 2. Warm it

<!-- opskit: on=web02 timeout=30s{more} -->
```sh
echo '*' >"$HOME/sick"
```

## 3. Cool it

<!-- opskit: on=web02 timeout=30s -->
```sh
rm -f "$HOME/sick"
```
"""


@pytest.mark.parametrize("more", ["", ' rollback="#3-cool-it"'])
def test_a_step_of_a_runbook_that_changed_a_host_is_a_suspect_and_judged_as_one(
    light: Light, more: str
) -> None:
    light.deploy("v1")
    page = light.folder / "runbooks" / "warm.md"
    page.parent.mkdir()
    page.write_text(RUNBOOK.replace("{more}", more))
    if not more:
        page.write_text(page.read_text().partition("## 3.")[0])
    else:
        page.write_text(page.read_text().replace("## 3.", "## 2b. Ask\n\n**Confirm:** Is it warm?\n\n## 3."))  # fmt: skip
    light.opskit("runbook", "run", "warm", "--auto", "-m", "it is cold", expect=3 if more else 0)
    run = light.opskit("log", "--json", "--kind", "runbook").json["data"]["entries"][0]["id"]
    data = blame(light, expect=0)
    first = data["suspects"][0]
    assert (first["id"], first["kind"], list(first["flips"])) == (run, "runbook", ["web02"])
    assert (first["ill"], data["question"]["ill"]) == (["web02"], ["web02"])
    if more:
        assert first["undo"] == f"opskit runbook undo {run}"
    light.opskit("verdict", run, "guilty", "-m", "it was not cold")
    assert ": guilty\n  it was not cold" in light.opskit("log", run).stdout
    assert light.opskit("blame", "--grade", "--json").json["data"]["grade"]["n"] == 1
