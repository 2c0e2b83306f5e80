"""When a picture was claimed is written down no more: nobody asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0002"
down_revision = "v0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Without the column."""
    op.drop_column("pictures", "claimed_at")


def downgrade() -> None:
    """With it."""
    op.add_column("pictures", sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True))
