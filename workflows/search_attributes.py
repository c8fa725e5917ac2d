"""The few things operators may search runs by. Never personal data: they are stored in clear."""

from datetime import datetime

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from domain.subscription import Subscription

STATUS = SearchAttributeKey.for_keyword("BahiStatus")
PLAN = SearchAttributeKey.for_keyword("BahiPlan")
GATEWAY = SearchAttributeKey.for_keyword("BahiGateway")
CUSTOMER = SearchAttributeKey.for_keyword("BahiCustomer")
NEXT_DUE = SearchAttributeKey.for_datetime("BahiNextDue")

ALL = {"BahiStatus": "Keyword", "BahiPlan": "Keyword", "BahiGateway": "Keyword", "BahiCustomer": "Keyword",
       "BahiNextDue": "Datetime"}  # fmt: skip
"""Name and type, as the server must know them before the first start."""


def of(subscription: Subscription, next_due: datetime | None = None) -> TypedSearchAttributes:
    """Search attributes of a run."""
    pairs: list[SearchAttributePair[str] | SearchAttributePair[datetime]] = [
        SearchAttributePair(STATUS, subscription.status.value),
        SearchAttributePair(PLAN, subscription.price.plan_id),
        SearchAttributePair(GATEWAY, subscription.gateway),
        SearchAttributePair(CUSTOMER, subscription.customer_id),
    ]
    if next_due is not None:
        pairs.append(SearchAttributePair(NEXT_DUE, next_due))
    return TypedSearchAttributes(pairs)
