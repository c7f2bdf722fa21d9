"""The least one can do: the same requests with aiohttp alone, both JSON parses included.

`python bare_aiohttp.py URL COUNT CONCURRENCY`
"""

from __future__ import annotations

import asyncio
import json
import sys

import aiohttp


async def main(url: str, count: int, width: int) -> None:
    """Make `count` calls, `width` at a time."""
    prompts = iter(range(count))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=width)) as session:

        async def worker() -> None:
            for i in prompts:
                body = json.dumps(
                    {"prompt": f"scenario {i} " + "x" * 1500, "temperature": 0.7, "n_predict": 64}
                ).encode()
                headers = {"Content-Type": "application/json"}
                async with session.post(f"{url}/completion", data=body, headers=headers) as reply:
                    json.loads(json.loads(await reply.read())["content"])

        await asyncio.gather(*(worker() for _ in range(width)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
