"""Every refusal in one shape: application/problem+json (RFC 9457), documented where it can occur."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.logs import logger, request_id
from domain.errors import (
    BahiError,
    FinalError,
    GatewayUnavailable,
    InvalidInput,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    Refused,
    RetryableError,
    Unauthorised,
)

PROBLEM_JSON = "application/problem+json"
_RETRY_AFTER_SECONDS = 2


class RequestRejected(FinalError):
    """The request itself cannot be served, whatever its content. `status` is the HTTP status."""

    code = "request_rejected"

    def __init__(self, status: int, code: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after = retry_after


class FieldFault(BaseModel):
    """One wrong field."""

    field: str = Field(description="Where it is, dotted: `address_lines.0`.")
    message: str = Field(description="What is wrong with it.")
    remedy: str = Field(description="What to do about it.")


class Problem(BaseModel):
    """What was wrong and what to do, for people (`detail`) and programs (`code`)."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="Stable name of the kind of problem.")
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable, machine-readable; the last part of `type`.")
    request_id: str = Field(description="Quote it when you ask about this answer; it is in the logs.")
    errors: list[FieldFault] | None = Field(default=None, description="Every wrong field, with a remedy.")
    state: str | None = Field(default=None, description="The state the command does not fit.")
    allowed: list[str] | None = Field(default=None, description="Commands that fit this state.")


@dataclass(frozen=True)
class _Answer:
    status: int
    code: str
    detail: str
    errors: Sequence[FieldFault] | None = None
    state: str | None = None
    allowed: Sequence[str] | None = None
    headers: Mapping[str, str] | None = None


def problem_response(answer: _Answer) -> Response:
    """Render one problem."""
    problem = Problem(
        type=f"urn:bahi:problem:{answer.code}",
        title=HTTPStatus(answer.status).phrase,
        status=answer.status,
        detail=answer.detail,
        code=answer.code,
        request_id=request_id(),
        errors=list(answer.errors) if answer.errors is not None else None,
        state=answer.state,
        allowed=list(answer.allowed) if answer.allowed is not None else None,
    )
    return Response(
        problem.model_dump_json(exclude_none=True), answer.status, answer.headers, media_type=PROBLEM_JSON
    )


def rejection(error: RequestRejected) -> Response:
    """For middleware, which no exception handler surrounds."""
    return problem_response(_from_bahi(error))


def _from_bahi(error: BahiError) -> _Answer:
    detail = str(error)
    match error:
        case InvalidInput():
            fault = FieldFault(field=error.field, message=detail, remedy=f"Give a valid {error.field}.")
            return _Answer(422, error.code, detail, [fault])
        case NotFound():
            return _Answer(404, error.code, detail)
        case Refused():
            return _Answer(409, error.code, detail, state=error.state, allowed=error.allowed)
        case Unauthorised(known=False):
            return _Answer(401, error.code, detail, headers={"WWW-Authenticate": "Bearer"})
        case Unauthorised():
            return _Answer(403, "forbidden", detail)
        case RequestRejected():
            headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else None
            return _Answer(error.status, error.code, detail, headers=headers)
        case Misconfigured():
            logger.error("misconfigured", detail=detail)
            return _Answer(500, error.code, "This installation is misconfigured; its log says how.")
        case FinalError():
            return _Answer(409, error.code, detail)
        case RetryableError():
            logger.warning("unavailable", detail=detail)
            return _Answer(
                503, error.code, _patience(error), headers={"Retry-After": str(_RETRY_AFTER_SECONDS)}
            )
        case _:
            return _Answer(500, error.code, "Something went wrong; quote the request id.")


def _patience(error: RetryableError) -> str:
    """Names of our inner parts and addresses stay in the log."""
    if isinstance(error, GatewayUnavailable | OutcomeUnknown):
        return "The payment gateway does not answer; repeat the same request in a moment."
    return "A part of this installation does not answer; repeat the same request in a moment."


_MESSAGES: dict[str, str] = {
    "missing": "It is missing",
    "extra_forbidden": "There is no such field",
    "model_attributes_type": "This is not a JSON object",
    "string_pattern_mismatch": "It is not in the right form",
}
_FORMS: dict[str, str] = {
    "state_code": "Give the two digits of the State, such as 29 for Karnataka.",
    "pin": "Give six digits, such as 560001.",
    "email": "Give one address, such as asha@example.com.",
    "phone": "Give 8 to 15 digits, such as +919876543210.",
    "country": "Give two capital letters, such as IN.",
}
"""Remedies for text that has the wrong form, by field."""
_REMEDIES: dict[str, str] = {
    "missing": "Add it.",
    "model_attributes_type": "Send a JSON object with Content-Type: application/json.",
    "extra_forbidden": "Leave it out.",
    "string_too_long": "Shorten it.",
    "too_long": "Give fewer of them.",
    "string_too_short": "Give a value.",
    "string_unicode": "Send valid UTF-8.",
    "enum": "Use one of the listed values.",
    "literal_error": "Use one of the listed values.",
}


