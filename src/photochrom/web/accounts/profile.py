"""One's own name and address, and everything that one has here, to take along."""

from __future__ import annotations

import threading
from typing import Final

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from photochrom.web.accounts import service
from photochrom.web.accounts.account_page import account_html, own_password_rate
from photochrom.web.accounts.data_export import export_data
from photochrom.web.accounts.forms import ProfileForm
from photochrom.web.accounts.login import begin_session, login_required, this_user
from photochrom.web.database import User, db, now
from photochrom.web.errors import Conflict, TooMany
from photochrom.web.i18n import _, use_language
from photochrom.web.mail import send_mail
from photochrom.web.security import computing, forbid_caching
from photochrom.web.settings import current_settings

blueprint = Blueprint("profile", __name__, url_prefix="/account")
blueprint.after_request(forbid_caching)
Page = str | AnyResponse | tuple[str, int]
_exports: Final[set[int]] = set()
"""Users to whom this process is sending everything just now: one at a time is enough."""
_exports_lock = threading.Lock()


@blueprint.post("/profile")
@login_required
@own_password_rate
def change() -> Page:
    """Change the name, and the address, which is proved first where that is asked of everybody."""
    _require_accounts()
    user, form = this_user(), ProfileForm()
    if not form.validate_on_submit():
        return account_html(form), 400
    email, is_other = form.email.data, form.email.data != user.email
    if is_other and not current_settings().confirm_email and service.is_taken(email):
        form.email.errors = [_("This email address is already in use.")]
        return account_html(form), 400
    user.name = form.name.data
    db.session.commit()
    if not is_other:
        flash(_("Your name is changed."))
    elif current_settings().confirm_email:
        _send_proof(user, email)
        flash(
            _("We have sent a message to {email}. Your address changes once you open its link.")
            .format(email=email)
        )  # fmt: skip
    else:
        try:
            _change_email(user, email)
        except Conflict as error:
            form.email.errors = [str(error)]
            return account_html(form), 400
    return redirect("/account")


@blueprint.route("/email/<token>", methods=["GET", "POST"])
@login_required
def prove_email(token: str) -> Page:
    """Change the address by the link that was sent to it, once."""
    _require_accounts()
    user = this_user()
    email = service.read_email_token(user, token, _secret())
    if not email:
        flash(_("This link has been used or is too old. Ask for another."), "error")
        return redirect("/account")
    if request.method == "GET":  # programs that look through mails open links, too
        return render_template("accounts/change_email.html", user=user, email=email)
    try:
        _change_email(user, email)
    except Conflict as error:  # somebody has made an account with it meanwhile
        flash(str(error), "error")
    return redirect("/account")


@blueprint.post("/export")
@login_required
@computing
def export() -> Page:
    """Everything of this user in one ZIP file, sent while it is put together."""
    number = this_user().id
    with _exports_lock:
        if number in _exports:
            raise TooMany(_("Your download is under way already; wait until it is done."))
        _exports.add(number)
    answer = Response(stream_with_context(export_data(number)), mimetype="application/zip")
    answer.call_on_close(lambda: _exports.discard(number))
    name = f"photochrom-{now():%Y-%m-%d}.zip"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _change_email(user: User, email: str) -> None:
    """Change the address, tell the one of before, and let this browser alone stay logged in."""
    before, settings = user.email, current_settings()
    service.change_email(user, email)
    begin_session(user)
    flash(_("Your email address is changed. Other devices are logged out."))
    if settings.mail_url:
        text = _(
            "Your account in the studio has another email address from now on.\n\n"
            "If it was not you, tell whoever runs the studio."
        )
        send_mail(settings, before, _("Your account"), text)


def _send_proof(user: User, email: str) -> None:
    """Send a link that proves an address; the page says the same if it has an account."""
    start = current_settings().public_url.rstrip("/")
    with use_language(user.language):
        if service.is_taken(email):
            text = _(
                "Somebody, we hope you, wants to have this address for an account in the studio. "
                "There is another account with it already, so nothing was changed."
            )
        else:
            token = service.email_token(user, email, _secret())
            link = start + url_for("profile.prove_email", token=token)
            text = _(
                "Somebody, we hope you, wants to have this address for an account in the studio."
                "\n\nOpen this link within a day:\n{link}\n\nIf it was not you, do nothing."
            ).replace("{link}", link)
        subject = _("Your account")
    send_mail(current_settings(), email, subject, text)


def _require_accounts() -> None:
    if current_settings().local:
        abort(404)


def _secret() -> str:
    return str(current_app.config["SECRET_KEY"])
