"""What kinds of pictures are coloured: a word that training, models and colouring share."""

from __future__ import annotations

from typing import Literal, TypeAlias

InputKind: TypeAlias = Literal["grey", "edges", "sketch"]
"""What a network sees: grey photographs, or drawings, dark lines on light paper: thin edges alone,
or a sketch of pencil strokes."""
