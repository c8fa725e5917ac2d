"""No customer can see or touch another's: made from the routes, so a new route fails until it is named."""

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from api.app import create_app
from config import Settings
from db.models import Rendition, Subscription
from tests.api.serving import Served
from tests.db import rows

SUBSCRIPTION, INVOICE, TOP_UP = "sub_" + "a" * 26, "inv_" + "a" * 32, "top_" + "a" * 26
OWNED = {
    "subscription_id": SUBSCRIPTION,
    "invoice_id": INVOICE,
    "document_id": INVOICE,
    "top_up_id": TOP_UP,
}
"""Ids of things that belong to a customer, and the ones that belong to user_1 here."""
NOT_OWNED = {
    "/internal/entitlements/{user_id}": "services ask for any user",
    "/internal/spend/{user_id}": "services ask for any user",
    "/files/{key}": "the link itself is the key",
}
OPERATORS = "/admin/"


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of everything served, described or not."""
    described = app.openapi()["paths"]
    for path, operations in described.items():
        for method in operations:
            yield method.upper(), path


ROUTES = sorted(routes(create_app(Settings(environment="test"))))
WITH_IDS = [(method, path) for method, path in ROUTES if "{" in path]


def test_every_route_that_is_served_is_described() -> None:
    """What is not in the description is not in the tests made from it: only pages may be left out."""
    app = create_app(Settings(environment="test"))
    served = {path for context in iter_route_contexts(app.routes) if (path := context.path)}
    described = {path for _, path in ROUTES}
    pages = {"/", "/favicon.ico", "/docs", "/style.css", "/openapi.json", "/admin/login", "/admin/logout"}
    # Whoever has the address may pay: it is a link, and tells nothing of the customer.
    pages |= {"/pay/{owner_id}", "/pay/{owner_id}/mandate", "/pay/{owner_id}/back"}
    other_names = {"/api/v1/webhooks/phonepe", "/api/v1/billing/webhooks/phonepe"}
    assert {re.sub(r":\w+}", "}", path) for path in served} - described == pages | other_names


@pytest.mark.parametrize(("method", "path"), WITH_IDS)
def test_every_id_in_a_path_is_somebodys_or_is_named_as_nobodys(method: str, path: str) -> None:
    if path.startswith(OPERATORS):
        return
    unknown = set(re.findall(r"{(\w+)}", path)) - OWNED.keys()
    assert not unknown or path in NOT_OWNED, f"say in this test whose {unknown} of {path} is"


async def test_another_customers_id_is_404_on_every_route(api: Served) -> None:
    await rows.add(
        api.services.database,
        rows.customer("1", state_code="29"),
        rows.customer("2", state_code="29"),
        rows.subscription(id=SUBSCRIPTION),
        rows.mandate(subscription_id=SUBSCRIPTION),
        rows.payment(subscription_id=SUBSCRIPTION),
        rows.invoice(id=INVOICE, subscription_id=SUBSCRIPTION, document=rows.PRINTED),
        rows.top_up(id=TOP_UP),
        Rendition(
            id=INVOICE,
            document_id=INVOICE,
            object_key="a.pdf",
            sha256="0" * 64,
            size_bytes=1,
            rendered_at=rows.NOON,
        ),
    )
    operators_only = {
        "webhook_id": "1",
        "command": "cancel",
        "customer_id": "cus_" + "a" * 26,
        "payment_id": "pmt_" + "a" * 32,
        "refund_id": "rfd_" + "a" * 32,
        "export_id": "exp_" + "a" * 26,
    }
    known = {**OWNED, **operators_only}
    async with api.customer("user_2") as stranger, api.customer("user_3") as nobody:
        for method, path in WITH_IDS:
            if path in NOT_OWNED:
                continue
            concrete = re.sub(r"{(\w+)}", lambda match: known[match[1]], path)
            for client in (stranger, nobody):
                answer = await client.request(method, concrete)
                # Operators' routes do not even take a customer's token.
                wanted = 401 if path.startswith(OPERATORS) else 404
                assert answer.status_code == wanted, (method, path, answer.text)
                assert "user_1" not in answer.text
                assert "Asha" not in answer.text
    async with api.services.database.reading() as session:
        row = await session.get_one(Subscription, SUBSCRIPTION)
    assert (row.status, row.version) == ("ACTIVE", 1)


async def test_the_owner_is_let_in_where_the_stranger_is_not(api: Served) -> None:
    """The other half: the 404s above are not there for everybody."""
    await rows.add(
        api.services.database,
        rows.customer(state_code="29"),
        rows.subscription(id=SUBSCRIPTION),
        rows.mandate(subscription_id=SUBSCRIPTION),
        rows.payment(subscription_id=SUBSCRIPTION),
        rows.invoice(id=INVOICE, subscription_id=SUBSCRIPTION, document=rows.PRINTED),
        rows.top_up(id=TOP_UP),
    )
    known = {**OWNED, "webhook_id": "1"}
    async with api.customer("user_1") as owner:
        for method, path in WITH_IDS:
            if method != "GET" or path.startswith(OPERATORS) or path in NOT_OWNED:
                continue
            concrete = re.sub(r"{(\w+)}", lambda match: known[match[1]], path)
            answer = await owner.get(concrete)
            assert answer.status_code in (200, 409), (path, answer.text)
