"""Albums, and when a photograph was taken."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0010"
down_revision = "v0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """With them; of photographs that are there already, nobody looks into the file again."""
    op.add_column("pictures", sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "albums",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_albums_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_albums")),
        sa.UniqueConstraint("user_id", "name", name=op.f("uq_albums_user_id")),
    )
    op.create_table(
        "album_pictures",
        sa.Column("album_id", sa.Integer(), nullable=False),
        sa.Column("picture_id", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["album_id"],
            ["albums.id"],
            name=op.f("fk_album_pictures_album_id_albums"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["picture_id"],
            ["pictures.id"],
            name=op.f("fk_album_pictures_picture_id_pictures"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("album_id", "picture_id", name=op.f("pk_album_pictures")),
    )
    op.create_index(
        op.f("ix_album_pictures_picture_id"), "album_pictures", ["picture_id"], unique=False
    )


def downgrade() -> None:
    """Without them; the pictures stay."""
    op.drop_index(op.f("ix_album_pictures_picture_id"), table_name="album_pictures")
    op.drop_table("album_pictures")
    op.drop_table("albums")
    op.drop_column("pictures", "taken_at")
