"""What can go wrong on the way to Razorpay, and what we make of it."""

import inspect
from datetime import UTC, datetime

import pytest
import razorpay.errors
import requests.exceptions
from urllib3.exceptions import MaxRetryError, NewConnectionError

from domain.errors import BahiError, GatewayRefused, GatewayUnavailable, OutcomeUnknown
from gateways.razorpay import RazorpayGateway
from gateways.razorpay_client import RazorpayClient
from gateways.razorpay_errors import Repeating, Reply, translate
from local.ports import any_free_port
from simulator.process import SimulatorProcess
from tests.gateways.conftest import KEY_ID, KEY_SECRET, Shop
from tests.gateways.servers import endpoint

NOW = datetime(2026, 2, 1, tzinfo=UTC)
IN_DOUBT = ["http_500", "http_502_html", "http_503", "http_504", "drop_before_commit", "partial_json"]
TURNED_AWAY = ["http_429", "operation_in_progress"]


@pytest.mark.parametrize("kind", [*IN_DOUBT, *TURNED_AWAY, "drop_after_commit", "hang"])
async def test_a_read_that_went_wrong_may_be_repeated(
    simulator: SimulatorProcess, shop: Shop, kind: str
) -> None:
    created = await shop.created()
    hasty = RazorpayGateway(KEY_ID, KEY_SECRET, simulator.url, timeout=(1, 0.3))
    await shop.fault(kind, method="GET", seconds=0.5)
    with pytest.raises(GatewayUnavailable):
        await hasty.read(created.id, settled=frozenset(), payment_id=None, at=NOW)
    assert await shop.struck() == 1
    await hasty.read(created.id, settled=frozenset(), payment_id=None, at=NOW)
    await hasty.close()


@pytest.mark.parametrize("kind", [*IN_DOUBT, "drop_after_commit", "hang"])
async def test_a_create_that_went_wrong_is_of_unknown_outcome_and_then_looked_up(
    simulator: SimulatorProcess, shop: Shop, kind: str
) -> None:
    hasty = RazorpayGateway(KEY_ID, KEY_SECRET, simulator.url, timeout=(1, 0.3))
    since, new = await shop.now(), await shop.new("bs_lost")
    arrived = kind != "drop_before_commit"
    await shop.fault(kind, method="POST", path_regex="/v1/subscriptions$", seconds=0.5, after_commit=arrived)
    with pytest.raises(OutcomeUnknown, match="look it up"):
        await hasty.create_subscription(new)
    assert await shop.struck() == 1
    assert len(await hasty.find_subscriptions(new, since)) == (1 if arrived else 0)
    await hasty.close()


async def test_a_plan_whose_creation_was_not_answered_is_found(gateway: RazorpayGateway, shop: Shop) -> None:
    plan = shop.plan()
    await shop.fault("drop_after_commit", method="POST", path_regex="/v1/plans$")
    with pytest.raises(OutcomeUnknown):
        await gateway.create_plan(plan)
    assert await shop.struck() == 1
    assert await gateway.find_plan(plan) is not None


@pytest.mark.parametrize("kind", TURNED_AWAY)
async def test_a_create_that_was_turned_away_created_nothing(
    gateway: RazorpayGateway, shop: Shop, kind: str
) -> None:
    since, new = await shop.now(), await shop.new("bs_throttled")
    await shop.fault(kind, method="POST", path_regex="/v1/subscriptions$")
    with pytest.raises(GatewayUnavailable):
        await gateway.create_subscription(new)
    assert await shop.struck() == 1
    assert await gateway.find_subscriptions(new, since) == []


async def test_no_route_is_final_though_the_sdk_calls_it_a_server_error(
    gateway: RazorpayGateway, shop: Shop
) -> None:
    new = await shop.new()
    await shop.fault("no_route", method="POST")
    with pytest.raises(GatewayRefused) as refused:
        await gateway.create_subscription(new)
    assert refused.value.status == 404


async def test_a_refused_create_keeps_status_and_reason(gateway: RazorpayGateway, shop: Shop) -> None:
    new = await shop.new(total_count=5000)
    with pytest.raises(GatewayRefused, match="Exceeds the maximum total_count") as refused:
        await gateway.create_subscription(new)
    assert (refused.value.status, refused.value.reason) == (400, "input_validation_failed")


async def test_wrong_keys_are_final_and_the_message_says_which_settings_to_check(
    simulator: SimulatorProcess, shop: Shop
) -> None:
    stranger = RazorpayGateway(KEY_ID, "wrong", simulator.url)
    with pytest.raises(GatewayRefused, match="BAHI_RAZORPAY_KEY_SECRET") as refused:
        await stranger.create_subscription(await shop.new())
    assert refused.value.status == 401
    await stranger.close()


