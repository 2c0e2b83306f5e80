"""What colours an original has by itself, whether they are kept, and what is said of its file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0005"
down_revision = "v0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """With the columns; what there is was coloured anew, and nobody has looked at its colours."""
    op.add_column("pictures", sa.Column("own_colors", sa.String(length=8), nullable=True))
    op.add_column(
        "pictures",
        sa.Column("keep_colors", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("pictures", sa.Column("notes", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Without them."""
    for name in ("notes", "keep_colors", "own_colors"):
        op.drop_column("pictures", name)
