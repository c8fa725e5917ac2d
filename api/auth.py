"""Who calls: customers and operators by signed token, services by a shared one."""

import asyncio
import hmac
from dataclasses import dataclass
from typing import Any

import jwt

from config import Settings
from domain.errors import Misconfigured, Unauthorised, Unavailable

_SYMMETRIC = ["HS256"]
_ASYMMETRIC = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_LEEWAY_SECONDS = 5
_JWKS_SECONDS = 5
_LONGEST_SUBJECT = 255
_LONGEST_CLAIM = 200
OPERATOR_ROLE = "operator"


@dataclass(frozen=True)
class CustomerIdentity:
    """A customer as their application's token names them; `user_id` is the token's `sub`."""

    user_id: str
    name: str = ""
    email: str = ""


@dataclass(frozen=True)
class Operator:
    """Somebody who may see and steer everything. `expires_at` is Unix seconds."""

    subject: str
    expires_at: int


class Tokens:
    """Checks tokens by the settings. Raises Misconfigured where these contradict each other."""

    def __init__(self, settings: Settings) -> None:
        self._customer_secret = settings.customer_jwt_secret
        self._jwks = (
            jwt.PyJWKClient(settings.customer_jwks_url, timeout=_JWKS_SECONDS)
            if settings.customer_jwks_url
            else None
        )
        if self._jwks is None and not self._customer_secret:
            raise Misconfigured("customers cannot sign in: set BAHI_CUSTOMER_JWT_SECRET or _JWKS_URL")
        if self._jwks is None and self._customer_secret == settings.operator_jwt_secret:
            raise Misconfigured(
                "BAHI_OPERATOR_JWT_SECRET equals BAHI_CUSTOMER_JWT_SECRET: customers could become operators"
            )
        self._audience = settings.customer_jwt_audience
        self._issuer = settings.customer_jwt_issuer
        self._operator_secret = settings.operator_jwt_secret.get_secret_value()
        self._service_token = settings.service_token.get_secret_value().encode()

    async def customer(self, token: str) -> CustomerIdentity:
        """Raises Unauthorised, or Unavailable while the keys cannot be fetched."""
        if self._jwks is not None:
            key: Any = await self._published_key(self._jwks, token)
            algorithms = _ASYMMETRIC
        else:
            assert self._customer_secret is not None
            key, algorithms = self._customer_secret.get_secret_value(), _SYMMETRIC
        claims = _decode(token, key, algorithms, self._audience, self._issuer)
        return CustomerIdentity(_subject(claims), _text_claim(claims, "name"), _text_claim(claims, "email"))

    def operator(self, token: str) -> Operator:
        """Raises Unauthorised; `known` where the token is good but its role is another."""
        claims = _decode(token, self._operator_secret, _SYMMETRIC)
        if claims.get("role") != OPERATOR_ROLE:
            raise Unauthorised("Operators only: the token's role is another.", known=True)
        return Operator(_subject(claims), int(claims["exp"]))

    def is_service(self, token: str) -> bool:
        """Whether it is the services' shared token; takes the same time for any wrong one."""
        return hmac.compare_digest(token.encode(errors="replace"), self._service_token)

    async def _published_key(self, jwks: jwt.PyJWKClient, token: str) -> Any:
        try:
            return (await asyncio.to_thread(jwks.get_signing_key_from_jwt, token)).key
        except jwt.PyJWKClientConnectionError as error:
            raise Unavailable("the customers' public keys cannot be fetched; check the JWKS URL") from error
        except (jwt.PyJWTError, ValueError) as error:
            raise Unauthorised("The token's key is not known; sign in again.") from error


def _decode(
    token: str, key: Any, algorithms: list[str], audience: str | None = None, issuer: str | None = None
) -> dict[str, Any]:
    try:
        return jwt.decode(
            token,
            key,
            algorithms=algorithms,
            audience=audience,
            issuer=issuer,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "sub"], "verify_aud": audience is not None},
        )
    except jwt.ExpiredSignatureError:
        raise Unauthorised("The token has expired; sign in again.") from None
    except (jwt.PyJWTError, ValueError) as error:
        raise Unauthorised("The token is not valid; sign in again.") from error


def _subject(claims: dict[str, Any]) -> str:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
        raise Unauthorised("The token's subject is not usable: 1 to 255 printable characters.")
    return subject


def _text_claim(claims: dict[str, Any], name: str) -> str:
    """A convenience: whatever does not look like a name or address is ignored."""
    value = claims.get(name)
    usable = isinstance(value, str) and len(value) <= _LONGEST_CLAIM and value.isprintable()
    return str(value).strip() if usable else ""
