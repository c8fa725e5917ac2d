"""Exports of the books: made as by the command line, put into the store as one archive."""

import asyncio
import hashlib
from collections.abc import Mapping

from temporalio import activity

from db.filing_reads import Days
from db.session import Database
from documents.gstr1 import NotFileable, PortalSettings
from domain.errors import InvalidInput, NotFound
from domain.exports import Exported, ExportFault, ExportKind, ExportOrder
from domain.periods import india_date
from filing.books import Month, days_of, read_journal, read_month
from filing.export import (
    Bundle,
    RegistrationRefused,
    duplicate_bundle,
    einvoice_bundle,
    gstr1_bundle,
    journal_bundle,
    register_bundle,
    zipped,
)
from gateways.storage import ObjectStore

LISTED = 2_000
"""Faults and differences told in an answer, which Temporal limits in size."""


class Exporting:
    """Implements `make_export`."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        logos: Mapping[str, bytes],
        settings: PortalSettings,
        *,
        e_invoicing: bool = False,
    ) -> None:
        """`logos`: sellers' pictures by their SHA-256. `e_invoicing`: the seller is above the limit."""
        self._database = database
        self._store = store
        self._logos = logos
        self._settings = settings
        self._e_invoicing = e_invoicing

    @activity.defn(name="make_export")
    async def make_export(self, request: ExportOrder) -> Exported:
        """Stored under its own hash, so that making it again changes nothing."""
        try:
            bundle = await self._bundle(request)
        except (NotFileable, RegistrationRefused) as refusal:
            faults = tuple(ExportFault(fault.document, fault.message) for fault in refusal.faults)
            return Exported(faults=faults[:LISTED], faults_in_all=len(faults))
        except (InvalidInput, NotFound) as refusal:
            return Exported(faults=(ExportFault(request.kind, str(refusal)),), faults_in_all=1)
        if not bundle.files:
            return Exported(counts=dict(bundle.counts))
        over = request.kind is ExportKind.JOURNAL or days_of(request.period).last < india_date(request.at)
        archive = await asyncio.to_thread(zipped, bundle.files)
        key = f"exports/{request.kind}/{hashlib.sha256(archive).hexdigest()}.zip"
        await self._store.put(key, archive, "application/zip")
        return Exported(
            key,
            f"{bundle.name}.zip",
            tuple(bundle.files),
            over,
            dict(bundle.counts),
            bundle.sections,
            bundle.differences[:LISTED],
        )

    async def _bundle(self, request: ExportOrder) -> Bundle:
        """Made off the event loop: it is CPU work and other activities are waiting."""
        if request.kind is ExportKind.JOURNAL:
            if request.first is None or request.last is None:
                raise InvalidInput("from", "A journal is of days: give the first and the last.")
            days = Days(request.first, request.last)
            rows = await read_journal(self._database, days)
            return await asyncio.to_thread(journal_bundle, rows, days)
        month = await read_month(
            self._database, request.gstin, request.period, self._settings, e_invoicing=self._e_invoicing
        )
        return await asyncio.to_thread(self._of_month, request, month)

    def _of_month(self, request: ExportOrder, month: Month) -> Bundle:
        match request.kind:
            case ExportKind.GSTR1:
                return gstr1_bundle(month, india_date(request.at))
            case ExportKind.REGISTERS:
                return register_bundle(month)
            case ExportKind.DUPLICATES:
                return duplicate_bundle(month, self._logos)
            case _:
                return einvoice_bundle(month)
