"""The studio: pictures coloured in a browser, with accounts, jobs and a REST API."""

from __future__ import annotations
