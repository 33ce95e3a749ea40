"""The second factor of an admin: each code once, and recovery codes"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("admins", sa.Column("totp_step", sa.BigInteger(), nullable=True))
    op.create_table(
        "admin_recovery_codes",
        sa.Column("admin_id", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["admin_id"],
            ["admins.id"],
            name="fk_admin_recovery_codes_admin_id_admins",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("admin_id", "hash", name="pk_admin_recovery_codes"),
    )


def downgrade() -> None:
    op.drop_table("admin_recovery_codes")
    op.drop_column("admins", "totp_step")
