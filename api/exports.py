"""Operators take the books out: GSTR-1, registers, e-invoices, journal."""

from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Response
from pydantic import Field

from api import temporal
from api.dependencies import CurrentOperator, IdempotencyKey, Parts, Services
from api.idempotency import Made, Repeatable
from api.ids import ID_CHARACTERS, new_id
from api.logs import logger
from api.problems import documented
from api.schemas import Answer, Paise, Request
from domain.errors import InvalidInput
from domain.exports import Exported, ExportKind, ExportOrder
from domain.identifiers import parse_gstin
from workflows.ports import export_workflow_id

router = APIRouter(tags=["operators"])
_CREATE = "/admin/exports"
ExportId = Annotated[str, Path(pattern=f"^exp_{ID_CHARACTERS}$", examples=["exp_" + "0" * 26])]
_LOCATION = {"Location": {"description": "Where to ask.", "schema": {"type": "string"}}}
_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {"description": "It is being made: ask at Location.", "headers": _LOCATION}
}


class ExportIn(Request):
    """A registration's month; or, for the journal, days."""

    kind: ExportKind
    gstin: str | None = Field(
        default=None, pattern="^[0-9A-Z]{15}$", description="The usual registration without it."
    )
    period: str | None = Field(default=None, pattern="^20[0-9]{2}-(0[1-9]|1[0-2])$", examples=["2026-10"])
    first: date | None = Field(default=None, alias="from", description="First Indian day of a journal.")
    last: date | None = Field(default=None, alias="to", description="Last Indian day of a journal.")


class ExportedSection(Answer):
    """What a section of GSTR-1 holds; notes are taken off."""

    section: str
    documents: int
    taxable_paise: Paise
    igst_paise: Paise
    cgst_paise: Paise
    sgst_paise: Paise


class FaultOut(Answer):
    """Why there is no file."""

    document: str = Field(description="Its number, or what is wrong besides documents.")
    message: str


class ExportOut(Answer):
    """How far an export has got, and what is in it."""

    export_id: str
    status: Literal["running", "ready", "refused", "failed"] = Field(
        description="`refused`: the portal would not take it, `faults` says why, and there is no file. "
        "`failed`: a part of this installation did not do it; ask for it again."
    )
    download_url: str | None = Field(
        default=None,
        description="One archive; the link works for a few minutes and needs no token. None where there is "
        "nothing to hand over.",
    )
    files: list[str] = Field(default=[], description="What is in the archive.")
    month_over: bool = Field(
        default=True, description="False: more documents may come; make it again before filing it."
    )
    counts: dict[str, int] = Field(default={}, description="Documents, transactions and the like.")
    sections: list[ExportedSection] = Field(default=[])
    differences: list[str] = Field(
        default=[], description="Where documents, return and ledger part; for `registers` also every fault."
    )
    faults: list[FaultOut] = Field(default=[])
    faults_in_all: int = 0
    failure: str | None = None
    temporal_workflow_id: str


@router.post(
    _CREATE,
    operation_id="create_export",
    status_code=202,
    response_model=ExportOut,
    responses={**_ACCEPTED, **documented(401, 403, 409)},
)
async def create_export(
    services: Parts, operator: CurrentOperator, given: ExportIn, key: IdempotencyKey = None
) -> Response:
    """Make files of the books: a month's GSTR-1 or registers, e-invoices to register, or the journal."""
    order = _order(services, given)
    logger.info("export asked for", operator=operator.subject, kind=order.kind, period=order.period)

    async def work(export_id: str) -> Made:
        await temporal.begin_export(services.temporal, export_id, order)
        body = ExportOut(
            export_id=export_id, status="running", temporal_workflow_id=export_workflow_id(export_id)
        )
        return Made(202, body.model_dump_json().encode())

    repeatable = Repeatable(
        services.database, f"operator:{operator.subject}", f"POST {_CREATE}", key, given, services.clock
    )
    made = await repeatable.once(new_id("exp", services.now()), work)
    export_id = ExportOut.model_validate_json(made.body).export_id
    headers = {"Location": f"{_CREATE}/{export_id}", "Retry-After": "2"}
    return Response(made.body, made.status, headers, "application/json")


def _order(services: Services, given: ExportIn) -> ExportOrder:
    """Raises InvalidInput naming what does not go with the kind."""
    at = services.now()
    if given.kind is ExportKind.JOURNAL:
        _none(given, "A journal is of days and of all registrations", "gstin", "period")
        if given.first is None or given.last is None:
            missing = "from" if given.first is None else "to"
            raise InvalidInput(missing, "A journal is of days: give `from` and `to`, such as 2026-10-31.")
        return ExportOrder(given.kind, at, first=given.first, last=given.last)
    _none(given, f"An export of kind {given.kind} is of a month", "from", "to")
    if given.period is None:
        raise InvalidInput("period", f"An export of kind {given.kind} is of a month: give it as 2026-10.")
    gstin = given.gstin or services.settings.registrations.chosen().seller.gstin
    if not gstin:
        raise InvalidInput("gstin", "The usual seller is not registered: give the GSTIN of one who is.")
    checked = parse_gstin(gstin, sandbox=services.settings.gst_sandbox)
    return ExportOrder(given.kind, at, checked, given.period)


def _none(given: ExportIn, reason: str, *names: str) -> None:
    said = given.model_dump(by_alias=True)
    for name in names:
        if said[name] is not None:
            raise InvalidInput(name, f"{reason}: leave {name} out.")


@router.get("/admin/exports/{export_id}", operation_id="get_export", responses=documented(401, 403, 404))
async def get_export(services: Parts, operator: CurrentOperator, export_id: ExportId) -> ExportOut:
    """How far it has got; when ready, with the link. Forgotten in time: then ask for the export again."""
    workflow_id = export_workflow_id(export_id)
    try:
        made = await temporal.exported(services.temporal, export_id)
    except temporal.WorkFailed as failed:
        return ExportOut(
            export_id=export_id, status="failed", failure=str(failed), temporal_workflow_id=workflow_id
        )
    if made is None:
        return ExportOut(export_id=export_id, status="running", temporal_workflow_id=workflow_id)
    if made.object_key:
        logger.info("export handed out", operator=operator.subject, export_id=export_id)
    return ExportOut(
        export_id=export_id,
        status="refused" if made.faults else "ready",
        download_url=await _link(services, made),
        files=list(made.files),
        month_over=made.month_over,
        counts=made.counts,
        sections=[ExportedSection.model_validate(each, from_attributes=True) for each in made.sections],
        differences=list(made.differences),
        faults=[FaultOut.model_validate(each, from_attributes=True) for each in made.faults],
        faults_in_all=made.faults_in_all,
        temporal_workflow_id=workflow_id,
    )


async def _link(services: Services, made: Exported) -> str | None:
    if not made.object_key:
        return None
    return await services.store.signed_url(
        made.object_key,
        filename=made.file_name,
        expires=timedelta(seconds=services.settings.storage_link_seconds),
        now=services.clock(),
    )
