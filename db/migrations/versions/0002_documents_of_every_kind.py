"""Documents of every kind in one table, refunds, e-invoice registrations, sellers of customers and plans."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_INVOICES_BECOME_DOCUMENTS = """
ALTER TABLE invoices RENAME TO documents;
ALTER TABLE documents RENAME CONSTRAINT pk_invoices TO pk_documents;
ALTER TABLE documents RENAME CONSTRAINT uq_invoices_seller_gstin_number TO uq_documents_seller_gstin_number;
ALTER TABLE documents RENAME CONSTRAINT ck_invoices_adds_up TO ck_documents_adds_up;
ALTER TABLE documents RENAME CONSTRAINT ck_invoices_halves_equal TO ck_documents_halves_equal;
ALTER TABLE documents RENAME CONSTRAINT ck_invoices_number_length TO ck_documents_number_length;
ALTER TABLE documents RENAME CONSTRAINT fk_invoices_customer_id_customers TO fk_documents_customer_id_customers;
ALTER TABLE documents RENAME CONSTRAINT fk_invoices_subscription_id_subscriptions
    TO fk_documents_subscription_id_subscriptions;
ALTER TABLE documents RENAME CONSTRAINT fk_invoices_payment_id_payments TO fk_documents_payment_id_payments;
ALTER TABLE documents DROP CONSTRAINT uq_invoices_subscription_id_cycle;
ALTER TABLE documents DROP CONSTRAINT uq_invoices_payment_id;
ALTER INDEX ix_invoices_customer_issued RENAME TO ix_documents_customer_issued;
ALTER TABLE documents
    ADD COLUMN kind TEXT NOT NULL DEFAULT 'tax_invoice',
    ADD COLUMN original_id TEXT,
    ADD COLUMN gst_adjusting BOOLEAN DEFAULT true NOT NULL,
    ALTER COLUMN subscription_id DROP NOT NULL,
    ALTER COLUMN payment_id DROP NOT NULL,
    ALTER COLUMN cycle DROP NOT NULL,
    ALTER COLUMN period_start DROP NOT NULL,
    ALTER COLUMN period_end DROP NOT NULL,
    ADD CONSTRAINT fk_documents_original_id_documents FOREIGN KEY (original_id) REFERENCES documents (id);
ALTER TABLE documents ALTER COLUMN kind DROP DEFAULT;
ALTER TABLE documents ADD CONSTRAINT ck_documents_kind CHECK (kind IN ('proforma', 'tax_invoice',
    'bill_of_supply', 'credit_note', 'receipt_voucher', 'refund_voucher'));
ALTER TABLE documents ADD CONSTRAINT ck_documents_original
    CHECK ((original_id IS NOT NULL) = (kind IN ('credit_note', 'refund_voucher')));
CREATE UNIQUE INDEX uq_documents_one_per_cycle ON documents (subscription_id, cycle)
    WHERE kind IN ('tax_invoice', 'bill_of_supply');
CREATE UNIQUE INDEX uq_documents_one_per_payment ON documents (payment_id)
    WHERE kind IN ('tax_invoice', 'bill_of_supply');
CREATE INDEX ix_documents_filed ON documents (seller_gstin, issued_on);
CREATE INDEX ix_documents_original ON documents (original_id) WHERE original_id IS NOT NULL;
ALTER TABLE invoice_documents RENAME TO renditions;
ALTER TABLE renditions RENAME COLUMN invoice_id TO document_id;
ALTER TABLE renditions RENAME CONSTRAINT pk_invoice_documents TO pk_renditions;
ALTER TABLE renditions RENAME CONSTRAINT fk_invoice_documents_invoice_id_invoices
    TO fk_renditions_document_id_documents
"""

# What those invoices say is put in the terms of all documents: one line each, of one rate.
_INVOICES_IN_NEW_TERMS = """
UPDATE documents SET document = document - 'place_of_supply' || jsonb_build_object(
    'kind', 'tax_invoice',
    'supply', jsonb_build_object(
        'place', place_of_supply,
        'nature', CASE WHEN left(seller_gstin, 2) = place_of_supply THEN 'intra_state'
                       ELSE 'inter_state' END),
    'buyer', document->'buyer' || jsonb_build_object(
        'kind', CASE WHEN document->'buyer'->>'gstin' = '' THEN 'unregistered' ELSE 'registered' END),
    'supplied_on', document->'paid_on',
    'lines', jsonb_build_array(document->'lines'->0 || jsonb_build_object(
        'rate_bp', (SELECT coalesce(sum((tax->>'rate_bp')::int), 0)
                    FROM jsonb_array_elements(document->'amount'->'taxes') AS tax),
        'cgst_paise', cgst_paise,
        'sgst_paise', sgst_paise + utgst_paise,
        'igst_paise', igst_paise)))
"""

_LEDGER_NAMES_DOCUMENTS = """
ALTER TABLE ledger_transactions ADD COLUMN document_id TEXT;
ALTER TABLE ledger_transactions ADD CONSTRAINT fk_ledger_transactions_document_id_documents
    FOREIGN KEY (document_id) REFERENCES documents (id);
