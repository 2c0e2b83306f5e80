"""What earlier results of a picture were made by, to go back to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0017"
down_revision = "v0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """With the table; it fills with the changes that come."""
    op.create_table(
        "past_results",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("picture_id", sa.String(16), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("edit", sa.JSON(), nullable=False),
        sa.Column("model", sa.String(200), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["picture_id"],
            ["pictures.id"],
            name=op.f("fk_past_results_picture_id_pictures"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_past_results")),
        sa.UniqueConstraint("picture_id", "revision", name=op.f("uq_past_results_picture_id")),
    )


def downgrade() -> None:
    """Without it; the results that there are stay."""
    op.drop_table("past_results")
