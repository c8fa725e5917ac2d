"""A session for operators' browsers: the Temporal UI's requests to the codec can carry a cookie only."""

from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api.dependencies import OPERATOR_COOKIE, Parts
from api.documentation import STYLESHEET_PATH
from api.logs import logger
from api.security import PAGE_POLICY
from domain.errors import Unauthorised

router = APIRouter(include_in_schema=False)
_PATH = "/admin/login"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Bahi operators</title>
<link rel="stylesheet" href="{stylesheet}">
</head>
<body class="narrow">
<h1>Operators</h1>
<p>{message}</p>
<form method="post" action="{path}">
<label for="token">Operator token</label>
<input id="token" name="token" type="password" autocomplete="off" required autofocus>
<button>Sign in</button>
</form>
<form method="post" action="/admin/logout"><button class="quiet">Sign out</button></form>
</body>
</html>
"""
_ASK = "Sign in to see payloads in the Temporal UI, and to open the pages under /admin in this browser."
_DONE = "You are signed in. Reload the Temporal UI to see payloads in clear."
_REFUSED = "That is not a valid operator token. It may have expired: get a new one and try again."


def _page(message: str, status: int = 200) -> HTMLResponse:
    content = _PAGE.format(message=message, path=_PATH, stylesheet=STYLESHEET_PATH)
    return HTMLResponse(content, status, {"Content-Security-Policy": PAGE_POLICY})


@router.get(_PATH)
async def show_login(request: Request, services: Parts) -> HTMLResponse:
    """The form; says so where the browser is signed in already."""
    session = request.cookies.get(OPERATOR_COOKIE)
    try:
        services.tokens.operator(session or "")
    except Unauthorised:
        return _page(_ASK)
    return _page(_DONE)


@router.post(_PATH)
async def log_in(request: Request, services: Parts) -> Response:
    """Keeps the token in a cookie that scripts cannot read, for as long as the token lasts."""
    fields = parse_qs((await request.body()).decode(errors="replace"))
    token = fields.get("token", [""])[0].strip()
    try:
        operator = services.tokens.operator(token)
    except Unauthorised:
        services.refusal_limit.take(request.client.host if request.client else "")
        return _page(_REFUSED, 401)
    logger.info("operator signed in", operator=operator.subject)
    answer = RedirectResponse(_PATH, 303)
    answer.set_cookie(
        OPERATOR_COOKIE,
        token,
        max_age=max(0, operator.expires_at - int(services.clock().timestamp())),
        path="/admin",
        secure=services.settings.public_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )
    return answer


@router.post("/admin/logout")
async def log_out() -> Response:
    """Forgets the session in this browser."""
    answer = RedirectResponse(_PATH, 303)
    answer.delete_cookie(OPERATOR_COOKIE, path="/admin")
    return answer
