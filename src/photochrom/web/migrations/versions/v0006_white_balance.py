"""By how much the colours of a whole picture are shifted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0006"
down_revision = "v0005"
branch_labels = None
depends_on = None

COLUMNS = ("temperature", "tint", "neutral")


def upgrade() -> None:
    """With the columns; nothing is shifted of what there is."""
    for name in COLUMNS:
        column: sa.Column[float] = sa.Column(name, sa.Double(), nullable=False, server_default="0")
        op.add_column("pictures", column)


def downgrade() -> None:
    """Without them."""
    for name in COLUMNS:
        op.drop_column("pictures", name)
