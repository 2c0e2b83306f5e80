"""Trained colouring networks: finding them, reading their cards, running them."""

from __future__ import annotations

from photochrom.engine.card import CARD_KEY, ModelCard
from photochrom.engine.contract import Prediction
from photochrom.engine.devices import DEVICE_NAMES, DEVICES, available_devices, choose_device
from photochrom.engine.features import (
    FeatureExtractor,
    Features,
    feature_extractor,
    load_with_features,
)
from photochrom.engine.find import (
    DEFAULT_MODEL,
    FACE_MODEL,
    FILM_MODEL,
    local_model,
    shipped_models,
)
from photochrom.engine.identity import ModelIdentity
from photochrom.engine.network import Network, load, load_ahead, model_card, model_identity
from photochrom.engine.pruning import ConfidenceDetail

__all__ = [
    "CARD_KEY",
    "DEFAULT_MODEL",
    "DEVICES",
    "DEVICE_NAMES",
    "FACE_MODEL",
    "FILM_MODEL",
    "ConfidenceDetail",
    "FeatureExtractor",
    "Features",
    "ModelCard",
    "ModelIdentity",
    "Network",
    "Prediction",
    "available_devices",
    "choose_device",
    "feature_extractor",
    "load",
    "load_ahead",
    "load_with_features",
    "local_model",
    "model_card",
    "model_identity",
    "shipped_models",
]
