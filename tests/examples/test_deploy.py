"""The containers' files: they parse, fit together, and every command line in them exists.

No engine builds or starts them here; examples/deploy/README.md says so.
"""

from __future__ import annotations

import fnmatch
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from dockerfiles import Stage, read_dockerfile
from promptreg.cli.app import app

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "examples" / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
SERVICE_KEYS = frozenset(
    {
        *("build", "cap_drop", "command", "depends_on", "environment", "healthcheck", "image"),
        *("init", "networks", "ports", "profiles", "read_only", "restart", "security_opt"),
        *("tmpfs", "user", "volumes"),
    }
)
# Of llama.cpp's tools/server/README.md, as far as they are used or likely to be.
LLAMA_OPTIONS = frozenset(
    {
        *("--alias", "--api-key-file", "--ctx-size", "--host", "--metrics", "--model"),
        *("--n-gpu-layers", "--offline", "--parallel", "--port", "--threads"),
    }
)
# Variables that somebody reads: we, the MLflow client or server, PostgreSQL's image, our script,
# or the suite (README.md names MODEL_URL).
VARIABLES = {
    "promptreg": {
        *("PROMPTREG_SERVE_DATABASE", "PROMPTREG_RECORD", "MLFLOW_TRACKING_URI", "MODEL_URL")
    },
    "mlflow": {"MLFLOW_BACKEND_STORE_URI"},
    "postgres": {
        *("POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"),
        *("MLFLOW_DB_PASSWORD", "SERVE_DB_PASSWORD"),
    },
    "llama": set(),
}


class _Strict(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error, as it is for compose."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [k.value for k, _ in node.value if k.tag != "tag:yaml.org,2002:merge"]
        assert len(keys) == len(set(keys)), f"{node.start_mark}: a key stands twice"
        return super().construct_mapping(node, deep)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: Any = yaml.load(COMPOSE.read_text("utf-8"), _Strict)
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


@pytest.fixture(scope="module")
def stages() -> list[Stage]:
    return read_dockerfile(DEPLOY / "Dockerfile")


def commands_of_promptreg() -> Any:
    """Return all commands by name, those that plug-ins add included."""
    whole = app
    if find_spec("promptreg.cli.added"):
        whole = import_module("promptreg.cli.added").with_commands(app, "serve")
    return getattr(typer.main.get_command(whole), "commands", {})


def check_promptreg(words: list[str]) -> None:
    """Follow a command line through the groups of the real command, and check its options."""
    commands = commands_of_promptreg()
    if words[0] == "serve" and "serve" not in commands:
        _check_planned_serve(words[1:])
        return
    command = commands[words[0]]
    rest = words[1:]
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest[0]]
        rest = rest[1:]
    known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
    for word in rest:
        if word.startswith("-"):
            assert word.partition("=")[0] in known, f"{word} is no option of {command.name}"


def _check_planned_serve(words: list[str]) -> None:
    """Where the service is not there, its command line is checked against its description."""
    planned = {"--host", "--port", "--folder", "--workers", "--config", "--log-format", "--role"}
    assert {w.partition("=")[0] for w in words if w.startswith("-")} <= planned


def mlflow_options() -> set[str]:
    cli = pytest.importorskip("mlflow.cli", reason="MLflow is not installed").cli
    return {name for p in cli.commands["server"].params for name in (*p.opts, *p.secondary_opts)}


def interpolated(value: Any) -> Iterator[str]:
    """Yield the names of variables that compose puts in."""
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list):
        for item in value:
            yield from interpolated(item)
    elif isinstance(value, str):
        yield from re.findall(r"(?<!\$)\$\{(\w+)", value)
        assert not re.search(r"(?<!\$)\$(?![{$])", value), f"{value}: a bare $"


