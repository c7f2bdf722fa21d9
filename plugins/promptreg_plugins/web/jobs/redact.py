"""Takes secrets out of what a job's process prints."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping

__all__ = ["child_environment", "redactor"]

_SECRET = re.compile(
    r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH|DATABASE|DSN|_HEADERS\Z|_URI\Z", re.IGNORECASE
)
_MIN = 6
_NOT_PASSED = re.compile(r"(GITHUB_|GITLAB_|CI_|DBOS_|OTEL_|PROMPTREG_SERVE_)|CI\Z")
"""A forge's job logs are none of a job's business; database and traces are the service's own."""
_URL_PASSWORD = re.compile(r"(://[^/\s:@]{0,200}:)[^/\s@]{1,500}@")


def child_environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a job's process."""
    kept = {name: value for name, value in os.environ.items() if not _NOT_PASSED.match(name)}
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    # What it prints shall come line by line, as UTF-8, without colours.
    style = {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8:backslashreplace"}
    return {**threads, **kept, **style, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "120", **more}


def redactor(more: Iterable[str] = ()) -> Callable[[str], str]:
    """Return what replaces the values of secret environment variables, and passwords in URLs."""
    found = {v for k, v in os.environ.items() if _SECRET.search(k) and len(v) >= _MIN}
    found.update(word for word in more if len(word) >= _MIN)
    ordered = sorted(found, key=len, reverse=True)

    def redact(text: str) -> str:
        for secret in ordered:
            if secret in text:
                text = text.replace(secret, "***")
        return _URL_PASSWORD.sub(r"\1***@", text) if "://" in text else text

    return redact
