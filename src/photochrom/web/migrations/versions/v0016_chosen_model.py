"""The model that somebody has chosen for a picture, and chose last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0016"
down_revision = "v0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """With the columns; what there is, is coloured by the studio's choice."""
    for table in ("pictures", "users"):
        op.add_column(table, sa.Column("chosen_model", sa.String(100), nullable=True))


def downgrade() -> None:
    """Without them: the studio chooses again."""
    for table in ("users", "pictures"):
        op.drop_column(table, "chosen_model")
