"""Stills of films' shots, which are pictures of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0013"
down_revision = "v0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """With the film and the time of each; no film has any yet."""
    op.add_column("pictures", sa.Column("film_id", sa.String(length=16), nullable=True))
    op.add_column("pictures", sa.Column("film_time_s", sa.Double(), nullable=True))
    op.create_index("ix_pictures_film_id", "pictures", ["film_id"])


def downgrade() -> None:
    """Without them."""
    op.drop_index("ix_pictures_film_id", "pictures")
    for name in ("film_time_s", "film_id"):
        op.drop_column("pictures", name)
