"""Mandates, pages to pay on, and draws on the wallet; payments that belong to no subscription."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SUBSCRIPTIONS = """
ALTER TABLE subscriptions ADD COLUMN collection TEXT DEFAULT 'gateway' NOT NULL,
    ADD COLUMN by_mandate BOOLEAN DEFAULT true NOT NULL,
    ADD CONSTRAINT ck_subscriptions_collection CHECK (collection IN ('gateway', 'engine'))
"""

_PAYMENTS = """
ALTER TABLE payments
    ALTER COLUMN subscription_id DROP NOT NULL,
    ALTER COLUMN cycle DROP NOT NULL,
    ADD COLUMN bank_reference TEXT
"""

_MANDATES = """
CREATE TABLE mandates (
    id TEXT NOT NULL,
    subscription_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    gateway TEXT NOT NULL,
    gateway_mandate_id TEXT,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    max_amount_paise BIGINT NOT NULL,
    valid_until TIMESTAMPTZ,
    pause_ends_at TIMESTAMPTZ,
    in_use BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_mandates PRIMARY KEY (id),
    CONSTRAINT ck_mandates_kind CHECK (kind IN ('upi', 'card', 'bank')),
    CONSTRAINT ck_mandates_status
        CHECK (status IN ('created', 'active', 'paused', 'revoked', 'expired', 'failed')),
    CONSTRAINT ck_mandates_max_amount CHECK (max_amount_paise > 0),
    CONSTRAINT fk_mandates_subscription_id_subscriptions
        FOREIGN KEY (subscription_id) REFERENCES subscriptions (id),
    CONSTRAINT fk_mandates_customer_id_customers FOREIGN KEY (customer_id) REFERENCES customers (id)
)
"""

_PAGES = """
CREATE TABLE pay_pages (
    order_id TEXT NOT NULL,
    gateway TEXT NOT NULL,
    subject TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    customer_id TEXT NOT NULL,
    subscription_id TEXT,
    top_up_id TEXT,
    mandate_id TEXT,
    amount_paise BIGINT NOT NULL,
    state TEXT NOT NULL,
    gateway_order_id TEXT,
    url TEXT,
    expires_at TIMESTAMPTZ,
    opened_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_pay_pages PRIMARY KEY (order_id),
    CONSTRAINT uq_pay_pages_subject_attempt UNIQUE (subject, attempt),
    CONSTRAINT ck_pay_pages_state CHECK (state IN ('open', 'pending', 'completed', 'over')),
    CONSTRAINT ck_pay_pages_owner CHECK ((subscription_id IS NULL) <> (top_up_id IS NULL)),
    CONSTRAINT fk_pay_pages_customer_id_customers FOREIGN KEY (customer_id) REFERENCES customers (id),
    CONSTRAINT fk_pay_pages_subscription_id_subscriptions
        FOREIGN KEY (subscription_id) REFERENCES subscriptions (id)
)
"""

_DRAWS = """
CREATE TABLE wallet_draws (
    id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    amount_paise BIGINT NOT NULL,
    drawn_at TIMESTAMPTZ NOT NULL,
    month TEXT NOT NULL,
    reference TEXT NOT NULL,
    document_id TEXT,
    CONSTRAINT pk_wallet_draws PRIMARY KEY (id),
    CONSTRAINT ck_wallet_draws_amount CHECK (amount_paise > 0),
    CONSTRAINT fk_wallet_draws_customer_id_customers FOREIGN KEY (customer_id) REFERENCES customers (id),
    CONSTRAINT fk_wallet_draws_document_id_documents FOREIGN KEY (document_id) REFERENCES documents (id)
)
"""

_INDEXES = (
    "CREATE INDEX ix_mandates_subscription_id ON mandates (subscription_id)",
    "CREATE INDEX ix_mandates_swept ON mandates (updated_at) WHERE in_use AND status IN ('active', 'paused')",
    "CREATE INDEX ix_pay_pages_subscription_id ON pay_pages (subscription_id)",
    "CREATE INDEX ix_pay_pages_top_up_id ON pay_pages (top_up_id)",
    "CREATE INDEX ix_mandates_gateway ON mandates (gateway_mandate_id)",
    "CREATE INDEX ix_pay_pages_gateway ON pay_pages (gateway_order_id)",
    "CREATE INDEX ix_pay_pages_mandate ON pay_pages (mandate_id)",
    "CREATE INDEX ix_gateway_intents_gateway ON gateway_intents (gateway_id)",
    "CREATE INDEX ix_wallet_draws_open ON wallet_draws (customer_id, month) WHERE document_id IS NULL",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for statement in (_SUBSCRIPTIONS, _PAYMENTS, _MANDATES, _PAGES, _DRAWS, *_INDEXES):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("the book of record is not taken back by a migration; restore a backup instead")
