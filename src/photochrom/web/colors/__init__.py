"""Saved colours of an account, and where they are found in its pictures."""
