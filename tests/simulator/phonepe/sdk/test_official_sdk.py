"""PhonePe's official Python SDK against the simulator, unmodified: it can read all that it is told."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from simulator.phonepe.process import PhonePeProcess
from tests.simulator.merchant import Receiver
from tests.simulator.phonepe.shop import BACK, DAY, Shop, buttons

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
ENVIRONMENT = ROOT / ".venv-phonepe-sdk"
Json = dict[str, Any]


@pytest.fixture(scope="session")
async def interpreter() -> Path:
    """Python with the SDK, whose requirements exclude ours; installed once."""
    lock = str((HERE / "requirements.lock").relative_to(ROOT))
    install = await asyncio.create_subprocess_exec(
        "local/install.sh", lock, ENVIRONMENT.name, cwd=ROOT, env={**os.environ, "PYTHON": sys.executable}
    )
    assert await install.wait() == 0
    return ENVIRONMENT / "bin" / "python"


class Refused(Exception):
    """What the SDK raised: status, code and message."""


class Merchant:
    """A process that holds the SDK."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def __call__(self, name: str, **given: Any) -> Json:
        """One call of merchant.py. Raises Refused."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps([name, given])}\n".encode())
        said = json.loads(await self._process.stdout.readline())
        if "refused" in said:
            raise Refused(said["refused"]["status"], said["refused"]["code"], said["refused"]["message"])
        answer: Json = said["answer"]
        return answer


@asynccontextmanager
async def merchant_of(
    phonepe: PhonePeProcess, interpreter: Path, secret: str = "simulator-client-secret"
) -> AsyncIterator[Merchant]:
    process = await asyncio.create_subprocess_exec(
        str(interpreter), str(HERE / "merchant.py"), phonepe.pg_url, "SIMCLIENT", secret,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
    )  # fmt: skip
    try:
        yield Merchant(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        assert await process.wait() == 0


@pytest.fixture
async def merchant(phonepe: PhonePeProcess, shop: Shop, interpreter: Path) -> AsyncIterator[Merchant]:
    # The SDK goes by the machine's clock and the simulator by its own: tokens that outlive the difference.
    await phonepe.control("switches", {"token_ttl_seconds": 20 * 365 * DAY})
    async with merchant_of(phonepe, interpreter) as merchant:
        yield merchant


def terms(order: str, mandate: str) -> Json:
    return {
        "merchant_order_id": order,
        "merchant_subscription_id": mandate,
        "amount": 200,
        "max_amount": 1_500_000,
        "auth_workflow_type": "PENNY_DROP",
        "amount_type": "VARIABLE",
        "frequency": "ON_DEMAND",
    }


def notice(order: str, mandate: str, amount: int = 94_282) -> Json:
    return {
        "merchant_order_id": order,
        "merchant_subscription_id": mandate,
        "amount": amount,
        "redemption_retry_strategy": "CUSTOM",
        "auto_debit": False,
    }


async def test_an_order_is_paid_on_its_page_and_given_back_in_part(
    merchant: Merchant, shop: Shop, receiver: Receiver
) -> None:
    opened = await merchant(
        "pay", merchant_order_id="RF_topup_1", amount=94_282, redirect_url=BACK, udf1="tenant:7"
    )
    assert (opened["state"], opened["orderId"][:3]) == ("PENDING", "OMO")
    before = await merchant("order_status", order="RF_topup_1")
    assert (before["state"], before["paymentDetails"]) == ("PENDING", [])

    page = await shop.http.get(opened["redirectUrl"])
    assert "success" in buttons(page.text)
    left = await shop.http.post(opened["redirectUrl"], data={"outcome": "success"})
    assert (left.status_code, left.headers["location"]) == (303, BACK)
    await shop.phonepe.advance(2)
    paid = await merchant("order_status", order="RF_topup_1", details=True)
    assert (paid["state"], paid["amount"], paid["metaInfo"]["udf1"]) == ("COMPLETED", 94_282, "tenant:7")
    (attempt,) = paid["paymentDetails"]
    assert (attempt["state"], attempt["paymentMode"]) == ("COMPLETED", "UPI_INTENT")
    assert (attempt["rail"]["type"], attempt["instrument"]["type"]) == ("UPI", "ACCOUNT")
    alone = await merchant("transaction_status", transaction=attempt["transactionId"])
    assert alone["orderId"] == opened["orderId"]

    asked = await merchant(
        "refund", merchant_refund_id="R1", original_merchant_order_id="RF_topup_1", amount=10_000
    )
    assert (asked["state"], asked["amount"]) == ("PENDING", 10_000)
    states = []
    for seconds in (60, 2 * DAY):
        await shop.phonepe.advance(seconds)
        states.append((await merchant("refund_status", refund="R1"))["state"])
    assert states == ["CONFIRMED", "COMPLETED"]

    account = {"username": "sim_user", "password": "Passw0rd9"}
    names = []
    for call in receiver.deliveries:
        told = {"header": call.headers["authorization"], "body": call.body.decode()}
        understood = await merchant("callback", **account, **told)
        names.append(understood["type"])
        with pytest.raises(Refused, match="Invalid Callback"):
            await merchant("callback", **account | {"password": "Passw0rd8"}, **told)
    assert names == ["CHECKOUT_ORDER_COMPLETED", "PG_REFUND_ACCEPTED", "PG_REFUND_COMPLETED"]


async def test_a_year_of_autopay_begins_with_a_cycle_and_ends_with_a_cancellation(
    merchant: Merchant, shop: Shop, receiver: Receiver
) -> None:
    setup = await merchant(
        "setup", **terms("SET_1", "SUB_1"), device_os="ANDROID", target_app="com.phonepe.app"
    )
    assert setup["intentUrl"].startswith("ppesim://mandate?")
    await shop.phonepe.order("SET_1", "pay")
    await shop.phonepe.advance(2)
    done = await merchant("debit_status", order="SET_1")
    assert (done["state"], done["paymentFlow"]["merchantSubscriptionId"]) == ("COMPLETED", "SUB_1")
    mandate = await merchant("mandate_status", mandate="SUB_1")
    assert (mandate["state"], mandate["frequency"]) == ("ACTIVE", "ON_DEMAND")

    told = await merchant("notify", **notice("CYC_1", "SUB_1"))
    assert told["state"] == "NOTIFICATION_IN_PROGRESS"
    await shop.phonepe.advance(2)
    waiting = await merchant("debit_status", order="CYC_1")
    assert waiting["state"] == "NOTIFIED"
    with pytest.raises(Refused, match="SUBSCRIPTION_DEBIT_EXECUTE_INTERVAL_NOT_STARTED"):
        await merchant("redeem", order="CYC_1")
    await shop.phonepe.advance(DAY)
    begun = await merchant("redeem", order="CYC_1")
    assert begun["state"] == "PENDING"
    await shop.phonepe.advance(3)
    debited = await merchant("debit_status", order="CYC_1")
    (attempt,) = debited["paymentDetails"]
    assert (debited["state"], debited["amount"], attempt["paymentMode"]) == (
        "COMPLETED", 94_282, "UPI_AUTO_PAY",
    )  # fmt: skip
    assert attempt["transactionId"] == begun["transactionId"]
    alone = await merchant("debit_transaction", transaction=begun["transactionId"])
    assert alone["merchantOrderId"] == "CYC_1"
    back = await merchant(
        "refund", merchant_refund_id="R2", original_merchant_order_id="CYC_1", amount=94_282
    )
    assert back["state"] == "PENDING"

    for act, state in (("pause", "PAUSED"), ("unpause", "ACTIVE")):
        await shop.phonepe.subscription("SUB_1", act)
        await shop.phonepe.advance(1)
        assert (await merchant("mandate_status", mandate="SUB_1"))["state"] == state
    await merchant("cancel", mandate="SUB_1")
    await shop.phonepe.advance(1)
    assert (await merchant("mandate_status", mandate="SUB_1"))["state"] == "CANCELLED"
    with pytest.raises(Refused, match="INVALID_SUBSCRIPTION_STATE"):
        await merchant("notify", **notice("CYC_2", "SUB_1"))
    names = await understood(merchant, receiver)
    assert names == [
        "SUBSCRIPTION_SETUP_ORDER_COMPLETED", "SUBSCRIPTION_NOTIFICATION_COMPLETED",
        "SUBSCRIPTION_REDEMPTION_TRANSACTION_COMPLETED", "SUBSCRIPTION_REDEMPTION_ORDER_COMPLETED",
        "SUBSCRIPTION_PAUSED", "SUBSCRIPTION_UNPAUSED", "SUBSCRIPTION_CANCELLED",
    ]  # fmt: skip


async def understood(merchant: Merchant, receiver: Receiver) -> list[str]:
    """Every webhook as the SDK checks and reads it."""
    return [
        (
            await merchant(
                "callback",
                username="sim_user",
                password="Passw0rd9",
                header=call.headers["authorization"],
                body=call.body.decode(),
                autopay=True,
            )
        )["type"]
        for call in receiver.deliveries
    ]


async def test_failures_and_a_revocation_come_through(
    merchant: Merchant, shop: Shop, receiver: Receiver
) -> None:
    await merchant("collect_setup", **terms("SET_2", "SUB_2"), vpa="success@ybl")
    await shop.phonepe.advance(2)
    assert (await merchant("mandate_status", mandate="SUB_2"))["state"] == "ACTIVE"
    await shop.phonepe.subscription("SUB_2", "next", notify=["failure"], debits=["failure"])
    for order in ("CYC_1", "CYC_2"):
        await merchant("notify", **notice(order, "SUB_2"))
        await shop.phonepe.advance(2)
    assert (await merchant("debit_status", order="CYC_1"))["state"] == "FAILED"
    await shop.phonepe.advance(DAY)
    await merchant("redeem", order="CYC_2")
    await shop.phonepe.advance(3)
    waiting = await merchant("debit_status", order="CYC_2")
    (attempt,) = waiting["paymentDetails"]
    assert (waiting["state"], attempt["state"], attempt["detailedErrorCode"]) == ("PENDING", "FAILED", "Z9")
    await shop.phonepe.subscription("SUB_2", "revoke")
    await shop.phonepe.advance(1)
    with pytest.raises(Refused, match="INVALID_SUBSCRIPTION_STATE"):
        await merchant("redeem", order="CYC_2")
    assert await understood(merchant, receiver) == [
        "SUBSCRIPTION_SETUP_ORDER_COMPLETED", "SUBSCRIPTION_NOTIFICATION_FAILED",
        "SUBSCRIPTION_NOTIFICATION_COMPLETED", "SUBSCRIPTION_REDEMPTION_TRANSACTION_FAILED",
        "SUBSCRIPTION_REVOKED",
    ]  # fmt: skip


async def test_refusals_reach_the_sdk_with_their_codes(merchant: Merchant, shop: Shop) -> None:
    await merchant("sdk_order", merchant_order_id="O1", amount=10_000, redirect_url=BACK)
    with pytest.raises(Refused, match="417, 'INVALID_TRANSACTION_ID'"):
        await merchant("pay", merchant_order_id="O1", amount=10_000, redirect_url=BACK)
    with pytest.raises(Refused, match="400, 'INVALID_MERCHANT_ORDER_ID'"):
        await merchant("order_status", order="O2")
    with pytest.raises(Refused, match="400, 'SUBSCRIPTION_NOT_FOUND'"):
        await merchant("mandate_status", mandate="SUB_9")
    await shop.phonepe.control("tokens/expire")
    with pytest.raises(Refused, match="401, 'AUTHORIZATION_FAILED'"):
        await merchant("order_status", order="O1")  # it renews the token, and does not ask again
    assert (await merchant("order_status", order="O1"))["state"] == "PENDING"


async def test_a_wrong_secret_stops_the_sdk_at_the_door(
    shop: Shop, phonepe: PhonePeProcess, interpreter: Path
) -> None:
    async with merchant_of(phonepe, interpreter, "wrong") as stranger:
        with pytest.raises(Refused, match="401, 'OIM000'"):
            await stranger("order_status", order="O1")


def test_the_sdk_is_the_published_one() -> None:
    """Nothing is patched but the two addresses, which have no argument."""
    source = (HERE / "merchant.py").read_text()
    assert [line.strip() for line in source.splitlines() if line.strip().startswith("environment.")] == [
        "environment.SANDBOX_PG_BASE_URL = environment.SANDBOX_OAUTH_BASE_URL = base_url"
    ]
    assert "phonepe-pg-sdk-python==3.0.1" in (HERE / "requirements.lock").read_text()
