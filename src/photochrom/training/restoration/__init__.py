"""The method ``restoration``: a network learns to mend damage that is simulated."""

from __future__ import annotations
