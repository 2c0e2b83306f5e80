"""How long films take."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0018"
down_revision = "v0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """With the columns; the next films fill them."""
    for name in ("seconds_left", "film_pace"):
        op.add_column("pictures", sa.Column(name, sa.Double(), nullable=True))


def downgrade() -> None:
    """Without them."""
    for name in ("film_pace", "seconds_left"):
        op.drop_column("pictures", name)
