"""The same by asyncssh."""

import asyncio
import json
import sys
from pathlib import Path

import asyncssh

folder, command = Path(sys.argv[1]), sys.argv[2]
settings = json.loads((folder / "settings.json").read_text())


async def one(address, gate):
    async with (
        gate,
        asyncssh.connect(
            address,
            settings["port"],
            username=settings["user"],
            known_hosts=str(folder / "known_hosts"),
            client_keys=[str(folder / "key")],
            agent_path=None,
            config=None,
        ) as link,
    ):
        result = await link.run(command, check=True)
        print(f"{address}: {result.stdout}", end="")


async def everyone():
    gate = asyncio.Semaphore(64)
    await asyncio.gather(*(one(a, gate) for a in (folder / "list").read_text().split()))


asyncio.run(everyone())
