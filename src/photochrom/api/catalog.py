"""The models that came with photochrom."""

from __future__ import annotations

from photochrom.engine import ModelCard, model_card, shipped_models


def models() -> dict[str, ModelCard]:
    """The shipped models.

    Returns:
        By name, as `colorize` and the others take it, what each says about itself: version, working
        size in px, licence, training data, metrics, number of parameters.

    Raises:
        ModelError: A shipped file is damaged.

    Examples:
        >>> list(models())
        ['photochrom-base', 'photochrom-faces', ...]
    """
    return {name: model_card(name) for name in shipped_models()}
