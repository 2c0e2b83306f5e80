"""Saved colours, where they are found, and how far each picture was looked through for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0011"
down_revision = "v0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """With the tables; nobody has saved any yet."""
    op.create_table(
        "saved_colors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("color", sa.String(length=7), nullable=False),
        sa.Column("picture_id", sa.String(length=16), nullable=True),
        sa.Column("x", sa.Double(), nullable=False),
        sa.Column("y", sa.Double(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("view", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_saved_colors_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["picture_id"],
            ["pictures.id"],
            name=op.f("fk_saved_colors_picture_id_pictures"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_colors")),
        sa.UniqueConstraint("user_id", "name", name=op.f("uq_saved_colors_user_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_saved_colors_picture_id"), "saved_colors", ["picture_id"])
    op.create_table(
        "color_places",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("color_id", sa.Integer(), nullable=False),
        sa.Column("picture_id", sa.String(length=16), nullable=False),
        sa.Column("x", sa.Double(), nullable=False),
        sa.Column("y", sa.Double(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(
            ["color_id"],
            ["saved_colors.id"],
            name=op.f("fk_color_places_color_id_saved_colors"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["picture_id"],
            ["pictures.id"],
            name=op.f("fk_color_places_picture_id_pictures"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_color_places")),
        sa.UniqueConstraint("color_id", "picture_id", name=op.f("uq_color_places_color_id")),
    )
    op.create_index(op.f("ix_color_places_picture_id"), "color_places", ["picture_id"])
    op.add_column(
        "pictures", sa.Column("colors_searched", sa.Integer(), nullable=False, server_default="0")
    )


def downgrade() -> None:
    """Without them."""
    op.drop_column("pictures", "colors_searched")
    op.drop_index(op.f("ix_color_places_picture_id"), table_name="color_places")
    op.drop_table("color_places")
    op.drop_index(op.f("ix_saved_colors_picture_id"), table_name="saved_colors")
    op.drop_table("saved_colors")
