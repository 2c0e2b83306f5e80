"""Trained colouring networks: finding them, reading their cards, running them."""

from __future__ import annotations

from photochrom.engine.card import CARD_KEY, ModelCard
from photochrom.engine.contract import Prediction
from photochrom.engine.devices import DEVICE_NAMES, DEVICES, available_devices, choose_device
from photochrom.engine.find import DEFAULT_MODEL, cache_dir, local, shipped
from photochrom.engine.network import Network, card_of, load

__all__ = [
    "CARD_KEY",
    "DEFAULT_MODEL",
    "DEVICES",
    "DEVICE_NAMES",
    "ModelCard",
    "Network",
    "Prediction",
    "available_devices",
    "cache_dir",
    "card_of",
    "choose_device",
    "load",
    "local",
    "shipped",
]
