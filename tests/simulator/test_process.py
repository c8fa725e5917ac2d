"""The simulator as a process: options, readiness, real time, kill -9 and what survives it."""

import asyncio
import socket
import sys
from pathlib import Path

import httpx
import pytest

from simulator.process import SimulatorProcess
from tests.simulator.merchant import DAY, START, WEBHOOK_SECRET, Merchant, Receiver


async def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a simulator that ends by itself."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulator", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode or 0, out.decode(), err.decode()


async def test_help_names_every_option_and_the_variables() -> None:
    code, out, _ = await run("--help")
    assert code == 0
    for option in ("--port", "--books", "--webhook-url", "--clock", "--return-url", "SIMULATOR_WEBHOOK_URL"):
        assert option in out


async def test_a_taken_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = await run("--port", str(port), "--books", str(tmp_path / "b.sqlite"))
    assert code != 0
    assert f"cannot listen on 127.0.0.1:{port}" in err
    assert "Traceback" not in err


async def test_a_kill_in_mid_life_loses_nothing(tmp_path: Path, receiver: Receiver) -> None:
    options = {"now": START, "webhook_url": receiver.url, "webhook_secret": WEBHOOK_SECRET}
    async with SimulatorProcess.start(tmp_path / "b.sqlite", **options) as simulator:
        receiver.reset()
        merchant, url = Merchant(simulator), simulator.url
        sub = await merchant.active(total_count=4)
        await simulator.act(sub, "next_charge", outcomes=["failure", "success"])
        await simulator.control("webhooks/policy", {"duplicate_times": 2})
        await simulator.control("faults", {"kind": "http_500", "path_regex": "never"})
        before, now, books = await merchant.fetch(sub), await simulator.now(), await simulator.books()
        await simulator.restart()
        assert simulator.url == url
        assert (await merchant.fetch(sub), await simulator.now(), await simulator.books()) == (
            before,
            now,
            books,
        )
        assert (await simulator.ask("webhooks/policy"))["duplicate_times"] == 2
        assert len((await simulator.ask("faults"))["faults"]) == 1
        await simulator.advance(60 * DAY)
        invoices = (await simulator.books(sub))["subscriptions"][0]["invoices"]
        assert [(each["attempts"], each["captures"]) for each in invoices] == [(1, 1), (2, 1), (1, 1)]
        assert receiver.names().count("subscription.charged") == 5  # one before the duplicates, two twice


async def test_webhooks_not_sent_before_a_kill_are_sent_after_it(tmp_path: Path, receiver: Receiver) -> None:
    options = {"now": START, "webhook_url": receiver.url, "webhook_secret": WEBHOOK_SECRET}
    async with SimulatorProcess.start(tmp_path / "b.sqlite", **options) as simulator:
        merchant = Merchant(simulator)
        sub = await merchant.active()
        receiver.reset()
        receiver.answer = lambda _delivery: 0  # takes the event and never answers
        await simulator.act(sub, "dashboard_pause", wait_webhooks=False)
        await simulator.kill()
        receiver.reset()
        await simulator.launch()
        for _ in range(300):
            if receiver.names():
                break
            await asyncio.sleep(0.01)
        assert "subscription.paused" in receiver.names()


async def test_real_time_runs_by_itself_and_can_be_moved_too(tmp_path: Path, receiver: Receiver) -> None:
    receiver.reset()
    async with SimulatorProcess.start(
        tmp_path / "b.sqlite", clock="real", webhook_url=receiver.url, webhook_secret=WEBHOOK_SECRET
    ) as simulator:
        merchant = Merchant(simulator)
        await simulator.control("webhooks/policy", {"charged_delay_seconds": 1})
        sub = await merchant.active()
        for _ in range(400):
            if "subscription.charged" in receiver.names(sub):
                break
            await asyncio.sleep(0.01)
        assert "subscription.charged" in receiver.names(sub)
        await simulator.advance(40 * DAY)
        assert (await merchant.fetch(sub))["paid_count"] == 2
        ahead = await simulator.now()
        await simulator.restart()
        assert await simulator.now() >= ahead


async def test_sigterm_ends_it_with_its_books_closed(tmp_path: Path) -> None:
    books = tmp_path / "b.sqlite"
    async with SimulatorProcess.start(books) as simulator:
        await Merchant(simulator).plan()
        await simulator.stop()
        assert books.exists()
        assert not books.with_name("b.sqlite-wal").exists()
        with pytest.raises(httpx.ConnectError):
            await simulator.now()


async def test_the_control_api_says_what_it_cannot_do(merchant: Merchant) -> None:
    for path, body, words in (
        ("clock", {}, "Say where to"),
        ("clock", {"set": "yesterday"}, "neither unix seconds nor ISO 8601"),
        ("clock", {"set": 1}, "never goes back"),
        ("subscriptions/sub_SEKk61J6Teb3wW/authenticate", {}, "The id provided does not exist"),
        ("subscriptions/sub_SEKk61J6Teb3wW/dance", {}, "There is no act"),
        ("switches", {"month_end": "sideways"}, "month_end"),
        ("webhooks/rotate_secret", {}, "The secret field is required."),
    ):
        with pytest.raises(RuntimeError, match=words):
            await merchant.simulator.control(path, body)
