"""What the studio refuses, with the status that a browser or a program is answered with."""

from __future__ import annotations

from photochrom.errors import PhotochromError
from photochrom.web.i18n import gettext_noop


class SettingsError(PhotochromError):
    """A setting of the studio is unknown or makes no sense; the message names it."""


class MailError(PhotochromError):
    """A message could not be handed to the mail server."""


class StudioError(PhotochromError):
    """Base of what is answered with a page, or JSON for programs, that shows the message."""

    status = 400
    """The HTTP status."""
    title = gettext_noop("This was refused")
    """The heading of the page."""


class InvalidInput(StudioError):
    """What was sent cannot be used: not a picture, a value out of range, a name that is none."""


class LoginRequired(StudioError):
    """Nobody is logged in, and a program asks, which cannot be led to the log-in page."""

    status = 401
    title = gettext_noop("Please log in")


class Forbidden(StudioError):
    """Who asks is known, and may not do this."""

    status = 403
    title = gettext_noop("Not allowed")


class NotFound(StudioError):
    """It does not exist, or it is somebody else's: the two cannot be told apart."""

    status = 404
    title = gettext_noop("Nothing here")


class Conflict(StudioError):
    """It has changed since it was read; read it again."""

    status = 409
    title = gettext_noop("Somebody was faster")


class TooLarge(StudioError):
    """A file, or a picture inside it, is larger than the studio takes."""

    status = 413
    title = gettext_noop("This is too large")


class QuotaExceeded(TooLarge):
    """The user's storage is full."""

    title = gettext_noop("Your storage is full")


class DiskFull(StudioError):
    """The studio has no space for more, whoever sends it."""

    status = 507
    title = gettext_noop("The studio's disk is full")


class TooMany(StudioError):
    """Too many requests, streams or jobs at once; try again later."""

    status = 429
    title = gettext_noop("Slow down, please")

    def __init__(self, message: str, retry_after_s: int = 60) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
