"""Signing up, logging in and out, and the way back for who forgot the password."""

from __future__ import annotations

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import current_user
from werkzeug.wrappers import Response

from photochrom.web.accounts import second_factor, service
from photochrom.web.accounts.forms import (
    AskResetForm,
    CodeForm,
    LogInForm,
    NewPasswordForm,
    SignUpForm,
    account_key,
    stored_email,
)
from photochrom.web.accounts.login import begin_session
from photochrom.web.accounts.login_steps import continue_login, pending_key, pending_user
from photochrom.web.accounts.sessions import end_login
from photochrom.web.errors import Conflict
from photochrom.web.i18n import _, use_language
from photochrom.web.mail import send_mail
from photochrom.web.security import forbid_caching, limiter, login_rate, safe_next
from photochrom.web.settings import current_settings

blueprint = Blueprint("accounts", __name__)
blueprint.after_request(forbid_caching)
Page = str | Response | tuple[str, int]
BAD_REQUEST = 400


@blueprint.before_request
def _require_accounts() -> None:
    if current_settings().local:
        abort(404)


@blueprint.get("/sign-up")
def sign_up_page() -> Page:
    """Show the form for a new account."""
    if current_user.is_authenticated:
        return redirect("/")
    if not service.is_invited(_invitation()):
        return _refuse_visitor()
    if current_settings().confirm_email:
        if not _proved_email():
            form = AskResetForm(formdata=None)
            return render_template("accounts/prove_email.html", form=form, is_sent=False)
        return render_template("accounts/sign_up.html", form=SignUpForm(email=_proved_email()))
    return render_template("accounts/sign_up.html", form=SignUpForm())


@blueprint.post("/sign-up")
@limiter.limit(login_rate)
def create() -> Page:
    """Make an account, and log in with it; or show what is wrong at each field."""
    if not service.is_invited(_invitation()):
        return _refuse_visitor()
    proved_email = _proved_email()
    if current_settings().confirm_email and not proved_email:
        return _send_proof()
    form = SignUpForm()
    if proved_email:
        form.email.process_data(proved_email)  # whatever was typed instead
    valid = form.validate_on_submit()
    if not form.email.errors and service.is_taken(form.email.data):
        form.email.errors = [_("This email address is already in use.")]
    elif valid:
        try:
            if not service.use_invitation(_invitation()):
                return _refuse_visitor()
            user = service.create_user(form.name.data, form.email.data, form.password.data)
        except Conflict as error:
            form.email.errors = [str(error)]
        else:
            begin_session(user)
            return redirect(safe_next(request.args.get("next")))
    return render_template("accounts/sign_up.html", form=form), BAD_REQUEST


@blueprint.get("/log-in")
def log_in_page() -> Page:
    """Show the form for email and password."""
    if current_user.is_authenticated:
        return redirect(safe_next(request.args.get("next")))
    return render_template("accounts/log_in.html", form=LogInForm())


@blueprint.post("/log-in")
@limiter.limit(login_rate)
@limiter.limit(login_rate, key_func=account_key)
def begin() -> Page:
    """Log in; what fails does not tell whether the email has an account."""
    form = LogInForm()
    if form.validate_on_submit():
        user = service.authenticate(stored_email(form.email.data), form.password.data)
        if user is not None:
            return continue_login(user, request.args.get("next"))
        form.password.errors = [_("Email or password is wrong.")]
    return render_template("accounts/log_in.html", form=form), BAD_REQUEST


@blueprint.get("/log-in/code")
def code_page() -> Page:
    """Show the form for the second factor."""
    if pending_user() is None:
        return redirect(url_for("accounts.log_in_page", next=request.args.get("next")))
    return render_template("accounts/code.html", form=CodeForm())


@blueprint.post("/log-in/code")
@limiter.limit(login_rate)
@limiter.limit(login_rate, key_func=pending_key)
def check_code() -> Page:
    """Log in whose second factor is right, too."""
    user, form = pending_user(), CodeForm()
    if user is None:
        flash(_("That took too long. Log in again."), "error")
        return redirect(url_for("accounts.log_in_page", next=request.args.get("next")))
    if form.validate_on_submit():
        if second_factor.use_code(user, form.code.data):
            begin_session(user)
            return redirect(safe_next(request.args.get("next")))
        form.code.errors = [_("This is not the code, or it was used already.")]
    return render_template("accounts/code.html", form=form), BAD_REQUEST


