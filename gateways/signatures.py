"""Signatures of incoming calls, checked on the raw bytes. Pure, and without any vendor's library.

Razorpay signs with HMAC-SHA256 and writes the digest in lower-case hex (razorpay.md 3.3, 3.4).
"""

import hashlib
import hmac
from collections.abc import Sequence


def verify_razorpay_webhook(body: bytes, signature: str | None, secrets: Sequence[str]) -> bool:
    """Whether `body` (as received, never re-serialised) was signed with one of `secrets`.

    Give the current secret and, after a rotation, the previous one: events made before it keep the
    old signature, retries too. An empty secret never matches. Never raises, whatever the header holds.
    """
    given = (signature or "").encode(errors="replace")
    matched = False
    for secret in secrets:
        expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
        # No early exit: the time taken tells nothing about which secret matched.
        matched |= bool(secret) and hmac.compare_digest(expected, given)
    return matched
