"""Take the deepest stage out of a mobile-unet's file, where it answers the same to all pictures.

python tools/remove_dead_stage.py MODEL.onnx OUT.onnx VERSION

Such a stage saturated while it was trained: it tells nothing, and is computed for every picture.
What it adds to the decoder's first layer becomes that layer's `edge_bias`, and the file one of the
network option `deepest_stage = false`, stored as fp16; a stage that is alive is refused. The
largest difference of ab, in CIELAB units, is that of drawn pictures from 96 px on, with hints and
without; in smaller ones the stage saw the zeros around the picture, too.

photochrom-film 0.2.1 and photochrom-cartoon 0.1.2 were made so of 0.2.0 and 0.1.1, the latter then
by tools/store_int8.py, as is said there.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import onnx
import torch
from safetensors.torch import save_file
from store_int8 import difference, drawn_pictures
from torch import Tensor

from photochrom.engine.card import CARD_KEY, read_card
from photochrom.nets import build
from photochrom.training.export import export
from photochrom.training.onnx_weights import read_onnx_weights
from photochrom.training.recipe.builtin import recipe_path
from photochrom.training.recipe.toml import read_recipe

_NET, _RECIPE = "mobile-unet", "film"
_FIRST = "up16.0.weight"
_SAME = 1e-2


@torch.no_grad()
def without_deepest_stage(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the same network without the stage. Raises SystemExit where it is alive."""
    whole, rest = build(_NET, {}).eval(), build(_NET, {"deepest_stage": False}).state_dict()
    whole.load_state_dict(whole.state_dict() | dict(weights))
    conv, norm, _ = whole.get_submodule("up16").children()
    seen: list[Tensor] = []
    conv.register_forward_pre_hook(lambda _, given: seen.append(given[0][0].flatten(1)))
    for x in drawn_pictures():
        whole(torch.from_numpy(x))
    of_stage = weights[_FIRST].shape[1] - rest[_FIRST].shape[1]
    answers = torch.cat(seen, dim=1)[:of_stage]
    constant = answers.median(dim=1).values
    if (answers - constant[:, None]).abs().max() > _SAME:
        raise SystemExit("the deepest stage is alive: it answers pictures differently")
    added = torch.einsum("oikl,i->okl", weights[_FIRST][:, :of_stage], constant)
    gain = norm(added[None])[0] - norm(torch.zeros_like(added[None]))[0]
    changed = {
        _FIRST: weights[_FIRST][:, of_stage:].contiguous(),
        "edge_bias.weight": gain[:, None],
    }
    return {name: changed.get(name, weights.get(name, value)) for name, value in rest.items()}


def main() -> None:
    """Take the stage out, compare, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("version", help="of the new file")
    arguments = parser.parse_args()
    before = arguments.model.read_bytes()
    weights = without_deepest_stage(read_onnx_weights(arguments.model))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.safetensors"
        save_file(weights, file)
        export(file, arguments.out, recipe=read_recipe(recipe_path(_RECIPE)), overwrite=True)
    model = onnx.load(str(arguments.out))
    parameters = read_card(arguments.out.read_bytes(), str(arguments.out)).parameters
    card = read_card(before, str(arguments.model))
    card = replace(card, version=arguments.version, parameters=parameters)
    del model.metadata_props[:]
    model.metadata_props.add(key=CARD_KEY, value=card.to_json())
    after = model.SerializeToString()
    arguments.out.write_bytes(after)
    moved = difference(before, after)
    print(f"{len(before):,} → {len(after):,} bytes; ab moves by {moved:.2g} at most")


if __name__ == "__main__":
    main()
