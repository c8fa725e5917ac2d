"""Temporal's remote codec: shows encrypted payloads in the Temporal UI to operators who have signed in."""

import json
from collections.abc import Sequence

from fastapi import APIRouter, Response
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from pydantic import BaseModel, Field
from temporalio.api.common.v1 import Payload, Payloads

from api.dependencies import CurrentOperator, Parts
from api.logs import logger
from api.problems import documented
from domain.errors import InvalidInput, Misconfigured
from engine.codec import EncryptionCodec

router = APIRouter(tags=["operators"])


class EncodedPayloads(BaseModel):
    """Temporal's `Payloads` message as JSON; bytes are base64."""

    payloads: list[dict[str, str | dict[str, str]]] = Field(
        max_length=1000, examples=[[{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "IkhpIg=="}]]
    )


@router.post(
    "/admin/codec/decode",
    operation_id="decode_payloads",
    response_model=EncodedPayloads,
    responses=documented(401, 403),
)
async def decode_payloads(services: Parts, operator: CurrentOperator, given: EncodedPayloads) -> Response:
    """Decrypt payloads of our workflows."""
    logger.info("payloads decoded", operator=operator.subject, count=len(given.payloads))
    message = _parse(given)
    try:
        return _render(await _codec(services).decode(message.payloads))
    except Misconfigured as error:
        raise InvalidInput("payloads", str(error)) from error


@router.post(
    "/admin/codec/encode",
    operation_id="encode_payloads",
    response_model=EncodedPayloads,
    responses=documented(401, 403),
)
async def encode_payloads(services: Parts, operator: CurrentOperator, given: EncodedPayloads) -> Response:
    """Encrypt payloads, for signals and queries sent from the Temporal UI."""
    logger.info("payloads encoded", operator=operator.subject, count=len(given.payloads))
    return _render(await _codec(services).encode(_parse(given).payloads))


def _codec(services: Parts) -> EncryptionCodec:
    return EncryptionCodec.from_setting(services.settings.payload_keys.get_secret_value())


def _parse(given: EncodedPayloads) -> Payloads:
    try:
        return ParseDict(given.model_dump(), Payloads())
    except (ParseError, ValueError, RecursionError):
        raise InvalidInput("payloads", "These are not Temporal payloads; bytes are base64.") from None


def _render(payloads: Sequence[Payload]) -> Response:
    content = {"payloads": [MessageToDict(payload) for payload in payloads]}
    return Response(json.dumps(content), media_type="application/json")
