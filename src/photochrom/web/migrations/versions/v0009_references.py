"""Pictures that take colours from another one, and how much of them that shows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0009"
down_revision = "v0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """With the columns; no picture takes any yet."""
    op.add_column("pictures", sa.Column("reference", sa.String(length=16), nullable=True))
    op.add_column("pictures", sa.Column("reference_agreement", sa.Double(), nullable=True))


def downgrade() -> None:
    """Without them."""
    for name in ("reference_agreement", "reference"):
        op.drop_column("pictures", name)
