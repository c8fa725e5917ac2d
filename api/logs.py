"""Structured logs: one JSON object per line, without secrets, bodies or personal data."""

import logging
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

logger: structlog.stdlib.BoundLogger = structlog.get_logger("bahi")

_current_request: ContextVar[str] = ContextVar("request_id", default="")
_REDACTED = "[redacted]"

_SECRET_KEYS = re.compile(
    r"authori[sz]ation|cookie|token|secret|password|passwd|signature|api_?key|credential|"
    r"e-?mail|phone|mobile|contact|gstin|address|^(first_?|last_?|full_?)?name$|^body$|^pin$|^city$|card|vpa|claims",
    re.IGNORECASE,
)
_SECRET_TEXTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\[parameters: .*?\](?=\s*\n|\s*$|\s*\()", re.DOTALL), f"[parameters: {_REDACTED}]"),
    (re.compile(r"(?im)^(\s*(?:\S*DETAIL|Failing row contains|Key)\b).*$"), rf"\1 {_REDACTED}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"), rf"\1 {_REDACTED}"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), _REDACTED),
    (re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]*(?=@)"), _REDACTED),
    (re.compile(r"(?i)\b(secret|token|password|signature|api_?key)(['\"]?\s*[=:]\s*['\"]?)[^\s'\",&}]+"),
     rf"\1\2{_REDACTED}"),
    (re.compile(r"\brzp_(?:test|live)_\w+"), _REDACTED),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*"), _REDACTED),
    (re.compile(r"\b\d{2}[A-Z]{5}\d{4}[A-Z][1-9A-Z]Z[0-9A-Z]\b"), _REDACTED),
    (re.compile(r"(?<!\w)(?:\+?91[\s-]?)?[6-9]\d{4}[\s-]?\d{5}\b"), _REDACTED),
)  # fmt: skip


def request_id() -> str:
    """Of the request being served; empty outside one."""
    return _current_request.get()


def set_request_id(value: str) -> None:
    """Every log line of this task, and every problem it answers, carries it."""
    _current_request.set(value)


def _clean_text(text: str) -> str:
    for pattern, replacement in _SECRET_TEXTS:
        text = pattern.sub(replacement, text)
    return text


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return _REDACTED
    if isinstance(value, Mapping):
        return {key: _clean_entry(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _clean_text(str(value))


def _clean_entry(key: str, value: Any) -> Any:
    return _REDACTED if value and _SECRET_KEYS.search(key) else _clean(value)


def redact(_: WrappedLogger | None, __: str, event: EventDict) -> EventDict:
    """Last before rendering, so that texts of exceptions pass through it too."""
    return {key: _clean_entry(key, value) for key, value in event.items()}


def _name_request(_: WrappedLogger | None, __: str, event: EventDict) -> EventDict:
    if current := request_id():
        event.setdefault("request_id", current)
    return event


def configure_logging(level: str) -> None:
    """One shape for our lines and for those of libraries. `level` is a name such as INFO."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_request,
        structlog.processors.format_exc_info,
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            redact,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    handler.set_name("bahi")
    root = logging.getLogger()
    for existing in [item for item in root.handlers if item.get_name() == "bahi"]:
        root.removeHandler(existing)
    root.addHandler(handler)
    root.setLevel(level)
    for server in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(server).handlers.clear()
        logging.getLogger(server).propagate = True
    # Its lines hold paths and queries; ours do not.
    logging.getLogger("uvicorn.access").disabled = True
    for noisy in ("httpx", "httpcore", "asyncio", "temporalio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
