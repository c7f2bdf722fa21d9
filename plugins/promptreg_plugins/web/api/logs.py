"""The service's log: one line per event on stderr, as JSON or for people; never a secret."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from promptreg_plugins.web.api.needs import HttpSettings

__all__ = ["JsonLines", "TextLines", "configure_logs"]


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return dict(getattr(record, "fields", {}))


class JsonLines(logging.Formatter):
    """Each record as one line of JSON: time, level, logger, message, and its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """Each record as a line for people; what came from outside cannot begin a new one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with a traceback below it where there is one."""
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        fields = _fields(record)
        shown = " ".join(f"{k}={v}" for k, v in fields.items() if v not in (None, ""))
        line = f"{at} {record.levelname.lower()} {record.getMessage()} {shown}".rstrip()
        line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def configure_logs(settings: HttpSettings) -> None:
    """Send the log of the service, its server and its traces to stderr, and nowhere else."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if settings.log_format == "json" else TextLines())
    for name in ("promptreg.web", "uvicorn", "opentelemetry"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(settings.log_level.upper())
        logger.propagate = False
    for name in ("uvicorn.error", "uvicorn.asgi"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
        logging.getLogger(name).filters = [_told_elsewhere]


def _told_elsewhere(record: logging.LogRecord) -> bool:
    """Drop what uvicorn says of WebSockets: whole addresses, and refusals as its own errors."""
    message = str(record.msg)
    return '"WebSocket %s"' not in message and "completing handshake" not in message
