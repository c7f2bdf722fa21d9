"""A client of MLflow, quiet and impatient; the only place that imports it."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from promptreg.errors import MissingPackageError, PromptregError, StoreError
from promptreg_plugins.mlflow_history.address import Address

__all__ = ["Session", "installed"]

_SETTINGS = {
    # A dead server must not block: by default one call to it takes four minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
_OFF = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


def installed() -> str:
    """Return the version of MLflow.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        return version("mlflow")
    except PackageNotFoundError as e:
        raise MissingPackageError(
            "the history 'mlflow' needs a package that is not installed: pip install 'mlflow>=3.10'"
        ) from e


class Session:
    """MLflow at one address.

    Args:
        address: where it is.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._client: Any = None

    @contextlib.contextmanager
    def client(self) -> Iterator[Any]:
        """Give the client; whatever it raises becomes one clear error.

        Raises:
            StoreError: MLflow cannot be reached, or refuses.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                if self._client is None:
                    self._client = self._connect()
                yield self._client
            except PromptregError:
                raise
            except Exception as e:  # MLflow passes on what requests, SQLAlchemy and alembic raise
                raise self._told(e) from e

    def _connect(self) -> Any:
        installed()
        for name, value in _SETTINGS.items():
            os.environ.setdefault(name, value)
        os.environ.update(_OFF)
        if self.address.file is not None:
            self.address.file.parent.mkdir(parents=True, exist_ok=True)
        for name in ("mlflow", "alembic", "sqlalchemy", "urllib3"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        import mlflow
        from mlflow.tracking import MlflowClient

        for name in ("mlflow", "alembic"):  # importing has set them to INFO
            logging.getLogger(name).setLevel(logging.CRITICAL)
        # Links between prompts and runs are made in the store that is set for the process.
        mlflow.set_tracking_uri(self.address.uri)
        mlflow.set_registry_uri(self.address.uri)
        return MlflowClient(self.address.uri, registry_uri=self.address.uri)

    def _told(self, error: Exception) -> StoreError:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        for secret in self._secrets():
            text = text.replace(secret, "***")
        where = f"the history at {self.address.shown}"
        if any(word in text for word in ("out-of-date database schema", "Can't locate revision")):
            return StoreError(
                f"{where} was written by another version of MLflow; here is {installed()}. Use the "
                "version that wrote it, or back the database up and run 'mlflow db upgrade URI'"
            )
        if any(word in text for word in ("Max retries exceeded", "timed out", "Connection")):
            return StoreError(f"{where} does not answer: {text[:300]}")
        return StoreError(f"{where} refuses: {text[:400]}")

    def _secrets(self) -> Iterator[str]:
        """Give what must not be shown: passwords from address and environment."""
        from urllib.parse import urlsplit

        names = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
        found = [os.environ.get(name, "") for name in names]
        with contextlib.suppress(ValueError):
            found.append(urlsplit(self.address.uri).password or "")
        yield from (secret for secret in found if len(secret) >= 3)
