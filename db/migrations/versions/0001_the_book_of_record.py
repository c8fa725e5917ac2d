"""The book of record: every table, and what the database itself refuses.

Revision ID: 0001
Revises:
Create Date: 2026-11-22
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE customers (
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    email TEXT DEFAULT '' NOT NULL,
    phone TEXT DEFAULT '' NOT NULL,
    country TEXT DEFAULT 'IN' NOT NULL,
    state_code TEXT,
    state_origin TEXT,
    address_lines TEXT[] DEFAULT '{}' NOT NULL,
    city TEXT DEFAULT '' NOT NULL,
    pin TEXT DEFAULT '' NOT NULL,
    gstin TEXT DEFAULT '' NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    updated_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_customers PRIMARY KEY (id),
    CONSTRAINT uq_customers_user_id UNIQUE (user_id)
);

CREATE TABLE plans (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    code TEXT NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    features JSONB NOT NULL,
    highlights TEXT[] DEFAULT '{}' NOT NULL,
    monthly_budget_usd_cents BIGINT,
    rank INTEGER NOT NULL,
    fallback BOOLEAN DEFAULT false NOT NULL,
    offered BOOLEAN DEFAULT true NOT NULL,
    CONSTRAINT pk_plans PRIMARY KEY (id)
);
CREATE UNIQUE INDEX uq_plans_fallback ON plans (fallback) WHERE fallback;

CREATE TABLE prices (
    id TEXT NOT NULL,
    plan_id TEXT NOT NULL,
    interval TEXT NOT NULL,
    version INTEGER NOT NULL,
    amount_paise BIGINT NOT NULL,
    currency TEXT DEFAULT 'INR' NOT NULL,
    tax_inclusive BOOLEAN NOT NULL,
    sac TEXT NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    superseded_at TIMESTAMPTZ,
    CONSTRAINT pk_prices PRIMARY KEY (id),
    CONSTRAINT uq_prices_plan_id_interval_version UNIQUE (plan_id, interval, version),
    CONSTRAINT ck_prices_interval CHECK (interval IN ('monthly', 'annual')),
    CONSTRAINT ck_prices_amount CHECK (amount_paise >= 0),
    CONSTRAINT fk_prices_plan_id_plans FOREIGN KEY (plan_id) REFERENCES plans (id)
);
CREATE UNIQUE INDEX uq_prices_current ON prices (plan_id, interval) WHERE superseded_at IS NULL;

CREATE TABLE gateway_plans (
    gateway TEXT NOT NULL,
    price_id TEXT NOT NULL,
    amount_paise BIGINT NOT NULL,
    gateway_plan_id TEXT NOT NULL,
    CONSTRAINT pk_gateway_plans PRIMARY KEY (gateway, price_id, amount_paise),
    CONSTRAINT fk_gateway_plans_price_id_prices FOREIGN KEY (price_id) REFERENCES prices (id)
);

CREATE TABLE subscriptions (
    id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    plan_id TEXT NOT NULL,
    price_id TEXT NOT NULL,
    gateway TEXT NOT NULL,
    is_free BOOLEAN NOT NULL,
    charge_paise BIGINT NOT NULL,
    total_count INTEGER NOT NULL,
    status TEXT NOT NULL,
    version INTEGER NOT NULL,
    gateway_subscription_id TEXT,
    checkout_url TEXT,
    checkout_expires_at TIMESTAMPTZ,
    started_at TIMESTAMPTZ,
    current_period_start TIMESTAMPTZ,
    current_period_end TIMESTAMPTZ,
    paid_cycle INTEGER,
    cancel_at_period_end BOOLEAN DEFAULT false NOT NULL,
    access_until TIMESTAMPTZ,
    uncollected INTEGER[] DEFAULT '{}' NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_subscriptions PRIMARY KEY (id),
    CONSTRAINT ck_subscriptions_status
        CHECK (status IN ('CREATED', 'AUTHENTICATED', 'ACTIVE', 'PAST_DUE', 'HALTED', 'PAUSED',
            'CANCELLED', 'COMPLETED', 'EXPIRED')),
    CONSTRAINT ck_subscriptions_charge CHECK (charge_paise >= 0),
    CONSTRAINT fk_subscriptions_customer_id_customers FOREIGN KEY (customer_id)
        REFERENCES customers (id),
    CONSTRAINT fk_subscriptions_plan_id_plans FOREIGN KEY (plan_id) REFERENCES plans (id),
    CONSTRAINT fk_subscriptions_price_id_prices FOREIGN KEY (price_id) REFERENCES prices (id),
    CONSTRAINT uq_subscriptions_gateway_subscription_id UNIQUE (gateway_subscription_id)
);
CREATE INDEX ix_subscriptions_customer_created ON subscriptions (customer_id, created_at);
CREATE UNIQUE INDEX uq_subscriptions_one_live ON subscriptions (customer_id, is_free)
    WHERE status IN ('ACTIVE', 'AUTHENTICATED', 'CREATED', 'HALTED', 'PAST_DUE', 'PAUSED');

CREATE TABLE gateway_intents (
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    subscription_id TEXT,
    state TEXT NOT NULL,
    request JSONB NOT NULL,
    gateway_id TEXT,
    sent_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_gateway_intents PRIMARY KEY (key),
    CONSTRAINT ck_gateway_intents_state CHECK (state IN ('planned', 'sent', 'done'))
);
CREATE INDEX ix_gateway_intents_open ON gateway_intents (created_at) WHERE state <> 'done';

CREATE TABLE payments (
    id TEXT NOT NULL,
    subscription_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    cycle INTEGER NOT NULL,
    gateway TEXT NOT NULL,
    gateway_payment_id TEXT NOT NULL,
    gateway_invoice_id TEXT NOT NULL,
    status TEXT NOT NULL,
    amount_paise BIGINT NOT NULL,
    currency TEXT NOT NULL,
    method TEXT NOT NULL,
    fee_paise BIGINT,
    reason TEXT,
    attempted_at TIMESTAMPTZ NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_payments PRIMARY KEY (id),
    CONSTRAINT uq_payments_gateway_gateway_payment_id UNIQUE (gateway, gateway_payment_id),
    CONSTRAINT ck_payments_status CHECK (status IN ('captured', 'failed', 'quarantined')),
    CONSTRAINT fk_payments_subscription_id_subscriptions FOREIGN KEY (subscription_id)
        REFERENCES subscriptions (id),
    CONSTRAINT fk_payments_customer_id_customers FOREIGN KEY (customer_id) REFERENCES customers (id)
);
CREATE INDEX ix_payments_quarantined ON payments (recorded_at) WHERE status = 'quarantined';
CREATE INDEX ix_payments_subscription_id ON payments (subscription_id);
CREATE UNIQUE INDEX uq_payments_one_capture_per_cycle ON payments (subscription_id, cycle)
    WHERE status = 'captured';

CREATE TABLE number_series (
    gstin TEXT NOT NULL,
    kind TEXT NOT NULL,
    prefix TEXT NOT NULL,
    financial_year TEXT NOT NULL,
    last_number INTEGER NOT NULL,
    last_issued_on DATE NOT NULL,
    CONSTRAINT pk_number_series PRIMARY KEY (gstin, kind, prefix, financial_year)
);

CREATE TABLE invoices (
    id TEXT NOT NULL,
    number TEXT NOT NULL,
    seller_gstin TEXT NOT NULL,
    financial_year TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    subscription_id TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    cycle INTEGER NOT NULL,
    period_start TIMESTAMPTZ NOT NULL,
    period_end TIMESTAMPTZ NOT NULL,
    issued_on DATE NOT NULL,
    issued_at TIMESTAMPTZ NOT NULL,
    place_of_supply TEXT NOT NULL,
    currency TEXT NOT NULL,
    taxable_paise BIGINT NOT NULL,
    cgst_paise BIGINT NOT NULL,
    sgst_paise BIGINT NOT NULL,
    utgst_paise BIGINT NOT NULL,
    igst_paise BIGINT NOT NULL,
    round_off_paise BIGINT NOT NULL,
    total_paise BIGINT NOT NULL,
    document JSONB NOT NULL,
    CONSTRAINT pk_invoices PRIMARY KEY (id),
    CONSTRAINT uq_invoices_seller_gstin_number UNIQUE (seller_gstin, number),
    CONSTRAINT uq_invoices_subscription_id_cycle UNIQUE (subscription_id, cycle),
    CONSTRAINT ck_invoices_adds_up
        CHECK (taxable_paise + cgst_paise + sgst_paise + utgst_paise + igst_paise
            + round_off_paise = total_paise),
    CONSTRAINT ck_invoices_halves_equal CHECK (cgst_paise = sgst_paise + utgst_paise),
    CONSTRAINT ck_invoices_number_length CHECK (length(number) <= 16),
    CONSTRAINT fk_invoices_customer_id_customers FOREIGN KEY (customer_id) REFERENCES customers (id),
    CONSTRAINT fk_invoices_subscription_id_subscriptions FOREIGN KEY (subscription_id)
        REFERENCES subscriptions (id),
    CONSTRAINT uq_invoices_payment_id UNIQUE (payment_id),
    CONSTRAINT fk_invoices_payment_id_payments FOREIGN KEY (payment_id) REFERENCES payments (id)
);
CREATE INDEX ix_invoices_customer_issued ON invoices (customer_id, issued_at);

CREATE TABLE invoice_documents (
    invoice_id TEXT NOT NULL,
    object_key TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    rendered_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_invoice_documents PRIMARY KEY (invoice_id),
    CONSTRAINT fk_invoice_documents_invoice_id_invoices FOREIGN KEY (invoice_id) REFERENCES invoices (id)
);

CREATE TABLE ledger_transactions (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    reference TEXT NOT NULL,
    kind TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    occurred_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_ledger_transactions PRIMARY KEY (id),
    CONSTRAINT uq_ledger_transactions_reference UNIQUE (reference),
    CONSTRAINT fk_ledger_transactions_customer_id_customers FOREIGN KEY (customer_id)
        REFERENCES customers (id)
);

CREATE TABLE ledger_postings (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    transaction_id BIGINT NOT NULL,
    account TEXT NOT NULL,
    amount_paise BIGINT NOT NULL,
    CONSTRAINT pk_ledger_postings PRIMARY KEY (id),
    CONSTRAINT ck_ledger_postings_not_zero CHECK (amount_paise <> 0),
    CONSTRAINT fk_ledger_postings_transaction_id_ledger_transactions FOREIGN KEY (transaction_id)
        REFERENCES ledger_transactions (id)
);
CREATE INDEX ix_ledger_postings_transaction_id ON ledger_postings (transaction_id);

CREATE TABLE webhook_inbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    source TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    body BYTEA NOT NULL,
    body_sha256 TEXT NOT NULL,
    gateway_subscription_id TEXT,
    gateway_payment_id TEXT,
    gateway_invoice_id TEXT,
    subscription_id TEXT,
    status TEXT DEFAULT 'received' NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    last_error TEXT,
    next_attempt_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    received_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    processed_at TIMESTAMPTZ,
    CONSTRAINT pk_webhook_inbox PRIMARY KEY (id),
    CONSTRAINT uq_webhook_inbox_source_event_id UNIQUE (source, event_id),
    CONSTRAINT ck_webhook_inbox_status
        CHECK (status IN ('received', 'signalled', 'known', 'duplicate', 'unhandled', 'orphan', 'late'))
);
CREATE INDEX ix_webhook_inbox_body ON webhook_inbox (source, body_sha256);
CREATE INDEX ix_webhook_inbox_due ON webhook_inbox (id) WHERE status = 'received';
CREATE INDEX ix_webhook_inbox_subscription ON webhook_inbox (subscription_id, id);
CREATE INDEX ix_webhook_inbox_turn ON webhook_inbox (gateway_subscription_id, id)
    WHERE status = 'received';

CREATE TABLE outbox_events (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    key TEXT NOT NULL,
    type TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    subscription_id TEXT,
    occurred_at TIMESTAMPTZ NOT NULL,
    data JSONB NOT NULL,
    txid BIGINT DEFAULT (pg_current_xact_id()::text)::bigint NOT NULL,
    recorded_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_outbox_events PRIMARY KEY (id),
    CONSTRAINT uq_outbox_events_key UNIQUE (key),
    CONSTRAINT fk_outbox_events_customer_id_customers FOREIGN KEY (customer_id) REFERENCES customers (id)
);
CREATE INDEX ix_outbox_events_customer ON outbox_events (customer_id, id);
CREATE INDEX ix_outbox_events_position ON outbox_events (txid, id);
CREATE INDEX ix_outbox_events_subscription ON outbox_events (subscription_id, id);

CREATE TABLE outbox_deliveries (
    event_id BIGINT NOT NULL,
    sink TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    status TEXT DEFAULT 'pending' NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    next_attempt_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    last_error TEXT,
    done_at TIMESTAMPTZ,
    CONSTRAINT pk_outbox_deliveries PRIMARY KEY (event_id, sink),
    CONSTRAINT ck_outbox_deliveries_status CHECK (status IN ('pending', 'done', 'failed')),
    CONSTRAINT fk_outbox_deliveries_event_id_outbox_events FOREIGN KEY (event_id)
        REFERENCES outbox_events (id)
);
CREATE INDEX ix_outbox_deliveries_due ON outbox_deliveries (sink, event_id) WHERE status = 'pending';
CREATE INDEX ix_outbox_deliveries_failed ON outbox_deliveries (sink, event_id) WHERE status = 'failed';
CREATE INDEX ix_outbox_deliveries_turn ON outbox_deliveries (sink, customer_id, event_id)
    WHERE status = 'pending';

CREATE TABLE notifications (
    id TEXT NOT NULL,
    cause TEXT NOT NULL,
    kind TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    subscription_id TEXT,
    channel TEXT NOT NULL,
    status TEXT NOT NULL,
    last_error TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    sent_at TIMESTAMPTZ,
    CONSTRAINT pk_notifications PRIMARY KEY (id),
    CONSTRAINT uq_notifications_cause_kind UNIQUE (cause, kind),
    CONSTRAINT ck_notifications_status CHECK (status IN ('sending', 'sent', 'failed', 'unknown')),
    CONSTRAINT fk_notifications_customer_id_customers FOREIGN KEY (customer_id) REFERENCES customers (id)
);
CREATE INDEX ix_notifications_subscription ON notifications (subscription_id);

CREATE TABLE idempotency_keys (
    owner TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    request_sha256 TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    locked_until TIMESTAMPTZ,
    response_status INTEGER,
    response_body BYTEA,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (owner, route, key)
);
"""

