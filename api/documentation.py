"""The API description for programs (OpenAPI) and for people: one page without scripts or foreign hosts."""

import re
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup, escape

from api.problems import Problem
from api.security import PAGE_POLICY

router = APIRouter(include_in_schema=False)
STYLESHEET_PATH = "/style.css"
_TEMPLATES = Path(__file__).with_name("templates")
_DESCRIPTION = """\
Subscriptions, invoices and entitlements for sellers in India.
Customers may be anywhere; charges are in rupees (INR).

Money is in paise (`…_paise`, integers) and, where people look, in rupees. Moments are UTC; dates are Indian.
Every refusal is `application/problem+json`: `detail` says what was wrong and what to do, `code` is for
programs.
A `POST` that creates takes an `Idempotency-Key`: repeated with the same key and body it answers the same.
"""
_TAGS = [
    {"name": "plans", "description": "What can be subscribed to."},
    {"name": "subscriptions", "description": "A customer's subscriptions."},
    {"name": "customers", "description": "Billing details."},
    {"name": "invoices", "description": "A customer's tax invoices."},
    {"name": "front end", "description": "The same for a front end written before `/v1`, in its shapes."},
    {"name": "wallet", "description": "Money put in in advance, for usage beyond the plan."},
    {"name": "services", "description": "For the application's own services."},
    {"name": "gateways", "description": "Called by payment gateways."},
    {"name": "files", "description": "Signed links."},
    {"name": "operators", "description": "For those who run this installation."},
    {"name": "operations", "description": "For machines that watch over it."},
]


def describe(app: FastAPI, public_url: str) -> None:
    """Let `app.openapi()` give the whole description."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=_DESCRIPTION,
                routes=app.routes,
                tags=_TAGS,
                servers=[{"url": public_url}],
            )
            schemas = document["components"]["schemas"]
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(problem.pop("$defs"))
            schemas["Problem"] = problem
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _prose(text: str) -> Markup:
    """Escaped, with `names` set as code."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped above


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = _prose
    return environment


@cache
def _stylesheet() -> str:
    return (_TEMPLATES / "style.css").read_text()


@router.get(STYLESHEET_PATH)
async def get_stylesheet() -> Response:
    """Shared by our few pages."""
    return Response(_stylesheet(), media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})


@router.get("/")
async def go_to_docs() -> RedirectResponse:
    """Whoever opens the bare address wants to know what this is."""
    return RedirectResponse("/docs", 303)


@router.get("/favicon.ico")
async def get_favicon() -> Response:
    """There is none; browsers ask on their own."""
    return Response(status_code=204, headers={"Cache-Control": "public, max-age=86400"})


@router.get("/docs")
async def get_docs(request: Request) -> HTMLResponse:
    """All routes with their fields, for reading."""
    app: FastAPI = request.app
    page = _templates().get_template("docs.html").render(api=app.openapi(), stylesheet=STYLESHEET_PATH)
    return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_POLICY})
