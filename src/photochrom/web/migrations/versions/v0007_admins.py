"""Who looks after the studio in a browser."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0007"
down_revision = "v0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """With the column; nobody does, until `photochrom users admin` says who."""
    op.add_column(
        "users", sa.Column("is_admin", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    """Without it."""
    op.drop_column("users", "is_admin")
