"""The environment: one seller's facts, prefixes of numbers, and what production refuses."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from config import Settings
from config.portal import portal_settings
from documents.gstr1.filing import HSN_MASTER
from domain.document import Bank, DocumentKind, Lut
from domain.errors import Misconfigured
from domain.gst import gstin_check_digit

PRODUCTION: dict[str, Any] = {
    "environment": "production",
    "payload_keys": "2026-11:q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=",
    "customer_jwt_secret": "a" * 32,
    "operator_jwt_secret": "b" * 32,
    "service_token": "c" * 32,
    "database_url": "postgresql+asyncpg://bahi:secret@postgres:5432/bahi",
    "razorpay_key_id": "rzp_live_ABCDEFGHIJKLMN",
    "razorpay_key_secret": "d" * 24,
    "razorpay_webhook_secret": "e" * 24,
    "storage_link_secret": "f" * 32,
    "seller_legal_name": "Meghdoot Software Private Limited",
    "seller_gstin": "29AAACI4798L1ZU",
    "seller_address": "12 Residency Road",
    "seller_city": "Bengaluru",
    "seller_pin": "560025",
    "seller_email": "accounts@meghdoot.example",
}


def test_one_seller_is_a_handful_of_settings() -> None:
    made = Settings(
        seller_legal_name="Meghdoot Software Private Limited",
        seller_trade_name="Meghdoot",
        seller_gstin=" 27aapfu0939f1zv ",
        seller_address="4th Floor\n 12 Fort ",
        seller_city="Mumbai",
        seller_pin="400001",
        seller_phone="+912240000000",
        seller_bank_name="Canara Bank, Fort",
        seller_bank_account="0423201004567",
        seller_bank_ifsc="CNRB0000423",
        seller_upi_id="meghdoot@upi",
        seller_lut_arn="AD270426000001X",
        seller_lut_granted_on=date(2026, 4, 2),
    )
    (registration,) = made.registrations.all
    seller = registration.seller
    assert made.registrations.chosen() is registration
    assert (seller.gstin, seller.state_code) == ("27AAPFU0939F1ZV", "27")
    assert (seller.address_lines, seller.city, seller.pin) == (("4th Floor", "12 Fort"), "Mumbai", "400001")
    assert seller.bank == Bank("Canara Bank, Fort", "0423201004567", "CNRB0000423")
    assert registration.lut_on(date(2026, 12, 1)) == Lut("AD270426000001X", date(2026, 4, 2), "2026-27")
    assert made.registrations.warnings == ()


def test_the_demonstration_seller_has_its_address_in_parts() -> None:
    seller = Settings().registrations.chosen().seller
    assert (seller.address_lines, seller.city, seller.pin) == (("4 Residency Road",), "Bengaluru", "560025")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"seller_gstin": "29AAACB1234F1Z6"}, "check digit"),
        ({"seller_gstin": ""}, "not a GSTIN"),
        ({"seller_legal_name": " "}, "legal_name"),
        ({"seller_address": "\n"}, "address"),
        ({"seller_pin": "056002"}, "PIN"),
        ({"seller_bank_name": "Canara Bank"}, "bank.account_number"),
        ({"seller_lut_arn": "AD270426000001X"}, "luts.0.granted_on"),
        ({"seller_upi_id": "no address"}, "upi_id"),
        ({"seller_key": "Über"}, "key"),
        ({"seller_trade_name": "Megh\x00doot"}, "trade_name"),
    ],
)
def test_a_fault_of_the_seller_stops_the_start_and_is_named(given: dict[str, Any], says: str) -> None:
    with pytest.raises(Misconfigured, match="BAHI_SELLER_") as caught:
        Settings(**given)
    assert says in str(caught.value)


def test_a_wrong_check_digit_says_which_would_be_right_and_the_sandbox_takes_it() -> None:
    with pytest.raises(Misconfigured, match="the last would be 5"):
        Settings(seller_gstin="29AAACB1234F1Z6")
    taken = Settings(seller_gstin="29AABCT1332L000", gst_sandbox=True)
    assert taken.registrations.gstins == {"29AABCT1332L000"}


def test_a_pin_of_another_state_only_warns() -> None:
    (warning,) = Settings(seller_pin="400001").registrations.warnings
    assert "Maharashtra" in warning


def test_a_logo_is_known_by_its_digest_alone(tmp_path: Path) -> None:
    picture = tmp_path / "logo.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n and so on")
    made = Settings(seller_logo=str(picture))
    assert made.logos == {made.registrations.chosen().seller.logo: picture.read_bytes()}
    assert str(tmp_path) not in repr(made.registrations)
    for wrong in (b"<svg/>", b"\x89PNG\r\n\x1a\n" + bytes(1_000_000)):
        picture.write_bytes(wrong)
        with pytest.raises(Misconfigured, match="PNG or JPEG"):
            Settings(seller_logo=str(picture))
    with pytest.raises(Misconfigured, match="No such file"):
        Settings(seller_logo=str(tmp_path / "none.png"))


def test_every_kind_of_document_has_a_prefix_that_makes_a_lawful_number() -> None:
    prefixes = Settings(invoice_prefix="A/B-").prefixes
    assert prefixes.keys() == set(DocumentKind)
    for prefix in prefixes.values():
        assert len(f"{prefix}26-27/000001") <= 16


@pytest.mark.parametrize("wrong", ["ABCDE", "", "b", "0A", "/A", "A B", "Ä"])
def test_a_prefix_that_makes_an_unlawful_number_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="credit_note_prefix"):
        Settings(credit_note_prefix=wrong)


def test_two_kinds_never_share_a_prefix() -> None:
    with pytest.raises(Misconfigured, match="numbered with BH"):
        Settings(proforma_prefix="BH")


def test_production_takes_a_real_seller_even_in_the_demonstrations_city() -> None:
    assert Settings(**PRODUCTION).registrations.warnings == ()


@pytest.mark.parametrize("name", ["legal_name", "gstin", "address", "city", "pin", "email"])
def test_production_refuses_a_seller_that_is_partly_the_demonstrations(name: str) -> None:
    given = {key: value for key, value in PRODUCTION.items() if key != f"seller_{name}"}
    with pytest.raises(Misconfigured, match=f"BAHI_SELLER_{name.upper()} still has its local default"):
        Settings(**given)


def test_production_refuses_the_sandbox() -> None:
    with pytest.raises(Misconfigured, match="BAHI_GST_SANDBOX must be off"):
        Settings(**PRODUCTION, gst_sandbox=True)


def test_the_demonstration_gstin_is_well_formed() -> None:
    gstin = Settings().seller_gstin
    assert gstin_check_digit(gstin[:14]) == gstin[14]


def test_a_portal_is_believed_by_its_keys_alone() -> None:
    portal: dict[str, Any] = {"irp_enabled": True, "irp_base_url": "https://gsp.example/api"}
    with pytest.raises(Misconfigured, match="BAHI_IRP_PUBLIC_KEYS"):
        Settings(**portal, irp_client_id="a", irp_client_secret="b")
    keys = "-----BEGIN PUBLIC KEY-----\\nMII\\n-----END PUBLIC KEY-----\\n" * 2
    made = Settings(**portal, irp_client_id="a", irp_client_secret="b", irp_public_keys=keys)
    assert made.irp_keys == ("-----BEGIN PUBLIC KEY-----\nMII\n-----END PUBLIC KEY-----\n",) * 2
    assert Settings(irp_enabled=True).irp_keys == ()


def test_production_speaks_to_a_portal_over_tls() -> None:
    portal: dict[str, Any] = {"irp_base_url": "http://gsp.example", "irp_client_secret": "b"}
    with pytest.raises(Misconfigured, match="BAHI_IRP_BASE_URL must begin with https"):
        Settings(**PRODUCTION, **portal)


def test_what_the_reference_leaves_open_about_the_return_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAHI_GSTR1_VERSION", "GST3.3.0")
    monkeypatch.setenv("BAHI_GSTR1_ZERO_RATED_AT_NIL", "false")
    monkeypatch.setenv("BAHI_SAC_DESCRIPTIONS", '{"998431": "On-line text", "998434": "Downloads"}')
    made = portal_settings(Settings())
    assert (made.version, made.zero_rated_at_nil, made.sandbox) == ("GST3.3.0", False, False)
    codes = made.hsn_descriptions
    assert (codes["998431"], codes["998434"]) == ("On-line text", "Downloads")
    assert codes["998315"] == HSN_MASTER["998315"]
    assert portal_settings(Settings(gst_sandbox=True)).sandbox


@pytest.mark.parametrize("wrong", [{"99 84": "On-line text"}, {"998431": ""}])
def test_a_service_code_that_is_none_or_says_nothing_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="sac_descriptions"):
        Settings(sac_descriptions=wrong)


def test_top_ups_are_paid_where_payments_can_be_taken() -> None:
    assert Settings().topped_up_by == "razorpay"
    phonepe: dict[str, Any] = {
        "phonepe_client_id": "client",
        "phonepe_client_secret": "secret",
        "phonepe_webhook_username": "bahi",
        "phonepe_webhook_password": "Passw0rd9",
    }
    assert Settings(**phonepe).topped_up_by == "phonepe"
    assert Settings(**phonepe, top_up_gateway="razorpay").topped_up_by == "razorpay"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"top_up_gateway": "phonepe"}, "BAHI_TOP_UP_GATEWAY is phonepe"),
        ({"top_up_smallest_paise": 200_00, "top_up_largest_paise": 100_00}, "lower the first"),
    ],
)
def test_top_ups_that_nobody_could_make_stop_the_start(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        Settings(**wrong)
