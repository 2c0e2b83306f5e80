"""Torch definitions of generators and discriminators; one file per family, one row per network.

Adding a network: write one file with a :class:`~photochrom.nets.contract.ColorNet`, add one row to
:data:`NETS`; the contract tests then cover it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from photochrom.errors import RecipeError
from photochrom.nets.contract import ColorNet
from photochrom.nets.dilated_vgg import DilatedVGG
from photochrom.nets.fusion import FusionNet
from photochrom.nets.lite_unet import LiteUNet
from photochrom.nets.mobile_unet import MobileUNet
from photochrom.nets.resnet_unet import ResNetUNet
from photochrom.nets.unet import UNet


@dataclass(frozen=True)
class NetSpec:
    """One row of the table of networks.

    build: makes the network from the recipe's ``[net.options]``; what its input's sides must be
    multiples of is told by the network itself, as options may change it.
    summary: one line for listings.
    """

    build: Callable[..., ColorNet]
    summary: str


NETS: dict[str, NetSpec] = {
    "lite-unet": NetSpec(
        build=LiteUNet,
        summary="EfficientNet-Lite encoder, points of colour behind it, attention, two heads",
    ),
    "mobile-unet": NetSpec(
        build=MobileUNet,
        summary="MobileNetV2 encoder, attention bottleneck, light dense decoder, two heads",
    ),
    "unet": NetSpec(
        build=UNet,
        summary="pix2pix's U-Net; with attention gates or self-attention by an option",
    ),
    "resnet-unet": NetSpec(
        build=ResNetUNet,
        summary="U-Net on a classifier's body (ResNet, MobileNetV2), as of fastai and DeOldify",
    ),
    "dilated-vgg": NetSpec(
        build=DilatedVGG,
        summary="Colorful Image Colorization: a distribution over 313 colours, or a regression",
    ),
    "fusion": NetSpec(
        build=FusionNet,
        summary="Deep Koalarization: an encoder beside a frozen classifier's view of the whole",
    ),
}


def build(name: str, options: Mapping[str, int | float | bool | str]) -> ColorNet:
    """Build a network by its name in :data:`NETS`.

    Raises RecipeError for an unknown name or option.
    """
    if name not in NETS:
        raise RecipeError(f"unknown network {name!r}; known networks: {', '.join(NETS)}")
    try:
        return NETS[name].build(**options)
    except (TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
        raise RecipeError(f"network {name!r} does not take these options: {error}") from error
