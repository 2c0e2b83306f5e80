"""Training of the face autoencoder: the method ``face-autoencoder`` of recipes."""

from __future__ import annotations
