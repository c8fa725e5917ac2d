"""Asking and telling the gateway about a subscription."""

from collections.abc import Awaitable, Callable

from temporalio import activity

from domain.collection import CollectionSnapshot
from domain.errors import GatewayRefused
from domain.subscription import Subscription
from gateways.base import SubscriptionGateway
from workflows.ports import Instructed, InstructGateway, Instruction, ReadCollection


class Collecting:
    """Implements `read_collection` and `instruct_gateway`."""

    def __init__(self, gateway: SubscriptionGateway) -> None:
        self._gateway = gateway

    @activity.defn(name="read_collection")
    async def read_collection(self, request: ReadCollection) -> CollectionSnapshot:
        """The gateway's truth; changes nothing."""
        subscription = request.subscription
        return await self._gateway.read(
            _gateway_id(subscription),
            settled=frozenset(subscription.settled),
            payment_id=request.payment_id,
            at=request.at,
        )

    @activity.defn(name="instruct_gateway")
    async def instruct_gateway(self, request: InstructGateway) -> Instructed:
        """Tell, then read: the reply to a command is a hint, the books are the truth (razorpay.md 5.1)."""
        act = self._acts()[request.instruction]
        refused = None
        try:
            await act(_gateway_id(request.subscription))
        except GatewayRefused as error:
            refused = str(error)
        snapshot = await self.read_collection(ReadCollection(request.subscription, request.at))
        return Instructed(snapshot, refused)

    def _acts(self) -> dict[Instruction, Callable[[str], Awaitable[None]]]:
        return {
            Instruction.CANCEL: self._gateway.cancel,
            Instruction.PAUSE: self._gateway.pause,
            Instruction.RESUME: self._gateway.resume,
        }


def _gateway_id(subscription: Subscription) -> str:
    if subscription.gateway_id is None:
        raise GatewayRefused(f"{subscription.id} does not exist at the gateway yet")
    return subscription.gateway_id
