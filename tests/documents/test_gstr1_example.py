"""The composed return of the reference, from its documents."""

import json
from dataclasses import replace
from datetime import date

from documents.gstr1 import file_name, gstr1, portal_file, summary
from tests.documents.filings import VECTORS, example

EXPECTED = (VECTORS / "gstr1_example.json").read_text()


def test_the_example_is_reproduced_with_its_keys_in_order_and_whole_rupees_as_integers() -> None:
    assert json.dumps(gstr1(example()), indent=1) == EXPECTED


def test_the_file_does_not_depend_on_the_order_in_which_documents_come() -> None:
    filing = example()
    shuffled = replace(filing, documents=filing.documents[::-1])
    assert (
        portal_file(shuffled)
        == portal_file(filing)
        == json.dumps(json.loads(EXPECTED), separators=(",", ":")).encode()
    )
    assert file_name(filing, date(2026, 2, 9)) == "returns_922026_R1_29AAACT9999Z1ZE_offline.json"


def test_the_summary_counts_each_section_and_shows_what_rounding_leaves() -> None:
    text = summary(example())
    assert "| b2b: registered, SEZ, UIN | 3 | ₹6,598.00 | ₹1,043.82 | ₹71.91 | ₹71.91 |" in text
    assert "| b2cs: other B2C, net of notes | 3 | ₹4,692.22 | ₹152.39 | ₹346.10 | ₹346.10 |" in text
    assert "| cdnur: notes, large B2C and exports | 1 | -₹9,999.00 | -₹1,799.82 | ₹0.00 | ₹0.00 |" in text
    assert "| at: received, still open | ₹8,474.58 | ₹1,525.42 | ₹0.00 | ₹0.00 |" in text
    assert "| INTRA 29 at 18.00 % | ₹692.20 | ₹692.20 | ₹0.00 |" in text
    assert "| RF25-26/00001 to RF25-26/00009 | tax invoice | 9 | 1 | 8 |" in text
    assert "Nothing." in text
