"""The API on a database of the test's own; Temporal is away unless a test brings it."""

from collections.abc import AsyncIterator

import pytest

from tests.api.serving import Served, serving


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Served]:
    async with serving(database_url) as served:
        yield served
