"""The studio's catalogues brought up to date with its words, and compiled.

python tools/translations.py        then translate what is empty in the .po files, and run it again

Words that are no longer in the code leave the catalogues. What is translated stays as it is, and
where a text has changed its translation has to be written anew.
"""

from __future__ import annotations

import io
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from photochrom.web.i18n import DOMAIN
from photochrom.web.languages import ENGLISH, LANGUAGES, Language

WEB: Final = Path(__file__).parents[1] / "src" / "photochrom" / "web"
"""Of the checkout: what is installed has no .po files."""
KEYWORDS: Final = {"_": None, "gettext_noop": None, "lazy_gettext": None, "ngettext": (1, 2),
                   "plural_forms": (1, 2)}  # fmt: skip
METHODS: Final = [
    ("api/**", "ignore"),  # programs are answered in English
    ("migrations/**", "ignore"),
    ("**.py", "python"),
    ("templates/**.html", "jinja2"),
]
_EPOCH: Final = datetime(2026, 1, 1, tzinfo=timezone.utc)
"""No date, so that the same words make the same file."""


def extract() -> Catalog:
    """Every text of the studio's pages."""
    catalog = Catalog(fuzzy=False)
    options = {"templates/**.html": {"silent": "false"}}
    found = extract_from_dir(WEB, METHODS, options, KEYWORDS, comment_tags=("Translators:",))
    for path, _line, message, comments, context in found:
        catalog.add(message, locations=[(path, 1)], auto_comments=comments, context=context)
    return catalog


def catalog_path(language: Language, suffix: str = ".po") -> Path:
    """Where a catalogue lies, or the .mo that is made of it."""
    return WEB / "translations" / language.code / "LC_MESSAGES" / f"{DOMAIN}{suffix}"


def read_catalog(language: Language) -> Catalog:
    """The catalogue of a language as it lies there; one without words where there is none."""
    path = catalog_path(language)
    head = f'msgid ""\nmsgstr ""\n"Plural-Forms: {language.plural_rule}\\n"\n'
    content = path.read_bytes() if path.exists() else head.encode()
    return read_po(io.BytesIO(content), locale=language.code)


def updated(language: Language, words: Catalog) -> Catalog:
    """The catalogue with all of ``words`` and no others."""
    catalog = read_catalog(language)
    catalog.update(words, no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    catalog.creation_date = catalog.revision_date = _EPOCH
    catalog.header_comment = f"# {language.name}, see docs/studio.md."
    catalog.project, catalog.version = "photochrom", "studio"
    catalog.last_translator = catalog.language_team = "the authors of photochrom"
    catalog.msgid_bugs_address = "https://github.com/photochrom/photochrom/issues"
    catalog.fuzzy = False
    return catalog


def po_bytes(catalog: Catalog) -> bytes:
    """As a text that people edit; it names files and no lines, which change all the time."""
    file = io.BytesIO()
    write_po(file, catalog, width=0, sort_by_file=True, include_lineno=False)
    return file.getvalue()


def mo_bytes(catalog: Catalog) -> bytes:
    """As Python's gettext reads it."""
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def forms(message: Message) -> tuple[str, ...]:
    """All forms of a translation; "" where one is missing."""
    string = message.string
    texts = string if isinstance(string, (tuple, list)) else (string,)
    return tuple(text or "" for text in texts)


def untranslated(catalog: Catalog) -> list[str]:
    """The texts that have no translation, or not all of its forms."""
    return [str(message.id) for message in catalog if message.id and not all(forms(message))]


def main() -> int:
    """Write both files of every language; exit code 1 where something is untranslated."""
    words, missing = extract(), 0
    for language in LANGUAGES.values():
        if language is ENGLISH:
            continue
        catalog = updated(language, words)
        catalog_path(language).parent.mkdir(parents=True, exist_ok=True)
        catalog_path(language).write_bytes(po_bytes(catalog))
        catalog_path(language, ".mo").write_bytes(mo_bytes(catalog))
        left = untranslated(catalog)
        missing += len(left)
        print(f"{language.code}: {len(catalog)} texts, {len(left)} untranslated")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
