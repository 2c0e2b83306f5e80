"""Why a file cannot be used, and what is peculiar about it, in words of the studio.

What decoders say is English, of libraries' insides, and may hold names: it goes to the log, without
the file's name.
"""

from __future__ import annotations

import logging
from typing import Final

from photochrom.web.i18n import _, gettext_noop, match_template

_DAMAGED: Final = gettext_noop(
    "“{name}” is damaged, or was cut off on its way. Send it again, or another copy of it."
)
_UNKNOWN: Final = gettext_noop("“{name}” is not a picture or film of a kind that the studio knows.")
_UNREADABLE: Final = gettext_noop("“{name}” is of a kind that this studio cannot read.")
_REASONS: Final = (
    ("whatever its name says", _UNKNOWN),
    ("no moving picture", _UNKNOWN),
    ("not enough memory", gettext_noop("“{name}” needs more memory than the studio has.")),
    *((sign, _DAMAGED) for sign in ("damaged", "missing", "cut off", "do not decode", "ends",
                                    "breaks off", "ended early", "empty")),
)  # fmt: skip
"""Words by which a decoder's message is known, and what is said instead."""
_NOTES: Final = (
    gettext_noop("{share} of the picture are missing from the file; the rest was read"),
    gettext_noop("the file holds {count} pages; only the first was read"),
    gettext_noop("the file holds {count} pictures; only the first was read"),
    "its file is damaged ({what}), without harm to the picture",
)
_OWN_WORDS: Final = {
    _NOTES[3]: gettext_noop("the file is damaged, without harm to the picture"),
}
"""For notes that hold a decoder's words."""

_log = logging.getLogger(__name__)


def refusal(error: Exception, name: str, path: object = "") -> str:
    """Why a file is refused, for whoever sends it.

    error: what reading it raised. name: what they call it. path: where it lies here.
    """
    _log.info("a file was refused: %s", decoder_words(error, name, path))
    text = str(error)
    sentence = next((reason for sign, reason in _REASONS if sign in text), _UNREADABLE)
    return _(sentence).format(name=name)


def decoder_words(error: Exception, *names: object) -> str:
    """What a decoder says, for the log, without any of the names of the file."""
    text = str(error)
    for name in sorted({str(one) for one in names if str(one)}, key=len, reverse=True):
        text = text.replace(name, "it")
    return text.removeprefix("cannot read it: ")


def translated_note(note: str) -> str:
    """A note of a picture in the reader's language."""
    for template in _NOTES:
        if (values := match_template(template, note)) is not None:
            return _(_OWN_WORDS.get(template, template)).format(**values)
    return _("something in it could not be used, and was left out or converted")
