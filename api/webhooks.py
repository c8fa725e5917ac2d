"""Gateways' calls: verified on the raw bytes, stored, answered. What they mean is found out later."""

import hashlib
import re
import uuid

from fastapi import APIRouter, Request, Response

from api.dependencies import Parts
from api.logs import logger
from api.problems import documented
from api.schemas import WebhookReceipt
from config import Settings
from config.collecting import PhonePeCallers
from db import inbox
from domain.errors import Unauthorised
from gateways.phonepe_signatures import (
    KEY_ID_HEADER,
    SIGNATURE_HEADER,
    verify_phonepe_authorization,
    verify_phonepe_hmac,
    verify_phonepe_x_verify,
)
from gateways.phonepe_webhook import parse_phonepe_callback, parse_phonepe_webhook
from gateways.razorpay_webhook import parse_razorpay_webhook
from gateways.signatures import verify_razorpay_webhook

router = APIRouter(tags=["gateways"])
RAZORPAY = "razorpay"
PHONEPE = "phonepe"
_STORED, _DUPLICATE = b'{"status":"stored"}', b'{"status":"duplicate"}'
_EVENT_ID = re.compile(r"[!-~]{1,128}", re.ASCII)


def _header(name: str, description: str, *, required: bool) -> dict[str, object]:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": {"type": "string"},
    }


@router.post(
    "/webhooks/razorpay",
    operation_id="receive_razorpay_webhook",
    response_model=WebhookReceipt,
    responses=documented(401),
    openapi_extra={
        "parameters": [
            _header("X-Razorpay-Signature", "HMAC-SHA256 of the raw body, hexadecimal.", required=True),
            _header("X-Razorpay-Event-Id", "Tells repetitions apart.", required=False),
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
    },
)
async def receive_razorpay_webhook(request: Request, services: Parts) -> Response:
    """200 once the call is durably kept, whatever it says; a forged one is refused and not kept."""
    body = await request.body()
    signatures = request.headers.getlist("x-razorpay-signature")
    # Two signatures would leave open which of them some other reader believes.
    if len(signatures) != 1 or not verify_razorpay_webhook(body, signatures[0], _secrets(services.settings)):
        logger.warning("webhook refused", source=RAZORPAY, signatures=len(signatures), length=len(body))
        raise Unauthorised("The signature does not fit the body; check the webhook secret on both sides.")
    parsed = parse_razorpay_webhook(body)
    async with services.database.transaction() as session:
        waits = await inbox.store(
            session,
            source=RAZORPAY,
            event_id=_event_id(request, body),
            event_type=parsed.event or "unreadable",
            body=body,
            gateway_subscription_id=parsed.gateway_subscription_id,
            gateway_payment_id=parsed.payment_id,
            gateway_invoice_id=parsed.invoice_id,
            gateway_refund_id=parsed.gateway_refund_id,
        )
    return Response(_STORED if waits else _DUPLICATE, media_type="application/json")


@router.post(
    "/webhooks/phonepe",
    operation_id="receive_phonepe_webhook",
    response_model=WebhookReceipt,
    responses=documented(401),
    openapi_extra={
        "parameters": [
            _header(
                "Authorization",
                "Lower-case hexadecimal SHA-256 of `username:password`, bare.",
                required=False,
            ),
            _header("X-VERIFY", "Of legacy callbacks.", required=False),
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
    },
)
@router.post("/api/v1/webhooks/phonepe", include_in_schema=False)
@router.post("/api/v1/billing/webhooks/phonepe", include_in_schema=False)
async def receive_phonepe_webhook(request: Request, services: Parts) -> Response:
    """200 once the call is durably kept; it is a hint only, the status API decides (phonepe.md 4.2)."""
    body = await request.body()
    callers = services.settings.phonepe_callers
    legacy = "x-verify" in request.headers
    if not services.settings.phonepe_client_id or not _is_phonepes(request, body, callers):
        logger.warning("webhook refused", source=PHONEPE, legacy=legacy, length=len(body))
        raise Unauthorised(
            "The call does not carry PhonePe's signature; check user name and password (or the salt key) "
            "on both sides."
        )
    told = parse_phonepe_callback(body) if legacy else parse_phonepe_webhook(body)
    async with services.database.transaction() as session:
        waits = await inbox.store(
            session,
            source=PHONEPE,
            event_id=told.delivery_key or f"call:{uuid.uuid4()}",
            event_type=told.event or "unreadable",
            body=body,
            gateway_subscription_id=told.mandate_id,
            gateway_payment_id=told.order_id,
            gateway_refund_id=told.refund_id,
            alike_is_new=told.delivery_key is None,
        )
    return Response(_STORED if waits else _DUPLICATE, media_type="application/json")


def _is_phonepes(request: Request, body: bytes, callers: PhonePeCallers) -> bool:
    """In whichever of the three ways it is signed; a signature that is there must be right."""
    headers = request.headers
    if any(len(headers.getlist(name)) > 1 for name in ("authorization", "x-verify", SIGNATURE_HEADER)):
        return False
    if SIGNATURE_HEADER in headers:
        return verify_phonepe_hmac(
            body, headers.get(KEY_ID_HEADER), headers.get(SIGNATURE_HEADER), callers.keys
        )
    if "x-verify" in headers:
        return verify_phonepe_x_verify(body, headers.get("x-verify"), callers.salts)
    return verify_phonepe_authorization(headers.get("authorization"), callers.logins)


def _secrets(settings: Settings) -> list[str]:
    """Current first; the previous one while a rotation lasts."""
    secrets = [settings.razorpay_webhook_secret, settings.razorpay_webhook_secret_previous]
    return [secret.get_secret_value() for secret in secrets if secret is not None]


def _event_id(request: Request, body: bytes) -> str:
    """The gateway's id of the event, which lies outside the signature; without one, the body itself."""
    given = request.headers.get("x-razorpay-event-id", "")
    return given if _EVENT_ID.fullmatch(given) else f"body:{hashlib.sha256(body).hexdigest()}"
