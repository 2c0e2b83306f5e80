"""Every word that a person reads passes through here, so that it can be translated.

English is in the code. A translation is a gettext catalogue for the domain ``studio``; until there
is one, words come out as they went in.
"""

from __future__ import annotations

import gettext as _stdlib
from functools import cache

from flask import Flask
from markupsafe import Markup

_CATALOG = _stdlib.NullTranslations()


def _(text: str) -> str:
    """``text`` in the reader's language."""
    return _CATALOG.gettext(text)


def init_i18n(app: Flask) -> None:
    """Give templates ``_("…")``, with named values: ``_("Hello %(name)s", name=…)``."""
    # Jinja's extension for this takes a tenth of the time of a page.
    app.jinja_env.globals["_"] = _page_text


def _page_text(text: str, **values: object) -> Markup:
    """Text as it stands is markup, values are escaped, %% is a percent sign."""
    return _markup(text) % values if "%" in text else _markup(text)


@cache
def _markup(text: str) -> Markup:
    return Markup(_(text))