CREATE INDEX ix_ledger_transactions_document_id ON ledger_transactions (document_id);
CREATE INDEX ix_ledger_transactions_customer_id ON ledger_transactions (customer_id)
"""

_LEDGER_OF_INVOICES = """
UPDATE ledger_transactions SET document_id = substr(reference, 9) WHERE reference LIKE 'invoice/%'
"""

_THE_REST = """
CREATE TABLE refunds (
    id TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    document_id TEXT,
    customer_id TEXT NOT NULL,
    subscription_id TEXT,
    gateway TEXT NOT NULL,
    gateway_refund_id TEXT,
    amount_paise BIGINT NOT NULL,
    currency TEXT NOT NULL,
    speed TEXT NOT NULL,
    speed_processed TEXT,
    status TEXT NOT NULL,
    origin TEXT NOT NULL,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    failure TEXT,
    note_id TEXT,
    requested_at TIMESTAMPTZ NOT NULL,
    settled_at TIMESTAMPTZ,
    CONSTRAINT pk_refunds PRIMARY KEY (id),
    CONSTRAINT uq_refunds_gateway_gateway_refund_id UNIQUE (gateway, gateway_refund_id),
    CONSTRAINT ck_refunds_amount CHECK (amount_paise > 0),
    CONSTRAINT ck_refunds_status CHECK (status IN ('requested', 'pending', 'processed', 'failed')),
    CONSTRAINT ck_refunds_origin CHECK (origin IN ('bahi', 'dashboard')),
    CONSTRAINT ck_refunds_speed CHECK (speed IN ('normal', 'optimum')),
    CONSTRAINT fk_refunds_payment_id_payments FOREIGN KEY (payment_id) REFERENCES payments (id),
    CONSTRAINT fk_refunds_document_id_documents FOREIGN KEY (document_id) REFERENCES documents (id),
    CONSTRAINT fk_refunds_customer_id_customers FOREIGN KEY (customer_id) REFERENCES customers (id),
    CONSTRAINT fk_refunds_subscription_id_subscriptions FOREIGN KEY (subscription_id)
        REFERENCES subscriptions (id),
    CONSTRAINT fk_refunds_note_id_documents FOREIGN KEY (note_id) REFERENCES documents (id)
);
CREATE INDEX ix_refunds_payment_id ON refunds (payment_id);
CREATE INDEX ix_refunds_subscription_id ON refunds (subscription_id);

CREATE TABLE irp_registrations (
    document_id TEXT NOT NULL,
    status TEXT NOT NULL,
    irn TEXT,
    acknowledgement_number TEXT,
    acknowledged_at TEXT,
    signed_qr TEXT,
    signed_invoice TEXT,
    refusal TEXT,
    attempts INTEGER DEFAULT 0 NOT NULL,
    registered_at TIMESTAMPTZ,
    cancelled_at TIMESTAMPTZ,
    cancel_reason TEXT,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_irp_registrations PRIMARY KEY (document_id),
    CONSTRAINT ck_irp_registrations_status CHECK (status IN ('due', 'registered', 'refused', 'cancelled')),
    CONSTRAINT fk_irp_registrations_document_id_documents FOREIGN KEY (document_id) REFERENCES documents (id)
);
CREATE INDEX ix_irp_registrations_open ON irp_registrations (status) WHERE status IN ('due', 'refused');

ALTER TABLE customers
    ADD COLUMN in_sez BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN registration_state_confirmed BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN seller_key TEXT;
ALTER TABLE plans ADD COLUMN seller_key TEXT;
ALTER TABLE webhook_inbox ADD COLUMN gateway_refund_id TEXT;
ALTER TABLE payments DROP CONSTRAINT ck_payments_status;
ALTER TABLE payments ADD CONSTRAINT ck_payments_status
    CHECK (status IN ('captured', 'failed', 'quarantined', 'returned', 'kept'))
"""

_HINT = "an issued document never changes; correct it with a credit note"


def _run(statements: str) -> None:
    for statement in statements.split(";\n"):
        if statement.strip():
            op.execute(statement)


def _rewrite(table: str, statement: str) -> None:
    """The one change that append-only rows ever see: nothing of what they say is another."""
    op.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
    op.execute(statement)
    op.execute(f"ALTER TABLE {table} ENABLE TRIGGER append_only")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    _run(_INVOICES_BECOME_DOCUMENTS)
    _rewrite("documents", _INVOICES_IN_NEW_TERMS)
    op.execute("DROP TRIGGER append_only ON documents")
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON documents "
        f"FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('{_HINT}')"
    )
    _run(_LEDGER_NAMES_DOCUMENTS)
    _rewrite("ledger_transactions", _LEDGER_OF_INVOICES)
    _run(_THE_REST)


def downgrade() -> None:
    raise NotImplementedError("the book of record is not taken back by a migration; restore a backup instead")
