"""pydantic-evals making the same calls through aiohttp; only where it is installed.

`python peer_pydantic_evals.py URL COUNT CONCURRENCY`
"""

from __future__ import annotations

import asyncio
import json
import sys

import aiohttp
from pydantic_evals import Case, Dataset  # type: ignore[import-not-found,unused-ignore]


async def main(url: str, count: int, width: int) -> None:
    """Evaluate `count` cases."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=width)) as session:

        async def task(i: int) -> object:
            body = json.dumps({"prompt": f"scenario {i} " + "x" * 1500}).encode()
            headers = {"Content-Type": "application/json"}
            async with session.post(f"{url}/completion", data=body, headers=headers) as reply:
                return json.loads(json.loads(await reply.read())["content"])

        data = Dataset(name="bench", cases=[Case(name=str(i), inputs=i) for i in range(count)])
        await data.evaluate(task, max_concurrency=width, progress=False)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