_APPEND_ONLY = ("invoices", "ledger_transactions", "ledger_postings", "outbox_events")

_REFUSE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation', HINT = TG_ARGV[0];
END
$$
"""

_HINTS = {
    "invoices": "an issued invoice never changes; correct it with a credit note",
    "ledger_transactions": "correct the books with a transaction that reverses this one",
    "ledger_postings": "correct the books with a transaction that reverses this one",
    "outbox_events": "what was announced stays announced; announce the correction",
    "invoice_documents": "a document that was handed out stays as it is",
    "prices": "running subscriptions keep their price; add a new version",
}

# One trigger per statement: it also refuses an UPDATE or DELETE that meets no row, and TRUNCATE.
_REFUSE_ALL = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('{hint}')
"""

_REFUSE_REMOVAL = """
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('{hint}')
"""

# Rendering again is fine as long as it gives the same file; a price may only be superseded.
_REFUSE_OTHER_VALUES = """
CREATE TRIGGER never_edited BEFORE UPDATE ON {table}
    FOR EACH ROW WHEN (({old}) IS DISTINCT FROM ({new}))
    EXECUTE FUNCTION refuse_change('{hint}')
"""

_FIXED_COLUMNS = {
    "invoice_documents": ("invoice_id", "object_key", "sha256", "size_bytes"),
    "prices": ("id", "plan_id", "interval", "version", "amount_paise", "currency", "tax_inclusive", "sac"),
}

