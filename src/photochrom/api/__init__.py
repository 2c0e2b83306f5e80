"""The Python interface: what ``import photochrom`` offers, one module for each of its functions.

``photochrom/__init__.py`` hands these names out, lazily; nobody needs to import this package.
"""

from __future__ import annotations
