"""Billing details in requests and answers."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from api.schemas import Answer, Request, one_line
from db.models import Customer
from domain.buyers import StateOrigin
from domain.states import STATES, pin_warning


class BillingDetailsIn(Request):
    """Replaces all billing details."""

    name: Annotated[str, one_line(120), Field(min_length=1, examples=["Asha Verma"])]
    email: Annotated[
        str, StringConstraints(max_length=254, pattern=r"^[!-?A-~]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")
    ] = Field(examples=["asha@example.com"])
    phone: str = Field(default="", pattern=r"^(\+?[0-9]{8,15})?$", examples=["+919876543210"])
    address_lines: list[Annotated[str, one_line(100), Field(min_length=1)]] = Field(
        default=[], max_length=4, examples=[["12 MG Road"]]
    )
    city: Annotated[str, one_line(60)] = Field(default="", examples=["Bengaluru"])
    state_code: str | None = Field(
        default=None,
        pattern="^[0-9]{2}$",
        description="State of the address: two digits, as in a GSTIN. May be left out where a GSTIN is "
        "given, and must be outside India.",
        examples=["29"],
    )
    state_origin: Literal[StateOrigin.DECLARED, StateOrigin.PIN] = Field(
        default=StateOrigin.DECLARED,
        description="How the State was got: `declared` by the customer, or proposed by their PIN (`pin`).",
    )
    pin: str = Field(
        default="",
        pattern="^([1-9][0-9]{5})?$",
        description="PIN code in India. One of another State only warns.",
        examples=["560001"],
    )
    gstin: str = Field(
        default="",
        max_length=20,
        description="GSTIN, or the UIN of an embassy or a body of the United Nations. Empty for consumers.",
        examples=[""],
    )
    in_sez: bool = Field(
        default=False,
        description="A unit in, or developer of, a Special Economic Zone that buys for authorised "
        "operations; needs its GSTIN. Zero-rated.",
    )
    registration_state_confirmed: bool = Field(
        default=False,
        description="True once the customer was asked about a GSTIN of another State than the address, and "
        "wants that registration to buy. Without it the difference is refused.",
    )
    country: str = Field(
        default="IN",
        pattern="^[A-Z]{2}$",
        description="ISO 3166. A customer abroad buys an export, charged in rupees (INR) as everybody is.",
        examples=["IN"],
    )


class BillingDetailsOut(Answer):
    """Who is billed and where."""

    customer_id: str | None = Field(
        default=None, description="What operators and events call this customer; null before the first PUT."
    )
    name: str
    email: str
    phone: str = ""
    address_lines: list[str] = Field(default=[])
    city: str = ""
    state_code: str | None = None
    state: str | None = Field(default=None, description="The State's name.", examples=["Karnataka"])
    state_origin: str | None = Field(
        default=None, description="`declared`, `pin`, or `gstin` where only a GSTIN says so; null abroad."
    )
    pin: str = ""
    gstin: str = Field(default="", description="GSTIN or UIN.")
    in_sez: bool = False
    registration_state_confirmed: bool = Field(
        default=False, description="Whether a GSTIN of another State than the address was confirmed."
    )
    country: str = "IN"
    complete: bool = Field(default=False, description="Whether these are enough for an invoice.")
    warnings: list[str] = Field(
        default=[], description="What looks wrong and is kept nevertheless, such as a PIN of another State."
    )


def billing_details_out(customer: Customer) -> BillingDetailsOut:
    """As on record."""
    state = STATES.get(customer.state_code or "")
    warning = pin_warning(customer.pin, customer.state_code) if customer.state_code and customer.pin else None
    return BillingDetailsOut(
        customer_id=customer.id,
        name=customer.name,
        email=customer.email,
        phone=customer.phone,
        address_lines=customer.address_lines,
        city=customer.city,
        state_code=customer.state_code,
        state=state,
        state_origin=customer.state_origin,
        pin=customer.pin,
        gstin=customer.gstin,
        in_sez=customer.in_sez,
        registration_state_confirmed=customer.registration_state_confirmed,
        country=customer.country,
        complete=customer.country != "IN" or state is not None,
        warnings=[warning] if warning else [],
    )
