"""Every word that a person reads passes through here, in the language of whoever reads it.

English is in the code; ``translations/`` has a gettext catalogue of the domain ``studio`` for
every other language. Which one a request is answered in is said by its cookie, which the account
refreshes at each log-in, and else by what its browser prefers. Programs are answered in English.
"""

from __future__ import annotations

import contextlib
import gettext as _stdlib
import re
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, TypeVar

from flask import Flask, current_app, request
from markupsafe import Markup
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header
from werkzeug.wrappers import Response

from photochrom.web.languages import ENGLISH, LANGUAGES, Language

R = TypeVar("R", bound=Response)
DOMAIN: Final = "studio"
TRANSLATIONS: Final = Path(__file__).with_name("translations")
COOKIE: Final = "language"
_COOKIE_S: Final = 365 * 86400
_API: Final = "/api/"
_WITH_WORDS: Final = ("text/html", "application/json", "application/manifest+json")
_STORED: Final = (
    "The result could not be stored: {why}",
    "The film is longer than {limit} minutes.",
    "There is no model “{name}” here. Choose another one.",
    "No film that the studio writes holds the sound or the subtitles of “{name}”.",
)
"""What the worker writes down with values in it."""
_EXAMPLES: Final = {"zero": 0, "one": 1, "two": 2, "few": 3, "many": 11, "other": 100}
"""A number of each of CLDR's plural categories, good for all of our languages."""
_MAX_HEADER: Final = 200
"""Characters of Accept-Language that are looked at; browsers send fewer."""


class _Words:
    """A language with its catalogue, and what of it is markup already."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.catalog: _stdlib.NullTranslations = (
            _stdlib.NullTranslations()
            if language is ENGLISH
            else _stdlib.translation(DOMAIN, TRANSLATIONS, [language.code])
        )
        self.markup: dict[str, Markup] = {}


_ENGLISH = _Words(ENGLISH)
_words: ContextVar[_Words] = ContextVar("words", default=_ENGLISH)


class LazyText:
    """A text of a module, in the language of whoever reads it whenever it is shown."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return _(self._text)

    def __mod__(self, values: object) -> str:
        return str(self) % values  # so WTForms fills in its validators' messages


def _(text: str) -> str:
    """``text`` in the reader's language."""
    return _words.get().catalog.gettext(text)


def ngettext(singular: str, plural: str, n: int) -> str:
    """The form of a text for ``n`` things, in the reader's language."""
    return _words.get().catalog.ngettext(singular, plural, n)


def plural_forms(singular: str, plural: str) -> dict[str, str]:
    """Each form of a text for a number of things, by CLDR's name, for scripts to choose from."""
    categories = current_language().plural_categories
    return {name: ngettext(singular, plural, _EXAMPLES[name]) for name in categories}


def translate_stored(text: str) -> str:
    """A sentence that the worker wrote down in English, in the reader's language."""
    for template in _STORED:
        if (values := match_template(template, text)) is not None:
            return _(template).format(**values)
    return _(text)


def match_template(template: str, text: str) -> dict[str, str] | None:
    """The values with which ``text`` was made of ``template``, by name; None: it was not."""
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.*)", re.escape(template))
    match = re.fullmatch(pattern, text, re.DOTALL)
    return None if match is None else match.groupdict()


def is_own_sentence(text: str) -> bool:
    """Whether `translate_stored` has this text in other languages."""
    foreign = _load_words(next(code for code in LANGUAGES if code != ENGLISH.code))
    return foreign.catalog.gettext(text) != text or any(
        match_template(template, text) is not None for template in _STORED
    )


def gettext_noop(text: str) -> str:
    """``text`` itself: to be translated where it is shown, as it stands in a table."""
    return text


lazy_gettext = LazyText


def current_language() -> Language:
    """The language of whoever reads."""
    return _words.get().language


