"""Which drawing of a document is handed out: one without its IRN gives way to one that has it."""

from sqlalchemy import ScalarSelect, SQLColumnExpression, select
from sqlalchemy.orm import aliased

from db.models import Rendition


def rendition_id(document_id: str, *, registered: bool) -> str:
    """A document has at most two: as issued, and with its IRN."""
    return f"{document_id}/registered" if registered else document_id


def in_use(document_id: SQLColumnExpression[str] | str) -> ScalarSelect[str]:
    """Id of the registered drawing, if there is one, else of the other."""
    row = aliased(Rendition)
    query = select(row.id).where(row.document_id == document_id)
    return query.order_by(row.registered.desc()).limit(1).correlate_except(row).scalar_subquery()
