"""Health, readiness, metrics, logs and the database: what an operator relies on."""

from __future__ import annotations

import errno
import io
import json
import logging
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from fixtures.web import EMAIL, MakeApp, send, user_of
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from photochrom.web import create_app
from photochrom.web.database import (
    PastResult,
    Picture,
    Share,
    Token,
    User,
    db,
    downgrade_database,
    new_id,
    now,
    upgrade_database,
)
from photochrom.web.errors import Conflict, TooMany
from photochrom.web.health import add_check
from photochrom.web.logs import JsonLines, start_logs

pytestmark = pytest.mark.slow

ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the studio logs meanwhile."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("photochrom.web")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


def add_picture(user: User | None, state: str = "waiting") -> Picture:
    assert user is not None
    picture = Picture(user_id=user.id, name="x", media_type="image/png", bytes=70, state=state)
    db.session.add(picture)
    db.session.commit()
    return picture


def test_a_live_process_says_so_even_without_a_database(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        db.drop_all()
    assert client.get("/healthz").get_json() == {"status": "alive"}
    assert client.get("/healthz", environ_base=ELSEWHERE).status_code == 200


def test_a_studio_with_everything_is_ready(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()["problems"]) == (200, {})


def test_a_studio_without_tables_is_not_ready(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        db.session.execute(text("DROP TABLE shares"))
        db.session.execute(text("DROP TABLE pictures"))
        db.session.commit()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "does not answer" in answer.get_json()["problems"]["database"]


def test_a_full_disk_is_told_and_takes_no_more(
    client: FlaskClient, member: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(Path())._replace(free=3_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: full)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["problems"] == {"data_dir": "the disk of data_dir has 3 MB left"}
    assert "photochrom_disk_free_bytes 3e+06" in client.get("/metrics").get_data(as_text=True)
    files = {"file": (io.BytesIO(b"never looked at"), "a.png")}
    refusal = send(member, "/pictures", files)
    assert refusal.status_code == 507
    assert "no space for more pictures" in refusal.get_data(as_text=True)


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (OSError(errno.ENOSPC, "no space"), 507, "disk is full"),
        (OperationalError("SELECT", None, Exception("database is locked")), 503, "Try again"),
        (RuntimeError("a mistake"), 500, "our fault"),
    ],
)
def test_what_is_nobodys_mistake_is_not_called_one(
    app: Flask, client: FlaskClient, error: Exception, status: int, says: str
) -> None:
    @app.get("/broken")
    def broken() -> str:
        raise error

    answer = client.get("/broken")
    assert answer.status_code == status
    assert says in answer.get_data(as_text=True)
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_a_studio_without_its_queue_is_not_ready(make_app: MakeApp) -> None:
    client = make_app(queue_url="redis://127.0.0.1:9/0").test_client()
    assert client.get("/readyz").get_json()["problems"] == {"queue": "the queue does not answer"}
    assert "photochrom_queued_jobs -1.0" in client.get("/metrics").text


@pytest.mark.parametrize("path", ["/account", "/nothing/here", "/log-in"])
def test_without_a_database_a_page_says_when_to_come_back(
    app: Flask, member: FlaskClient, path: str
) -> None:
    with app.app_context():
        db.drop_all()
    answer = member.get(path)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "10"
    assert "The studio is away" in answer.text


def test_other_parts_have_a_say_in_readiness(app: Flask, client: FlaskClient) -> None:
    add_check(app, "queue", lambda: "the queue is gone")
    assert client.get("/readyz").get_json()["problems"] == {"queue": "the queue is gone"}


def test_metrics_count_requests_and_pictures(app: Flask, member: FlaskClient) -> None:
    with app.app_context():
        add_picture(user_of(app), "done")
        add_picture(user_of(app), "failed")
    member.get("/account")
    text_ = member.get("/metrics").get_data(as_text=True)
    assert 'photochrom_requests_total{method="GET",page="/account",status="200"} 1.0' in text_
    assert 'photochrom_pictures{state="done"} 1.0' in text_
    assert 'photochrom_pictures{state="waiting"} 0.0' in text_
    assert "photochrom_stored_bytes 140.0" in text_
    assert "photochrom_users 1.0" in text_
    assert "photochrom_queued_jobs 0.0" in text_
    assert EMAIL not in text_


def test_an_address_that_is_no_page_makes_no_new_series(client: FlaskClient) -> None:
    client.get("/this-is-mine")
    text_ = client.get("/metrics").get_data(as_text=True)
    assert "this-is-mine" not in text_
    assert 'page="none",status="404"' in text_


def test_methods_that_are_invented_make_one_series(client: FlaskClient, lines: io.StringIO) -> None:
    for number in range(3):
        assert client.open("/healthz", method=f"MINE{number}").status_code == 405
    text_ = client.get("/metrics").get_data(as_text=True)
    assert 'photochrom_requests_total{method="other",page="none",status="405"} 3.0' in text_
    assert "MINE" not in text_
    assert "MINE" not in lines.getvalue()


def test_only_this_machine_reads_metrics(client: FlaskClient) -> None:
    assert client.get("/metrics", environ_base=ELSEWHERE).status_code == 404
    behind_a_proxy = {"X-Forwarded-For": "192.0.2.7"}
    assert client.get("/metrics", headers=behind_a_proxy).status_code == 404


def test_a_token_opens_metrics_from_elsewhere(make_app: MakeApp) -> None:
    client = make_app(metrics_token="let me see").test_client()
    assert client.get("/metrics").status_code == 401
    given = {"Authorization": "Bearer let me see"}
    assert client.get("/metrics", headers=given, environ_base=ELSEWHERE).status_code == 200


def test_a_request_is_one_line_of_json_that_names_nobody(
    client: FlaskClient, lines: io.StringIO
) -> None:
    fields = {"email": EMAIL, "password": "a wrong password"}
    send(client, "/log-in?next=/mine", fields, environ_base=ELSEWHERE)
    client.get("/reset/a-secret-link")
    entries = [json.loads(line) for line in lines.getvalue().splitlines()]
    posted = next(entry for entry in entries if entry.get("method") == "POST")
    assert (posted["page"], posted["status"]) == ("/log-in", 400)
    assert posted["ms"] > 0
    assert posted["request"]
    assert {"time", "level", "logger", "message"} <= set(posted)
    for private in (EMAIL, "wrong password", "192.0.2.7", "/mine", "a-secret-link"):
        assert private not in lines.getvalue()


def test_an_error_is_logged_with_its_places_and_without_its_words(
    app: Flask, client: FlaskClient, lines: io.StringIO
) -> None:
    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError(f"about {EMAIL}")

    answer = client.get("/broken")
    assert answer.status_code == 500
    assert "Something broke" in answer.get_data(as_text=True)
    assert EMAIL not in answer.get_data(as_text=True)
    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    entry = next(entry for entry in logged if "error" in entry)
    assert entry["error"] == "RuntimeError"
    assert entry["at"][-1].endswith(" broken")
    assert EMAIL not in lines.getvalue()


@pytest.mark.usefixtures("member")
def test_the_database_keeps_names_out_of_its_errors(app: Flask) -> None:
    with app.app_context():
        db.session.add(User(name="Eve", email=EMAIL, password_hash="x"))
        with pytest.raises(Exception, match="UNIQUE") as error:
            db.session.commit()
        db.session.rollback()
    assert EMAIL not in str(error.value)


@pytest.fixture
def package_log() -> Iterator[logging.Logger]:
    """The package's logger, as it was before anything started it; put back afterwards."""
    loggers = [logging.getLogger(name) for name in ("photochrom", "photochrom.web")]
    before = [(logger, logger.level, logger.handlers, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.NOTSET)
        logger.handlers, logger.propagate = [], True
    yield loggers[0]
    for logger, level, handlers, propagate in before:
        logger.setLevel(level)
        logger.handlers, logger.propagate = handlers, propagate


def test_logs_go_to_stderr_once(
    package_log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    start_logs()
    start_logs()
    logging.getLogger("photochrom.web.jobs").info("here")
    package_log.getChild("engine").warning("there")
    package_log.getChild("engine").info("nowhere")
    entries = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["message"] for line in entries] == ["here", "there"]


@pytest.mark.parametrize(("chosen", "level"), [(0, logging.INFO), (logging.ERROR, logging.ERROR)])
def test_a_level_chosen_for_the_whole_package_counts(
    package_log: logging.Logger, chosen: int, level: int
) -> None:
    package_log.setLevel(chosen)
    start_logs()
    assert logging.getLogger("photochrom.web").level == level


def test_a_wsgi_server_gets_settings_from_the_environment_and_our_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[bool] = []
    monkeypatch.setattr("photochrom.web.app.start_logs", lambda: started.append(True))
    monkeypatch.setenv("PHOTOCHROM_WEB_DATA_DIR", str(tmp_path / "here"))
    app = create_app()
    with app.app_context():
        db.engine.dispose()
    assert started == [True]
    assert (tmp_path / "here" / "secret").exists()


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_refusals_speak_to_people_and_programs(
    app: Flask, client: FlaskClient, accept: str
) -> None:
    @app.get("/conflict")
    def conflict() -> str:
        raise Conflict("<b>Look again.</b>")

    answer = client.get("/conflict", headers={"Accept": accept})
    assert (answer.status_code, answer.mimetype) == (409, accept)
    if accept == "application/json":
        assert answer.get_json() == {"error": "<b>Look again.</b>", "status": 409}
    else:
        assert "&lt;b&gt;Look again." in answer.get_data(as_text=True)


def test_who_has_to_wait_is_told_how_long(app: Flask, client: FlaskClient) -> None:
    @app.get("/busy")
    def busy() -> str:
        raise TooMany("Later.", retry_after_s=9)

    answer = client.get("/busy")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "9")


def test_the_migrations_make_the_tables_of_the_models(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, db.metadata) == []


@pytest.mark.usefixtures("member")
def test_migrating_twice_changes_nothing_and_there_is_a_way_back(app: Flask) -> None:
    upgrade_database(app)
    assert user_of(app) is not None
    downgrade_database(app, "base")
    upgrade_database(app)
    assert user_of(app) is None


@pytest.mark.usefixtures("member")
def test_pictures_and_links_stay_from_one_version_to_the_next(app: Flask) -> None:
    with app.app_context():
        number = add_picture(user_of(app)).id
        db.session.add(Share(picture_id=number, digest="d", expires_at=now()))
        db.session.commit()
    downgrade_database(app, "v0001")
    upgrade_database(app)
    with app.app_context():
        assert db.session.scalars(select(Picture.id)).all() == [number]
        assert db.session.scalars(select(Share.picture_id)).all() == [number]


@pytest.mark.usefixtures("member")
def test_earlier_results_of_before_get_what_is_asked_now(app: Flask) -> None:
    with app.app_context():
        number = add_picture(user_of(app)).id
        edit = {"restore": True, "scratched": True, "hints": [[1, 2, "#c1272d"]]}
        db.session.add(PastResult(picture_id=number, revision=1, edit=edit))
        db.session.commit()
    downgrade_database(app, "v0018")
    with app.app_context():
        assert db.session.scalars(select(PastResult.edit)).all() == [
            {"restore": True, "hints": [[1, 2, "#c1272d"]]}
        ]
    upgrade_database(app)
    with app.app_context():
        assert db.session.scalars(select(PastResult.edit)).all() == [{**edit, "scratched": False}]
        assert db.session.scalars(select(Picture.scratched)).all() == [False]


def test_sqlite_lets_readers_read_while_one_writes(app: Flask) -> None:
    with app.app_context():
        settings = {
            name: db.session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "busy_timeout", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "busy_timeout": 5000, "foreign_keys": 1}


@pytest.mark.usefixtures("member")
def test_many_writers_wait_for_each_other(app: Flask) -> None:
    """Reading and then writing in one go is where SQLite's "database is locked" lurks."""
    with app.app_context():
        number = add_picture(user_of(app)).id
    errors: list[BaseException] = []

    def edit() -> None:
        try:
            with app.app_context():
                for _ in range(15):
                    db.session.get(Picture, number)
                    raised = db.update(Picture).values(revision=Picture.revision + 1)
                    db.session.execute(raised)
                    db.session.commit()
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=edit) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with app.app_context():
        picture = db.session.get(Picture, number)
        assert picture is not None
        assert picture.revision == 1 + 6 * 15


@pytest.mark.usefixtures("member")
def test_times_come_back_with_their_zone(app: Flask) -> None:
    user = user_of(app)
    assert user is not None
    assert abs((now() - user.created_at).total_seconds()) < 60


@pytest.mark.usefixtures("member")
def test_everything_of_a_user_goes_with_the_user(app: Flask) -> None:
    with app.app_context():
        picture = add_picture(user_of(app))
        db.session.add(Share(picture_id=picture.id, digest="d", expires_at=now()))
        db.session.add(Token(user_id=picture.user_id, name="t", digest="e"))
        db.session.commit()
        db.session.delete(db.session.get(User, picture.user_id))
        db.session.commit()
        for table in (User, Picture, Share, Token):
            assert db.session.scalars(select(table)).all() == []


def test_identifiers_cannot_be_guessed_and_fit_an_address() -> None:
    numbers = {new_id() for _ in range(1000)}
    assert len(numbers) == 1000
    assert {len(number) for number in numbers} == {16}
