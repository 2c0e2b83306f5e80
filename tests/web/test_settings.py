"""Settings come from defaults, file, environment and caller, and unknown ones are refused."""

from __future__ import annotations

import dataclasses
import stat
from pathlib import Path
from typing import Any

import pytest

from photochrom.web.errors import SettingsError
from photochrom.web.secret import secret_key
from photochrom.web.settings import WebSettings, load_settings

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "studio.toml"
    path.write_text('[web]\nquota_mb = 7\nthreads = 3\nlocal = true\ndata_dir = "data"\n')
    return path


def test_the_later_source_is_the_stronger(config: Path) -> None:
    environ = {"PHOTOCHROM_WEB_THREADS": "4", "PHOTOCHROM_WEB_MODEL": "tiny", "HOME": "/h"}
    settings = load_settings(config, environ, {"model": "mine"})
    assert (settings.quota_mb, settings.threads, settings.model) == (7, 4, "mine")
    assert settings.max_upload_mb == WebSettings().max_upload_mb


def test_a_folder_in_the_file_is_relative_to_the_file(config: Path) -> None:
    assert load_settings(config, {}).data_dir == config.parent / "data"


def test_the_environment_can_name_the_file(config: Path) -> None:
    assert load_settings(None, {"PHOTOCHROM_WEB_CONFIG": str(config)}).quota_mb == 7


@pytest.mark.parametrize(("text", "value"), [("1", True), ("Yes", True), ("0", False)])
def test_yes_and_no_in_the_environment(text: str, value: bool) -> None:
    assert load_settings(None, {"PHOTOCHROM_WEB_SECURE_COOKIES": text}).secure_cookies is value


def test_lists_in_the_environment_are_separated_by_commas() -> None:
    settings = load_settings(None, {"PHOTOCHROM_WEB_ALLOWED_HOSTS": "web, photos.example.org"})
    assert settings.allowed_hosts == ("web", "photos.example.org")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[web]\nquota = 7", "unknown setting .*web.quota; known settings here: data_dir, "),
        ("[web]\nquota_mb = '7'", "web.quota_mb must be int, got '7'"),
        ("[web]\nquota_mb = true", "web.quota_mb must be int"),
        ("[web]\nallowed_hosts = [1]", r"web.allowed_hosts.0 must be str, got 1"),
        ("[web]\nquota_mb = 0", "quota_mb must be at least 1"),
        ("[wbe]\n", "one table"),
        ("[web", "not valid TOML"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "studio.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=says):
        load_settings(path, {})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot read the settings .*none\.toml"):
        load_settings(tmp_path / "none.toml", {})


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("QOUTA_MB", "7", "unknown setting PHOTOCHROM_WEB_QOUTA_MB"),
        ("QUOTA_MB", "much", "must be a whole number"),
        ("LOCAL", "perhaps", "must be 1 or 0"),
        ("LOGIN_RATE", "often", "login_rate must be a number and a time"),
        ("SECRET_KEY", "short", "at least 32 characters"),
        ("PUBLIC_URL", "photos.example.org", "public_url must start with http://"),
        ("QUEUE_URL", "amqp://here", "queue_url must start with redis://"),
        ("SIGN_UP", "perhaps", "sign_up must be one of open, invite, closed, got 'perhaps'"),
        ("MAIL_URL", "smtp://mail.example.org", "mail_url needs public_url"),
    ],
)
def test_an_environment_that_makes_no_sense_is_refused(name: str, text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load_settings(None, {f"PHOTOCHROM_WEB_{name}": text})


def test_a_refused_address_is_not_repeated_with_its_password() -> None:
    with pytest.raises(SettingsError) as error:
        load_settings(None, {"PHOTOCHROM_WEB_MAIL_URL": "mailto://me:hunter2@host"})
    assert "hunter2" not in str(error.value)


def test_the_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = WebSettings(data_dir=tmp_path)
    first = secret_key(settings)
    assert len(first) >= 64
    assert secret_key(settings) == first
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_an_empty_secret_file_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\n")
    with pytest.raises(SettingsError, match="holds no key"):
        secret_key(WebSettings(data_dir=tmp_path))


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, make_app: Any) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot make data_dir"):
        make_app(data_dir=tmp_path / "file" / "studio")


def test_every_setting_is_explained_in_the_documentation() -> None:
    page = (DOCS / "studio.md").read_text(encoding="utf-8")
    for field in dataclasses.fields(WebSettings):
        row = next(line for line in page.splitlines() if line.startswith(f"| `{field.name}`"))
        assert row.rstrip("| ").count("|") >= 3, row


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ({}, "photochrom-film"),
        ({"model": "mine.onnx"}, "mine.onnx"),
        ({"model": "mine.onnx", "film_model": "photochrom-film"}, "photochrom-film"),
        ({"film_model": "films.onnx"}, "films.onnx"),
    ],
)
def test_films_have_a_model_of_their_own_unless_one_is_named(
    given: dict[str, str], used: str
) -> None:
    assert load_settings(environ={}, overrides=given).used_film_model == used
