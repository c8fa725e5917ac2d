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
    return _signed(body, signature, secrets)


def verify_razorpay_checkout(
    payment_id: str, subscription_id: str, signature: str | None, key_secret: str
) -> bool:
    """Whether Razorpay vouches for what a browser brought back from checkout.

    `subscription_id` is Razorpay's, as we have it on record: never the one the browser sent.
    """
    return _signed(f"{payment_id}|{subscription_id}".encode(errors="replace"), signature, [key_secret])


def _signed(message: bytes, signature: str | None, secrets: Sequence[str]) -> bool:
    given = (signature or "").encode(errors="replace")
    matched = False
    for secret in secrets:
        expected = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest().encode()
        # No early exit: the time taken tells nothing about which secret matched.
        matched |= bool(secret) and hmac.compare_digest(expected, given)
    return matched
