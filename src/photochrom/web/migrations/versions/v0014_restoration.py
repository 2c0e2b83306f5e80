"""Photographs that are mended before they are coloured, and what was found in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0014"
down_revision = "v0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """With the columns; nothing that there is, is mended."""
    restore: sa.Column[bool] = sa.Column(
        "restore", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    op.add_column("pictures", restore)
    op.add_column("pictures", sa.Column("restored", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Without them."""
    for name in ("restored", "restore"):
        op.drop_column("pictures", name)
