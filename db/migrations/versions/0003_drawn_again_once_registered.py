"""A document that was drawn without its IRN is drawn a second time once it has one."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_COLUMNS = """
ALTER TABLE renditions ADD COLUMN id TEXT, ADD COLUMN registered BOOLEAN DEFAULT false NOT NULL
"""

# Since the portal's answer is what has a document drawn, its moment is that of the drawing.
_WHAT_WAS_DRAWN = """
UPDATE renditions SET registered = true FROM irp_registrations AS answer
WHERE answer.document_id = renditions.document_id AND renditions.rendered_at >= answer.registered_at
"""

_NAMES = """
UPDATE renditions SET id = document_id || CASE WHEN registered THEN '/registered' ELSE '' END
"""

_KEYS = """
ALTER TABLE renditions
    ALTER COLUMN id SET NOT NULL,
    DROP CONSTRAINT pk_renditions,
    ADD CONSTRAINT pk_renditions PRIMARY KEY (id),
    ADD CONSTRAINT uq_renditions_document_id_registered UNIQUE (document_id, registered)
"""

_FIXED = "id", "document_id", "registered", "object_key", "sha256", "size_bytes"
_OLD, _NEW = (", ".join(f"{row}.{column}" for column in _FIXED) for row in ("OLD", "NEW"))
_NEVER_EDITED = f"""
CREATE TRIGGER never_edited BEFORE UPDATE ON renditions
    FOR EACH ROW WHEN (({_OLD}) IS DISTINCT FROM ({_NEW}))
    EXECUTE FUNCTION refuse_change('a document that was handed out stays as it is')
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP TRIGGER never_edited ON renditions")
    for statement in (_COLUMNS, _WHAT_WAS_DRAWN, _NAMES, _KEYS, _NEVER_EDITED):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("the book of record is not taken back by a migration; restore a backup instead")
