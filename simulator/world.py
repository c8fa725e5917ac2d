"""What every act of the simulator works on: the books, the time, the ids and the switches."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from simulator.books import Books, Page, Record
from simulator.clock import Clock
from simulator.ids import Mint, well_formed
from simulator.refusals import bad_id, no_such_id
from simulator.settings import Options, Policy, Switches

PREFIXES = {
    "plan": "plan_",
    "customer": "cust_",
    "subscription": "sub_",
    "addon": "ao_",
    "invoice": "inv_",
    "order": "order_",
    "payment": "pay_",
    "refund": "rfnd_",
    "token": "token_",
    "payment_link": "plink_",
    "offer": "offer_",
}
_MOST_HAPPENINGS = 10_000


@dataclass
class World:
    """One merchant account in one mode."""

    books: Books
    clock: Clock
    mint: Mint
    options: Options
    base_url: str = ""
    happened: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.load()

    def load(self) -> None:
        """Read switches and policy from the books."""
        self.switches = Switches.model_validate(self.books.note("switches") or {})
        self.policy = Policy.model_validate(self.books.note("policy") or {})
        self.account_id = self.books.note("account_id") or self.mint("acc_")
        self.books.set_note("account_id", self.account_id)

    @property
    def now(self) -> int:
        """The present in unix seconds."""
        return self.clock.now()

    def add(self, kind: str, record: Record) -> Record:
        """Enter a new entity at the present time."""
        return self.books.add(kind, record, record.get("created_at", self.now))

    def save(self, kind: str, record: Record) -> Record:
        """Write back a changed entity."""
        return self.books.save(kind, record)

    def get(self, kind: str, entity_id: str) -> Record:
        """An entity by id. Raises Refusal as Razorpay words it when there is none."""
        if not isinstance(entity_id, str) or not well_formed(entity_id, PREFIXES[kind]):
            raise bad_id(entity_id)
        record = self.books.get(kind, entity_id)
        if record is None:
            raise no_such_id()
        return record

    def page(self, kind: str, page: Page, equal: dict[str, Any]) -> list[Record]:
        """A page of a list, which may lag behind the entities themselves."""
        lag = self.switches.list_lag_seconds
        if lag and self.switches.list_lag_by == "clock":
            page = Page(page.count, page.skip, page.since, page.until, hide_after=self.now - lag)
        elif lag:
            wall = datetime.now(UTC).timestamp() - lag
            page = Page(page.count, page.skip, page.since, page.until, hide_after_wall=wall)
        return self.books.page(kind, page, equal)

    def tell(self, what: str, subject: str, **more: Any) -> None:
        """Note that something happened, for whoever moves the clock."""
        if len(self.happened) < _MOST_HAPPENINGS:
            self.happened.append(
                {"at": self.now, "at_iso": iso(self.now), "what": what, "subject": subject} | more
            )


def iso(instant: int) -> str:
    """Unix seconds as ISO 8601 in UTC."""
    return datetime.fromtimestamp(instant, UTC).isoformat().replace("+00:00", "Z")
