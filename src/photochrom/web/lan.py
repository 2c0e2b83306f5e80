"""The studio for the phones of one's own network: its address, a QR code, what is not protected."""

from __future__ import annotations

import io
import ipaddress
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import segno

from photochrom.web.errors import SettingsError

ALL_ADDRESSES = "0.0.0.0"
_ELSEWHERE = ("192.0.2.1", 9)
"""An address that is nobody's (RFC 5737): nothing is sent, only the way there is asked for."""

NOT_PROTECTED = """\
Not protected: it travels as it is (HTTP). Whoever listens on this network can read passwords and
pictures, and whoever is on it can open the studio. Use it at home, not in a café or a school; stop
it by Ctrl-C. Phones install it as an app over HTTPS alone: docs/studio.md."""


def lan_address() -> str:
    """The address of this machine on its network, IPv4. Raises SettingsError where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
            address = str(probe.getsockname()[0])
        except OSError:
            address = "127.0.0.1"
    if ipaddress.ip_address(address).is_loopback:
        raise SettingsError(
            "this machine is on no network, so no phone can reach it; connect it, or name its "
            "address by --host"
        )
    return address


def announce(url: str, address: str, report: Callable[[str], None]) -> None:
    """Say where phones find the studio.

    url: as it was started. address: this machine's on the network. report: is told line by line.
    """
    target = f"http://{address}:{urlsplit(url).port}"
    report(f"On a phone in the same network: {target}")
    for line in (*qr_lines(target), *NOT_PROTECTED.splitlines()):
        report(line)


def qr_lines(text: str) -> list[str]:
    """A QR code in half blocks, two rows a line, dark on light as cameras want it."""
    code = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(out=code, compact=True)
    return code.getvalue().rstrip("\n").split("\n")
