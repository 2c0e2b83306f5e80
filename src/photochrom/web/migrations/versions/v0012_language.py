"""The language in which somebody reads the studio."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0012"
down_revision = "v0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """With it; of those who are here it is known from their next log-in on."""
    op.add_column("users", sa.Column("language", sa.String(length=8), nullable=True))


def downgrade() -> None:
    """Without it."""
    op.drop_column("users", "language")
