"""Links with which others look at an album."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0015"
down_revision = "v0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """With the table; no album has a link yet."""
    op.create_table(
        "album_shares",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("album_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["album_id"],
            ["albums.id"],
            name=op.f("fk_album_shares_album_id_albums"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_album_shares")),
        sa.UniqueConstraint("digest", name=op.f("uq_album_shares_digest")),
    )
    op.create_index(op.f("ix_album_shares_album_id"), "album_shares", ["album_id"], unique=False)


def downgrade() -> None:
    """Without it; its links end."""
    op.drop_index(op.f("ix_album_shares_album_id"), table_name="album_shares")
    op.drop_table("album_shares")
