"""The studio: pictures coloured in a browser, with accounts, jobs and a REST API."""

from __future__ import annotations

from photochrom.web.app import create_app

__all__ = ["create_app"]