def _field(location: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in location[1:]) or str(location[0] if location else "body")


def _remedy(kind: str, field: str) -> str:
    if kind == "string_pattern_mismatch":
        return _FORMS.get(field, "Write it in the form the API description gives.")
    return _REMEDIES.get(kind, "Correct it; the API description gives its type and range.")


def _from_validation(error: RequestValidationError) -> _Answer:
    faults = list(error.errors())
    if any(fault["loc"][0] == "path" for fault in faults):
        return _Answer(404, NotFound.code, "There is nothing by that id; check how it is written.")
    if any(fault["type"] == "json_invalid" for fault in faults):
        return _Answer(400, "malformed", "The body is not JSON; send a valid JSON document.")
    errors = [
        FieldFault(
            field=_field(fault["loc"]),
            message=_MESSAGES.get(fault["type"], str(fault["msg"])),
            remedy=_remedy(fault["type"], _field(fault["loc"])),
        )
        for fault in faults
    ]
    first = errors[0]
    detail = f"{first.field}: {first.message}. {first.remedy}"
    return _Answer(422, InvalidInput.code, detail, errors)


_HTTP_DETAILS: dict[int, tuple[str, str]] = {
    400: ("malformed", "The request cannot be read; send valid JSON as application/json."),
    404: (
        "not_found",
        "There is nothing here: check the path and any id in it; /openapi.json lists all routes.",
    ),
    405: (
        "method_not_allowed",
        "This route does not take that method; the Allow header lists those it does.",
    ),
}


def _from_http(request: Request, error: HTTPException) -> _Answer:
    code, detail = _HTTP_DETAILS.get(error.status_code, ("http_error", str(error.detail)))
    headers = error.headers
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": ", ".join(_methods_of(request))}
    return _Answer(error.status_code, code, detail, headers=headers)


def _methods_of(request: Request) -> list[str]:
    """Of the path, over all its routes: the framework's own header names those of the first."""

    def takes(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    return [method for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE") if takes(method)]


async def _handle(request: Request, error: Exception) -> Response:
    """The one error handler."""
    if isinstance(error, BahiError):
        return problem_response(_from_bahi(error))
    if isinstance(error, RequestValidationError):
        return problem_response(_from_validation(error))
    assert isinstance(error, HTTPException)
    return problem_response(_from_http(request, error))


class LastResort:
    """Answers 500 for what nobody foresaw, and logs it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except RequestRejected as rejected:
            if not started:
                await rejection(rejected)(scope, receive, send)
        except Exception:  # noqa: BLE001 - the outermost place that can still answer
            logger.exception("unforeseen")
            if not started:
                detail = (
                    "Something went wrong on our side; nothing of yours is at fault. Quote the request id."
                )
                await problem_response(_Answer(500, "internal", detail))(scope, receive, send)


def install_handlers(app: FastAPI) -> None:
    """Give `app` the one error handler."""
    for kind in (BahiError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _handle)


_MEANINGS: dict[int, tuple[str, str, str]] = {
    400: ("The request cannot be read.", "malformed", "The body is not JSON; send a valid JSON document."),
    401: ("No valid token.", "unauthorised", "Send a token: Authorization: Bearer …"),
    403: ("The token is valid, but not for this.", "forbidden", "Operators only: the token lacks that role."),
    404: (
        "No such thing, or not yours.",
        "not_found",
        "There is nothing by that id; check how it is written.",
    ),
    408: (
        "The body came too slowly.",
        "too_slow",
        "The body did not arrive within 10 seconds; send it again.",
    ),
    409: (
        "The present state does not allow it; nothing was changed.",
        "refused",
        "'pause' does not fit a subscription that is PAUSED. Allowed now: cancel, cancel-now, resume.",
    ),
    413: ("The body is too large.", "too_large", "Bodies are limited to 1048576 bytes; send less."),
    422: (
        "A field is wrong; `errors` names each with its remedy.",
        "invalid_input",
        "pin: String should match pattern '^[1-9][0-9]{5}$'. Write it in the form the API description gives.",
    ),
    429: ("Too many requests.", "too_many_requests", "Too many requests; wait as long as Retry-After says."),
    503: (
        "A part of this installation does not answer.",
        "unavailable",
        "A part of this installation does not answer; repeat the same request in a moment.",
    ),
}
_WAITS = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_ALWAYS = (400, 408, 413, 422, 429, 503)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route: these problems, and those any route may meet."""
    documents: dict[int | str, dict[str, Any]] = {}
    for status in sorted({*_ALWAYS, *statuses}):
        meaning, code, detail = _MEANINGS[status]
        example = {
            "type": f"urn:bahi:problem:{code}",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "code": code,
            "request_id": "req_06f3m1k2p4q8s0t2v4a6c8e0g2",
        }
        content = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
        documents[status] = {"description": meaning, "content": content}
        if status in (429, 503):
            documents[status]["headers"] = _WAITS
    return documents
