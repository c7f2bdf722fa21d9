"""HTTP: the REST API, events, security, metrics and logs of the service."""

from promptreg_plugins.web.api.app import create_app
from promptreg_plugins.web.api.logs import configure_logs
from promptreg_plugins.web.api.server import uvicorn_options

__all__ = ["configure_logs", "create_app", "uvicorn_options"]
