"""The rules of accounts, whichever page asks."""

from __future__ import annotations

from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from photochrom.web.accounts.passwords import hash_password, is_outdated, is_password
from photochrom.web.accounts.tokens import digest
from photochrom.web.database import Invitation, Login, Picture, Token, User, db, now
from photochrom.web.errors import Conflict
from photochrom.web.i18n import _
from photochrom.web.people.album import remove_switch
from photochrom.web.pictures.resumable import delete_uploads
from photochrom.web.settings import current_settings
from photochrom.web.storage import Storage, drop_ballast

RESET_HOURS = 1
"""How long a reset link can be used."""
PROOF_HOURS = 24
"""How long a link proves an address."""


def is_taken(email: str) -> bool:
    """Whether ``email``, casefolded, has an account."""
    return find_user(email) is not None


def find_user(email: str) -> User | None:
    """The user with that email, casefolded."""
    if "\0" in email:  # which PostgreSQL cannot even be asked for
        return None
    return db.session.scalar(select(User).filter_by(email=email))


def is_invited(invitation: str) -> bool:
    """Whether somebody with this invitation, "" for none, can sign up now."""
    mode = current_settings().sign_up
    if mode != "invite":
        return mode == "open"
    holds = select(Invitation.id).where(
        Invitation.digest == digest(invitation), Invitation.expires_at > now()
    )
    return bool(invitation) and db.session.scalar(holds) is not None


def use_invitation(invitation: str) -> bool:
    """Use an invitation up, in the transaction at hand; False where somebody was faster."""
    if current_settings().sign_up == "open":
        return True
    used = db.session.execute(delete(Invitation).where(Invitation.digest == digest(invitation)))
    return bool(getattr(used, "rowcount", 0))


def create_user(name: str, email: str, password: str) -> User:
    """A new account. Raises Conflict where the email is taken, also by somebody in this moment."""
    user = User(name=name, email=email, password_hash=hash_password(password))
    db.session.add(user)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Conflict(_("This email address is already in use.")) from None
    return user


def authenticate(email: str, password: str) -> User | None:
    """The user whom email, as it is kept, and password belong to.

    None after the same time whichever is wrong.
    """
    user = find_user(email)
    if not is_password(password, user.password_hash if user else None) or user is None:
        return None
    if user.disabled_at is not None:
        return None
    if is_outdated(user.password_hash):
        user.password_hash = hash_password(password)
        db.session.commit()
    return user


def change_password(user: User, password: str) -> None:
    """A new password; it ends every session, token and reset link that was given out before."""
    user.password_hash = hash_password(password)
    user.session_epoch += 1
    _end_access(user.id)
    db.session.commit()


def change_email(user: User, email: str) -> None:
    """Another address, casefolded; it ends every session and reset link of the one before.

    Tokens stay: a program of theirs is still theirs. Raises Conflict where the address is taken,
    also by somebody in this moment.
    """
    user.email = email
    user.session_epoch += 1
    try:
        db.session.execute(delete(Login).where(Login.user_id == user.id))
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Conflict(_("This email address is already in use.")) from None


def email_token(user: User, email: str, secret: str) -> str:
    """What a link carries by which somebody proves that an address is theirs, too, once."""
    return _email_signer(secret).dumps([*_account(user), email])


def read_email_token(user: User, token: str, secret: str) -> str:
    """The address that ``user`` has proved; "" if it is not theirs, too old, or was used."""
    try:
        *account, email = _email_signer(secret).loads(token, max_age=PROOF_HOURS * 3600)
    except BadSignature:
        return ""
    return str(email) if account == _account(user) else ""


def end_sessions(user: User) -> None:
    """Log ``user`` out everywhere; reset links end too."""
    user.session_epoch += 1
    db.session.execute(delete(Login).where(Login.user_id == user.id))
    db.session.commit()


def reset_token(user: User, secret: str) -> str:
    """What a reset link carries: signed, dated, and good for this password only."""
    return _signer(secret).dumps(_account(user))


def find_reset_user(token: str, secret: str) -> User | None:
    """Whose password a link may set; None if it is not ours, too old, or was used."""
    try:
        account = _signer(secret).loads(token, max_age=RESET_HOURS * 3600)
    except BadSignature:  # a link that is too old is one too
        return None
    user = db.session.get(User, account[0])
    if user is None or user.disabled_at is not None:
        return None
    return user if account == _account(user) else None


def sign_up_token(email: str, secret: str) -> str:
    """What a link carries by which somebody proves an address before they sign up."""
    return URLSafeTimedSerializer(secret, salt="photochrom sign-up").dumps(email)


def read_sign_up_token(token: str, secret: str) -> str:
    """The address that is proved by it; "" if it is not ours, or too old."""
    signer = URLSafeTimedSerializer(secret, salt="photochrom sign-up")
    try:
        return str(signer.loads(token, max_age=PROOF_HOURS * 3600))
    except BadSignature:
        return ""


def use_reset(user: User, password: str) -> bool:
    """Set the password by a link; False if the same link was used in this moment elsewhere."""
    result = db.session.execute(
        update(User)
        .where(User.id == user.id, User.session_epoch == user.session_epoch)
        .values(session_epoch=User.session_epoch + 1, password_hash=hash_password(password))
        .execution_options(synchronize_session=False)
    )
    if getattr(result, "rowcount", 0):
        _end_access(user.id)
    db.session.commit()
    return bool(getattr(result, "rowcount", 0))


def delete_user(user: User) -> None:
    """Remove an account with everything that belongs to it: rows, and every file."""
    user_id = user.id
    pictures = list(db.session.scalars(select(Picture.id).filter_by(user_id=user_id)))
    drop_ballast(current_settings().data_dir)
    db.session.delete(user)
    db.session.commit()
    # After the rows: files that nobody owns can be swept, a row without its file is a lie.
    storage = Storage(current_settings().data_dir)
    for picture in pictures:
        storage.delete(picture)
    delete_uploads(user_id)
    remove_switch(user_id)


def _end_access(user_id: int) -> None:
    """End all log-ins and tokens of a user, in the transaction at hand."""
    db.session.execute(delete(Login).where(Login.user_id == user_id))
    db.session.execute(delete(Token).where(Token.user_id == user_id))


def _account(user: User) -> list[float]:
    """Whose a link is, until the next change of what lets them in.

    Not by the number alone, which SQLite gives to the next account when that one is deleted.
    """
    return [user.id, user.session_epoch, user.created_at.timestamp()]


def _email_signer(secret: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, salt="photochrom new address")


def _signer(secret: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, salt="photochrom password reset")
