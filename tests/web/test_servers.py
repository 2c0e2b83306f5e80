"""The studio on PostgreSQL and Redis: real servers, started here where they are installed."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
import requests
from fixtures.model import tiny_model
from fixtures.server import (
    PASSWORD,
    PHOTOCHROM,
    STUDIO_SAYS,
    WORKER_SAYS,
    free_port,
    launched,
    new_token,
    postgresql,
    redis_server,
    settings_for,
    signed_up,
)
from PIL import Image
from sqlalchemy import create_engine, inspect

from photochrom.web import create_app
from photochrom.web.database import Base, db, upgrade_database
from photochrom.web.settings import WebSettings

pytestmark = pytest.mark.hosts


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="module")
def environment(
    tmp_path_factory: pytest.TempPathFactory, database: str, queue: str
) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("studio")
    model = str(tiny_model(folder / "tiny.onnx"))
    return settings_for(folder / "data", model, database_url=database, queue_url=queue)


@pytest.fixture(scope="module")
def address(environment: dict[str, str]) -> Iterator[str]:
    with launched(
        [*PHOTOCHROM, "serve", "--no-worker", "--port=0"], environment, STUDIO_SAYS
    ) as at:
        yield at


def test_a_picture_passes_through_both_servers(
    address: str, environment: dict[str, str], database: str, queue: str
) -> None:
    with signed_up(address) as person, redis.Redis.from_url(queue) as store:
        first = person.upload()
        waiting = [key for key in store.keys("huey*photo*") if store.type(key) == b"zset"]
        assert [store.zcard(key) for key in waiting] == [1]
        with launched([*PHOTOCHROM, "worker"], environment, WORKER_SAYS):
            assert person.wait_until_done(first) == "done"
            second = person.upload()
            assert person.wait_until_done(second) == "done"
        assert not [key for key in waiting if store.zcard(key)]
        result = person.get(f"{second}/download")
        assert result.headers["Content-Type"] == "image/png"
        assert Image.open(io.BytesIO(result.content)).size == (64, 48)
        assert store.keys("LIMIT*"), "rates are counted there too"
    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        rows = connection.execute("SELECT state, done_revision FROM pictures").fetchall()
    assert rows == [("done", 1), ("done", 1)]


def test_zero_bytes_which_postgresql_cannot_hold_are_no_mistake_of_ours(address: str) -> None:
    with signed_up(address) as person:
        token = {"Authorization": f"Bearer {new_token(person)}"}
        for path in ("/pictures/%00", "/library?q=a%00b", "/s/%00"):
            assert person.get(path).status_code in (400, 404), path
        for path in ("/pictures/%00", "/pictures?search=%00", "/pictures/%00/result"):
            answer = requests.get(f"{address}/api/v1{path}", headers=token, timeout=30)
            assert answer.status_code in (400, 404), path
        fields = {"name": "a\0b", "email": "a\0b@example.org", "password": "x\0" * 8}
        assert person.post("/account/tokens", {"token_name": "a\0b"}).status_code == 400
        assert person.post(f"/account/tokens/{2**31}/revoke", {}).status_code == 404
        person.web.cookies.clear()
        assert person.post("/sign-up", {**fields, "again": "x\0" * 8}).status_code == 400
        assert person.post("/log-in", fields).status_code == 400


def test_an_account_goes_with_all_its_rows(address: str, database: str) -> None:
    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        before = connection.execute("SELECT count(*) FROM users").fetchone()
    with signed_up(address) as person:
        person.upload()
        new_token(person)
        answer = person.post("/account/delete", {"confirm": PASSWORD})
        assert answer.status_code == 200, answer.text
        assert person.get("/account").url.startswith(f"{address}/log-in")
    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == before


def test_while_redis_is_away_pictures_are_accepted_and_afterwards_coloured(tmp_path: Path) -> None:
    port, model = free_port(), str(tiny_model(tmp_path / "tiny.onnx"))
    url = f"redis://127.0.0.1:{port}/0"
    environment = settings_for(tmp_path / "data", model, queue_url=url)
    serve = [*PHOTOCHROM, "serve", "--no-worker", "--port=0"]
    worker = [*PHOTOCHROM, "worker"]
    with contextlib.ExitStack() as studio:
        with redis_server(tmp_path, port):
            address = studio.enter_context(launched(serve, environment, STUDIO_SAYS))
            person = studio.enter_context(signed_up(address))
        path = person.upload()
        assert person.get("/library").status_code == 200
        assert person.get("/readyz").status_code == 503
        with redis_server(tmp_path, port), launched(worker, environment, WORKER_SAYS):
            assert person.wait_until_done(path) == "done"
            assert person.get("/readyz").status_code == 200


def test_migrations_make_the_tables_that_the_code_has(database: str, tmp_path: Path) -> None:
    app = create_app(WebSettings(data_dir=tmp_path, database_url=database))
    upgrade_database(app)
    with app.app_context():
        db.engine.dispose()
    engine = create_engine(database)
    there = inspect(engine)
    for table in Base.metadata.sorted_tables:
        columns = {column["name"]: column["nullable"] for column in there.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}
    engine.dispose()
