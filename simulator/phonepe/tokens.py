"""OAuth: client credentials for a token that lives a while (phonepe.md, 1.2)."""

import hmac
import secrets
from collections.abc import Mapping

from simulator.books import Record
from simulator.phonepe.refusals import Refusal, unauthorized
from simulator.phonepe.world import World

_SCHEME = "O-Bearer"


def issue(world: World, form: Mapping[str, str]) -> Record:
    """POST .../v1/oauth/token"""
    options = world.options
    wanted = {
        "client_id": options.client_id,
        "client_secret": options.client_secret,
        "client_version": options.client_version,
        "grant_type": "client_credentials",
    }
    if not all(hmac.compare_digest(form.get(name, "").encode(), wanted[name].encode()) for name in wanted):
        text = f"Bad Request: Invalid Client, trackingId: {secrets.token_hex(3)}"
        context = {"error_description": "Client authentication failure"}
        raise Refusal(
            world.switches.bad_client_status, "INVALID_CLIENT", text, errorCode="OIM000", context=context
        )
    lifetime = world.switches.token_ttl_seconds
    token = f"eyJ{secrets.token_urlsafe(96)}"
    expires = world.now + lifetime
    world.books.add("token", {"id": token, "expires_at": expires}, world.now)
    return {
        "access_token": token,
        "encrypted_access_token": token,
        "expires_in": lifetime if world.switches.expires_in == "seconds" else None,
        "issued_at": world.now,
        "expires_at": expires,
        "session_expires_at": expires,
        "token_type": _SCHEME,
    }


def check(world: World, header: str | None) -> None:
    """Raises Refusal unless the Authorization header carries a living token."""
    scheme, _, value = (header or "").partition(" ")
    token = world.books.get("token", value)
    if scheme != _SCHEME or token is None or token["expires_at"] <= world.now:
        raise unauthorized()


def expire_all(world: World) -> int:
    """Every token dies early. Returns how many."""
    found = world.books.find("token")
    for token in found:
        world.books.remove("token", token["id"])
    return len(found)
