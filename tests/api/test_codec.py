"""Temporal's remote codec, for operators in the Temporal UI."""

import base64
import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from temporalio.api.common.v1 import Payload

from engine.codec import EncryptionCodec
from tests.api.serving import Served

PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'{"hello": "Bengaluru"}')


def body(*payloads: Payload) -> dict[str, Any]:
    return {"payloads": [MessageToDict(payload) for payload in payloads]}


async def encrypted(api: Served) -> Payload:
    codec = EncryptionCodec.from_setting(api.settings.payload_keys.get_secret_value())
    (payload,) = await codec.encode([PLAIN])
    return payload


async def test_the_ui_sees_what_workers_encrypted(api: Served) -> None:
    sealed = await encrypted(api)
    assert b"Bengaluru" not in sealed.data
    async with api.client() as browser:
        await browser.post("/admin/login", data={"token": api.operator_token()})
        headers = {"Origin": api.settings.allowed_origins[0], "X-Namespace": "default"}
        answer = await browser.post("/admin/codec/decode", json=body(sealed, PLAIN), headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-credentials"] == "true"
    shown = [base64.b64decode(payload["data"]) for payload in answer.json()["payloads"]]
    assert [json.loads(data)["hello"] for data in shown] == ["Bengaluru", "Bengaluru"]


async def test_what_is_encoded_here_is_decoded_here(api: Served) -> None:
    async with api.operator() as operator:
        sealed = (await operator.post("/admin/codec/encode", json=body(PLAIN))).json()
        assert b"Bengaluru" not in base64.b64decode(sealed["payloads"][0]["data"])
        opened = (await operator.post("/admin/codec/decode", json=sealed)).json()
        nothing = (await operator.post("/admin/codec/decode", json={"payloads": []})).json()
    assert opened == body(PLAIN)
    assert nothing == {"payloads": []}


async def test_it_is_no_oracle_for_anybody_else(api: Served) -> None:
    sealed = body(await encrypted(api))
    for client in (
        api.client(),
        api.customer(),
        api.service(),
        api.client(api.operator_token(role="viewer")),
    ):
        async with client:
            assert (await client.post("/admin/codec/decode", json=sealed)).status_code in (401, 403)


@pytest.mark.parametrize(
    "payload",
    [
        {"data": "not base64!"},
        {"metadata": {"encoding": "YmluYXJ5L2VuY3J5cHRlZA=="}, "data": "AAAA"},
        {"metadata": {"encoding": "YmluYXJ5L2VuY3J5cHRlZA==", "encryption-key-id": "bm8="}, "data": ""},
        {"unknown": "field"},
        {"metadata": "text"},
    ],
)
async def test_what_cannot_be_opened_is_422(api: Served, payload: dict[str, Any]) -> None:
    async with api.operator() as operator:
        answer = await operator.post("/admin/codec/decode", json={"payloads": [payload]})
    assert answer.status_code == 422, answer.text
