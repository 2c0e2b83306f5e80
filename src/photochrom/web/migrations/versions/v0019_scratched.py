"""Photographs in which a person sees scratches or specks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0019"
down_revision = "v0018"
branch_labels = None
depends_on = None

_PAST = sa.table("past_results", sa.column("id", sa.Integer()), sa.column("edit", sa.JSON()))


def upgrade() -> None:
    """With the column, also among the settings of earlier results; nobody has said so yet."""
    scratched: sa.Column[bool] = sa.Column(
        "scratched", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    op.add_column("pictures", scratched)
    _change_past({"scratched": False})


def downgrade() -> None:
    """Without it."""
    _change_past({})
    op.drop_column("pictures", "scratched")


def _change_past(more: dict[str, bool]) -> None:
    """Give the settings of earlier results this value, or none."""
    connection = op.get_bind()
    for number in connection.scalars(sa.select(_PAST.c.id)).all():
        this = _PAST.c.id == number
        edit = connection.scalars(sa.select(_PAST.c.edit).where(this)).one()
        kept = {name: value for name, value in edit.items() if name != "scratched"}
        connection.execute(sa.update(_PAST).where(this).values(edit={**kept, **more}))