@contextlib.contextmanager
def use_language(code: str | None) -> Iterator[None]:
    """Speak the language of that code; None, or one that is not spoken: the reader's own."""
    token = _words.set(_load_words(code) if code in LANGUAGES else _words.get())
    try:
        yield
    finally:
        _words.reset(token)


def keep_language(response: R, code: str) -> R:
    """Let this browser read ``code`` from now on."""
    secure: bool = current_app.config["SESSION_COOKIE_SECURE"]
    name = _cookie_name()
    response.set_cookie(name, code, max_age=_COOKIE_S, secure=secure, httponly=True, samesite="Lax")
    return response


def _cookie_name() -> str:
    # Under this prefix no other host can set it, and no page without HTTPS.
    return f"__Host-{COOKIE}" if current_app.config["SESSION_COOKIE_SECURE"] else COOKIE


def init_i18n(app: Flask) -> None:
    """Choose each request's language, and give templates their words.

    ``_("…")``, with named values: ``_("Hello %(name)s", name=…)``;
    ``ngettext("%(n)s picture", "%(n)s pictures", n=…)``, with n and other named values.
    """
    # Jinja's extension for this takes a tenth of the time of a page.
    app.jinja_env.globals.update(
        _=_page_text,
        ngettext=_page_plural,
        language=current_language,
        language_buttons=_language_buttons,
        translate_stored=translate_stored,
        format_day=lambda moment: current_language().format_day(moment),
        format_bytes=lambda count: current_language().format_bytes(count),
    )
    app.before_request(_choose_language)
    app.after_request(_name_language)
    app.teardown_request(_forget_language)


def _page_text(text: str, **values: object) -> Markup:
    """Text as it stands is markup, values are escaped, %% is a percent sign."""
    words = _words.get()
    markup = words.markup.get(text)
    if markup is None:
        markup = words.markup[text] = Markup(words.catalog.gettext(text))  # of catalogues only
    return markup % values if "%" in text else markup


def _page_plural(singular: str, plural: str, n: int, **values: object) -> Markup:
    return Markup(ngettext(singular, plural, n)) % {"n": n, **values}


def _choose_language() -> None:
    if request.path.startswith(_API):
        _words.set(_ENGLISH)
        return
    accepted = request.headers.get("Accept-Language", "")[:_MAX_HEADER]
    _words.set(
        _load_words(negotiate(request.cookies.get(_cookie_name(), "")[:_MAX_HEADER], accepted))
    )


def _name_language(response: Response) -> Response:
    """Caches keep what has words apart for each language; files are the same in all."""
    if response.mimetype not in _WITH_WORDS or request.path.startswith(_API):
        return response
    response.vary.update(("Accept-Language", "Cookie"))
    if response.mimetype == "text/html":
        response.headers.setdefault("Content-Language", current_language().code)
    return response


def _forget_language(_error: BaseException | None) -> None:
    _words.set(_ENGLISH)


@lru_cache(1024)
def negotiate(chosen: str, accepted: str) -> str:
    """The code of the language to answer in.

    chosen: a code, "" or one that is not spoken: none. accepted: an Accept-Language header.
    """
    if chosen in LANGUAGES:
        return chosen
    header = parse_accept_header(accepted, LanguageAccept)
    for tag in header.values():
        code = tag.partition("-")[0].lower()
        if code in LANGUAGES and header[tag] > 0:
            return code
    return ENGLISH.code


@cache
def _load_words(code: str) -> _Words:
    return _ENGLISH if code == ENGLISH.code else _Words(LANGUAGES[code])


def _language_buttons() -> Markup:
    return _buttons(current_language().code)


@cache
def _buttons(current: str) -> Markup:
    """A button for each language, in its own words."""
    return Markup("").join(
        Markup(
            '<button class="button quiet small" name="language" value="{0}" lang="{0}"{1}>'
            "{2}</button>"
        ).format(code, Markup(' aria-current="true"') if code == current else "", language.name)
        for code, language in LANGUAGES.items()
    )
