"""Films: read and written as streams, cut into shots, coloured steadily, with all that they carry.

Needs PyAV (``pip install 'photochrom[video]'``).
"""

from __future__ import annotations
