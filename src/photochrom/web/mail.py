"""Messages to people, by a mail server."""

from __future__ import annotations

import ipaddress
import logging
import smtplib
import ssl
import threading
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from photochrom.web.errors import MailError
from photochrom.web.settings import WebSettings

_TIMEOUT_S = 20.0
_THREAD = "mail"
_log = logging.getLogger(__name__)


def send_mail(settings: WebSettings, to: str, subject: str, text: str) -> None:
    """Send a message; answers at once, so that waiting tells nobody whether there was one to send.

    A thread talks to the mail server of mail_url, which must be set. A message that the server does
    not take is logged, without its address.
    """
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = settings.mail_from, to, subject
    message.set_content(text)
    threading.Thread(target=_deliver, args=(settings.mail_url, message), name=_THREAD).start()


def wait_for_mail() -> None:
    """Wait until what is being sent has arrived at the server, or was given up."""
    for thread in threading.enumerate():
        if thread.name == _THREAD:
            thread.join()


def deliver(mail_url: str, message: EmailMessage) -> None:
    """Hand ``message`` to the server of ``mail_url``. Raises MailError."""
    parts = urlsplit(mail_url)
    host = parts.hostname or "localhost"
    is_encrypted = parts.scheme == "smtps"
    context = ssl.create_default_context()
    try:
        if is_encrypted:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                host, parts.port or 465, timeout=_TIMEOUT_S, context=context
            )
        else:
            server = smtplib.SMTP(host, parts.port or 587, timeout=_TIMEOUT_S)
        with server:
            server.ehlo()
            if not is_encrypted and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
                is_encrypted = True
            if parts.username:
                if not is_encrypted and not _is_local_host(host):
                    raise MailError(f"{host} offers no encryption; the password was not sent")
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise MailError(f"the mail server {host} did not take a message: {type(error).__name__}; "
                        "look at mail_url") from error  # fmt: skip


def _deliver(mail_url: str, message: EmailMessage) -> None:
    try:
        deliver(mail_url, message)
    except MailError as error:
        _log.error("%s", error)


def _is_local_host(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
