"""The pages of whoever looks after the studio: how it does, and its accounts."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from photochrom.web.accounts import admin
from photochrom.web.accounts.login import login_required, this_user
from photochrom.web.accounts.service import delete_user
from photochrom.web.errors import Conflict, InvalidInput
from photochrom.web.i18n import _
from photochrom.web.overview import read_overview
from photochrom.web.security import forbid_caching, limiter, login_rate, user_key
from photochrom.web.settings import current_settings

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
blueprint.after_request(forbid_caching)
Page = str | Response | tuple[str, int]
PER_PAGE: Final = 50
MAX_QUOTA_MB: Final = 1_000_000_000
_links = limiter.limit(login_rate, key_func=user_key)
"""Each link lets somebody in: who finds an open session cannot make them all."""


@blueprint.before_request
def _require_admin() -> None:
    """To all others there is no such page."""
    if current_user.is_authenticated and not this_user().is_admin:
        abort(404)


@blueprint.get("")
@login_required
def show() -> Page:
    """How the studio is doing, and its accounts."""
    return _overview_page()


@blueprint.post("/invitations")
@login_required
@_links
def invite() -> Page:
    """Make an invitation; its link is on this one answer only."""
    if current_settings().sign_up != "invite":
        raise InvalidInput(_("Invitations are used where sign_up is set to invite."))
    return _overview_page(link=_address(admin.invitation_path()))


@blueprint.get("/users/<int:number>")
@login_required
def show_user(number: int) -> Page:
    """One account, and what can be done with it."""
    return _user_page(number)


@blueprint.post("/users/<int:number>/reset")
@login_required
@_links
def reset(number: int) -> Page:
    """Make the link for a new password; it is on this one answer only, and in no log."""
    return _user_page(number, link=_address(admin.reset_path(_email(number))))


@blueprint.post("/users/<int:number>/quota")
@login_required
def quota(number: int) -> Page:
    """Give somebody more or less space; an empty field, as much as everybody has."""
    text = request.form.get("megabytes", "").strip()
    if text and not (text.isdecimal() and 1 <= int(text) <= MAX_QUOTA_MB):
        raise InvalidInput(_("Storage is a whole number of MB, at least 1."))
    admin.set_quota(_email(number), int(text) if text else None)
    flash(_("The storage is changed."))
    return redirect(url_for("admin.show_user", number=number), 303)


@blueprint.post("/users/<int:number>/second-factor")
@login_required
def drop_second_factor(number: int) -> Page:
    """Let somebody in by the password alone, whose phone and recovery codes are gone."""
    admin.disable_second_factor(_email(number, is_other=True))
    flash(_("The password alone lets this person in."))
    return redirect(url_for("admin.show_user", number=number), 303)


@blueprint.post("/users/<int:number>/disable")
@login_required
def disable(number: int) -> Page:
    """Keep somebody out."""
    admin.set_disabled(_email(number, is_other=True), True)
    flash(_("This person is logged out and cannot log in."))
    return redirect(url_for("admin.show_user", number=number), 303)


@blueprint.post("/users/<int:number>/enable")
@login_required
def enable(number: int) -> Page:
    """Let somebody in again."""
    admin.set_disabled(_email(number), False)
    flash(_("This person can log in again."))
    return redirect(url_for("admin.show_user", number=number), 303)


@blueprint.post("/users/<int:number>/delete")
@login_required
def delete(number: int) -> Page:
    """Delete an account with its pictures, once its address was typed."""
    address = _email(number, is_other=True)
    if request.form.get("email", "").strip().casefold() != address:
        return _user_page(number, problem=_("This is not the address of the account.")), 400
    delete_user(admin.find_account(address))
    flash(_("The account and all its pictures are deleted."))
    return redirect(url_for("admin.show"), 303)


def _email(number: int, *, is_other: bool = False) -> str:
    """Whose account it is. Raises NotFound, and Conflict where one may not act on oneself."""
    user = admin.find_account_by_id(number)
    if is_other and user.id == this_user().id:
        raise Conflict(_("This is your own account; another admin, or the command line, can."))
    return user.email


def _overview_page(**more: Any) -> str:
    search = request.args.get("q", "").strip()[:100]
    number = min(max(1, request.args.get("page", 1, type=int)), 1_000_000)
    accounts = admin.list_accounts(search, (number - 1) * PER_PAGE, PER_PAGE + 1)
    return render_template(
        "accounts/admin.html",
        overview=read_overview(),
        accounts=accounts[:PER_PAGE],
        has_next=len(accounts) > PER_PAGE,
        page=number,
        search=search,
        by_invitation=current_settings().sign_up == "invite",
        **{"link": "", **more},
    )


def _user_page(number: int, **more: Any) -> str:
    user = admin.find_account_by_id(number)
    [account] = [one for one in admin.list_accounts(user.email) if one.id == number]
    return render_template(
        "accounts/admin_user.html",
        account=account,
        own_quota=user.quota_mb,
        usual_quota=current_settings().quota_mb,
        is_own=user.id == this_user().id,
        **{"link": "", "problem": "", **more},
    )


def _address(path: str) -> str:
    # Whoever asks is an admin, so the name by which they reach the studio is good for the link.
    return (current_settings().public_url or request.host_url).rstrip("/") + path
