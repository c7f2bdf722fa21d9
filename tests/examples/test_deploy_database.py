"""The script that makes the containers' databases, in a real PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mlflow_places import Postgres

SCRIPT = Path(__file__).parents[2] / "examples" / "deploy" / "postgres-init.sh"


@pytest.mark.heavy
def test_the_script_makes_a_role_and_a_database_for_each() -> None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    folder = found[-1] if found else Path(shutil.which("psql") or "/no/psql").parent
    database = Postgres()
    database.start()
    try:
        port = database.address.rpartition(":")[2].partition("/")[0]
        env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PGHOST": "127.0.0.1"}
        env |= {"PGPORT": port, "POSTGRES_USER": "tester", "POSTGRES_DB": "postgres"}
        env |= {"MLFLOW_DB_PASSWORD": "it's odd", "SERVE_DB_PASSWORD": "other"}
        subprocess.run(["sh", str(SCRIPT)], env=env, check=True, capture_output=True)
        asked = "SELECT datname || ' of ' || pg_get_userbyid(datdba) FROM pg_database ORDER BY 1"
        done = subprocess.run(
            [str(folder / "psql"), "-U", "tester", "-d", "postgres", "-Atc", asked],
            env=env,
            check=True,
            capture_output=True,
            text=True,
        )
        assert {"mlflow of mlflow", "promptreg of promptreg"} <= set(done.stdout.splitlines())
    finally:
        database.stop()
        database.remove()
