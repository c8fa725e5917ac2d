"""Rupees and dollars as JSON numbers, exact to the last digit: 799, 942.82, never through a float."""

import json
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Response
from pydantic import BaseModel, WithJsonSchema

Amount = Annotated[Decimal, WithJsonSchema({"type": "number"})]
"""In the big unit; as a JSON number without needless zeros."""


def hundredths(count: int) -> Decimal:
    """Paise as rupees, cents as dollars, basis points as per cent."""
    return Decimal(count).scaleb(-2)


class Exact(Response):
    """A model as JSON. The library's own encoder would make text of a Decimal, or a float."""

    media_type = "application/json"

    def __init__(self, content: BaseModel, status_code: int = 200, headers: dict[str, str] | None = None):
        super().__init__(_written(content.model_dump()), status_code, headers)


def _written(value: Any) -> str:
    match value:
        case Decimal():
            return f"{value.normalize():f}"
        case dict():
            pairs = (f"{json.dumps(name)}:{_written(each)}" for name, each in value.items())
            return "{" + ",".join(pairs) + "}"
        case list():
            return "[" + ",".join(_written(each) for each in value) + "]"
        case date():  # moments too
            return json.dumps(value.isoformat())
        case _:
            return json.dumps(value, ensure_ascii=False)
