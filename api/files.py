"""Stored documents behind signed links, where the store is a folder of ours."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import FileResponse

from api.dependencies import Parts
from api.problems import documented
from domain.errors import InvalidInput, NotFound
from gateways import links

router = APIRouter(tags=["files"])
Key = Annotated[str, Path(max_length=512)]
Expires = Annotated[int, Query(ge=0, le=2**40, description="Unix seconds.")]
FileName = Annotated[str, Query(min_length=1, max_length=120)]
Signature = Annotated[str, Query(pattern="^[0-9a-f]{64}$")]
_PDF = {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}


@router.get(
    "/files/{key:path}",
    operation_id="get_file",
    response_class=Response,
    responses={200: {"description": "The document.", "content": _PDF}, **documented(403, 404)},
)
async def get_file(
    services: Parts, key: Key, expires: Expires, filename: FileName, signature: Signature
) -> FileResponse:
    """Follow a link that `/v1/invoices/{invoice_id}/download` gave. No token needed until it expires."""
    settings = services.settings
    nothing = NotFound("No file stands behind this link; ask for a new one where you got it.")
    if settings.storage != "local":
        raise nothing
    secret = settings.storage_link_secret.get_secret_value()
    links.verify_link(secret, key, expires, filename, signature, services.clock())
    try:
        path = links.file_path(settings.storage_folder, key)
    except InvalidInput:
        raise nothing from None
    if not await asyncio.to_thread(path.is_file):
        raise nothing
    return FileResponse(
        path,
        media_type="application/pdf" if key.endswith(".pdf") else "application/octet-stream",
        headers={"Content-Disposition": links.content_disposition(filename)},
    )
