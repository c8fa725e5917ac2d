import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from local.home import LocalError
from local.ports import any_free_port
from local.temporal import TemporalServer
from local.temporal_pages import TemporalPages
from tests.local.test_ports import listening

LOGIN = "http://127.0.0.1:1/admin/login"


async def found(browser: httpx.AsyncClient, path: str) -> dict[str, Any]:
    """The answer, once the pages have found their server."""
    for _ in range(100):
        answer = await browser.get(path)
        if answer.status_code != 503:
            break
        await asyncio.sleep(0.1)
    body: dict[str, Any] = answer.raise_for_status().json()
    return body


async def test_the_pages_send_sessions_to_the_codec_and_say_where_to_sign_in(tmp_path: Path) -> None:
    codec = "http://127.0.0.1:1/admin/codec"
    async with TemporalServer(folder=tmp_path, ui_port=0, codec_endpoint=codec) as server:
        assert server.ui_port is not None
        pages = TemporalPages(any_free_port(), server.ui_port, LOGIN)
        await pages.start()
        try:
            client = await Client.connect(server.address)
            await client.start_workflow("Nobody", id="subscription/sub_1", task_queue="nobody")
            async with httpx.AsyncClient(base_url=pages.url, trust_env=False) as browser:
                shown = (await browser.get("/api/v1/settings")).json()["Codec"]
                assert shown["Endpoint"] == codec
                assert shown["IncludeCredentials"] is True
                assert shown["DefaultErrorLink"] == LOGIN
                page = await browser.get("/namespaces/default/workflows")
                assert "text/html" in page.headers["content-type"]
                run = await found(browser, "/api/v1/namespaces/default/workflows/subscription%2Fsub_1?x=1")
                assert run["workflowExecutionInfo"]["execution"]["workflowId"] == "subscription/sub_1"
                await server.kill()
                assert (await browser.get("/api/v1/settings")).status_code == 502
                assert (await browser.get("/")).status_code == 502
        finally:
            await pages.stop()
        assert not pages.running


async def test_a_taken_port_is_an_error_not_the_end_of_the_process() -> None:
    with listening() as taken:
        pages = TemporalPages(taken.getsockname()[1], 1, LOGIN)
        with pytest.raises(LocalError, match="cannot listen"):
            await pages.start()
        assert not pages.running
        await pages.stop()