def test_the_image_is_made_of_files_that_are_there_and_of_all_that_the_wheel_needs(
    stages: list[Stage],
) -> None:
    build, final = stages
    assert build.name == "build"
    copied = {word for i in build.all("COPY") for word in i.words[:-1]}
    for name in copied:
        assert (ROOT / name).exists(), name
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    needed = {
        path.split("/")[0]
        for path in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    }
    needed |= {"pyproject.toml", project["project"]["readme"]}
    assert needed <= copied
    (install,) = [i for i in build.all("RUN") if "pip install" in i.text]
    extras = re.search(r'"\.\[([\w,]+)\]"', install.text)
    assert extras is not None
    assert set(extras[1].split(",")) <= project["project"]["optional-dependencies"].keys()
    (taken,) = final.all("COPY")
    assert taken.flags == ("--from=build",)
    floor = project["project"]["requires-python"]
    version = re.match(r"python:(\d+)\.(\d+)-slim", final.image)
    assert version is not None
    assert build.image == final.image
    assert floor == f">={version[1]}.{version[2]}"


def test_what_is_copied_is_not_ignored_and_secrets_are(stages: list[Stage]) -> None:
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]

    def ignored(path: str) -> bool:
        state = False
        for rule in rules:
            pattern = rule.removeprefix("!").removeprefix("**/")
            parts = path.split("/")
            hit = fnmatch.fnmatch(parts[0], pattern) or (
                rule.startswith("**/") and any(fnmatch.fnmatch(p, pattern) for p in parts)
            )
            state = not rule.startswith("!") if hit else state
        return state

    for instruction in stages[0].all("COPY"):
        assert not any(ignored(word) for word in instruction.words[:-1]), instruction
    for secret in (".env", "examples/deploy/.env", "core/.env", ".git", "core/.promptreg/x"):
        assert ignored(secret), secret
    done = subprocess.run(
        ["git", "check-ignore", "-q", "examples/deploy/.env"], cwd=ROOT, check=False
    )
    assert done.returncode in (0, 128)  # 128: not a repository


@pytest.mark.parametrize("name", ["Dockerfile", "mlflow.Dockerfile"])
def test_images_run_as_nobody_special_and_end_on_signals(name: str) -> None:
    final = read_dockerfile(DEPLOY / name)[-1]
    user = final.last("USER").words[0]
    assert user.split(":")[0].isdecimal()
    assert int(user.split(":")[0]) >= 1000
    assert final.instructions.index(final.last("USER")) > max(
        final.instructions.index(i) for i in final.all("RUN")
    )
    (entry,) = final.all("ENTRYPOINT")
    assert entry.words[0] in ("promptreg", "mlflow")
    for i in final.all("ENV"):
        assert not re.search(r"(?i)(password|secret|token|key)=", i.text)
    assert ":latest" not in final.image
    assert ":" in final.image


def test_the_image_starts_a_command_that_exists(stages: list[Stage]) -> None:
    command = stages[-1].last("CMD").words
    check_promptreg(command)
    assert command[command.index("--port") + 1] in stages[-1].last("EXPOSE").words
    (health,) = stages[-1].all("HEALTHCHECK")
    test = health.text.removeprefix("CMD").strip()
    assert f":{command[command.index('--port') + 1]}/" in test
    assert {f.partition("=")[0] for f in health.flags} <= {
        *("--interval", "--timeout", "--start-period", "--retries")
    }


def test_every_service_is_whole(
    compose: dict[str, Any], services: dict[str, dict[str, Any]]
) -> None:
    assert set(compose) - {k for k in compose if k.startswith("x-")} == {
        *("name", "services", "networks", "volumes")
    }
    assert set(services) == {"promptreg", "mlflow", "postgres", "llama"}
    for name, service in services.items():
        assert set(service) <= SERVICE_KEYS, name
        assert "image" in service
        assert re.fullmatch(r"[\w./-]+:[\w.-]+", service["image"]), "a tag is named"
        if "build" in service:
            context = (DEPLOY / service["build"]["context"]).resolve()
            assert (context / service["build"]["dockerfile"]).is_file()
        health = service["healthcheck"]
        assert set(health) == {"test", "interval", "timeout", "retries", "start_period"}
        assert health["test"][0] == "CMD"
        assert isinstance(health["retries"], int)
        for key in ("interval", "timeout", "start_period"):
            assert re.fullmatch(r"\d+s", health[key])


def test_services_can_do_little_and_are_reached_from_here_alone(
    services: dict[str, dict[str, Any]],
) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["user"].split(":")[0] not in ("root", "0")
        for port in service.get("ports", ()):
            assert re.fullmatch(r"127\.0\.0\.1:(\d+|\$\{\w+:-\d+\}):\d+", port), port
    assert "ports" not in services["postgres"]
    assert "ports" not in services["llama"]


