"""Usage of the product, its sums by day and month, and budgets in rupees."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BUDGETS = """
ALTER TABLE plans ADD COLUMN monthly_budget_paise BIGINT,
    ADD CONSTRAINT ck_plans_one_budget CHECK (num_nonnulls(monthly_budget_usd_cents, monthly_budget_paise) <= 1)
"""

_EVENTS = """
CREATE TABLE usage_events (
    customer_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    occurred_at TIMESTAMPTZ NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    cost_microusd BIGINT,
    cost_paise BIGINT,
    cost_micropaise BIGINT NOT NULL,
    CONSTRAINT pk_usage_events PRIMARY KEY (customer_id, event_id),
    CONSTRAINT ck_usage_events_one_cost CHECK (num_nonnulls(cost_microusd, cost_paise) = 1),
    CONSTRAINT ck_usage_events_cost CHECK (cost_micropaise >= 0),
    CONSTRAINT fk_usage_events_customer_id_customers FOREIGN KEY (customer_id) REFERENCES customers (id)
)
"""

_DAYS = """
CREATE TABLE usage_days (
    customer_id TEXT NOT NULL,
    day DATE NOT NULL,
    kind TEXT NOT NULL,
    events BIGINT NOT NULL,
    cost_micropaise BIGINT NOT NULL,
    CONSTRAINT pk_usage_days PRIMARY KEY (customer_id, day, kind),
    CONSTRAINT fk_usage_days_customer_id_customers FOREIGN KEY (customer_id) REFERENCES customers (id)
)
"""

_MONTHS = """
CREATE TABLE usage_months (
    customer_id TEXT NOT NULL,
    month TEXT NOT NULL,
    events BIGINT NOT NULL,
    usd_rate_paise INTEGER NOT NULL,
    limit_micropaise BIGINT,
    used_micropaise BIGINT NOT NULL,
    excess_micropaise BIGINT NOT NULL,
    drawn_paise BIGINT NOT NULL,
    over_paise BIGINT NOT NULL,
    warned_at TIMESTAMPTZ,
    used_up_at TIMESTAMPTZ,
    CONSTRAINT pk_usage_months PRIMARY KEY (customer_id, month),
    CONSTRAINT ck_usage_months_excess CHECK (excess_micropaise >= 0 AND excess_micropaise <= used_micropaise),
    CONSTRAINT ck_usage_months_covered CHECK (drawn_paise >= 0 AND over_paise >= 0),
    CONSTRAINT fk_usage_months_customer_id_customers FOREIGN KEY (customer_id) REFERENCES customers (id)
)
"""

# A wallet's balance is asked for before money is spent.
_BALANCES = """
CREATE INDEX ix_ledger_postings_wallet ON ledger_postings (transaction_id) INCLUDE (amount_paise)
    WHERE account = 'wallet'
"""

# Money was drawn for it. Old events may be removed: their sums stay.
_NEVER_EDITED = """
CREATE TRIGGER never_edited BEFORE UPDATE ON usage_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('usage that was told stays as it was told')
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for statement in (_BUDGETS, _EVENTS, _DAYS, _MONTHS, _BALANCES, _NEVER_EDITED):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("the book of record is not taken back by a migration; restore a backup instead")
