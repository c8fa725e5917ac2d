"""Who sent a PhonePe webhook, in its three ways. Pure, constant-time, and nothing raises.

v2, SHA     `Authorization`: hex SHA-256 of "username:password", bare (phonepe.md 4.2). It says nothing
            about the body, so the body is a hint at best.
v2, HMAC    `x-phonepe-checksum-key-id` and `x-phonepe-checksum-signature`: hex HMAC-SHA256 of the body as
            received, where the dashboard offers it. That it exists is PhonePe's documentation; header
            names and encoding are only what merchants' code agrees upon.
legacy      `X-VERIFY`: hex SHA-256 of (`response` + salt key), then "###" and the key's index
            (phonepe.md 6). A formula over the whole body and "/pg/v1/status" is about and wrong.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence

KEY_ID_HEADER = "x-phonepe-checksum-key-id"
SIGNATURE_HEADER = "x-phonepe-checksum-signature"

_BETWEEN = "###"


def verify_phonepe_authorization(authorization: str | None, logins: Sequence[tuple[str, str]]) -> bool:
    """Whether the header stands for one of `logins`: (username, password), now's and the last.

    An incomplete login never matches.
    """
    given, matched = _bytes(authorization), False
    for username, password in logins:
        expected = hashlib.sha256(f"{username}:{password}".encode()).hexdigest()
        # No early exit: the time taken tells nothing about which one matched.
        matched |= bool(username and password) and hmac.compare_digest(expected.encode(), given)
    return matched


def verify_phonepe_hmac(
    body: bytes, key_id: str | None, signature: str | None, secrets: Mapping[str, str]
) -> bool:
    """Whether `body`, as received, was signed with the secret of `key_id`; `secrets` are by key id."""
    secret = secrets.get(key_id or "", "")
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return bool(secret) and hmac.compare_digest(expected.encode(), _bytes(signature))


def verify_phonepe_x_verify(body: bytes, x_verify: str | None, salt_keys: Mapping[int, str]) -> bool:
    """Whether a legacy callback carries the checksum of its `response`; the index in it picks the key."""
    digest, between, index = (x_verify or "").partition(_BETWEEN)
    salt = salt_keys.get(_index(index), "")
    response = _response(body)
    expected = hashlib.sha256(f"{response}{salt}".encode(errors="replace")).hexdigest()
    same = hmac.compare_digest(expected.encode(), _bytes(digest))
    return bool(between and salt and response) and same


def _index(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else -1


def _response(body: bytes) -> str:
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    response = envelope.get("response") if isinstance(envelope, dict) else None
    return response if isinstance(response, str) else ""


def _bytes(header: str | None) -> bytes:
    return (header or "").encode(errors="replace")