def test_volumes_networks_and_dependencies_are_declared(
    compose: dict[str, Any], services: dict[str, dict[str, Any]]
) -> None:
    used: set[str] = set()
    for name, service in services.items():
        for volume in service.get("volumes", ()):
            # A default such as ${A:-./b} holds a colon of its own.
            source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0]
            if source.startswith("."):
                here = DEPLOY / source
                assert here.exists() or source == "./models", f"{name}: {source}"
            else:
                used.add(source)
        assert set(service["networks"]) <= compose["networks"].keys()
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "profiles" not in services[other], "it may not be there"
            assert set(service["networks"]) & set(services[other]["networks"])
    assert used == compose["volumes"].keys()
    assert compose["networks"]["back"] == {"internal": True}
    assert services["postgres"]["networks"] == ["back"]


def test_variables_are_known_to_somebody_and_hold_no_secret(
    services: dict[str, dict[str, Any]],
) -> None:
    example = (DEPLOY / "env.example").read_text("utf-8")
    offered = dict(re.findall(r"(?m)^(\w+)=(.*)$", example))
    asked = {name for service in services.values() for name in interpolated(service)}
    assert asked == offered.keys()
    for name, value in offered.items():
        assert ("PASSWORD" in name) == (value == ""), name
    for name, service in services.items():
        environment = service.get("environment", {})
        assert set(environment) == VARIABLES[name]
        for key, value in environment.items():
            assert isinstance(value, str)
            if "PASSWORD" in key or re.search(r"://\w+:.*@", value):
                assert re.search(r"\$\{\w+:\?[^}]+\}", value), f"{key} is not asked for"
    script = (DEPLOY / "postgres-init.sh").read_text("utf-8")
    read = set(re.findall(r"\$(\w+)", script))
    assert read <= services["postgres"]["environment"].keys()


def test_addresses_lead_to_services(services: dict[str, dict[str, Any]]) -> None:
    ports = {"promptreg": 8321, "mlflow": 5000, "postgres": 5432, "llama": 8080}
    found = set()
    for name, service in services.items():
        text = re.sub(r"\$\{[^}]*\}", "x", str(service.get("environment", {})))
        for host, port in re.findall(r"(?://|@)([a-z]+):(\d+)", text):
            assert ports[host] == int(port), (name, host)
            assert set(service["networks"]) & set(services[host]["networks"])
            found.add(host)
        spoken = re.search(r"'--port=(\d+)'", str(service.get("command", [])))
        assert spoken is None or int(spoken[1]) == ports[name]
        assert all(port.endswith(f":{ports[name]}") for port in service.get("ports", ()))
    assert found == {"mlflow", "postgres", "llama"}
    allowed = next(w for w in services["mlflow"]["command"] if w.startswith("--allowed-hosts="))
    assert "mlflow:5000" in allowed.partition("=")[2].split(",")


def test_commands_of_services_exist(services: dict[str, dict[str, Any]]) -> None:
    check_promptreg(services["promptreg"]["command"])
    llama = {w.partition("=")[0] for w in services["llama"]["command"]}
    assert llama <= LLAMA_OPTIONS
    assert services["mlflow"]["command"][0] == "server"


@pytest.mark.slow
def test_options_of_mlflow_s_server_exist(services: dict[str, dict[str, Any]]) -> None:
    """Slow: to load its command takes seconds."""
    image = read_dockerfile(DEPLOY / "mlflow.Dockerfile")[-1].last("CMD").words
    assert image[0] == "server"
    used = [w for w in (*image, *services["mlflow"]["command"]) if w.startswith("-")]
    assert {w.partition("=")[0] for w in used} <= mlflow_options()


def test_commands_of_the_readme_exist() -> None:
    text = (DEPLOY / "README.md").read_text("utf-8")
    lines = re.findall(r"docker compose run --rm promptreg ([^`\n]+)", text)
    assert len(lines) >= 2
    for line in lines:
        check_promptreg(shlex.split(line))
    assert "Not tried" in text


def test_the_database_script_is_shell(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-n", str(DEPLOY / "postgres-init.sh")], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
