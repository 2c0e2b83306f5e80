"""Which photo each view shows: all in turn, or those of some sets more often."""

from __future__ import annotations

import numpy as np
import pytest

from photochrom.errors import InputError
from photochrom.training.data.photo_cache import PhotoSet
from photochrom.training.data.photo_order import PhotoOrder, PhotoSets
from photochrom.training.recipe.builtin import recipe_path
from photochrom.training.recipe.recipe import DataRecipe
from photochrom.training.recipe.toml import load_recipe, with_sources

NAMES = ("big.zip/old/1", *(f"big.zip/{i}" for i in range(29)), *(f"few/{i}" for i in range(10)))


def sets(**settings: object) -> PhotoSets:
    shapes = np.full((len(NAMES), 2), 8)
    photos = PhotoSet(NAMES, np.arange(len(NAMES)) * 192, shapes, np.empty(0, np.uint8))
    return PhotoSets(photos, DataRecipe(("big.zip", "few"), **settings))  # type: ignore[arg-type]


def test_without_weights_every_photo_comes_once_an_epoch() -> None:
    order = sets().order(seed=4)
    first, second = order.photos(0, 40), order.photos(40, 40)
    assert sorted(first) == sorted(second) == list(range(40))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, PhotoOrder.even(40, 4).photos(0, 40))
    np.testing.assert_array_equal(order.photos(33, 99)[7:47], second)


@pytest.mark.parametrize(
    ("settings", "shares"),
    [
        ({"balance": 1.0}, {"big.zip": 0.5, "few": 0.5}),
        ({"balance": 0.5}, {"big.zip": 30**0.5, "few": 10**0.5}),
        ({"weights": {"few": 3.0}}, {"big.zip": 30, "few": 30}),
        ({"weights": {"few": 0.0}}, {"big.zip": 1, "few": 0}),
        ({"weights": {"big.zip/old": 11.0}}, {"big.zip/old": 11, "big.zip": 29, "few": 10}),
        ({"weights": {"few": 2.0}, "balance": 1.0}, {"big.zip": 1, "few": 2}),
    ],
)
def test_sets_have_the_share_of_views_that_the_recipe_gives(
    settings: dict[str, object], shares: dict[str, float]
) -> None:
    chosen = sets(**settings)
    order = chosen.order(seed=0)
    assert set(chosen.names) == set(shares)
    photos = order.photos(0, 4000)
    counts = dict(zip(chosen.names, chosen.count(photos), strict=True))
    for name, share in shares.items():
        assert counts[name] / 4000 == pytest.approx(share / sum(shares.values()), abs=0.013)
    # Within a set all come equally often, over any stretch; and any part is that of the whole.
    few = np.bincount(photos[photos >= 30], minlength=40)[30:]
    assert few.max() - few.min() <= 1
    np.testing.assert_array_equal(order.photos(1234, 77), photos[1234 : 1234 + 77])


def test_what_no_photo_has_and_what_leaves_none_is_refused() -> None:
    with pytest.raises(InputError, match=r"'fewer', and no photo's name begins so.*big.zip/old/1"):
        sets(weights={"fewer": 1.0})
    with pytest.raises(InputError, match=r"0 for all of big\.zip, few"):
        sets(weights={"few": 0.0, "big.zip": 0.0})


def test_weights_are_of_the_recipes_own_sources() -> None:
    path, weight = recipe_path("smoke"), 'data.weights={"few"=2}'
    assert load_recipe(path, [weight]).data.weights == {"few": 2.0}
    assert load_recipe(path, with_sources([weight], ["few"])).data.weights == {"few": 2.0}
