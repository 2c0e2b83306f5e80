"""Catalogues have every word of the studio, whole: no page is half in English."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fixtures.programs import load_program

from photochrom.web.i18n import DOMAIN, TRANSLATIONS
from photochrom.web.languages import ENGLISH, LANGUAGES, Language

PROGRAM = Path(__file__).parents[2] / "tools" / "translations.py"
TEMPLATES = sorted((TRANSLATIONS.parent / "templates").rglob("*.html"))
FOREIGN = [language for language in LANGUAGES.values() if language is not ENGLISH]
VALUE_OR_TAG = re.compile(r"%\(\w+\)s|%%|\{\w*\}|<[^>]*>")
NUMBERLESS = ("zero", "one", "two")
"""Forms for a single number, which may say it as a word."""
NO_WORDS = {"CC BY 2.0", "Photochrom"}
IN_TEMPLATES = re.compile(
    r"{#.*?#}|{% block (?:title|main_class) %}.*?{% endblock %}|{%.*?%}|{{.*?}}|<[^>]*>", re.DOTALL
)
SPOKEN_ATTRIBUTE = re.compile(r'\s(?:alt|aria-label|placeholder|title)="([^"{]*)')
MESSAGE = "run make translations, and translate what is empty"


@pytest.fixture(scope="module")
def program() -> ModuleType:
    return load_program(PROGRAM)


@pytest.fixture(scope="module")
def words(program: ModuleType) -> set[Any]:
    return {message.id for message in program.extract() if message.id}


def values_and_tags(text: str) -> list[str]:
    return sorted(VALUE_OR_TAG.findall(text))


def problems(original: str, forms: tuple[str, ...], categories: tuple[str, ...]) -> list[str]:
    """What is wrong with a translation. categories: of its forms."""
    found = []
    if len(forms) != len(categories) or not all(form.strip() for form in forms):
        found.append(f"{original!r} is not translated")
    for form, category in zip(forms, categories):
        parts = values_and_tags(form)
        if parts != values_and_tags(original) and (parts or category not in NUMBERLESS):
            found.append(f"{original!r} has other values or tags in {form!r}")
        if form.count("\n") != original.count("\n"):
            found.append(f"{original!r} has other lines in {form!r}")
    return found


@pytest.mark.parametrize("language", FOREIGN, ids=lambda language: language.code)
def test_every_word_is_in_every_catalogue(
    language: Language, program: ModuleType, words: set[Any]
) -> None:
    catalog = program.read_catalog(language)
    messages = [message for message in catalog if message.id]
    assert {message.id for message in messages} == words, MESSAGE
    found: list[str] = []
    for message in messages:
        is_plural = isinstance(message.id, tuple)
        original = message.id[-1] if is_plural else message.id
        categories = language.plural_categories if is_plural else ("",)
        found += problems(original, program.forms(message), categories)
    assert found == [], MESSAGE
    installed = TRANSLATIONS / language.code / "LC_MESSAGES" / f"{DOMAIN}.mo"
    assert installed.read_bytes() == program.mo_bytes(catalog), MESSAGE


@pytest.mark.parametrize(
    ("form", "is_right"),
    [
        ("%(n)s zdjęć", True),
        ("zdjęcie", True),
        ("", False),
        ("%(m)s zdjęć", False),
        ("%(n)s <b>zdjęć", False),
        ("%(n)s\nzdjęć", False),
    ],
)
def test_a_translation_that_is_not_whole_is_found(form: str, is_right: bool) -> None:
    assert (problems("%(n)s pictures", (form,), ("one",)) == []) is is_right


@pytest.mark.parametrize("page", TEMPLATES, ids=lambda path: path.name)
def test_no_page_has_words_of_its_own(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    spoken = IN_TEMPLATES.sub("\n", text).splitlines() + SPOKEN_ATTRIBUTE.findall(text)
    assert {line.strip(" \n·–:") for line in spoken if re.search("[A-Za-z]{2}", line)} <= NO_WORDS
