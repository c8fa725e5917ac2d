"""A number that one process counts up and another reads: what is done, without asking any server."""

import mmap
import struct
from collections.abc import Collection
from pathlib import Path
from typing import Any

from temporalio import activity, client, worker

_FORMAT = "<Q"
_BYTES = struct.calcsize(_FORMAT)


class Tally:
    """Lives in a file both processes map; one writes."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(bytes(_BYTES))
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), _BYTES)

    def read(self) -> int:
        """The count now."""
        return int(struct.unpack_from(_FORMAT, self._memory)[0])

    def count(self) -> None:
        """One more."""
        struct.pack_into(_FORMAT, self._memory, 0, self.read() + 1)


class CountingInterceptor(client.Interceptor, worker.Interceptor):
    """Counts each success of some activities. Given to a client, the workers made from it inherit it."""

    def __init__(self, tally: Tally, activity_names: Collection[str]) -> None:
        self._tally = tally
        self._activity_names = activity_names

    def intercept_activity(
        self,
        next: worker.ActivityInboundInterceptor,  # noqa: A002 - the SDK's name
    ) -> worker.ActivityInboundInterceptor:
        """See Interceptor."""
        return _Counting(next, self._tally, self._activity_names)


class _Counting(worker.ActivityInboundInterceptor):
    def __init__(
        self, inner: worker.ActivityInboundInterceptor, tally: Tally, names: Collection[str]
    ) -> None:
        super().__init__(inner)
        self._tally = tally
        self._names = names

    async def execute_activity(self, input: worker.ExecuteActivityInput) -> Any:  # noqa: A002
        result = await super().execute_activity(input)
        if activity.info().activity_type in self._names:
            self._tally.count()
        return result
