"""Nothing readable reaches Temporal, and keys can be changed while runs sleep."""

import base64

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from domain.errors import Misconfigured
from engine.codec import EncryptionCodec
from engine.plugin import data_converter

OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
SECRET = "Rs 4,999 from Meera"


def codec(setting: str) -> EncryptionCodec:
    return EncryptionCodec.from_setting(setting)


async def test_a_payload_comes_back_as_it_was_and_cannot_be_read_on_the_way() -> None:
    payload = Payload(metadata={"encoding": b"json/plain"}, data=SECRET.encode())
    [sealed] = await codec(f"a:{OLD}").encode([payload])
    assert SECRET.encode() not in sealed.SerializeToString()
    assert await codec(f"a:{OLD}").decode([sealed]) == [payload]


async def test_the_same_payload_is_never_sealed_to_the_same_bytes() -> None:
    payload = Payload(data=b"x")
    first, second = await codec(f"a:{OLD}").encode([payload, payload])
    assert first.data != second.data


async def test_after_rotation_new_payloads_use_the_new_key_and_old_ones_still_open() -> None:
    payload = Payload(data=b"x")
    [old] = await codec(f"a:{OLD}").encode([payload])
    rotated = codec(f"b:{NEW},a:{OLD}")
    [new] = await rotated.encode([payload])
    assert new.metadata["encryption-key-id"] == b"b"
    assert await rotated.decode([old, new]) == [payload, payload]


async def test_a_payload_whose_key_was_dropped_is_refused_by_name() -> None:
    [old] = await codec(f"a:{OLD}").encode([Payload(data=b"x")])
    with pytest.raises(Misconfigured, match="'a' is unknown"):
        await codec(f"b:{NEW}").decode([old])


async def test_a_tampered_payload_is_refused() -> None:
    [sealed] = await codec(f"a:{OLD}").encode([Payload(data=b"x")])
    sealed.data = sealed.data[:-1] + bytes([sealed.data[-1] ^ 1])
    with pytest.raises(Misconfigured, match="does not open"):
        await codec(f"a:{OLD}").decode([sealed])


async def test_plain_payloads_of_before_encryption_stay_readable() -> None:
    payload = Payload(metadata={"encoding": b"json/plain"}, data=b"1")
    assert await codec(f"a:{OLD}").decode([payload]) == [payload]


@pytest.mark.parametrize("setting", ["", "a", "a:", f":{OLD}", "a:c2hvcnQ=", "a:***", f"a:{OLD},b"])
def test_a_bad_key_setting_stops_the_start(setting: str) -> None:
    with pytest.raises(Misconfigured, match="BAHI_PAYLOAD_KEYS"):
        codec(setting)


async def test_failure_texts_and_stack_traces_are_sealed_too() -> None:
    converter = data_converter(codec(f"a:{OLD}"))
    failure = Failure()
    try:
        raise ApplicationError(SECRET)
    except ApplicationError as error:
        await converter.encode_failure(error, failure)
    assert SECRET.encode() not in failure.SerializeToString()
    assert SECRET in str(await converter.decode_failure(failure))
