"""Faces: enrolling people and finding them again, on this machine alone.

A face goes through an autoencoder's encoder (see `photochrom.nets.face_autoencoder` for what was
trained); here the exported network is run, and what it says of a face is kept and compared.
"""

from __future__ import annotations
