"""Payload encryption: AES-256-GCM with key ids, so that keys can be rotated while runs sleep for years."""

import base64
import binascii
import os
from collections.abc import Sequence
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from domain.errors import Misconfigured

_ENCODING = b"binary/encrypted"
_KEY_ID = "encryption-key-id"
_NONCE_BYTES = 12


class EncryptionCodec(PayloadCodec):
    """Encrypts with the first key; decrypts with whichever key a payload names."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        if not keys:
            raise Misconfigured("BAHI_PAYLOAD_KEYS is empty: give id:base64-of-32-bytes")
        self._current = keys[0][0].encode()
        self._ciphers = {name.encode(): AESGCM(key) for name, key in keys}

    @classmethod
    def from_setting(cls, setting: str) -> Self:
        """From `id:base64,id:base64`, the first being current. Raises Misconfigured."""
        keys = []
        for part in setting.split(","):
            name, _, encoded = part.strip().partition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                key = b""
            if not name or len(key) != 32:
                raise Misconfigured("BAHI_PAYLOAD_KEYS: each key is id:base64 of exactly 32 bytes")
            keys.append((name, key))
        return cls(keys)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """See PayloadCodec."""
        return [self._encrypt(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """See PayloadCodec. Raises Misconfigured for a key that is no longer known."""
        return [self._decrypt(payload) for payload in payloads]

    def _encrypt(self, payload: Payload) -> Payload:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._current].encrypt(nonce, payload.SerializeToString(), self._current)
        return Payload(metadata={"encoding": _ENCODING, _KEY_ID: self._current}, data=nonce + sealed)

    def _decrypt(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != _ENCODING:
            return payload
        key_id = payload.metadata.get(_KEY_ID, b"")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise Misconfigured(
                f"payload key {key_id.decode(errors='replace')!r} is unknown: keep old keys listed"
            )
        nonce, sealed = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
        try:
            return Payload.FromString(cipher.decrypt(nonce, sealed, key_id))
        except InvalidTag as error:
            raise Misconfigured(
                f"payload does not open with key {key_id.decode()!r}: another key has that id"
            ) from error
