"""Passwords: hashed with argon2id, and no faster to refuse than to accept."""

from __future__ import annotations

import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 10, 1000
"""Characters that a password may have."""

# OWASP's recommendation for argon2id: 19 MiB, two passes, one lane. About 25 ms on one core, and
# as many log-ins at once as there are threads still fit into a small machine.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_password(password: str) -> str:
    """What is kept of ``password``: its salted argon2id hash, which tells its own parameters."""
    return _HASHER.hash(_canonical(password))


def is_password(password: str, hashed: str | None) -> bool:
    """Whether ``hashed`` is of ``password``; None takes as long and answers False."""
    try:
        _HASHER.verify(hashed or _of_nobody(), _canonical(password))
    except (VerificationError, InvalidHashError):
        return False
    return bool(hashed)


def is_outdated(hashed: str) -> bool:
    """Whether ``hashed`` was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(hashed)


def _canonical(password: str) -> str:
    """The same bytes from every keyboard: one writes é as one character, another as two."""
    return unicodedata.normalize("NFKC", password)


@cache
def _of_nobody() -> str:
    return _HASHER.hash("the password of an account that does not exist")
