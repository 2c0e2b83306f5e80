"""The API keeps to its own description, whatever is sent to it: schemathesis tries."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures.api import API, Program, work_off
from fixtures.web import EMAIL, MANY, MakeApp, make_app
from flask import Flask
from waitress.server import create_server

pytestmark = pytest.mark.slow

__all__ = ["make_app"]

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,negative_data_rejection,"
    "unsupported_method,ignored_auth,missing_required_header"
)
"""Not among them: that all that the description allows is accepted. Whether a file is a picture,
or a hint lies inside of it, is more than a description can say."""
ACCOUNTS = "/(accounts|tokens)$"


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(api_rate=MANY, compute_rate=MANY, max_upload_mb=1)


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """Where ``app`` answers requests, really."""
    server = create_server(app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}{API}"
    server.maintenance_interval = 0
    with contextlib.suppress(OSError):  # awake for another reason, it may have closed already
        server.trigger.pull_trigger(server.close)
    thread.join(timeout=10)
    server.task_dispatcher.shutdown()


def schemathesis(address: str, token: str, folder: Path, *options: str, config: str = "") -> None:
    (folder / "schemathesis.toml").write_text(config)
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json"]
    command += ["--header", f"Authorization: Bearer {token}", "--seed=1", "--no-color"]
    command += ["--generation-database=none", f"--checks={CHECKS}", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]


def test_whatever_is_sent_is_answered_as_described(
    app: Flask, address: str, tmp_path: Path
) -> None:
    token = Program(app, EMAIL).token
    options = ["--phases=coverage,fuzzing", "--max-examples=6", f"--exclude-path-regex={ACCOUNTS}"]
    schemathesis(address, token, tmp_path, *options)


@pytest.mark.long  # each try of a password takes its time
def test_whoever_signs_up_or_logs_in_is_answered_as_described(
    app: Flask, address: str, tmp_path: Path
) -> None:
    options = ["--phases=coverage,fuzzing", "--max-examples=6", f"--include-path-regex={ACCOUNTS}"]
    schemathesis(address, Program(app, EMAIL).token, tmp_path, *options)


@pytest.mark.long
def test_whatever_is_asked_of_a_picture_is_answered_as_described(
    app: Flask, address: str, tmp_path: Path
) -> None:
    program = Program(app, EMAIL)
    picture_id = program.picture()
    work_off(app, app.config["STUDIO"], tmp_path)
    config = f'[parameters]\n"path.picture_id" = "{picture_id}"\n'
    options = ["--phases=coverage,fuzzing", "--max-examples=6", "--include-path-regex={"]
    options.append("--exclude-method=DELETE")
    schemathesis(address, program.token, tmp_path, *options, config=config)
    record = program.call("GET", f"/pictures/{picture_id}").get_json()
    assert record["revision"] > 1, "it was never changed, so little was tried"
