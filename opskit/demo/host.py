"""One demo host as a process of its own.

`python -m opskit.demo.host --folder HOME --port N --host-key FILE --authorized-key FILE` serves SSH
on the loopback until SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import threading
from pathlib import Path

BACKGROUND = "once the port is open, end and go on in the background"


def _signals() -> socket.socket:
    """Give a socket that can be read once SIGTERM or SIGINT has come, to whichever thread of the process: the main one may wait for a client and hear nothing."""
    told, tell = socket.socketpair()
    tell.settimeout(0)
    signal.set_wakeup_fd(tell.detach())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return told


def _end_with_standard_input() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m opskit.demo.host", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="the home of who logs in")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host-key", type=Path, required=True)
    parser.add_argument("--authorized-key", type=Path, required=True, help="a .pub file")
    parser.add_argument("--background", action="store_true", help=BACKGROUND)
    parser.add_argument("--until-eof", action="store_true", help="end when standard input ends")
    return parser.parse_args()


def main() -> None:
    """Serve one host as the command line says."""
    given = _arguments()
    logging.basicConfig(level=logging.WARNING)
    # as SIGTERM does: until it serves, nothing of it needs an end in good order
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _serve(given)


def _serve(given: argparse.Namespace) -> None:
    from opskit.demo.sshd import Host, Server

    keys = {"host_key": given.host_key, "authorized_key": given.authorized_key}
    server = Server(Host.load(home=given.folder, **keys), given.port)
    if given.background and _goes_on_in_background():
        return
    # not before the fork: asyncio takes the wake-up from whoever is forked, since Python 3.12
    until = _signals()
    if given.until_eof:
        threading.Thread(target=_end_with_standard_input, daemon=True).start()
    server.serve(until)


def _goes_on_in_background() -> bool:
    """Split in two: True in the process that was called, False in the one that serves from now on."""
    if os.fork():
        return True
    os.setsid()
    return False


if __name__ == "__main__":
    main()
