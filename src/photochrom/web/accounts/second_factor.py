"""A second factor at the log-in: codes of an app on the phone (TOTP, RFC 6238), or recovery codes.

The key of a phone is not kept: it follows from the studio's secret key and a salt in the user's
row, so that whoever reads the database alone can make no codes.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from typing import Final

import pyotp
import segno
from flask import current_app
from sqlalchemy import delete, func, select, update

from photochrom.web.accounts.tokens import digest
from photochrom.web.database import RecoveryCode, User, db, now
from photochrom.web.i18n import _

RECOVERY_CODES: Final = 10
"""So many times somebody gets in without their phone, before they make new ones."""
_STEP_S: Final = 30
_TOLERANCE: Final = 1
"""Steps by which the phone's clock may be off, either way."""
_KEY_BYTES: Final = 20
_RECOVERY_BYTES: Final = 15
"""120 bits, so that a plain digest is enough to keep."""


def is_enabled(user: User) -> bool:
    """Whether ``user`` logs in with a code after the password."""
    return user.totp_enabled_at is not None


def begin_setup(user: User) -> str:
    """The key for a phone, base32; the same until the setup is finished or dropped."""
    if user.totp_salt is None:
        user.totp_salt, user.totp_step = secrets.token_urlsafe(16), 0
        db.session.commit()
    return _key(user)


def qr_code(user: User) -> str:
    """The key as a data: address of an SVG picture, which apps read with the camera."""
    address = pyotp.TOTP(_key(user)).provisioning_uri(name=user.email, issuer_name=_("Photochrom"))
    code = segno.make(address, error="m", micro=False)
    return code.svg_data_uri(scale=4, border=4, light="white")


def finish_setup(user: User, code: str) -> list[str]:
    """Ask for a code at each log-in from now on, if ``code`` shows that the phone has the key.

    Returns the recovery codes, which are told this once; nothing where the code is wrong.
    """
    if user.totp_salt is None or is_enabled(user) or not _use_totp(user, code):
        return []
    user.totp_enabled_at = now()
    return make_recovery_codes(user)


def make_recovery_codes(user: User) -> list[str]:
    """New recovery codes; those before end."""
    codes = [_make_code() for _number in range(RECOVERY_CODES)]
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    db.session.add_all(RecoveryCode(user_id=user.id, digest=_digest(code)) for code in codes)
    db.session.commit()
    return codes


def count_recovery_codes(user: User) -> int:
    """How many are left."""
    count = select(func.count()).select_from(RecoveryCode)
    return db.session.scalar(count.where(RecoveryCode.user_id == user.id)) or 0


def use_code(user: User, code: str) -> bool:
    """Whether ``code`` is the phone's or a recovery code; each is good once."""
    return is_enabled(user) and (_use_totp(user, code) or _use_recovery_code(user, code))


def disable(user: User) -> None:
    """Ask for no code any more; forget the phone and the recovery codes."""
    user.totp_salt = user.totp_enabled_at = None
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    db.session.commit()


def _use_totp(user: User, code: str) -> bool:
    totp, step = pyotp.TOTP(_key(user), interval=_STEP_S), _current_step()
    digits = "".join(code.split())
    for tried in range(step - _TOLERANCE, step + _TOLERANCE + 1):
        if hmac.compare_digest(totp.generate_otp(tried).encode(), digits.encode()):
            # Seen over a shoulder, or sent twice, it is good no more.
            used = db.session.execute(
                update(User)
                .where(User.id == user.id, User.totp_step < tried)
                .values(totp_step=tried)
                .execution_options(synchronize_session=False)
            )
            db.session.commit()
            return bool(getattr(used, "rowcount", 0))
    return False


def _current_step() -> int:
    return int(time.time() // _STEP_S)


def _use_recovery_code(user: User, code: str) -> bool:
    row = delete(RecoveryCode).where(
        RecoveryCode.user_id == user.id, RecoveryCode.digest == _digest(code)
    )
    used = db.session.execute(row)
    db.session.commit()
    return bool(getattr(used, "rowcount", 0))


def _key(user: User) -> str:
    secret = str(current_app.config["SECRET_KEY"]).encode()
    mark = hmac.new(secret, f"totp:{user.id}:{user.totp_salt}".encode(), "sha256").digest()
    return base64.b32encode(mark[:_KEY_BYTES]).decode()


def _make_code() -> str:
    letters = base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()
    return "-".join(letters[start : start + 6] for start in range(0, len(letters), 6))


def _digest(code: str) -> str:
    """Of a recovery code, however it was typed."""
    return digest("".join(letter for letter in code.lower() if letter.isalnum()))
