"""The languages of the studio's pages: one row for each, with how it writes days and numbers.

Words are in the catalogues of ``translations/``, see :mod:`photochrom.web.i18n`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

_BYTES: Final = ("B", "kB", "MB", "GB", "TB")
_GERMANIC: Final = "nplurals=2; plural=(n != 1);"
_FRENCH: Final = "nplurals=2; plural=(n > 1);"
_POLISH: Final = (
    "nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);"
)
_ARABIC: Final = (
    "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : "
    "n%100>=11 && n%100<=99 ? 4 : 5);"
)


class Language(NamedTuple):
    """A language, as Unicode's CLDR describes it."""

    code: str
    """Of BCP 47, as ``<html lang>`` and Accept-Language have it."""
    name: str
    """In the language itself, as whoever looks for it would."""
    day: str
    """A day, of {day}, {month} and {year}."""
    months: tuple[str, ...] = ()
    """As they stand in a day; (): as numbers."""
    decimal_mark: str = ","
    byte_units: tuple[str, ...] = _BYTES
    """Of 1, 1000, 1000², 1000³ and 1000⁴ bytes."""
    plural_rule: str = _GERMANIC
    """As the header Plural-Forms of a gettext catalogue has it."""
    plural_categories: tuple[str, ...] = ("one", "other")
    """CLDR's names of these forms, by which JavaScript's Intl.PluralRules calls them."""
    is_rtl: bool = False
    """Written from right to left."""

    @property
    def direction(self) -> str:
        """As ``<html dir>`` has it."""
        return "rtl" if self.is_rtl else "ltr"

    def format_day(self, moment: datetime) -> str:
        """The day of a moment, in UTC: 21 November 2026."""
        month = self.months[moment.month - 1] if self.months else str(moment.month)
        return self.day.format(day=moment.day, month=month, year=moment.year)

    def format_bytes(self, count: int) -> str:
        """So many bytes, rounded to tenths of the largest unit that is reached: 1.5 MB."""
        size, unit = float(count), 0
        while size >= 1000 and unit + 1 < len(self.byte_units):
            size, unit = size / 1000, unit + 1
        number = f"{size:.1f}".replace(".", self.decimal_mark) if unit else str(count)
        return f"{number} {self.byte_units[unit]}"


def _months(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ENGLISH: Final = Language(
    "en", "English", "{day} {month} {year}",
    _months("January February March April May June July August September October November "
            "December"),
    decimal_mark=".",
)  # fmt: skip
LANGUAGES: Final = {
    language.code: language
    for language in (
        ENGLISH,
        Language(
            "de", "Deutsch", "{day}. {month} {year}",
            _months("Januar Februar März April Mai Juni Juli August September Oktober November "
                    "Dezember"),
        ),
        Language(
            "fr", "Français", "{day} {month} {year}",
            _months("janvier février mars avril mai juin juillet août septembre octobre novembre "
                    "décembre"),
            byte_units=("o", "ko", "Mo", "Go", "To"), plural_rule=_FRENCH,
        ),
        Language(
            "es", "Español", "{day} de {month} de {year}",
            _months("enero febrero marzo abril mayo junio julio agosto septiembre octubre "
                    "noviembre diciembre"),
        ),
        Language(
            "it", "Italiano", "{day} {month} {year}",
            _months("gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre "
                    "novembre dicembre"),
        ),
        Language(
            "pt", "Português", "{day} de {month} de {year}",
            _months("janeiro fevereiro março abril maio junho julho agosto setembro outubro "
                    "novembro dezembro"),
            plural_rule=_FRENCH,
        ),
        Language(
            "pl", "Polski", "{day} {month} {year}",
            _months("stycznia lutego marca kwietnia maja czerwca lipca sierpnia września "
                    "października listopada grudnia"),
            plural_rule=_POLISH, plural_categories=("one", "few", "many"),
        ),
        Language(
            "ja", "日本語", "{year}年{month}月{day}日", decimal_mark=".",
            plural_rule="nplurals=1; plural=0;", plural_categories=("other",),
        ),
        Language(
            "zh", "简体中文", "{year}年{month}月{day}日", decimal_mark=".",
            plural_rule="nplurals=1; plural=0;", plural_categories=("other",),
        ),
        Language(
            "ar", "العربية", "{day} {month} {year}",
            _months("يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر"),
            decimal_mark=".",
            byte_units=("بايت", "كيلوبايت", "ميغابايت", "غيغابايت", "تيرابايت"),
            plural_rule=_ARABIC,
            plural_categories=("zero", "one", "two", "few", "many", "other"), is_rtl=True,
        ),
    )
}  # fmt: skip
"""By their codes, in the order in which they are offered."""
