"""Which model made a result is written down."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0003"
down_revision = "v0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """With the column; of what there is, nobody has written it down."""
    op.add_column("pictures", sa.Column("model", sa.String(length=200), nullable=True))


def downgrade() -> None:
    """Without it."""
    op.drop_column("pictures", "model")
