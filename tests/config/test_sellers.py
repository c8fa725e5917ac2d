"""A file of several registrations: every fault with its line."""

from datetime import date
from pathlib import Path

import pytest

from config import Settings
from domain.document import Bank
from domain.errors import Misconfigured
from domain.supply import SellerScheme

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "sellers.example.yaml"
TWO = """\
default: mh
sellers:
  - key: ka
    legal_name: Meghdoot Software Private Limited
    trade_name: Meghdoot
    gstin: 29AAACI4798L1ZU
    address: [4th Floor, 12 Residency Road]
    city: Bengaluru
    pin: 560025
    luts:
      - {arn: AD290426000001X, granted_on: 2026-04-02}
      - {arn: AD290425000007Y, granted_on: 2025-03-28, financial_year: 2025-26}
    bank: {name: Canara Bank, account_number: 00123201004567, ifsc: CNRB0000423}
    logo: logo.png
  - key: mh
    legal_name: Meghdoot Software Private Limited
    gstin: 27AAPFU0939F1ZV
    address: [1 Fort]
    city: Mumbai
    pin: "400001"
    in_sez: true
"""


def opened(folder: Path, text: str) -> Settings:
    (folder / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    path = folder / "sellers.yaml"
    path.write_text(text)
    return Settings(sellers_path=path)


def test_several_registrations_stand_in_a_file(tmp_path: Path) -> None:
    registrations = opened(tmp_path, TWO).registrations
    karnataka, maharashtra = registrations.all
    assert registrations.chosen() is maharashtra
    assert registrations.chosen(plan_key="ka") is karnataka
    assert karnataka.seller.bank == Bank("Canara Bank", "00123201004567", "CNRB0000423"), "noughts stay"
    assert karnataka.seller.pin == "560025"
    assert [lut.financial_year for lut in karnataka.luts] == ["2026-27", "2025-26"]
    lut = karnataka.lut_on(date(2026, 3, 31))
    assert lut is not None and lut.arn == "AD290425000007Y"
    assert maharashtra.supplier.in_sez


def test_the_example_is_a_file_that_is_taken() -> None:
    registrations = Settings(sellers_path=EXAMPLE).registrations
    assert [each.key for each in registrations.all] == ["ka", "mh"]
    assert registrations.warnings == ()


def test_logos_lie_beside_the_file(tmp_path: Path) -> None:
    made = opened(tmp_path, TWO)
    assert made.logos[made.registrations.of_key("ka").seller.logo].startswith(b"\x89PNG")


def test_who_is_not_registered_says_its_state(tmp_path: Path) -> None:
    text = (
        "sellers: [{key: small, legal_name: Asha, address: [1 Lane], scheme: unregistered, state_code: 29}]\n"
    )
    (registration,) = opened(tmp_path, text).registrations.all
    assert (registration.scheme, registration.supplier.state_code) == (SellerScheme.UNREGISTERED, "29")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("key: ka", "key: Ka!", "line 3: sellers.0.key"),
        ("    city: Mumbai", "    town: Mumbai", "line 19: sellers.1.town: no such field"),
        ("legal_name: Meghdoot Software Private Limited\n", "cin: ''\n", "line 3: sellers.0.legal_name"),
        ("granted_on: 2026-04-02", "granted_on: soon", "line 11: sellers.0.luts.0.granted_on"),
        ("ifsc: CNRB0000423", "ifsc: CNRB", "line 13: sellers.0.bank.ifsc"),
        ("in_sez: true", "in_sez: perhaps", "line 21: sellers.1.in_sez"),
        ("address: [1 Fort]", "address: 1 Fort", "line 18: sellers.1.address"),
        ("key: mh", "key: ka", "same key ka"),
        ("default: mh", "default: tn", "'tn'"),
        ("27AAPFU0939F1ZV", "27AAPFU0939F1ZO", "check digit"),
        ("27AAPFU0939F1ZV", "29AAACI4798L1ZU", "same GSTIN"),
        ("financial_year: 2025-26", "financial_year: 2025", "2026-27"),
        ("logo: logo.png", "logo: ../none.png", "none.png"),
        ("sellers:", "sellers", "not YAML"),
    ],
)  # fmt: skip
def test_a_fault_names_file_line_and_remedy(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in TWO
    with pytest.raises(Misconfigured) as caught:
        opened(tmp_path, TWO.replace(old, new, 1))
    assert says in str(caught.value)
    assert str(tmp_path / "sellers.yaml") in str(caught.value)


@pytest.mark.parametrize("text", ["", "sellers: []\n", "- 1\n", "nothing\n"])
def test_a_file_without_sellers_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured, match=r"sellers\.yaml"):
        opened(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="BAHI_SELLERS_PATH"):
        Settings(sellers_path=tmp_path / "none.yaml")
