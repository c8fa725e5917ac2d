"""Each story is told in a world of its own and ends with the oracle."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any, Protocol

import pytest

from local.world import World
from tests.scenarios import oracle
from tests.world import OpenWorld


class Story(Protocol):
    """`same_state` False: it ends before we could have followed the gateway. `settings` as in config.py."""

    def __call__(
        self, begins: datetime, *, same_state: bool = True, **settings: Any
    ) -> AbstractAsyncContextManager[World]: ...


@pytest.fixture
def story(world_at: OpenWorld) -> Story:
    """A world from a moment on; when the story is over both books must agree."""

    @asynccontextmanager
    async def tell(begins: datetime, *, same_state: bool = True, **settings: Any) -> AsyncIterator[World]:
        async with world_at(begins, **settings) as world:
            yield world
            await oracle.agree(world, same_state=same_state)

    return tell
