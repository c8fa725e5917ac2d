"""A merchant who knows PhonePe through its own SDK: reads calls from standard input, writes answers.

Runs in the SDK's environment, so it imports nothing of ours and no test does import it. A call is one line,
`["name", {arguments}]`; its answer one line, `{"answer": ...}` or `{"refused": {...}}`.
"""

import json
import sys
from typing import Any

import phonepe.sdk.pg.env as environment
from phonepe.sdk.pg.common.exceptions import PhonePeException
from phonepe.sdk.pg.common.models.request.meta_info import MetaInfo
from phonepe.sdk.pg.common.models.request.pg_payment_request import PgPaymentRequest
from phonepe.sdk.pg.common.models.request.refund_request import RefundRequest
from phonepe.sdk.pg.payments.v2.models.request.create_sdk_order_request import CreateSdkOrderRequest
from phonepe.sdk.pg.payments.v2.models.request.standard_checkout_pay_request import (
    StandardCheckoutPayRequest,
)
from phonepe.sdk.pg.payments.v2.standard_checkout_client import StandardCheckoutClient
from phonepe.sdk.pg.subscription.v2.models.request.amount_type import AmountType
from phonepe.sdk.pg.subscription.v2.models.request.auth_workflow_type import AuthWorkflowType
from phonepe.sdk.pg.subscription.v2.models.request.frequency import Frequency
from phonepe.sdk.pg.subscription.v2.models.request.redemption_retry_strategy import RedemptionRetryStrategy
from phonepe.sdk.pg.subscription.v2.subscription_client import SubscriptionClient

_WORDS = {
    "auth_workflow_type": AuthWorkflowType,
    "amount_type": AmountType,
    "frequency": Frequency,
    "redemption_retry_strategy": RedemptionRetryStrategy,
}


class Merchant:
    """The SDK's clients; each method is a call of the SDK, its answer as the SDK understood it."""

    def __init__(self, client_id: str, client_secret: str) -> None:
        account = {"client_id": client_id, "client_secret": client_secret, "client_version": 1}
        self._checkout = StandardCheckoutClient.get_instance(**account, env=environment.Env.SANDBOX)
        self._autopay = SubscriptionClient.get_instance(**account, env=environment.Env.SANDBOX)

    def close(self) -> None:
        self._checkout.close()
        self._autopay.close()

    def pay(self, udf1: str = "", **given: Any) -> Any:
        meta = MetaInfo(udf1=udf1) if udf1 else None
        return self._checkout.pay(StandardCheckoutPayRequest.build_request(meta_info=meta, **given))

    def sdk_order(self, **given: Any) -> Any:
        request = CreateSdkOrderRequest.build_standard_checkout_request(**given)
        return self._checkout.create_sdk_order(request)

    def order_status(self, order: str, *, details: bool = False) -> Any:
        return self._checkout.get_order_status(order, details)

    def transaction_status(self, transaction: str) -> Any:
        return self._checkout.get_transaction_status(transaction)

    def refund(self, **given: Any) -> Any:
        return self._checkout.refund(RefundRequest.build_refund_request(**given))

    def refund_status(self, refund: str) -> Any:
        return self._checkout.get_refund_status(refund)

    def callback(self, username: str, password: str, header: str, body: str, *, autopay: bool = False) -> Any:
        client = self._autopay if autopay else self._checkout
        return client.validate_callback(username, password, header, body)

    def setup(self, **given: Any) -> Any:
        return self._autopay.setup(PgPaymentRequest.build_subscription_setup_upi_intent(**_read(given)))

    def collect_setup(self, **given: Any) -> Any:
        return self._autopay.setup(PgPaymentRequest.build_subscription_setup_upi_collect(**_read(given)))

    def notify(self, **given: Any) -> Any:
        return self._autopay.notify(PgPaymentRequest.build_subscription_notify_request(**_read(given)))

    def redeem(self, order: str) -> Any:
        return self._autopay.redeem(order)

    def debit_status(self, order: str) -> Any:
        return self._autopay.get_order_status(order)

    def debit_transaction(self, transaction: str) -> Any:
        return self._autopay.get_transaction_status(transaction)

    def mandate_status(self, mandate: str) -> Any:
        return self._autopay.get_subscription_status(mandate)

    def cancel(self, mandate: str) -> Any:
        return self._autopay.cancel_subscription(mandate)


def _read(given: dict[str, Any]) -> dict[str, Any]:
    return {name: _WORDS[name](value) if name in _WORDS else value for name, value in given.items()}


def _tell(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main(base_url: str, client_id: str, client_secret: str) -> None:
    """Until standard input ends. The SDK has no argument for another address; its constants have to do."""
    environment.SANDBOX_PG_BASE_URL = environment.SANDBOX_OAUTH_BASE_URL = base_url
    merchant: Merchant | None = None
    for line in sys.stdin:
        name, given = json.loads(line)
        try:
            merchant = merchant or Merchant(client_id, client_secret)  # fetches a token
            answer = getattr(merchant, name)(**given)
            _tell({"answer": json.loads(answer.to_json()) if hasattr(answer, "to_json") else answer})
        except PhonePeException as refused:
            _tell({"refused": {"status": refused.http_status_code, "code": refused.code,
                               "message": refused.message}})  # fmt: skip
    if merchant is not None:
        merchant.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
