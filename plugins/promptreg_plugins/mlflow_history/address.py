"""Where MLflow is: a server, a database, or a database of our own beside the run store."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from promptreg import Probe

__all__ = ["Address", "find_address"]

VARIABLE = "MLFLOW_TRACKING_URI"
_PATIENCE_S = 3.0
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")


@dataclass(frozen=True, slots=True)
class Address:
    """A tracking URI.

    Attributes:
        uri: as MLflow takes it; may hold a password.
        folder: where the embedded database keeps its files; None: it is not embedded.
    """

    uri: str
    folder: Path | None = None

    @property
    def shown(self) -> str:
        """The address without user and password, for people."""
        if self.folder is not None:
            return str(self.folder / "mlflow.db")
        parts = urlsplit(self.uri)
        host = parts.netloc.rpartition("@")[2]
        shown = urlunsplit((parts.scheme, host, parts.path, "", ""))
        return shown if host or not parts.netloc else self.uri.partition(":")[0]

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database."""
        found = re.match(r"sqlite(?:\+\w+)?:///(.+)\Z", self.uri.partition("?")[0])
        return Path(found[1]) if found else None

    @property
    def artifacts(self) -> str | None:
        """Where a new experiment keeps its artifacts; None: the server says."""
        if self.folder is not None:
            return (self.folder / "artifacts").absolute().as_uri()
        if self.file is not None:  # else MLflow would put them below whatever folder is current
            return (self.file.absolute().parent / "artifacts").as_uri()
        return None

    def probe(self) -> Probe:
        """Return whether somebody is there; imports no mlflow and waits three seconds at most."""
        if self.uri.startswith(("http://", "https://")):
            return self._ask_server()
        file = self.file
        if file is not None:
            return _look_at(file, self.shown)
        if self.uri.partition(":")[0].partition("+")[0] in _DATABASES:
            return Probe(True, f"{self.shown} (a database; not asked)")
        return Probe(True, self.shown)

    def _ask_server(self) -> Probe:
        import httpx

        url = self.uri.rstrip("/")
        parts = urlsplit(url)
        user = os.environ.get("MLFLOW_TRACKING_USERNAME") or parts.username
        password = os.environ.get("MLFLOW_TRACKING_PASSWORD") or parts.password or ""
        token = os.environ.get("MLFLOW_TRACKING_TOKEN")
        headers = {"Authorization": f"Bearer {token}"} if token and not user else {}
        insecure = os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() == "true"
        try:
            with httpx.Client(
                timeout=_PATIENCE_S, headers=headers, verify=not insecure, follow_redirects=False
            ) as client:
                auth = (user, password) if user else None
                bare = urlunsplit(
                    (parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")
                )
                answer = client.get(f"{bare}/version", auth=auth)
        except httpx.HTTPError as e:
            return Probe(False, f"{self.shown}: {type(e).__name__}: {e}"[:300])
        except (ValueError, httpx.InvalidURL) as e:
            return Probe(False, f"{self.shown}: no address: {e}"[:300])
        version = answer.text.strip()
        if answer.status_code in (401, 403):
            return Probe(
                False,
                f"{self.shown}: refuses us (HTTP {answer.status_code}); set "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
            )
        if answer.status_code != 200 or not re.fullmatch(r"\d+\.\d+[\w.+-]{0,30}", version):
            return Probe(
                False, f"{self.shown}: answers HTTP {answer.status_code}, but not as MLflow does"
            )
        if int(version.partition(".")[0]) < 3:
            return Probe(
                False, f"{self.shown}: is MLflow {version}; the Prompt Registry needs 3 or newer"
            )
        return Probe(True, f"{self.shown}: MLflow {version}", fingerprint={"mlflow": version})


def _look_at(file: Path, shown: str) -> Probe:
    if not file.exists():
        parent = next((p for p in file.absolute().parents if p.exists()), Path("/"))
        if not os.access(parent, os.W_OK):
            return Probe(False, f"{shown}: {parent} cannot be written")
        return Probe(True, f"{shown}: not there yet; the first recording makes it")
    try:
        with file.open("rb") as handle:
            head = handle.read(16)
    except OSError as e:
        return Probe(False, f"{shown}: {e.strerror or e}")
    if head and head != b"SQLite format 3\0":
        return Probe(False, f"{shown}: is no SQLite database")
    if not os.access(file, os.W_OK):
        return Probe(False, f"{shown}: cannot be written")
    return Probe(True, f"{shown}: {file.stat().st_size / 1e6:.1f} MB")


def find_address(url: str | None, folder: str | None) -> Address:
    """Return where MLflow is: as the suite says, else `MLFLOW_TRACKING_URI`, else in `folder`.

    Raises:
        ValueError: the suite's address holds a password, or there is no place at all.
    """
    if url is not None:
        if "@" in urlsplit(url).netloc:
            raise ValueError(
                "url holds a user or a password; leave them out and set MLFLOW_TRACKING_USERNAME "
                "and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_URI as a whole"
            )
        return Address(_file_uri(url))
    told = os.environ.get(VARIABLE, "").strip()
    if told:
        return Address(_file_uri(told))
    if folder is None:
        raise ValueError(f"needs 'url', 'folder' or the variable {VARIABLE}")
    place = Path(folder).absolute()
    return Address(f"sqlite:///{quote(str(place / 'mlflow.db'), safe='/')}", place)


def _file_uri(uri: str) -> str:
    """Return an address MLflow takes, or refuse one that means a folder of files."""
    scheme = urlsplit(uri).scheme.partition("+")[0]
    if scheme in ("http", "https", *_DATABASES):
        return uri
    raise ValueError(
        f"{uri.partition('@')[2] or uri!r:.100}: allowed are http://, https://, sqlite:///, "
        "postgresql://, mysql:// and mssql:// (MLflow gives up its file store)"
    )
