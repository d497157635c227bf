"""A secret that a command writes in some usual way stands in no event, in no report and on no terminal."""

from __future__ import annotations

import json
from base64 import b32encode, b64encode, encodebytes
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from opskit.runbook import report
from tests.runbook.scripted import GO, Scripted, book_of, say
from tests.runbook.test_walk import steps

if TYPE_CHECKING:
    from tests.runbook.scripted import Stage

SECRETS = ("Zq9+wK/4tL=pX7", "".join(f"{n * 7919 % 9973:04d}Zq+/" for n in range(15)))
PRINTS = """<!-- opskit: local mutates=no capture=said -->
```python
import base64, os, sys, urllib.parse
raw = os.environb[b"token"]
said = [raw.hex(), raw.hex().upper(), raw.hex(" "), urllib.parse.quote(raw).replace("%2B", "%2b").replace("%3D", "%3d"), "".join(f"%{b:02x}" for b in raw)]
said += [base64.b64encode(raw).decode(), base64.encodebytes(raw).decode(), base64.b32encode(raw).decode(), repr(raw.decode())]
print("\\n\\n".join(said))
sys.stdout.flush()
sys.stdout.buffer.write(raw.decode().encode("utf-16-le"))
```
"""


@pytest.mark.parametrize("value", SECRETS, ids=("short", "long"))
def test_no_usual_way_to_write_a_secret_shows_it(stage: Stage, value: str) -> None:
    page = steps(PRINTS, "**Confirm:** Is {{ said }} well?\n")
    book = book_of(page, "params: {token: {secret: true}}\n")
    talk = Scripted([say(value), GO])
    end, _ = stage.run(book, talk=talk)
    assert end.now.values["said"].count("[redacted]") == 10
    with stage.changelog() as changelog:
        record = changelog.run(end.now.run)
        told = report.markdown(record, (), now=datetime.now(UTC), zone=UTC)
    sinks = [json.dumps([dict(e.body) for e in record.events]), told, repr(talk.told), repr(talk.asked), repr(talk.heard)]  # fmt: skip
    raw = value.encode()
    forms = [raw.hex(), b64encode(raw).decode(), encodebytes(raw).decode().strip(), b32encode(raw).decode(), quote(raw), value]  # fmt: skip
    for sink in sinks:
        low = sink.lower()
        assert not [form for form in forms if form[:12].lower() in low]