async def test_where_nobody_listens_nothing_was_created_and_the_sdk_stays_silent(
    shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    nowhere = RazorpayGateway(KEY_ID, KEY_SECRET, f"http://127.0.0.1:{any_free_port()}")
    with pytest.raises(GatewayUnavailable, match="cannot be reached"):
        await nowhere.create_plan(shop.plan())
    await nowhere.close()
    assert capfd.readouterr().out == ""


async def test_a_cancel_whose_answer_was_lost_may_be_repeated(gateway: RazorpayGateway, shop: Shop) -> None:
    active = await shop.active()
    await shop.fault("drop_after_commit", method="POST", path_regex="/cancel$")
    with pytest.raises(GatewayUnavailable):
        await gateway.cancel(active)
    assert await shop.struck() == 1
    await gateway.cancel(active)


async def test_a_redirect_is_not_followed_with_our_keys(shop: Shop) -> None:
    async with endpoint() as elsewhere, endpoint(302, headers=f"location: {elsewhere.url}\r\n") as moved:
        gateway = RazorpayGateway(KEY_ID, KEY_SECRET, f"http://127.0.0.1:{moved.port}")
        with pytest.raises(GatewayRefused, match="BAHI_RAZORPAY_BASE_URL"):
            await gateway.create_plan(shop.plan())
        await gateway.close()
        assert (len(moved.requests), elsewhere.requests) == (1, [])


async def test_a_mistake_of_ours_is_not_blamed_on_the_gateway(simulator: SimulatorProcess) -> None:
    client = RazorpayClient(KEY_ID, KEY_SECRET, simulator.url)
    with pytest.raises(AttributeError):
        await client.ask("misspell", lambda sdk: sdk.subscription.fetchh("sub_1"))
    await client.close()


# the boundary itself


def _subclasses(module: object, root: type[Exception]) -> list[type[Exception]]:
    found = [cls for _, cls in inspect.getmembers(module, inspect.isclass) if issubclass(cls, root)]
    return [cls for cls in found if not issubclass(cls, Warning)]


def _made(kind: type[Exception]) -> Exception:
    return kind("sk_secret", "doc", 0) if issubclass(kind, requests.exceptions.JSONDecodeError) else kind("x")


def test_every_error_of_the_sdk_and_of_requests_is_translated() -> None:
    kinds = _subclasses(razorpay.errors, Exception)
    assert len(kinds) == 4
    kinds += _subclasses(requests.exceptions, requests.exceptions.RequestException)
    assert len(kinds) > 20
    for kind in kinds:
        for repeating in Repeating:
            for reply in (None, Reply(200, "{"), Reply(400, "{}"), Reply(502, "<html>")):
                ours = translate(_made(kind), reply, "do it", repeating)
                assert isinstance(ours, GatewayRefused | GatewayUnavailable | OutcomeUnknown), kind
                assert not (repeating is Repeating.HARMLESS and isinstance(ours, OutcomeUnknown)), kind


def envelope(description: str, reason: str = "NA") -> str:
    return (
        f'{{"error": {{"code": "BAD_REQUEST_ERROR", "description": "{description}", "reason": "{reason}"}}}}'
    )


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, envelope("The plan_id field is required."), GatewayRefused),
        (
            400,
            envelope("Request failed because another subscription operation is in progress."),
            GatewayUnavailable,
        ),
        (
            409,
            envelope("Another request with the same idempotency key is still in progress."),
            GatewayUnavailable,
        ),
        (
            409,
            envelope("Different request with the same idempotency key has already been processed."),
            GatewayRefused,
        ),
        (401, envelope("Authentication failed"), GatewayRefused),
        (404, '{"message":"no Route matched with those values"}', GatewayRefused),
        (429, envelope("Throttling Error"), GatewayUnavailable),
        (302, "", GatewayRefused),
        (500, "", OutcomeUnknown),
        (500, '{"error": null}', OutcomeUnknown),
        (503, "[]", OutcomeUnknown),
        (200, "not json", OutcomeUnknown),
    ],
)
def test_the_status_decides_what_a_failed_create_means(
    status: int, body: str, expected: type[BahiError]
) -> None:
    sdk_says = razorpay.errors.ServerError("")
    assert type(translate(sdk_says, Reply(status, body), "create", Repeating.CREATES)) is expected


def test_only_a_connection_that_was_never_made_proves_that_nothing_was_created() -> None:
    refused = MaxRetryError(None, "/", NewConnectionError(None, "refused"))  # type: ignore[arg-type]
    for error, expected in (
        (requests.exceptions.ConnectTimeout(), GatewayUnavailable),
        (requests.exceptions.ConnectionError(refused), GatewayUnavailable),
        (requests.exceptions.ConnectionError("reset"), OutcomeUnknown),
        (requests.exceptions.ReadTimeout(), OutcomeUnknown),
        (requests.exceptions.ChunkedEncodingError(), OutcomeUnknown),
    ):
        assert type(translate(error, None, "create", Repeating.CREATES)) is expected


def test_a_feature_that_is_not_enabled_is_named_as_such() -> None:
    reply = Reply(400, envelope("The requested URL was not found on the server."))
    error = translate(razorpay.errors.BadRequestError(), reply, "create", Repeating.CREATES)
    assert "Subscriptions, or recurring payments, enabled" in str(error)


@pytest.mark.parametrize(
    ("said", "todo"),
    [
        ("Different request with the same idempotency key has already been processed.", "under a new one"),
        ("Your account does not have enough balance to carry out the refund operation.", "add funds"),
        ("invalid request sent", "balance may be empty"),
    ],
)
def test_a_refused_refund_says_what_to_do(said: str, todo: str) -> None:
    error = translate(
        razorpay.errors.BadRequestError(), Reply(400, envelope(said)), "refund", Repeating.CREATES
    )
    assert isinstance(error, GatewayRefused)
    assert said in str(error) and todo in str(error)
