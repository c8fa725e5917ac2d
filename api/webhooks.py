"""Gateways' calls: verified on the raw bytes, stored, answered. What they mean is found out later."""

import hashlib
import re

from fastapi import APIRouter, Request, Response

from api.dependencies import Parts
from api.logs import logger
from api.problems import documented
from api.schemas import WebhookReceipt
from config import Settings
from db import inbox
from domain.errors import Unauthorised
from gateways.razorpay_webhook import parse_razorpay_webhook
from gateways.signatures import verify_razorpay_webhook

router = APIRouter(tags=["gateways"])
RAZORPAY = "razorpay"
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


def _secrets(settings: Settings) -> list[str]:
    """Current first; the previous one while a rotation lasts."""
    secrets = [settings.razorpay_webhook_secret, settings.razorpay_webhook_secret_previous]
    return [secret.get_secret_value() for secret in secrets if secret is not None]


def _event_id(request: Request, body: bytes) -> str:
    """The gateway's id of the event, which lies outside the signature; without one, the body itself."""
    given = request.headers.get("x-razorpay-event-id", "")
    return given if _EVENT_ID.fullmatch(given) else f"body:{hashlib.sha256(body).hexdigest()}"
