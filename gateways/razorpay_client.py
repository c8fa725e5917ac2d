"""Razorpay's official SDK behind asyncio: threads, deadlines, and errors of ours.

The SDK is synchronous, its session is not thread-safe, it has no deadline of its own, loses the HTTP
status of errors and prints to stdout when a connection fails (razorpay.md 4.1, 4.2).
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any, TypeAlias, TypeVar

import razorpay
import requests

from gateways.loopback import is_loopback
from gateways.razorpay_entities import items
from gateways.razorpay_errors import Repeating, Reply, translate
from gateways.razorpay_fields import Entity

CLOCKS_APART = timedelta(minutes=10)
"""How far Razorpay's clock may be ahead of ours or behind."""
CONNECT_SECONDS = 3
READ_SECONDS = 20
_THREADS = 8
_PAGE = 100
"""The most Razorpay allows."""

Sdk: TypeAlias = razorpay.Client
Answer = TypeVar("Answer")


class _NoReply(Exception):
    """Wraps `requests`' errors on their way through the SDK, which would print them."""

    def __init__(self, error: requests.RequestException) -> None:
        super().__init__(str(error))
        self.error = error


class _Session(requests.Session):
    """Keeps the last reply; sets a deadline; never follows a redirect, which could turn POST to GET."""

    def __init__(self, *, use_environment: bool, timeout: tuple[float, float]) -> None:
        super().__init__()
        self.trust_env = use_environment
        self._timeout = timeout
        self.reply: Reply | None = None

    def request(self, *args: Any, **options: Any) -> requests.Response:
        self.reply = None
        options |= {"timeout": self._timeout, "allow_redirects": False}
        try:
            response = super().request(*args, **options)
        except requests.RequestException as error:
            raise _NoReply(error) from error
        self.reply = Reply(response.status_code, response.text)
        return response


class RazorpayClient:
    """Runs calls of the SDK in a few threads, each with a client and a connection of its own."""

    def __init__(
        self,
        key_id: str,
        key_secret: str,
        base_url: str,
        *,
        timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
        threads: int = _THREADS,
    ) -> None:
        self._auth = (key_id, key_secret)
        self._base_url = base_url.rstrip("/")
        self._timeout = timeout
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="razorpay")
        self._mine = threading.local()

    async def ask(
        self,
        what: str,
        call: Callable[[Sdk], Answer],
        repeating: Repeating = Repeating.HARMLESS,
    ) -> Answer:
        """Run `call`, which asks the SDK and reads its answer. `what` names it in errors.

        Raises GatewayRefused, GatewayUnavailable or, for what creates, OutcomeUnknown.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, self._run, what, call, repeating
        )

    async def ask_all(
        self, what: str, call: Callable[[Sdk, Entity], Any], read: Callable[[Entity], Answer]
    ) -> AsyncIterator[Answer]:
        """Every entity of a list, newest first; `call` takes the paging to add to its query."""
        skip, full = 0, True
        while full:
            page = await self.ask(what, partial(_page, call, read, {"count": _PAGE, "skip": skip}))
            for item in page:
                yield item
            skip, full = skip + _PAGE, len(page) == _PAGE

    def _run(self, what: str, call: Callable[[Sdk], Answer], repeating: Repeating) -> Answer:
        client = self._client()
        session: _Session = client.session
        session.reply = None
        try:
            return call(client)
        except _NoReply as failed:
            raise translate(failed.error, None, what, repeating) from failed.error
        except Exception as error:
            if session.reply is None:  # not about the gateway: a mistake of ours, to be seen as such
                raise
            raise translate(error, session.reply, what, repeating) from error

    def _client(self) -> Sdk:
        client = getattr(self._mine, "client", None)
        if client is None:
            session = _Session(use_environment=not is_loopback(self._base_url), timeout=self._timeout)
            client = razorpay.Client(session=session, auth=self._auth, base_url=self._base_url)
            client.enable_retry(False)
            self._mine.client = client
        return client

    async def close(self) -> None:
        """Wait for calls under way, then end the threads."""
        await asyncio.to_thread(self._executor.shutdown)


def _page(
    call: Callable[[Sdk, Entity], Any], read: Callable[[Entity], Answer], paging: Entity, sdk: Sdk
) -> list[Answer]:
    return [read(item) for item in items(call(sdk, paging))]
