"""Identifiers that we mint: a prefix and 26 characters that sort by the time of minting.

Routes name them as `{subscription_id:subscription}`, so that `/v1/subscriptions/cancel` is no id.
"""

import base64
import os
from datetime import datetime

from starlette.convertors import StringConvertor, register_url_convertor

ID_CHARACTERS = "[0-9a-v]{26}"
"""Base32 in the alphabet whose order is that of its values (RFC 4648 section 7), lower case."""


class _SubscriptionId(StringConvertor):
    regex = f"sub_{ID_CHARACTERS}"


register_url_convertor("subscription", _SubscriptionId())


def new_id(prefix: str, now: datetime) -> str:
    """`sub_` and the like: 48 bits of milliseconds, then 80 of chance (the layout of a UUIDv7)."""
    milliseconds = int(now.timestamp() * 1000)
    value = milliseconds.to_bytes(6) + os.urandom(10)
    return f"{prefix}_{base64.b32hexencode(value).decode().rstrip('=').lower()}"
