"""The service on the fake, behind the real server: `python service_server.py [--pages] [--guess]`.

Prints its address. Tokens are those of `service_fake`; jobs advance by themselves.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import closing

import uvicorn

from promptreg_plugins.web.api import configure_logs, create_app, uvicorn_options
from promptreg_plugins.web.model import TokenInfo
from promptreg_plugins.web.problems import ConflictError
from service_api_app import FakeSettings
from service_fake import FakeService


class Unassailable(FakeService):
    """A fake whose administrator cannot be revoked: whoever tries everything tries that."""

    async def revoke_token(self, token_id: str) -> TokenInfo:
        for one in await self.tokens():
            if token_id in (one.id, one.name) and one.name == "anna":
                raise ConflictError("the last administrator stays")
        return await super().revoke_token(token_id)


async def main() -> None:
    """Serve until told to stop."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
        settings = FakeSettings(port=port, log_level="WARNING")
        configure_logs(settings)
        service = Unassailable(tick_s=0.2)
        if "--pages" not in sys.argv:  # nobody looks at reports
            kinds = {"json": b"{}", "html": b"<p>A report", "md": b"# A report"}
            service.files = {f"report.{end}": content for end, content in kinds.items()}
        app = create_app(service, settings, service, pages="--pages" in sys.argv)
        if "--guess" in sys.argv:  # whoever guesses tokens is not slowed down
            app.state.identity.failures.burst = 1e9
        print(f"http://127.0.0.1:{port}", flush=True)
        server = uvicorn.Server(uvicorn.Config(app, **uvicorn_options(settings)))
        await server.serve(sockets=[listening])


if __name__ == "__main__":
    asyncio.run(main())
