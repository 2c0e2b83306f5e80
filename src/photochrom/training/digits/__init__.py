"""From noise to handwritten digits: the small place in which GANs are learnt."""

from __future__ import annotations
