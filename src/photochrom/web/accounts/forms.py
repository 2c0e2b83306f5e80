"""The forms of accounts: each field refuses with its own words."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable
from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask import request
from flask_login import current_user
from flask_wtf import FlaskForm
from markupsafe import Markup
from wtforms import Field, Form, PasswordField, StringField
from wtforms.validators import AnyOf, EqualTo, StopValidation
from wtforms.widgets import html_params

from photochrom.web.accounts.passwords import MAX_LENGTH, MIN_LENGTH, is_guessable, is_password
from photochrom.web.accounts.sessions import is_recent
from photochrom.web.i18n import LazyText, _, lazy_gettext

Validator = Callable[[Form, Field], None]
MAX_NAME_LENGTH = 100
"""Characters of a name, of a person or of a token."""


def tidy(text: str | None) -> str:
    """``text`` composed (NFC), without spaces around it."""
    return unicodedata.normalize("NFC", text or "").strip()


def not_empty(message: LazyText) -> Validator:
    """Refuses an empty field, and asks nothing more of it."""

    def check(_form: Form, field: Field) -> None:
        if not field.data:
            raise StopValidation(message)

    return check


def printable(_form: Form, field: Field) -> None:
    """Refuses what cannot be shown in a line: line breaks, control and invisible characters."""
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
           and character != "\u200d" for character in field.data):  # fmt: skip
        raise StopValidation(_("This holds characters that cannot be shown."))
    if len(field.data) > MAX_NAME_LENGTH:
        raise StopValidation(_("Use at most 100 characters."))


def email(_form: Form, field: Field) -> None:
    """Refuses what is no email address; keeps it casefolded, as it is compared."""
    try:
        field.data = normal_email(field.data)
    except EmailNotValidError:
        raise StopValidation(_("This is not a valid email address.")) from None


def normal_email(text: str) -> str:
    """The one way to write an address. Raises EmailNotValidError; nothing is asked of the net."""
    return validate_email(text, check_deliverability=False).normalized.casefold()


def stored_email(text: str | None) -> str:
    """``text`` as the database would have it; "" for what cannot be anybody's address."""
    try:
        return normal_email(tidy(text))
    except EmailNotValidError:
        return ""


def account_key() -> str:
    """The account that a form is for, so that many addresses together cannot guess faster."""
    return "account:" + hashlib.sha256(stored_email(request.form.get("email")).encode()).hexdigest()


def check_length(_form: Form, field: Field) -> None:
    """Refuses a password that is too short to keep anybody out, or too long to be hashed."""
    if len(field.data) < MIN_LENGTH:
        raise StopValidation(_("Use at least 10 characters."))
    if len(field.data) > MAX_LENGTH:
        raise StopValidation(_("Use at most 1000 characters."))


def check_strength(form: Form, field: Field) -> None:
    """Refuses a password that others would try early; what the form says of the person counts."""
    fields = (form[name].data or "" for name in ("name", "email") if name in form)
    if is_guessable(field.data, [*fields, getattr(current_user, "email", "")]):
        raise StopValidation(_("This is easy to guess. Use several words that do not belong."))


def new_password_field(label: LazyText) -> PasswordField:
    """A field for a password that is new."""
    return PasswordField(
        label,
        validators=[not_empty(lazy_gettext("Enter a password.")), check_length, check_strength],
        render_kw={"autocomplete": "new-password"},
    )


def check_owner(_form: Form, field: Field) -> None:
    """Refuses whoever has only found an open session: by the password, or a log-in long ago."""
    if not current_user.password_hash:
        if not is_recent():
            raise StopValidation(_("Log out and in again first: your log-in was a while ago."))
    elif not field.data:
        raise StopValidation(_("Enter a password."))
    elif not is_password(field.data, current_user.password_hash):
        raise StopValidation(_("This is not your password."))


def owner_field() -> PasswordField:
    """The password of who is logged in, again."""
    return PasswordField(
        lazy_gettext("Your password"),
        validators=[check_owner],
        render_kw={"autocomplete": "current-password"},
    )


class NewPasswordForm(FlaskForm):
    """A new password, written twice."""

    password = new_password_field(lazy_gettext("New password"))
    again = PasswordField(
        lazy_gettext("Password again"),
        validators=[EqualTo("password", message=lazy_gettext("The two passwords differ."))],
        render_kw={"autocomplete": "new-password"},
    )