# Checked at commit, when all of a transaction's postings are there.
_BALANCE = (
    """
CREATE FUNCTION check_ledger_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked bigint := CASE TG_TABLE_NAME
        WHEN 'ledger_transactions' THEN (to_jsonb(NEW)->>'id')::bigint
        ELSE (to_jsonb(NEW)->>'transaction_id')::bigint END;
    postings bigint;
    balance numeric;
BEGIN
    SELECT count(*), coalesce(sum(amount_paise), 0) INTO postings, balance
        FROM ledger_postings WHERE transaction_id = checked;
    IF postings < 2 THEN
        RAISE EXCEPTION 'ledger transaction % has % posting(s); it needs at least two', checked, postings
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF balance <> 0 THEN
        RAISE EXCEPTION 'ledger transaction % is off balance by % paise', checked, balance
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$
""",
    """
CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger_transactions
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_ledger_balance()
""",
    """
CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger_postings
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_ledger_balance()
""",
)

# Wakes whoever LISTENs, after the commit; rows are found by looking, so a lost call costs only time.
_CALLS = (
    """
CREATE FUNCTION call_out() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify(TG_ARGV[0], '');
    RETURN NULL;
END
$$
""",
    """
CREATE TRIGGER call_out AFTER INSERT ON webhook_inbox
    FOR EACH STATEMENT EXECUTE FUNCTION call_out('webhook_inbox')
""",
    """
CREATE TRIGGER call_out AFTER INSERT ON outbox_deliveries
    FOR EACH STATEMENT EXECUTE FUNCTION call_out('outbox')
""",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    op.execute(_REFUSE)
    for table in _APPEND_ONLY:
        op.execute(_REFUSE_ALL.format(table=table, hint=_HINTS[table]))
    for table, columns in _FIXED_COLUMNS.items():
        old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("OLD", "NEW"))
        op.execute(_REFUSE_REMOVAL.format(table=table, hint=_HINTS[table]))
        op.execute(_REFUSE_OTHER_VALUES.format(table=table, old=old, new=new, hint=_HINTS[table]))
    for statement in (*_BALANCE, *_CALLS):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("the book of record is not dropped by a migration; restore a backup instead")
