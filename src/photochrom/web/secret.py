"""The key that signs sessions and links."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from photochrom.web.errors import SettingsError
from photochrom.web.settings import WebSettings


def secret_key(settings: WebSettings) -> str:
    """The key that was set, or one that is made at the first start and kept for its owner alone.

    Web and worker may start at once: whoever is first gives the key, the other takes it.
    """
    if settings.secret_key:
        return settings.secret_key
    path = settings.data_dir / "secret"
    with contextlib.suppress(FileExistsError):
        _make(path)
    key = path.read_text(encoding="ascii").strip()
    if len(key) < 32:
        raise SettingsError(f"{path} holds no key; remove it, and all have to log in again")
    return key


def _make(path: Path) -> None:
    """Write a new key to ``path``, whole or not at all. Raises FileExistsError if there is one."""
    if path.exists():
        raise FileExistsError(path)
    temporary = path.with_name(f"{path.name}-{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    finally:
        temporary.unlink()