def name_field() -> StringField:
    """What somebody is called."""
    return StringField(
        lazy_gettext("Name"),
        filters=[tidy],
        validators=[not_empty(lazy_gettext("Enter your name.")), printable],
        render_kw={"autocomplete": "name", "maxlength": MAX_NAME_LENGTH},
    )


def email_field() -> StringField:
    """An address that is to be somebody's own."""
    return StringField(
        lazy_gettext("Email address"),
        filters=[tidy],
        validators=[not_empty(lazy_gettext("Enter your email address.")), email],
        render_kw={"autocomplete": "email", "type": "email", "inputmode": "email"},
    )


class SignUpForm(NewPasswordForm):
    """A new account."""

    password = new_password_field(lazy_gettext("Password"))
    name = name_field()
    email = email_field()


class ProfileForm(FlaskForm):
    """Another name or address; and who asks, as the address is what one logs in with."""

    name = name_field()
    email = email_field()
    owner = owner_field()


class LogInForm(FlaskForm):
    """Email and password; what is wrong with them is told only together."""

    email = StringField(
        lazy_gettext("Email address"),
        filters=[tidy],
        validators=[not_empty(lazy_gettext("Enter your email address."))],
        render_kw={"autocomplete": "username", "type": "email", "inputmode": "email"},
    )
    password = PasswordField(
        lazy_gettext("Password"),
        validators=[not_empty(lazy_gettext("Enter a password."))],
        render_kw={"autocomplete": "current-password"},
    )


class AskResetForm(FlaskForm):
    """The address that a link is to be sent to."""

    email = StringField(
        lazy_gettext("Email address"),
        filters=[tidy],
        validators=[not_empty(lazy_gettext("Enter your email address.")), email],
        render_kw={"autocomplete": "username", "type": "email", "inputmode": "email"},
    )


class ChangePasswordForm(NewPasswordForm):
    """The present password, and another."""

    current = PasswordField(
        lazy_gettext("Present password"),
        validators=[not_empty(lazy_gettext("Enter a password."))],
        render_kw={"autocomplete": "current-password"},
    )


class DeleteAccountForm(FlaskForm):
    """Who asks, as what follows cannot be undone."""

    confirm = owner_field()


class CodeForm(FlaskForm):
    """A code of the phone, or a recovery code."""

    code = StringField(
        lazy_gettext("Code"),
        filters=[tidy],
        validators=[not_empty(lazy_gettext("Enter the code."))],
        render_kw={"autocomplete": "one-time-code", "autocapitalize": "none", "maxlength": 40},
    )


class PhoneForm(CodeForm):
    """A code that shows that the phone has its key; and who asks for it."""

    confirm = owner_field()


class OwnerForm(FlaskForm):
    """Who asks for what changes how they log in."""

    confirm = owner_field()


class ChoiceField(StringField):
    """One of several values, each with its words. WTForms' own wants them in another form soon."""

    def __init__(self, label: LazyText, choices: dict[str, LazyText], **more: Any) -> None:
        validators = [AnyOf(choices, message=lazy_gettext("Choose one of these."))]
        super().__init__(label, validators=validators, **more)
        self.choices = choices

    def widget(self, field: Field, **attributes: object) -> Markup:
        """The list, as a <select>."""
        options = Markup("").join(
            Markup('<option value="{}"{}>{}</option>').format(
                value, Markup(" selected") if value == field.data else "", words
            )
            for value, words in self.choices.items()
        )
        given = Markup(html_params(id=field.id, name=field.name, **attributes))
        return Markup("<select {}>{}</select>").format(given, options)


class NewTokenForm(FlaskForm):
    """What a token is for."""

    token_name = StringField(
        lazy_gettext("What is it for?"),
        filters=[tidy],
        validators=[not_empty(lazy_gettext("Enter a name.")), printable],
        render_kw={"maxlength": MAX_NAME_LENGTH, "autocomplete": "off"},
    )
    scope = ChoiceField(
        lazy_gettext("What may it do?"),
        {
            "write": lazy_gettext("Everything: send, change and delete pictures"),
            "read": lazy_gettext("Only look at pictures and download them"),
        },
        default="write",
    )
    days = ChoiceField(
        lazy_gettext("How long does it work?"),
        {
            "30": lazy_gettext("30 days"),
            "90": lazy_gettext("90 days"),
            "365": lazy_gettext("A year"),
            "0": lazy_gettext("Until you revoke it"),
        },
        default="365",
    )