@blueprint.post("/log-out")
def log_out() -> Page:
    """End this session, for whoever has its cookie."""
    end_login()
    flash(_("You are logged out."))
    answer = redirect("/")
    # Pictures that this browser has kept, and what may be undone, are nobody else's to find.
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


@blueprint.get("/reset")
def ask_reset() -> Page:
    """Show the form that asks for a link."""
    # From the log-in page, with the address that was typed there.
    form = AskResetForm(formdata=None, email=request.args.get("email", "")[:320])
    return render_template("accounts/ask_reset.html", form=form, is_sent=False)


@blueprint.post("/reset")
@limiter.limit(login_rate)
@limiter.limit(login_rate, key_func=account_key)
def send_reset() -> Page:
    """Send a link if there is such an account; the page says the same either way."""
    form = AskResetForm()
    if not form.validate_on_submit():
        return render_template("accounts/ask_reset.html", form=form, is_sent=False), BAD_REQUEST
    user = service.find_user(form.email.data)
    by_mail = bool(current_settings().mail_url)
    if user is not None and by_mail and user.disabled_at is None:
        # Never by the Host header, which whoever asks about somebody else can choose.
        start = current_settings().public_url.rstrip("/")
        link = f"{start}/reset/{service.reset_token(user, _secret())}"
        with use_language(user.language):
            text = _(
                "Somebody, we hope you, asked for a new password for your account in the studio."
                "\n\nChoose it here within an hour:\n{link}\n\n"
                "If it was not you, do nothing: your password stays as it is."
            )
            subject = _("Your new password")
        send_mail(current_settings(), user.email, subject, text.replace("{link}", link))
    return render_template("accounts/ask_reset.html", form=form, is_sent=True, by_mail=by_mail)


@blueprint.route("/reset/<token>", methods=["GET", "POST"])
@limiter.limit(login_rate, methods=["POST"])
def reset(token: str) -> Page:
    """Set a new password by a link, once."""
    user = service.find_reset_user(token, _secret())
    if user is None:
        return _refuse_link()
    form = NewPasswordForm()
    if not form.validate_on_submit():
        page = render_template("accounts/reset.html", form=form, user=user)
        return page if request.method == "GET" else (page, BAD_REQUEST)
    if not service.use_reset(user, form.password.data):
        return _refuse_link()
    session.clear()
    flash(_("Your new password is set. Log in with it."))
    return redirect("/log-in")


def _send_proof() -> Page:
    """Send a link that proves an address; the page says the same if it has an account."""
    form = AskResetForm()
    if not form.validate_on_submit():
        page = render_template("accounts/prove_email.html", form=form, is_sent=False)
        return page, BAD_REQUEST
    start = current_settings().public_url.rstrip("/")
    if service.is_taken(form.email.data):
        text = _(
            "Somebody, we hope you, wants to make an account in the studio with this address. "
            "There is one already: log in, or ask for a new password.\n\n{link}"
        )
        link = f"{start}/log-in"
    else:
        text = _(
            "Somebody, we hope you, wants to make an account in the studio with this address.\n\n"
            "Go on here within a day:\n{link}\n\nIf it was not you, do nothing."
        )
        token = service.sign_up_token(form.email.data, _secret())
        link = start + url_for(
            "accounts.sign_up_page", proof=token, invitation=_invitation() or None
        )
    send_mail(current_settings(), form.email.data, _("Your account"), text.replace("{link}", link))
    return render_template("accounts/prove_email.html", form=form, is_sent=True)


def _proved_email() -> str:
    """The address that whoever signs up has proved; "" if none has to be, or none is."""
    if not current_settings().confirm_email:
        return ""
    return service.read_sign_up_token(request.args.get("proof", ""), _secret())


def _invitation() -> str:
    return request.args.get("invitation", "")


def _refuse_visitor() -> tuple[str, int]:
    """Why nobody, or not everybody, makes an account here."""
    by_invitation = current_settings().sign_up == "invite"
    page = render_template(
        "accounts/no_sign_up.html", by_invitation=by_invitation, is_ended=bool(_invitation())
    )
    return page, 403


def _refuse_link() -> Response:
    flash(_("This link has been used or is too old. Ask for another."), "error")
    return redirect("/reset")


def _secret() -> str:
    return str(current_app.config["SECRET_KEY"])
