"""Documents to look at: the ordinary ones, and those that strain the page."""

from dataclasses import replace
from datetime import date
from io import BytesIO

from PIL import Image, ImageDraw

from domain.document import (
    Bank,
    Buyer,
    DocumentKind,
    ForeignValue,
    Line,
    Lut,
    Original,
    Registration,
    Seller,
    TaxDocument,
)
from domain.gst import TaxedAmount, tax_inside, tax_lines, tax_on_top
from domain.supply import OUTSIDE_INDIA, BuyerKind, Supply, SupplyNature

SELLER = Seller(
    legal_name="Meghdoot Software Private Limited",
    gstin="29AAACI4798L1ZU",
    address_lines=("4th Floor, Prestige Atrium", "12 Residency Road"),
    city="Bengaluru",
    pin="560025",
    email="billing@meghdoot.example",
    phone="+91 80 4123 4567",
    cin="U72200KA2019PTC123456",
    bank=Bank("Canara Bank, Residency Road", "0423201004567", "CNRB0000423"),
    upi_id="meghdoot@canarabank",
    lut=Lut("AD290326000123X", date(2026, 3, 30), "2026-27"),
)
BUYER = Buyer(
    name="Kaveri Textiles LLP",
    kind=BuyerKind.REGISTERED,
    address_lines=("88 Race Course Road",),
    city="Mysuru",
    pin="570010",
    state_code="29",
    gstin="29AAGCB7383J1Z4",
)
SINGAPORE = Buyer(
    "Merlion Analytics Pte. Ltd.", BuyerKind.OVERSEAS, country="SG",
    address_lines=("1 Raffles Place, #20-61",), city="Singapore", pin="048616",
)  # fmt: skip
SEZ_UNIT = replace(BUYER, name="Electronics City SEZ Unit 4", kind=BuyerKind.SEZ)
ORIGINAL = Original("BH26-27/000042", date(2026, 4, 1), 94_282)
HINDI_NAME = "क्षितिज श्रीवास्तव"
SCRIPTS = {
    "Bengali": "শ্রীকৃষ্ণ চট্টোপাধ্যায়", "Gurmukhi": "ਗੁਰਪ੍ਰੀਤ ਸਿੰਘ", "Gujarati": "ક્ષત્રિય શ્રીમતી",
    "Oriya": "ଶ୍ରୀକୃଷ୍ଣ ମହାନ୍ତି", "Tamil": "கிருஷ்ணன் சுப்பிரமணியம்", "Telugu": "శ్రీనివాస కృష్ణమూర్తి",
    "Kannada": "ಕೃಷ್ಣಮೂರ್ತಿ ಶ್ರೀನಿವಾಸ್", "Malayalam": "ശ്രീകൃഷ്ണൻ നമ്പൂതിരി",
}  # fmt: skip

REGISTRATION = Registration(
    irn="3f4a91c2" * 8,
    acknowledgement_number="112610123456789",
    acknowledged_at="2026-04-01 10:15:42",
    signed_qr=".".join(
        ("eyJhbGciOiJSUzI1NiIsImtpZCI6IkVEQzU3RCJ9", "eyJkYXRhIjoi" + "aB3x" * 130, "Qz7-_w" * 57)
    ),
)
"""A token as long as the portal's are; that it verifies is another's concern."""

NATURES = {"29": SupplyNature.INTRA_STATE, OUTSIDE_INDIA: SupplyNature.EXPORT_WITHOUT_TAX}


def line(
    taxable_paise: int, description: str = "Basic plan, monthly subscription", **changes: object
) -> Line:
    ordinary = Line(description, "998315", 1, taxable_paise, taxable_paise, 1800)
    return replace(ordinary, **changes)  # type: ignore[arg-type]


def document(amount: TaxedAmount | None = None, place: str = "29", **changes: object) -> TaxDocument:
    """A paid invoice of ₹999 with tax inside, Karnataka to Karnataka, unless said otherwise."""
    money = amount or tax_inside(SELLER.state_code, place, 1800, 99_900)
    ordinary = TaxDocument(
        id="inv_1",
        kind=DocumentKind.TAX_INVOICE,
        number="BH26-27/000042",
        issued_on=date(2026, 4, 1),
        seller=SELLER,
        buyer=replace(BUYER, state_code=place),
        supply=Supply(place, NATURES.get(place, SupplyNature.INTER_STATE)),
        lines=(line(money.taxable_paise),),
        amount=money,
        period_first_day=date(2026, 4, 1),
        period_last_day=date(2026, 4, 30),
        payment_reference="pay_QZ8n2kT4uYx1Ab",
        payment_method="upi",
        paid_on=date(2026, 4, 1),
    )
    return replace(ordinary, **changes)  # type: ignore[arg-type]


