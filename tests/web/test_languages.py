"""Pages in the language of whoever reads them."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone

import pytest
from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal
from fixtures.web import (
    EMAIL,
    PASSWORD,
    MakeApp,
    app,
    compiled_templates,
    empty_database,
    make_app,
    send,
    sign_up,
)
from flask import Flask

from photochrom.web import i18n, pwa
from photochrom.web.languages import LANGUAGES, Language

__all__ = ["app", "compiled_templates", "empty_database", "make_app"]

NOVEMBER = datetime(2026, 11, 21, 23, 59, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("chosen", "accepted", "code"),
    [
        ("", "", "en"),
        ("", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "nl,fr-CA;q=0.5,en;q=0.4", "fr"),
        ("", "nl, sv", "en"),
        ("", "en;q=0.3, ar;q=0.7", "ar"),
        ("", "de;q=0, pl", "pl"),
        ("", "zh-TW", "zh"),
        ("", "!;;q=x," * 40, "en"),
        ("ja", "de", "ja"),
        ("../ja", "de", "de"),
    ],
)
def test_the_language_is_what_was_chosen_or_what_the_browser_prefers(
    chosen: str, accepted: str, code: str
) -> None:
    assert i18n.negotiate(chosen, accepted) == code


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_days_and_sizes_are_written_as_unicodes_tables_have_them(
    language: Language,
) -> None:
    locale = Locale.parse("en_GB" if language.code == "en" else language.code)
    assert locale.text_direction == language.direction
    for month in range(1, 13):
        day = NOVEMBER.replace(month=month)
        assert language.format_day(day) == format_date(day, "long", locale=locale)
    number, unit = language.format_bytes(1_549_999).split(" ")
    assert number == format_decimal(1.5, "0.0", locale=locale)
    assert unit == language.byte_units[2]
    assert language.format_bytes(999).startswith("999")


def test_a_page_comes_in_its_language_and_says_so(app: Flask) -> None:
    browser = app.test_client()
    page = browser.get("/", headers={"Accept-Language": "ar"})
    assert '<html lang="ar" dir="rtl">' in page.text
    assert "صورك القديمة، بالألوان" in page.text
    assert page.headers["Content-Language"] == "ar"
    assert {"Accept-Language", "Cookie"} <= set(page.vary)
    assert "/sw.js?v=" in page.text
    assert '<html lang="en" dir="ltr">' in browser.get("/").text  # nothing of the last one is left
    missing = browser.get("/no-such-page", headers={"Accept-Language": "de"})
    assert (missing.status_code, "Hier ist nichts" in missing.text) == (404, True)
    manifest = browser.get("/manifest.webmanifest", headers={"Accept-Language": "ja"})
    assert json.loads(manifest.data)["lang"] == "ja"
    assert "Accept-Language" in manifest.vary
    with browser.get("/static/icons/icon.svg") as icon:
        assert "Accept-Language" not in icon.vary
    offline = browser.get("/offline?language=de")
    assert "Es gibt keine Verbindung" in offline.text
    assert offline.headers["Content-Language"] == "de", "by which the service worker knows it"
    assert "There is no connection" in browser.get("/offline?language=xx").text


def test_a_language_is_chosen_on_any_page_and_stays(app: Flask) -> None:
    browser = app.test_client()
    answer = send(browser, "/language", {"language": "fr", "next": "/log-in?next=%2Flibrary"})
    assert (answer.status_code, answer.location) == (303, "/log-in?next=%2Flibrary")
    [cookie] = [line for line in answer.headers.getlist("Set-Cookie") if "language" in line]
    assert cookie.startswith("__Host-language=fr;")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    page = browser.get("/log-in", headers={"Accept-Language": "de"}).text
    assert 'lang="fr" dir="ltr"' in page
    assert 'aria-current="true">Français<' in page
    refused = send(browser, "/log-in", {"email": "", "password": ""})
    assert "Saisissez votre adresse e-mail." in refused.text
    assert send(browser, "/language", {"language": "xx"}).status_code == 400
    elsewhere = send(browser, "/language", {"language": "de", "next": "//evil.example"})
    assert elsewhere.location == "/"


def test_the_account_keeps_a_language_for_its_mails_and_other_browsers(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[str] = []
    monkeypatch.setattr(
        "photochrom.web.accounts.routes.send_mail",
        lambda _settings, _to, subject, text: messages.append(f"{subject}: {text}"),
    )
    app = make_app(mail_url="smtp://127.0.0.1:9", public_url="https://localhost")
    first = sign_up(app)
    assert send(first, "/language", {"language": "it"}).status_code == 303
    other = app.test_client()
    before = other.get("/log-in", headers={"Accept-Language": "ja"}).text
    assert '<html lang="ja"' in before
    send(other, "/log-in", {"email": EMAIL, "password": PASSWORD})
    after = other.get("/account", headers={"Accept-Language": "ja"}).text
    assert '<html lang="it"' in after
    send(app.test_client(), "/reset", {"email": EMAIL})
    assert messages[0].startswith("La tua nuova password: Qualcuno, speriamo tu,")


def test_programs_are_answered_in_english(make_app: MakeApp) -> None:
    app = make_app()
    polish = {"Accept-Language": "pl", "Authorization": "Bearer pc_none"}
    answer = app.test_client().get("/api/v1/pictures/none", headers=polish)
    assert "Send a token of yours" in answer.get_json()["error"]
    person = sign_up(app)
    send(person, "/language", {"language": "pl"})
    scripts = {"Accept": "application/json"}
    error = person.get("/pictures/none/state", headers=scripts).get_json()["error"]
    assert error == "Nie ma takiego obrazu."  # scripts of pages show it


@pytest.mark.parametrize(
    ("code", "counts"),
    [
        ("en", {1: "1 hour", 2: "2 hours"}),
        ("fr", {1: "1 heure", 2: "2 heures"}),
        ("pl", {1: "1 godziny", 3: "3 godzin", 11: "11 godzin"}),
        ("ar", {2: "ساعتان", 3: "3 ساعات", 11: "11 ساعة", 100: "100 ساعة"}),
    ],
)
def test_numbers_come_with_their_forms(app: Flask, code: str, counts: dict[int, str]) -> None:
    with app.test_request_context(), i18n.use_language(code):
        for count, words in counts.items():
            form = i18n.ngettext("About {hours} hour left", "About {hours} hours left", count)
            assert words in form.format(hours=count)
        forms = pwa.script_messages()["hours_left"]
        assert list(forms) == list(LANGUAGES[code].plural_categories)


def test_what_the_worker_wrote_down_is_shown_in_the_readers_language() -> None:
    with i18n.use_language("de"):
        assert i18n.translate_stored("You stopped it.") == "Du hast es angehalten."
        told = i18n.translate_stored("The result could not be stored: No space left on device")
        assert re.fullmatch("Das Ergebnis konnte .*: No space left on device", told)
        assert i18n.translate_stored("something of a library's") == "something of a library's"
