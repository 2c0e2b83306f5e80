"""One's own account: password, tokens, and the end of it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, session
from flask_wtf import FlaskForm
from sqlalchemy import select
from werkzeug.wrappers import Response

from photochrom.web.accounts import second_factor, service, tokens
from photochrom.web.accounts.forms import (
    ChangePasswordForm,
    DeleteAccountForm,
    NewTokenForm,
    OwnerForm,
    PhoneForm,
    ProfileForm,
)
from photochrom.web.accounts.login import begin_session, login_required, this_user
from photochrom.web.accounts.passwords import is_password
from photochrom.web.accounts.sessions import (
    is_current,
    list_logins,
    revoke_login,
    translate_agent,
)
from photochrom.web.database import Token, db
from photochrom.web.errors import InvalidInput
from photochrom.web.i18n import _
from photochrom.web.pictures.library import quota_mb, used_bytes
from photochrom.web.security import forbid_caching, limiter, login_rate, user_key
from photochrom.web.settings import current_settings

blueprint = Blueprint("account", __name__, url_prefix="/account")
blueprint.after_request(forbid_caching)
Page = str | Response | tuple[str, int]
own_password_rate = limiter.shared_limit(login_rate, scope="own password", key_func=user_key)
"""Who finds an open session cannot try passwords either."""


@blueprint.get("")
@login_required
def account() -> Page:
    """Show what is stored, the tokens, and the forms to change."""
    return account_html()


@blueprint.post("/password")
@login_required
@own_password_rate
def password() -> Page:
    """Change the password; this browser stays logged in, all others are logged out."""
    _require_accounts()
    user, form = this_user(), ChangePasswordForm()
    valid = form.validate_on_submit()
    if not form.current.errors and not is_password(form.current.data, user.password_hash):
        form.current.errors = [_("This is not your password.")]
    elif valid:
        service.change_password(user, form.password.data)
        begin_session(user)
        flash(_("Your password is changed. Other devices are logged out, and tokens ended."))
        return redirect("/account")
    return account_html(form), 400


@blueprint.post("/sessions")
@login_required
def sessions() -> Page:
    """Log out on all other devices."""
    _require_accounts()
    user = this_user()
    service.end_sessions(user)
    begin_session(user)
    flash(_("All other devices are logged out."))
    return redirect("/account")


@blueprint.post("/sessions/<int:number>/end")
@login_required
def end_session(number: int) -> Page:
    """Log out on one device."""
    _require_accounts()
    revoke_login(this_user(), number)
    flash(_("That device is logged out."))
    return redirect("/account#sessions")


@blueprint.post("/delete")
@login_required
@own_password_rate
def delete() -> Page:
    """Delete the account with all its pictures, for good."""
    _require_accounts()
    user, form = this_user(), DeleteAccountForm()
    if form.validate_on_submit():
        service.delete_user(user)
        session.clear()
        flash(_("Your account and all your pictures are deleted."))
        return redirect("/")
    return account_html(form), 400


@blueprint.get("/second-factor")
@login_required
def show_second_factor() -> Page:
    """Show how to log in with codes of a phone, or how many recovery codes are left."""
    _require_accounts()
    return _second_factor_page()


@blueprint.post("/second-factor")
@login_required
@own_password_rate
def enable_second_factor() -> Page:
    """Ask for a code at each log-in from now on; the recovery codes are on this one answer only."""
    _require_accounts()
    form = PhoneForm()
    if form.validate_on_submit():
        if codes := second_factor.finish_setup(this_user(), form.code.data):
            return _second_factor_page(codes=codes)
        form.code.errors = [_("This is not the code. Look whether the phone's clock is right.")]
    return _second_factor_page(phone_form=form), 400


@blueprint.post("/second-factor/codes")
@login_required
@own_password_rate
def renew_recovery_codes() -> Page:
    """Make new recovery codes; they are on this one answer only."""
    _require_accounts()
    user, form = this_user(), OwnerForm()
    if form.validate_on_submit() and second_factor.is_enabled(user):
        return _second_factor_page(codes=second_factor.make_recovery_codes(user))
    return _second_factor_page(owner_form=form), 400


@blueprint.post("/second-factor/off")
@login_required
@own_password_rate
def disable_second_factor() -> Page:
    """Ask for no code any more."""
    _require_accounts()
    form = OwnerForm()
    if not form.validate_on_submit():
        return _second_factor_page(owner_form=form), 400
    second_factor.disable(this_user())
    flash(_("Your password alone lets you in again."))
    return redirect("/account")


@blueprint.get("/tokens")
@login_required
def show_tokens() -> Page:
    """Lead to where tokens are shown."""
    return redirect("/account#tokens")


@blueprint.post("/tokens")
@login_required
@limiter.limit(login_rate, key_func=user_key)
def create_token() -> Page:
    """Make a token; its secret is on this one answer only."""
    form = NewTokenForm()
    if form.validate_on_submit():
        try:
            _token, secret = tokens.create_token(
                this_user(), form.token_name.data, form.scope.data, int(form.days.data)
            )
        except InvalidInput as error:
            form.token_name.errors = [str(error)]
        else:
            return account_html(secret=secret)
    return account_html(form), 400


@blueprint.post("/tokens/<int:number>/revoke")
@login_required
def revoke_token(number: int) -> Page:
    """End a token."""
    tokens.revoke_token(this_user(), number)
    flash(_("The token is revoked."))
    return redirect("/account#tokens")


def account_html(bound_form: FlaskForm | None = None, secret: str = "") -> str:
    """The account page, with the form that was sent and refused, if one was."""
    user = this_user()
    kinds = (ChangePasswordForm, DeleteAccountForm, NewTokenForm)
    forms = {kind: kind(formdata=None) for kind in kinds}
    forms[ProfileForm] = ProfileForm(formdata=None, name=user.name, email=user.email)
    if bound_form is not None:
        forms[type(bound_form)] = bound_form
    return render_template(
        "accounts/account.html",
        user=user,
        stored_bytes=used_bytes(user.id),
        quota_bytes=quota_mb(user) * 1_000_000,
        logins=[
            (login, translate_agent(login.agent), is_current(login)) for login in list_logins(user)
        ],
        tokens=list(
            db.session.scalars(select(Token).filter_by(user_id=user.id).order_by(Token.id))
        ),
        secret=secret,
        profile_form=forms[ProfileForm],
        is_proved=current_settings().confirm_email,
        password_form=forms[ChangePasswordForm],
        delete_form=forms[DeleteAccountForm],
        token_form=forms[NewTokenForm],
    )


def _second_factor_page(**more: Any) -> str:
    user = this_user()
    is_enabled = second_factor.is_enabled(user)
    key = "" if is_enabled else second_factor.begin_setup(user)
    return render_template(
        "accounts/second_factor.html",
        user=user,
        is_enabled=is_enabled,
        key=" ".join(key[start : start + 4] for start in range(0, len(key), 4)),
        qr_code="" if is_enabled else second_factor.qr_code(user),
        codes_left=second_factor.count_recovery_codes(user),
        **{
            "codes": [],
            "phone_form": PhoneForm(formdata=None),
            "owner_form": OwnerForm(formdata=None),
            **more,
        },
    )


def _require_accounts() -> None:
    if current_settings().local:
        abort(404)
