"""Posts signed by the Standard Webhooks specification to one configured address."""

import asyncio
import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
from standardwebhooks import Webhook

from domain.errors import GatewayRefused, Misconfigured, OutcomeUnknown, Unavailable
from gateways.loopback import is_loopback

_CONNECT_SECONDS = 3.0
_ANSWER_SECONDS = 15.0
_SECRET_BYTES = 24
_GONE = 410
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class SignedWebhook:
    """Sends bodies to `url`. The receiver knows a repeated one by its `webhook-id`."""

    def __init__(
        self,
        url: str,
        secret: str,
        clock: Callable[[], datetime],
        *,
        setting: str,
        answer_seconds: float = _ANSWER_SECONDS,
    ) -> None:
        """`setting` is the name of the settings for messages (`BAHI_{setting}_URL`). Raises Misconfigured."""
        self._url = _checked_url(url, setting)
        self._setting = setting
        self._signer = Webhook(_checked_secret(secret, setting))
        self._clock = clock
        self._answer_seconds = answer_seconds
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(answer_seconds, connect=_CONNECT_SECONDS),
            follow_redirects=False,
            trust_env=not is_loopback(url),
        )

    async def post(self, message_id: str, body: str, content_type: str = "application/json") -> None:
        """Returns when the receiver has answered 2xx.

        Raises GatewayRefused if it wants nothing any more (410), Unavailable for any other answer
        (redirects too, which are not followed) or none, OutcomeUnknown if it may have been received.
        """
        # The signer takes the clock's digits as UTC whatever zone they are in.
        now = self._clock().astimezone(UTC)
        headers = {
            "content-type": content_type,
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(message_id, now, body),
        }
        status = await self._status_of(headers, body)
        if 200 <= status < 300:
            return
        if status == _GONE:
            raise GatewayRefused(f"the address in BAHI_{self._setting}_URL answers 410 Gone", status=status)
        raise Unavailable(f"the address in BAHI_{self._setting}_URL answered {status}; trying again later")

    async def _status_of(self, headers: dict[str, str], body: str) -> int:
        name = f"BAHI_{self._setting}_URL"
        try:
            # A deadline over all: the client's own ones start anew with every byte.
            async with (
                asyncio.timeout(self._answer_seconds),
                self._client.stream("POST", self._url, content=body.encode(), headers=headers) as answer,
            ):
                return answer.status_code
        except _NEVER_SENT as error:
            raise Unavailable(f"{name} cannot be reached ({type(error).__name__}); trying again") from error
        except (httpx.TransportError, TimeoutError) as error:
            raise OutcomeUnknown(f"{name} did not answer ({type(error).__name__})") from error

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()


def _checked_url(url: str, setting: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Misconfigured(f"BAHI_{setting}_URL is not a URL") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise Misconfigured(f"BAHI_{setting}_URL must begin with http:// or https://")
    return url


def _checked_secret(secret: str, setting: str) -> str:
    """The signer would silently skip characters that are not base64."""
    encoded = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        key = b""
    if len(key) < _SECRET_BYTES:
        raise Misconfigured(
            f"BAHI_{setting}_SECRET must be whsec_ and base64 of at least {_SECRET_BYTES} random bytes"
        )
    return secret
