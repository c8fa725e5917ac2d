"""Customers' invoices: listed, shown, downloaded by a link that expires."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from db.models import Rendition
from gateways.links import signature_of
from tests.api.serving import Served
from tests.db import rows

PDF = b"%PDF-1.7 not really"
KEY = "invoices/2026-27/abc.pdf"


def invoice_id(number: int) -> str:
    return f"inv_{number:032x}"


async def add_invoices(api: Served, how_many: int = 1, **values: Any) -> None:
    await rows.add(api.services.database, rows.customer(), rows.subscription())
    for number in range(1, how_many + 1):
        await rows.add(
            api.services.database,
            rows.payment(str(number), cycle=number - 1),
            rows.invoice(
                str(number),
                **{
                    "id": invoice_id(number),
                    "cycle": number - 1,
                    "issued_at": rows.NOON + timedelta(days=number // 3),
                    "document": rows.PRINTED,
                    **values,
                },
            ),
        )


async def add_document(api: Served, number: int = 1) -> None:
    await api.services.store.put(KEY, PDF, "application/pdf")
    document = Rendition(
        id=invoice_id(number),
        document_id=invoice_id(number),
        object_key=KEY,
        sha256="0" * 64,
        size_bytes=len(PDF),
        rendered_at=rows.NOON,
    )
    await rows.add(api.services.database, document)


async def test_pages_go_from_the_newest_to_the_oldest_and_miss_none(api: Served) -> None:
    await add_invoices(api, 7)
    seen: list[str] = []
    cursor: str | None = None
    async with api.customer() as customer:
        while True:
            parameters = {"limit": "3", **({"cursor": cursor} if cursor else {})}
            page = (await customer.get("/v1/invoices", params=parameters)).json()
            seen += [item["id"] for item in page["data"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
    assert seen == [invoice_id(number) for number in (7, 6, 5, 4, 3, 2, 1)]


async def test_a_cursor_that_is_not_ours_is_refused(api: Served) -> None:
    async with api.customer() as customer:
        for cursor in ("x", "MjAyNg", "MDAwMS0wMS0wMVQwMDowMDowMCsyMzo1OSBpbnZfMQ", "a b", ""):
            answer = await customer.get("/v1/invoices", params={"cursor": cursor})
            assert answer.status_code == 422, cursor
            assert answer.json()["errors"][0]["field"] == "cursor"


async def test_one_invoice_shows_what_was_printed(api: Served) -> None:
    await add_invoices(api)
    async with api.customer() as customer:
        shown = (await customer.get(f"/v1/invoices/{invoice_id(1)}")).json()
    assert shown["number"] == "BH26-27/000001"
    assert shown["total_paise"] == 499900
    parts = ("taxable", "cgst", "sgst", "utgst", "igst", "round_off")
    assert sum(shown[f"{part}_paise"] for part in parts) == shown["total_paise"]
    assert shown["buyer"]["name"] == "Asha Verma"
    assert shown["seller"]["state_code"] == "29"
    assert shown["lines"][0]["description"] == "Pro subscription, monthly"


async def test_a_download_is_a_redirect_to_a_link_that_needs_no_token(api: Served) -> None:
    await add_invoices(api)
    await add_document(api)
    async with api.customer() as customer, api.client() as anybody:
        answer = await customer.get(f"/v1/invoices/{invoice_id(1)}/download")
        assert answer.status_code == 302
        assert answer.headers["referrer-policy"] == "no-referrer"
        document = await anybody.get(answer.headers["location"])
    assert document.status_code == 200
    assert document.content == PDF
    assert document.headers["content-type"] == "application/pdf"
    assert 'filename="BH26-27-000001.pdf"' in document.headers["content-disposition"]


async def test_until_the_pdf_is_made_the_download_says_when_to_come_back(api: Served) -> None:
    await add_invoices(api)
    async with api.customer() as customer:
        answer = await customer.get(f"/v1/invoices/{invoice_id(1)}/download")
        shown = (await customer.get(f"/v1/invoices/{invoice_id(1)}")).json()
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")
    assert int(answer.headers["retry-after"]) > 0
    assert shown["document_ready"] is False


async def test_a_link_that_was_changed_or_has_expired_gives_nothing(api: Served) -> None:
    await add_invoices(api)
    await add_document(api)
    async with api.customer() as customer:
        link = (await customer.get(f"/v1/invoices/{invoice_id(1)}/download")).headers["location"]
        parts = urlsplit(link)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        expired = await api.services.store.signed_url(
            KEY, filename="a.pdf", expires=timedelta(0), now=api.services.clock() - timedelta(minutes=1)
        )
        assert (await customer.get(expired)).status_code == 403
        changed = [
            (parts.path, {**query, "expires": str(int(query["expires"]) + 1)}),
            (parts.path, {**query, "filename": "b.pdf"}),
            (parts.path, {**query, "signature": "0" * 64}),
            ("/files/invoices/2026-27/other.pdf", query),
            ("/files/../../etc/passwd", query),
            ("/files/%2e%2e/%2e%2e/etc/passwd", query),
            ("/files/invoices/2026-27/abc.pdf%00", query),
        ]
        for path, parameters in changed:
            answer = await customer.get(path, params=parameters)
            assert answer.status_code == 404, (path, parameters)


async def test_even_a_signed_link_leads_nowhere_outside_the_store(api: Served) -> None:
    secret = api.settings.storage_link_secret.get_secret_value()
    expires = 2**33
    async with api.client() as anybody:
        for key in ("../secret", "a/../../secret", ".hidden", "a//b", "missing.pdf", "invoices"):
            signature = signature_of(secret, key, expires, "a.pdf")
            answer = await anybody.get(
                "/files/" + key.replace("..", "%2e%2e"),
                params={"expires": expires, "filename": "a.pdf", "signature": signature},
            )
            assert answer.status_code == 404, key