def unpaid(**changes: object) -> TaxDocument:
    """The ordinary invoice, before anyone has paid it."""
    return document(**{"paid_on": None, "payment_reference": "", "payment_method": "", **changes})  # type: ignore[arg-type]


def named(name: str, *address_lines: str) -> TaxDocument:
    """The ordinary invoice to someone else."""
    return document(buyer=replace(BUYER, name=name, address_lines=address_lines))


def with_lines(count: int) -> TaxDocument:
    """An invoice of many lines, each with an amount of its own."""
    lines = tuple(line(79_900 + 137 * i, f"Growth plan, seat {i + 1}, monthly") for i in range(count))
    return document(
        tax_on_top("29", "27", 1800, sum(each.taxable_paise for each in lines)), "27", lines=lines
    )


def of_two_rates() -> TaxDocument:
    """₹1,000 at 18 % and ₹500 at 5 %, with a discount (gst.md 5.8, C13)."""
    taxes = (*tax_lines("29", "29", 1800, 100_000), *tax_lines("29", "29", 500, 50_000))
    lines = (
        line(60_000, "Growth plan, 3 seats", unit_paise=25_000, quantity=3, discount_paise=15_000),
        line(40_000, "Onboarding", sac="998313"),
        line(50_000, "Printed handbook", sac="998912", rate_bp=500),
    )
    return document(TaxedAmount(150_000, taxes, 0, 170_500), lines=lines)


def untaxed(kind: DocumentKind = DocumentKind.BILL_OF_SUPPLY, **changes: object) -> TaxDocument:
    """₹2,999 on which no tax is collected."""
    amount = TaxedAmount(299_900, (), 0, 299_900)
    return document(
        amount,
        **{"kind": kind, "supply": Supply("29", SupplyNature.NOT_TAXED), **changes},  # type: ignore[arg-type]
    )


def exported(nature: SupplyNature = SupplyNature.EXPORT_WITHOUT_TAX, **changes: object) -> TaxDocument:
    """USD 49.00 to Singapore (gst.md 5.8, C17 and C18)."""
    taxes = tax_lines("29", "96", 1800, 407_305) if nature is SupplyNature.EXPORT_WITH_TAX else ()
    amount = TaxedAmount(407_305, taxes, 0, 407_305 + sum(tax.tax_paise for tax in taxes))
    value = ForeignValue("USD", 4_900, "83.1234", "RBI reference rate", date(2026, 4, 1))
    return document(
        amount, OUTSIDE_INDIA, **{
            "buyer": SINGAPORE, "supply": Supply(OUTSIDE_INDIA, nature), "foreign": value,
            "payment_method": "card", **changes,
        },
    )  # fmt: skip


def credit_note(**changes: object) -> TaxDocument:
    """Twenty of thirty days of ₹799 given back (gst.md 5.8, C22)."""
    amount = tax_on_top("29", "29", 1800, 53_267)
    return document(
        amount, **{  # type: ignore[arg-type]
            "kind": DocumentKind.CREDIT_NOTE, "number": "CN26-27/000007", "original": ORIGINAL,
            "reason": "Upgrade to Growth on 11 Apr 2026", "payment_reference": "rfnd_QZ9a1bC2dE3fGh",
            "issued_on": date(2026, 4, 11), "paid_on": date(2026, 4, 11), **changes,
        },
    )  # fmt: skip


def voucher(kind: DocumentKind) -> TaxDocument:
    """An advance of ₹10,000 with tax inside, received or given back (gst.md 5.8, C26)."""
    refund = kind is DocumentKind.REFUND_VOUCHER
    money = tax_inside("29", "27", 1800, 10_00_000)
    return document(
        money, "27", kind=kind, number=f"{'FV' if refund else 'RV'}26-27/000003",
        lines=(line(money.taxable_paise, "Advance for subscription credits"),),
        period_first_day=None, period_last_day=None, supplied_on=None,
        original=Original("RV26-27/000002", date(2026, 3, 28), 10_00_000) if refund else None,
        reason="Account closed before the credits were used" if refund else "",
    )  # fmt: skip


def logo(picture_format: str = "PNG", size: tuple[int, int] = (640, 200), mode: str = "RGBA") -> bytes:
    """A picture to put at the head."""
    picture = Image.new(mode, size, (0, 0, 0, 0) if mode == "RGBA" else "white")
    brush = ImageDraw.Draw(picture)
    width, height = size
    brush.ellipse((10, 10, height - 10, height - 10), fill="#1F4E5F")
    brush.rectangle((height + 20, height // 3, width - 20, 2 * height // 3), fill="#E08E45")
    out = BytesIO()
    picture.save(out, picture_format)
    return out.getvalue()
