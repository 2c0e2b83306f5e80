"""The studio for programs: a REST API with personal tokens."""

from __future__ import annotations
