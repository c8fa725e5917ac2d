"""What an attempt is paid with: the rail it took and the instrument behind it (phonepe.md, 2.3 and 9)."""

import secrets

from simulator.books import Record
from simulator.phonepe import fields
from simulator.phonepe.refusals import bad_request
from simulator.phonepe.world import World

MODES = ("UPI_INTENT", "UPI_COLLECT", "UPI_QR", "NET_BANKING", "CARD")
"""What a pay page may take."""
OTP = "123456"
CARDS = {"4208585190116667": "CREDIT_CARD", "4242424242424242": "DEBIT_CARD"}
"""The sandbox's test cards."""
_BANK = "SIMB"
_PAYER = {"vpa": "12****78@ybl"}
_ACCOUNT = {
    "type": "ACCOUNT",
    "maskedAccountNumber": "******1234",
    "accountType": "SAVINGS",
    "accountHolderName": "Meera Iyer",
    "ifsc": "SIMB0000001",
    "bankId": _BANK,
}


def allowed(order: Record) -> tuple[str, ...]:
    """The modes that the merchant left open on the order's page; a mandate is approved with UPI."""
    if order["kind"] != "checkout":
        return tuple(mode for mode in MODES if mode.startswith("UPI_"))
    config: Record = order.get("modes") or {}
    only = config.get("enabledPaymentModes")
    if only:
        return tuple(mode for mode in MODES if mode in [each["type"] for each in only])
    never = [each["type"] for each in config.get("disabledPaymentModes") or []]
    return tuple(mode for mode in MODES if mode not in never)


def check_modes(config: Record) -> Record:
    """paymentModeConfig: one of the two lists. Raises Refusal."""
    given = [name for name in ("enabledPaymentModes", "disabledPaymentModes") if config.get(name)]
    if len(given) > 1:
        raise bad_request("Give enabledPaymentModes or disabledPaymentModes, not both")
    for name in given:
        modes = config[name]
        if not isinstance(modes, list) or not all(isinstance(each, dict) for each in modes):
            raise bad_request(f"{name} must be a list of objects")
        for each in modes:
            fields.choice(each, "type", MODES)
    return config


def chosen(order: Record, body: Record) -> tuple[str, str | None]:
    """The mode, and the card's number where it is one. Raises Refusal for what the page does not take."""
    open_modes = allowed(order)
    mode = fields.choice(body, "mode", open_modes, open_modes[0] if open_modes else None)
    if mode != "CARD":
        return mode, None
    number = (fields.text(body, "card") or next(iter(CARDS))).replace(" ", "")
    if number not in CARDS:
        raise bad_request(f"This is none of the test cards: {', '.join(CARDS)}")
    return mode, number


def paid_with(world: World, attempt: Record) -> tuple[Record, Record]:
    """Rail and instrument of an attempt at its end; only a payment has a reference."""
    paid = attempt["state"] == "COMPLETED"
    if attempt["paymentMode"] in ("CARD", "NET_BANKING"):
        return _gateway_rail(world, paid), _bank_instrument(world, attempt, paid)
    rail: Record = {"type": "UPI"} | _PAYER
    if attempt["_umn"]:
        rail["umn"] = attempt["_umn"]
    if paid:
        rail |= {"utr": world.digits(12), "upiTransactionId": f"YBL{secrets.token_hex(16)}"}
    return rail, _ACCOUNT


def _gateway_rail(world: World, paid: bool) -> Record:
    rail: Record = {"type": "PG", "transactionId": world.digits(16), "serviceTransactionId": world.mint("PG")}
    return rail | ({"authorizationCode": world.digits(6)} if paid else {})


def _bank_instrument(world: World, attempt: Record, paid: bool) -> Record:
    references = {"bankTransactionId": world.digits(12), "brn": world.digits(10)} if paid else {}
    if attempt["paymentMode"] == "NET_BANKING":
        return {"type": "NET_BANKING", "bankId": _BANK} | references
    number = attempt["_card"]
    return {
        "type": CARDS[number],
        "bankId": _BANK,
        "cardNetwork": "VISA",
        "maskedCardNumber": f"{number[:6]}******{number[-4:]}",
        "geoScope": "DOMESTIC",
    } | (references | {"arn": world.digits(23)} if paid else {})
