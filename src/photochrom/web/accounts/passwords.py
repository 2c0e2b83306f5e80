"""Passwords: hashed with argon2id, and no faster to refuse than to accept."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

MIN_LENGTH, MAX_LENGTH = 10, 1000
"""Characters that a password may have."""
_LOOKED_AT, _LEAST_SCORE = 72, 2

# OWASP's recommendation for argon2id: 19 MiB, two passes, one lane. About 25 ms on one core, and
# as many log-ins at once as there are threads still fit into a small machine.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_password(password: str) -> str:
    """What is kept of ``password``: its salted argon2id hash, which tells its own parameters."""
    return _HASHER.hash(_normalize(password))


def is_password(password: str, password_hash: str | None) -> bool:
    """Whether ``password_hash`` is of ``password``; None takes as long and answers False."""
    try:
        _HASHER.verify(password_hash or _dummy_hash(), _normalize(password))
    except (VerificationError, InvalidHashError):
        return False
    return bool(password_hash)


def is_guessable(password: str, known: Sequence[str] = ()) -> bool:
    """Whether it falls to fewer than a million tries (zxcvbn, Wheeler 2016).

    known: what whoever guesses knows: names and the email address.
    """
    parts = [part for text in known for part in (text, *text.split("@"))]
    looked_at = _normalize(password)[:_LOOKED_AT]
    return bool(zxcvbn(looked_at, user_inputs=[*parts, "photochrom"])["score"] < _LEAST_SCORE)


def is_outdated(password_hash: str) -> bool:
    """Whether ``password_hash`` was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


def _normalize(password: str) -> str:
    """The same bytes from every keyboard: one writes é as one character, another as two."""
    return unicodedata.normalize("NFKC", password)


@cache
def _dummy_hash() -> str:
    return _HASHER.hash("the password of an account that does not exist")
