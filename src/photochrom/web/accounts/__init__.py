"""Who a person is: signing up, logging in, and what belongs to an account."""

from __future__ import annotations
