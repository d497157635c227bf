"""A tea shop: `/` shows the catalogue, `/offer` the offer of the week, `/health` says whether the catalogue can be shown.

The port stands in $OPSKIT_VAR_port, what is sold in catalogue.json beside this file.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any


def page(catalogue: dict[str, Any]) -> str:
    """Give the catalogue as customers see it."""
    teas = (f"{tea}: {price:.2f} EUR\n" for tea, price in catalogue["teas"].items())
    return f"Tea shop {catalogue['version']}\n{catalogue['news']}\n\n{''.join(teas)}"


def offer(catalogue: dict[str, Any]) -> str:
    """Give the offer of the week as customers see it."""
    tea = catalogue["offer"]
    return f"Only this week: {tea}, {catalogue['teas'][tea]:.2f} EUR\n"


class Shop(BaseHTTPRequestHandler):
    """Answers customers, and whoever asks how the shop is."""

    catalogue: dict[str, Any]

    def do_GET(self) -> None:
        """Answer with the page, or with what went wrong when it was made."""
        what, made = ("offer of the week", offer) if self.path == "/offer" else ("catalogue", page)
        try:
            text = made(self.catalogue)
        except KeyError as error:
            known = ", ".join(self.catalogue)
            self._answer(
                500, f"cannot show the {what}: {error} is not among {known} of catalogue.json\n"
            )
            return
        except (TypeError, ValueError) as error:
            self._answer(500, f"cannot show the {what}: {type(error).__name__}: {error}\n")
            return
        self._answer(200, f"ok {self.catalogue['version']}\n" if self.path == "/health" else text)

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if status != 200:
            self.log_error("%s", text.rstrip())


class Server(ThreadingTCPServer):
    """Takes customers side by side; http.server's own one would look its name up on the network first."""

    allow_reuse_address = True
    daemon_threads = True


def main() -> None:
    """Serve until the process is ended, whatever becomes of the session that started it."""
    with suppress(PermissionError):  # it is a session's leader already
        os.setsid()
    Shop.catalogue = json.loads(Path(__file__).with_name("catalogue.json").read_text("utf-8"))
    port = int(os.environ["OPSKIT_VAR_port"])  # noqa: SIM112 - the var is named port
    with Server(("127.0.0.1", port), Shop) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
