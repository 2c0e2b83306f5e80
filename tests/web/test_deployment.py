"""Dockerfile and compose.yaml say what there is: commands, settings and files of this version.

The images themselves are not built here. The commands are run as they are written.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from fixtures.model import tiny_model
from fixtures.server import (
    PHOTOCHROM,
    STUDIO_SAYS,
    WORKER_SAYS,
    launched,
    postgresql,
    redis_server,
    settings_for,
    signed_up,
)
from packaging.requirements import Requirement

from photochrom.cli.app import app
from photochrom.web.settings import PREFIX, WebSettings
from photochrom.web.storage import mark_alive

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
DOCKERFILE, COMPOSE = ROOT / "Dockerfile", ROOT / "compose.yaml"
pytestmark = pytest.mark.skipif(not COMPOSE.is_file(), reason="compose.yaml is not in the sdist")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SETTINGS = {PREFIX + field.name.upper() for field in dataclasses.fields(WebSettings)}


def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return parsed


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, continued lines joined."""
    text = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = (line.strip() for line in text.splitlines())
    parted = (line.partition(" ") for line in lines if line and not line.startswith("#"))
    return [(name, arguments.strip()) for name, _space, arguments in parted]


def split_arguments(instruction: str) -> list[str]:
    return [arguments for name, arguments in instructions() if name == instruction]


def exec_form(instruction: str) -> list[str]:
    """The last such instruction's argument in brackets."""
    parsed: list[str] = yaml.safe_load(
        split_arguments(instruction)[-1].partition("CMD ")[2] or "[]"
    )
    return parsed or yaml.safe_load(split_arguments(instruction)[-1])


def studio_commands() -> list[list[str]]:
    if not COMPOSE.is_file():
        return []
    services = compose()["services"]
    return [exec_form("CMD"), services["web"]["command"], services["worker"]["command"]]


def health_check() -> list[str]:
    return [sys.executable, *exec_form("HEALTHCHECK")[1:]]


@pytest.mark.parametrize("command", studio_commands(), ids=" ".join)
def test_every_command_is_one_of_ours_with_options_that_it_has(command: list[str]) -> None:
    program, name, *options = command
    assert program in PROJECT["scripts"]
    group = click.Context(app)
    found = app.get_command(group, name)
    assert found is not None
    found.make_context(name, options)


def test_every_variable_is_a_setting() -> None:
    given = [*compose()["x-studio"]["environment"]]
    for arguments in split_arguments("ENV"):
        given += [word.partition("=")[0] for word in shlex.split(arguments)]
    ours = {name for name in given if name.startswith(PREFIX)}
    assert ours
    assert ours <= SETTINGS


def test_web_and_worker_share_settings_and_pictures() -> None:
    services = compose()["services"]
    for name in ("environment", "volumes", "image", "user", "depends_on"):
        assert services["web"].get(name) == services["worker"].get(name)
    folder = next(w for w in shlex.split(split_arguments("ENV")[-1]) if "DATA_DIR" in w).partition(
        "="
    )
    assert services["web"]["volumes"] == [f"pictures:{folder[2]}"]
    assert split_arguments("VOLUME") == [folder[2]]


def test_whom_the_services_wait_for_can_tell_that_they_are_well() -> None:
    services = compose()["services"]
    for service in services.values():
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert services[other]["healthcheck"]["test"][0] == "CMD"
    assert set(compose()["volumes"]) == {"pictures", "database"}


def test_every_service_is_limited_and_can_be_seen_to_be_well() -> None:
    services = compose()["services"]
    for name, service in services.items():
        assert service["mem_limit"], name
        assert service["pids_limit"] > 0, name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert all("size=" in place for place in service["tmpfs"]), name
        assert name == "web" or "healthcheck" in service  # the web's is the image's
        assert ("outside" in service["networks"]) == (name == "web")
    assert compose()["networks"]["inside"] == {"internal": True}


def test_the_workers_check_sees_whether_it_goes_on(tmp_path: Path) -> None:
    script = compose()["services"]["worker"]["healthcheck"]["test"][-1]
    command = ["sh", "-c", script.replace("/data/", f"{tmp_path}/")]
    assert subprocess.run(command, capture_output=True).returncode != 0
    mark_alive(tmp_path)
    assert subprocess.run(command).returncode == 0
    os.utime(tmp_path / "worker.alive", (0, 0))
    assert subprocess.run(command).returncode != 0


def test_no_secret_is_written_down() -> None:
    for service in compose()["services"].values():
        for name, value in service.get("environment", {}).items():
            secret = re.search(r"://\w+:([^@]*)@", value)
            if secret is not None or "PASSWORD" in name:
                written = value if secret is None else secret[1]
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]*\}", written), name


def test_only_this_machine_is_answered_where_the_proxy_is() -> None:
    ports = [port for each in compose()["services"].values() for port in each.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_image_runs_as_nobody_in_particular() -> None:
    (user,) = split_arguments("USER")
    assert int(user) >= 10_000
    names = [name for name, _arguments in instructions()]
    assert names.index("USER") > max(n for n, name in enumerate(names) if name == "RUN")


def test_the_image_copies_what_there_is_and_installs_extras_that_there_are() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    for arguments in split_arguments("COPY"):
        for source in arguments.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored, source
    (extras,) = re.findall(r"\$\{wheel\}\[([\w,]+)\]", DOCKERFILE.read_text(encoding="utf-8"))
    declared = PROJECT["optional-dependencies"]
    brought = [Requirement(line).name for extra in extras.split(",") for line in declared[extra]]
    assert {"psycopg", "redis", "waitress", "av", "tifffile"} <= set(brought)


@pytest.mark.slow
def test_the_commands_make_a_studio_that_is_well(tmp_path: Path) -> None:
    """As compose.yaml has them, but for the addresses, and our own Python."""
    model = str(tiny_model(tmp_path / "tiny.onnx"))
    services = compose()["services"]
    serve = [*PHOTOCHROM, *services["web"]["command"][1:]]
    serve[serve.index("8000")] = "0"
    serve[serve.index("0.0.0.0")] = "127.0.0.1"
    worker = [*PHOTOCHROM, *services["worker"]["command"][1:]]
    with postgresql() as database, redis_server(tmp_path) as queue:
        own = {"database_url": database, "queue_url": queue, "trusted_proxies": "1"}
        settings = settings_for(
            tmp_path / "data", model, public_url="http://photos.example.org", **own
        )
        assert set(compose()["x-studio"]["environment"]) <= set(settings)
        with (
            launched(serve, settings, STUDIO_SAYS) as address,
            launched(worker, settings, WORKER_SAYS),
        ):
            check = [word.replace("http://127.0.0.1:8000", address) for word in health_check()]
            subprocess.run(check, check=True, timeout=30)
            with signed_up(address) as person:
                assert person.wait_until_done(person.upload()) == "done"
        assert subprocess.run(check, capture_output=True, timeout=30).returncode != 0
