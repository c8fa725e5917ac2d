"""The books: one SQLite file with the entities, the queue of future work and a few notes.

Every entity is a JSON document. Keys that begin with an underscore are known to the simulator only and
never shown by the API.
"""

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Record = dict[str, Any]

_INDEXED = (
    "subscription_id",
    "payment_id",
    "order_id",
    "invoice_id",
    "customer_id",
    "plan_id",
    "_code",
    "event_id",
    "_subscription_id",
    "_kind",
    "receipt",
    "reference_id",
    "email",
)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entity (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    wall REAL NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (kind, id)
);
CREATE INDEX IF NOT EXISTS entity_by_time ON entity (kind, created_at, seq);
CREATE TABLE IF NOT EXISTS job (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    due INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    payload TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS job_by_due ON job (due, seq);
CREATE INDEX IF NOT EXISTS job_by_subject ON job (subject, kind);
CREATE TABLE IF NOT EXISTS note (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Job:
    """Work that falls due at a time; `seq` orders work of the same second."""

    seq: int
    due: int
    kind: str
    subject: str
    payload: Record


@dataclass(frozen=True)
class Page:
    """One page of a list: `since` and `until` bound `created_at`, the lags hide what is too new."""

    count: int = 10
    skip: int = 0
    since: int | None = None
    until: int | None = None
    hide_after: float | None = None
    hide_after_wall: float | None = None


class Books:
    """All that the simulator knows. Single-threaded: the event loop is its only user."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        # Committed pages reach the kernel before each reply, so a killed process loses nothing.
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)
        for name in _INDEXED:
            self._db.execute(
                f"CREATE INDEX IF NOT EXISTS entity_by_{name} ON entity (kind, json_extract(doc, '$.{name}'))"
            )
        self._depth = 0

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inner transactions join the outer one."""
        if self._depth:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        else:
            self._db.execute("COMMIT")
        finally:
            self._depth -= 1

    def clear(self) -> None:
        """Forget everything."""
        with self.transaction():
            for table in ("entity", "job", "note", "sqlite_sequence"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the tuple above

    # entities

    def add(self, kind: str, record: Record, created_at: int) -> Record:
        """Enter a new entity."""
        self._db.execute(
            "INSERT INTO entity (kind, id, created_at, wall, doc) VALUES (?, ?, ?, ?, ?)",
            (kind, record["id"], created_at, time.time(), _dump(record)),
        )
        return record

    def save(self, kind: str, record: Record) -> Record:
        """Write back a changed entity."""
        self._db.execute(
            "UPDATE entity SET doc = ? WHERE kind = ? AND id = ?", (_dump(record), kind, record["id"])
        )
        return record

    def get(self, kind: str, entity_id: str) -> Record | None:
        """The entity of that id, if there is one."""
        row = self._db.execute(
            "SELECT doc FROM entity WHERE kind = ? AND id = ?", (kind, entity_id)
        ).fetchone()
        return None if row is None else json.loads(row[0])

    def remove(self, kind: str, entity_id: str) -> None:
        """Take an entity out."""
        self._db.execute("DELETE FROM entity WHERE kind = ? AND id = ?", (kind, entity_id))

    def find(self, kind: str, **equal: Any) -> list[Record]:
        """All entities whose fields have these values, oldest first."""
        where, values = _conditions(kind, equal)
        rows = self._db.execute(f"SELECT doc FROM entity WHERE {where} ORDER BY seq", values)  # noqa: S608
        return [json.loads(row[0]) for row in rows]

    def first(self, kind: str, **equal: Any) -> Record | None:
        """The oldest entity whose fields have these values."""
        where, values = _conditions(kind, equal)
        query = f"SELECT doc FROM entity WHERE {where} ORDER BY seq LIMIT 1"  # noqa: S608
        row = self._db.execute(query, values).fetchone()
        return None if row is None else json.loads(row[0])

    def page(self, kind: str, page: Page, equal: Mapping[str, Any]) -> list[Record]:
        """One page, newest first."""
        where, values = _conditions(kind, equal)
        for column, sign, bound in (
            ("created_at", ">=", page.since),
            ("created_at", "<=", page.until),
            ("created_at", "<=", page.hide_after),
            ("wall", "<=", page.hide_after_wall),
        ):
            if bound is not None:
                where += f" AND {column} {sign} ?"
                values.append(bound)
        query = f"SELECT doc FROM entity WHERE {where} ORDER BY created_at DESC, seq DESC LIMIT ? OFFSET ?"  # noqa: S608
        rows = self._db.execute(query, [*values, page.count, page.skip])
        return [json.loads(row[0]) for row in rows]

    def entries(self) -> int:
        """How many entities have ever been entered."""
        return int(self._db.execute("SELECT max(seq) FROM entity").fetchone()[0] or 0)

    # the queue

    def schedule(self, due: int, kind: str, subject: str, payload: Record | None = None) -> None:
        """Put work into the queue."""
        self._db.execute(
            "INSERT INTO job (due, kind, subject, payload) VALUES (?, ?, ?, ?)",
            (due, kind, subject, _dump(payload or {})),
        )

    def next_job(self, until: int, *, deliveries: bool = True) -> Job | None:
        """The first work due by `until`; without `deliveries`, webhooks are passed over."""
        condition = "" if deliveries else " AND kind != 'deliver'"
        query = f"SELECT * FROM job WHERE due <= ?{condition} ORDER BY due, seq LIMIT 1"  # noqa: S608
        row = self._db.execute(query, (until,)).fetchone()
        return None if row is None else _job(row)

    def deliveries_from(self, first: Job, limit: int = 500) -> list[Job]:
        """`first` and the deliveries of the same second that no other work comes between."""
        rows = self._db.execute(
            "SELECT * FROM job WHERE due = ? AND seq >= ? ORDER BY seq LIMIT ?", (first.due, first.seq, limit)
        )
        batch: list[Job] = []
        for row in rows:
            job = _job(row)
            if job.kind != "deliver":
                break
            batch.append(job)
        return batch

    def next_due(self) -> int | None:
        """When the next work falls due."""
        return self._db.execute("SELECT min(due) FROM job").fetchone()[0]  # type: ignore[no-any-return]

    def done(self, seq: int) -> None:
        """Take finished work out of the queue."""
        self._db.execute("DELETE FROM job WHERE seq = ?", (seq,))

    def unschedule(self, subject: str, *kinds: str) -> None:
        """Drop planned work of a subject: of these kinds, or all of it."""
        if not kinds:
            self._db.execute("DELETE FROM job WHERE subject = ?", (subject,))
        for kind in kinds:
            self._db.execute("DELETE FROM job WHERE subject = ? AND kind = ?", (subject, kind))

    def jobs(self, limit: int = 200) -> list[Job]:
        """The next work, in order."""
        return [
            _job(row) for row in self._db.execute("SELECT * FROM job ORDER BY due, seq LIMIT ?", (limit,))
        ]

    # notes

    def note(self, key: str) -> Any:
        """A value kept under a key, or None."""
        row = self._db.execute("SELECT value FROM note WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set_note(self, key: str, value: Any) -> None:
        """Keep a value under a key."""
        self._db.execute("INSERT OR REPLACE INTO note (key, value) VALUES (?, ?)", (key, _dump(value)))


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _job(row: tuple[Any, ...]) -> Job:
    return Job(row[0], row[1], row[2], row[3], json.loads(row[4]))


def _conditions(kind: str, equal: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Field names come from this package's own calls, never from a request; values are bound."""
    where, values = "kind = ?", [kind]
    for name, value in equal.items():
        where += f" AND json_extract(doc, '$.{name}') = ?"
        values.append(value)
    return where, values
