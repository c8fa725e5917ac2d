"""Top-ups of the wallet, and the invoices that use its advances up."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TOP_UPS = """
CREATE TABLE top_ups (
    id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    gateway TEXT NOT NULL,
    amount_paise BIGINT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    payment_id TEXT,
    voucher_id TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    CONSTRAINT pk_top_ups PRIMARY KEY (id),
    CONSTRAINT ck_top_ups_amount CHECK (amount_paise > 0),
    CONSTRAINT ck_top_ups_status CHECK (status IN ('open', 'paid', 'expired', 'cancelled')),
    CONSTRAINT ck_top_ups_paid CHECK ((status = 'paid') = (voucher_id IS NOT NULL)),
    CONSTRAINT fk_top_ups_customer_id_customers FOREIGN KEY (customer_id) REFERENCES customers (id),
    CONSTRAINT fk_top_ups_payment_id_payments FOREIGN KEY (payment_id) REFERENCES payments (id),
    CONSTRAINT fk_top_ups_voucher_id_documents FOREIGN KEY (voucher_id) REFERENCES documents (id)
)
"""

_USES = """
CREATE TABLE advance_uses (
    voucher_id TEXT NOT NULL,
    invoice_id TEXT NOT NULL,
    amount_paise BIGINT NOT NULL,
    CONSTRAINT pk_advance_uses PRIMARY KEY (voucher_id, invoice_id),
    CONSTRAINT ck_advance_uses_amount CHECK (amount_paise > 0),
    CONSTRAINT fk_advance_uses_voucher_id_documents FOREIGN KEY (voucher_id) REFERENCES documents (id),
    CONSTRAINT fk_advance_uses_invoice_id_documents FOREIGN KEY (invoice_id) REFERENCES documents (id)
)
"""

# Like what the invoice itself says; a cancelled invoice makes it void, and changes nothing here.
_APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON advance_uses
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('what an invoice takes of an advance stays as it is')
"""

_INDEXES = (
    "CREATE INDEX ix_top_ups_customer ON top_ups (customer_id, created_at)",
    "CREATE INDEX ix_wallet_draws_document ON wallet_draws (document_id) WHERE document_id IS NOT NULL",
    "CREATE INDEX ix_refunds_under_way ON refunds (customer_id) WHERE status IN ('requested', 'pending')",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for statement in (_TOP_UPS, _USES, _APPEND_ONLY, *_INDEXES):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("the book of record is not taken back by a migration; restore a backup instead")
