"""Typed settings, read once from the environment (prefix BAHI_) and passed in. Nobody else reads it."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.collecting import CollectBy, PhonePeCallers, named_secrets
from config.sellers import Sellers, seller_of_settings, sellers_of_file
from domain.document import DocumentKind
from domain.errors import Misconfigured
from domain.events import DOCUMENTS_SINK, KAFKA_SINK, NOTIFICATIONS_SINK, WEBHOOK_SINK
from domain.ladder import Ladder
from domain.mandate import DEFAULT_LIMITS
from domain.pricing import SupplyRules
from domain.registrations import SellerRegistrations
from domain.renewal import Terms
from domain.supply import ZeroRating
from domain.top_up import TopUpLimits
from gateways.storage import StorageSettings

PREFIX = "BAHI_"
_LOCAL_ONLY = "local-only"
_PEM = "-----BEGIN "
_DEMO_SELLER = ("legal_name", "gstin", "address", "city", "pin", "email")
_Sac = Annotated[str, Field(pattern=r"^[0-9]{4,8}$")]
_NumberPrefix = Annotated[str, Field(pattern=r"^[A-Z1-9][A-Z0-9/-]{0,3}$")]
"""Four characters, because `26-27/000001` takes twelve of the sixteen (rule 46(b))."""


class Settings(BaseSettings):
    """Everything an installation may set. Durations in seconds say so in their names."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    environment: Literal["local", "test", "production"] = "local"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    database_url: SecretStr = SecretStr("postgresql+asyncpg://bahi:local-only@127.0.0.1:5432/bahi")
    database_pool_size: int = 10

    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    temporal_api_key: SecretStr | None = None
    temporal_tls: bool = False
    payload_keys: SecretStr = SecretStr(f"{_LOCAL_ONLY}:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    """`id:base64-of-32-bytes`, comma-separated; the first encrypts, all decrypt."""

    api_host: str = "127.0.0.1"
    api_port: int = 8000
    public_url: str = "http://127.0.0.1:8000"
    """Where customers and gateways reach the API; used in links."""
    metrics_port: int = 9464
    """Temporal's metrics of the worker; 0 turns them off."""
    relay_metrics_port: int = 9465
    """Lag of inbox and outbox; 0 turns them off."""

    customer_jwt_secret: SecretStr | None = SecretStr("local-only-customer-secret-of-32-bytes")
    """HS256 secret of the application whose customers call us."""
    customer_jwks_url: str | None = None
    """Where that application's public keys are; used instead of the secret."""
    customer_jwt_audience: str | None = None
    customer_jwt_issuer: str | None = None
    operator_jwt_secret: SecretStr = SecretStr("local-only-operator-secret-of-32-bytes")
    service_token: SecretStr = SecretStr("local-only-service-token")
    allowed_origins: tuple[str, ...] = ("http://127.0.0.1:8233", "http://localhost:8233")
    """Browsers' origins: the application's front end and the Temporal UI (for its codec)."""

    razorpay_key_id: str = "rzp_test_localonly00000"
    razorpay_key_secret: SecretStr = SecretStr("local-only-razorpay-secret")
    razorpay_webhook_secret: SecretStr = SecretStr("local-only-razorpay-webhook")
    razorpay_webhook_secret_previous: SecretStr | None = None
    razorpay_base_url: str = "https://api.razorpay.com"
    """Another address is for the simulator, and refused in production."""
    razorpay_calls_per_second: float = 25
    gateway_list_lag_seconds: int = 120
    """How long the gateway's lists may hide something it has created."""

    collect_by: CollectBy = CollectBy.RAZORPAY
    """How new subscriptions are collected unless the caller says."""
    phonepe_client_id: str = ""
    """Empty: PhonePe is not offered."""
    phonepe_client_version: int = Field(1, ge=1)
    """As issued with the client id; 1 in the sandbox."""
    phonepe_client_secret: SecretStr | None = None
    phonepe_environment: Literal["sandbox", "production"] = "sandbox"
    """Whose hosts are called; the credentials belong to one of them."""
    phonepe_url: str = ""
    """Another address for payments and tokens is for the simulator, and refused in production."""
    phonepe_auth_url: str = ""
    """The same of tokens alone, where they are not at `phonepe_url`."""
    phonepe_managed_by: Literal["api", "checkout"] = "api"
    """Under which paths mandates are debited (phonepe.md 3.1)."""
    phonepe_webhook_username: str = ""
    """With its password as in the dashboard, for the address `{public_url}/webhooks/phonepe`."""
    phonepe_webhook_password: SecretStr | None = None
    phonepe_webhook_password_previous: SecretStr | None = None
    """Counts too while a change of the password lasts."""
    phonepe_webhook_keys: SecretStr | None = None
    """Secrets of the HMAC mode by key id, `{"key id": "secret"}`, where the dashboard offers it."""
    phonepe_salt_keys: SecretStr | None = None
    """Of legacy callbacks, by index: `{"1": "salt key"}`."""
    phonepe_calls_per_second: float = Field(20, gt=0)
    """Over all workers; PhonePe publishes no limit of its own."""

    no_pin_cap_paise: int = Field(15_000_00, gt=0)
    """Above it each debit needs the payer's PIN, so that each period is paid on a page (phonepe.md 5.3)."""
    mandate_cap_paise: int = Field(15_000_00, gt=0)
    """The most that a mandate is asked for (phonepe.md 3.2)."""
    mandate_head_room_basis_points: int = Field(10_000, ge=0)
    """Room in a mandate above the first charge: 10,000 doubles it."""
    dunning_ladder: Ladder | None = None
    """Rungs by class of failure, as JSON: `{"rungs": {"funds": [{"channel": "debit", "after": "P2D"},
    {"channel": "link", "after": "P0D", "reminders": ["P1D"]}], …}, "grace": "P15D"}`; without one the usual
    ladder (domain/ladder.py, which names classes and channels). Each subscription keeps its first."""
    rescue_by_other_gateway: bool = True
    """The last rung is a pay link of the other gateway."""
    payment_return_url: str = Field("", pattern=r"^(https?://\S+)?$")
    """The application's page for payers who are done; gets `subscription_id` or `top_up_id`, and `status`."""

    sellers_path: Path | None = None
    """A file of several registrations (docs/sellers.example.yaml); then the settings of one do not count."""
    seller_key: str = "main"
    seller_legal_name: str = "Bahi Demo Private Limited"
    seller_trade_name: str = ""
    seller_gstin: str = "29AAACB1234F1Z5"
    seller_address: str = "4 Residency Road"
    """Lines before city and PIN."""
    seller_city: str = "Bengaluru"
    seller_pin: str = "560025"
    seller_email: str = "accounts@bahi.example"
    seller_phone: str = ""
    seller_cin: str = ""
    seller_bank_name: str = ""
    seller_bank_account: str = ""
    seller_bank_ifsc: str = ""
    seller_upi_id: str = ""
    seller_logo: str = ""
    """Path of a PNG or JPEG of at most 1 MB."""
    seller_lut_arn: str = ""
    """Letter of undertaking of this year; several years, or another scheme than the regular, take a file."""
    seller_lut_granted_on: date | None = None
    seller_lut_financial_year: str = ""
    """Such as `2026-27`, for a letter granted in March for the coming year; else the year of that day."""

    zero_rating: ZeroRating = ZeroRating.WITHOUT_TAX
    """Exports and supplies to an SEZ: without tax under a letter of undertaking, or with IGST."""
    lut_required: bool = True
    """False only where a bond stands in for the letter (rule 96A)."""
    export_payment_permitted: bool = True
    """Payments from abroad count as an export's: in foreign exchange, or in rupees that the Reserve Bank
    permits (IGST Act s.2(6)(iv)). False taxes them with IGST, and GSTR-1 has no section for such supplies
    (gst.md 2.1, row 6): they are left out of it and named in its summary, for your accountant to declare."""
    round_total_to_rupee: bool = False
    annual_returns_filed: dict[str, date] = {}
    """Days on which annual returns were filed, such as `{"2025-26": "2026-10-20"}`: credit notes for supplies
    of that year lower no tax after it (CGST Act s.34(2)); without one, after 30 November."""
    gstr1_version: str = Field("GST3.2.4", min_length=1)
    """Release of the portal's offline tool that the return says it comes from (gst.md 6.1)."""
    gstr1_zero_rated_at_nil: bool = True
    """The return shows rate 0 on supplies without payment of tax; False shows the line's rate."""
    sac_descriptions: dict[_Sac, Annotated[str, Field(min_length=1)]] = {}
    """Service codes beyond those known, each with its text in the portal's master, such as
    `{"998431": "On-line text based information"}`; they may correct known ones too."""
    gst_sandbox: bool = False
    """Takes the tax portal's test identifiers, whose check digit is wrong; refused in production."""

    invoice_prefix: _NumberPrefix = "BH"
    bill_of_supply_prefix: _NumberPrefix = "BS"
    credit_note_prefix: _NumberPrefix = "CN"
    receipt_voucher_prefix: _NumberPrefix = "RV"
    refund_voucher_prefix: _NumberPrefix = "RF"
    proforma_prefix: _NumberPrefix = "PI"
    catalogue_path: Path = Path("catalogue.yaml")

    usd_rate_paise: int = Field(9_000, ge=1, le=100_000)
    """What a US dollar of usage and of budgets counts for; a change, from a customer's next month on."""

    irp_enabled: bool = False
    """The turnover is above the limit for e-invoices (gst.md 1.10): what needs an IRN is drawn once it is
    registered, or refused."""
    irp_base_url: str = ""
    """The invoice registration portal or a provider in front of it; empty: files are carried by hand
    (`bahi export einvoice`, `bahi einvoice-reply`)."""
    irp_client_id: str = ""
    irp_client_secret: SecretStr | None = None
    irp_public_keys: str = ""
    """What answers are signed with: PEM public keys or certificates, one after the other."""

    top_up_gateway: Literal["", "phonepe", "razorpay"] = ""
    """Whose pages top-ups are paid on; empty: PhonePe's where it is offered, else Razorpay's."""
    top_up_smallest_paise: int = Field(100_00, ge=1_00)
    top_up_largest_paise: int = Field(1_00_000_00, ge=1_00)
    top_up_expires_after_seconds: int = Field(24 * 3600, ge=900)
    """How long one can be paid; money that is on its way then still counts."""

    checkout_expires_after_seconds: int = 7 * 24 * 3600
    monthly_total_count: int = 120
    """Cycles agreed with the gateway for a monthly plan; UPI allows ten years."""
    annual_total_count: int = 10

    storage: Literal["local", "s3"] = "local"
    storage_folder: Path = Path(".bahi/files")
    storage_link_secret: SecretStr = SecretStr("local-only-link-secret")
    storage_link_seconds: int = 900
    s3_bucket: str = ""
    s3_endpoint: str = ""
    s3_public_endpoint: str = ""
    """Where browsers reach the store, if elsewhere than we do."""
    s3_region: str = "auto"
    s3_virtual_hosted_style: bool = False
    """The bucket is part of the host's name, not of the path."""
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None

    notify: Literal["log", "smtp", "webhook"] = "log"
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_username: str = ""
    smtp_password: SecretStr | None = None
    smtp_starttls: bool = True
    smtp_sender: str = "Billing <billing@bahi.example>"
    notification_webhook_url: str = ""
    notification_webhook_secret: SecretStr | None = None

    events_kafka_servers: str = ""
    events_kafka_topic: str = "billing-events"
    events_webhook_url: str = ""
    events_webhook_secret: SecretStr | None = None

    test_clock_offset_seconds: int = 0
    """Moves every subscription's clock; for tests and demonstrations, refused in production."""

    @model_validator(mode="after")
    def _known_names_only(self) -> Self:
        known = {f"{PREFIX}{name}".upper() for name in type(self).model_fields} | {f"{PREFIX}HOME"}
        unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
        if unknown:
            raise Misconfigured(
                f"unknown settings: {', '.join(unknown)}; see config/settings.py for the names"
            )
        return self

    @model_validator(mode="after")
    def _sellers_are_lawful(self) -> Self:
        _ = self.registrations
        return self

    @model_validator(mode="after")
    def _numbers_are_apart(self) -> Self:
        prefixes = list(self.prefixes.values())
        twice = sorted({prefix for prefix in prefixes if prefixes.count(prefix) > 1})
        if twice:
            raise Misconfigured(
                f"two kinds of document are numbered with {twice[0]}: give each its own prefix (rule 46(b)), "
                "see BAHI_INVOICE_PREFIX, BAHI_CREDIT_NOTE_PREFIX and the like"
            )
        return self

    @model_validator(mode="after")
    def _top_ups_are_possible(self) -> Self:
        if self.top_up_smallest_paise > self.top_up_largest_paise:
            raise Misconfigured(
                "BAHI_TOP_UP_SMALLEST_PAISE is above BAHI_TOP_UP_LARGEST_PAISE: nothing could be put into a "
                "wallet; lower the first or raise the second"
            )
        if self.top_up_gateway == "phonepe" and not self.phonepe_client_id:
            raise Misconfigured("BAHI_TOP_UP_GATEWAY is phonepe: set BAHI_PHONEPE_CLIENT_ID and its secret")
        return self

    @model_validator(mode="after")
    def _portal_can_be_believed(self) -> Self:
        if self.irp_enabled and self.irp_base_url and not (self.irp_client_secret and self.irp_keys):
            raise Misconfigured(
                "BAHI_IRP_BASE_URL is set: BAHI_IRP_CLIENT_ID, BAHI_IRP_CLIENT_SECRET and "
                "BAHI_IRP_PUBLIC_KEYS are needed too, the keys to verify what the portal signs"
            )
        return self

    @model_validator(mode="after")
    def _phonepe_is_whole(self) -> Self:
        if self.phonepe_client_id and not self.phonepe_client_secret:
            raise Misconfigured("BAHI_PHONEPE_CLIENT_ID is set: BAHI_PHONEPE_CLIENT_SECRET is needed too")
        if self.phonepe_client_id and not self.phonepe_verifies:
            raise Misconfigured(
                "BAHI_PHONEPE_CLIENT_ID is set: its webhooks need BAHI_PHONEPE_WEBHOOK_USERNAME and "
                "BAHI_PHONEPE_WEBHOOK_PASSWORD (or _KEYS, or BAHI_PHONEPE_SALT_KEYS)"
            )
        if self.collect_by is CollectBy.PHONEPE and not self.phonepe_client_id:
            raise Misconfigured("BAHI_COLLECT_BY is phonepe: set BAHI_PHONEPE_CLIENT_ID and its secret")
        _ = self.phonepe_callers  # raises for what is not readable
        return self

    @model_validator(mode="after")
    def _production_is_safe(self) -> Self:
        if self.environment != "production":
            return self
        faults = [
            f"{PREFIX}{name.upper()} still has its local default"
            for name, value in self
            if isinstance(value, SecretStr) and _LOCAL_ONLY in value.get_secret_value()
        ]
        if self.customer_jwks_url is not None:
            faults = [fault for fault in faults if "CUSTOMER_JWT_SECRET" not in fault]
        if self.razorpay_base_url != "https://api.razorpay.com":
            faults.append("BAHI_RAZORPAY_BASE_URL must not be overridden")
        if "localonly" in self.razorpay_key_id:
            faults.append("BAHI_RAZORPAY_KEY_ID still has its local default")
        if self.phonepe_url:
            faults.append("BAHI_PHONEPE_URL must not be overridden")
        if self.phonepe_auth_url:
            faults.append("BAHI_PHONEPE_AUTH_URL must not be overridden")
        if self.phonepe_client_id and self.phonepe_environment != "production":
            faults.append("BAHI_PHONEPE_ENVIRONMENT must be production")
        if self.test_clock_offset_seconds:
            faults.append("BAHI_TEST_CLOCK_OFFSET_SECONDS must be 0")
        if self.irp_base_url and not self.irp_base_url.startswith("https://"):
            faults.append("BAHI_IRP_BASE_URL must begin with https://")
        if self.gst_sandbox:
            faults.append("BAHI_GST_SANDBOX must be off")
        if self.sellers_path is None:
            # Not by value: somebody may really be in Bengaluru.
            kept = [name for name in _DEMO_SELLER if f"seller_{name}" not in self.model_fields_set]
            faults += [f"{PREFIX}SELLER_{name.upper()} still has its local default" for name in kept]
        if faults:
            raise Misconfigured("unsafe in production: " + "; ".join(faults))
        return self

    @property
    def registrations(self) -> SellerRegistrations:
        """Whom documents are issued by; checked at the start (Misconfigured)."""
        return self._sellers.registrations

    @property
    def logos(self) -> Mapping[str, bytes]:
        """Pictures by what `Seller.logo` says."""
        return self._sellers.logos

    @cached_property
    def _sellers(self) -> Sellers:
        if self.sellers_path is not None:
            return sellers_of_file(self.sellers_path, sandbox=self.gst_sandbox)
        return seller_of_settings(self._seller_facts(), sandbox=self.gst_sandbox)

    def _seller_facts(self) -> dict[str, Any]:
        lut = {
            "arn": self.seller_lut_arn,
            "granted_on": self.seller_lut_granted_on,
            "financial_year": self.seller_lut_financial_year,
        }
        bank = {
            "name": self.seller_bank_name,
            "account_number": self.seller_bank_account,
            "ifsc": self.seller_bank_ifsc,
        }
        return {
            "key": self.seller_key,
            "legal_name": self.seller_legal_name,
            "trade_name": self.seller_trade_name,
            "gstin": self.seller_gstin,
            "address": [line.strip() for line in self.seller_address.split("\n") if line.strip()],
            "city": self.seller_city,
            "pin": self.seller_pin,
            "email": self.seller_email,
            "phone": self.seller_phone,
            "cin": self.seller_cin,
            "luts": [lut] if any(lut.values()) else [],
            "bank": bank if any(bank.values()) else None,
            "upi_id": self.seller_upi_id,
            "logo": self.seller_logo,
        }

    @property
    def prefixes(self) -> dict[DocumentKind, str]:
        """What the numbers of each kind of document begin with."""
        return {
            DocumentKind.TAX_INVOICE: self.invoice_prefix,
            DocumentKind.BILL_OF_SUPPLY: self.bill_of_supply_prefix,
            DocumentKind.CREDIT_NOTE: self.credit_note_prefix,
            DocumentKind.RECEIPT_VOUCHER: self.receipt_voucher_prefix,
            DocumentKind.REFUND_VOUCHER: self.refund_voucher_prefix,
            DocumentKind.PROFORMA: self.proforma_prefix,
        }

    @property
    def supply_rules(self) -> SupplyRules:
        """What was decided once for all supplies."""
        return SupplyRules(
            self.zero_rating, self.lut_required, self.export_payment_permitted, self.round_total_to_rupee
        )

    @property
    def topped_up_by(self) -> str:
        """The gateway of top-ups."""
        return self.top_up_gateway or ("phonepe" if self.phonepe_client_id else "razorpay")

    @property
    def top_up_limits(self) -> TopUpLimits:
        """What may be put into the wallet at a time."""
        return TopUpLimits(self.top_up_smallest_paise, self.top_up_largest_paise)

    @property
    def irp_keys(self) -> tuple[str, ...]:
        """The PEMs one by one."""
        pems = self.irp_public_keys.replace("\\n", "\n")  # on one line where an environment knows no other
        return tuple(f"{_PEM}{part}" for part in pems.split(_PEM) if part.strip())

    @property
    def phonepe_callers(self) -> PhonePeCallers:
        """Whose webhooks are believed. Raises Misconfigured."""
        passwords = (self.phonepe_webhook_password, self.phonepe_webhook_password_previous)
        logins = [(self.phonepe_webhook_username, each.get_secret_value()) for each in passwords if each]
        keys = named_secrets("BAHI_PHONEPE_WEBHOOK_KEYS", self.phonepe_webhook_keys)
        salts = named_secrets("BAHI_PHONEPE_SALT_KEYS", self.phonepe_salt_keys)
        if not all(index.isdecimal() for index in salts):
            raise Misconfigured("BAHI_PHONEPE_SALT_KEYS: each key is named by its index, a number")
        return PhonePeCallers(tuple(logins), keys, {int(index): key for index, key in salts.items()})

    @property
    def phonepe_verifies(self) -> bool:
        """Some way to tell PhonePe's webhooks from forged ones is set."""
        callers = self.phonepe_callers
        named = any(username and password for username, password in callers.logins)
        return named or bool(callers.keys) or bool(callers.salts)

    @property
    def ways_to_collect(self) -> tuple[CollectBy, ...]:
        """What subscriptions may ask for."""
        phonepe = (CollectBy.PHONEPE,) if self.phonepe_client_id else ()
        return (CollectBy.RAZORPAY, *phonepe, CollectBy.RAZORPAY_TOKENS)

    def terms_for(self, gateway: str) -> Terms:
        """How subscriptions that begin now are collected there."""
        other = {"phonepe": "razorpay", "razorpay": "phonepe" if self.phonepe_client_id else None}[gateway]
        rescue = other if self.rescue_by_other_gateway else None
        limits = replace(
            DEFAULT_LIMITS,
            no_pin_cap_paise=self.no_pin_cap_paise,
            max_amount_cap_paise=self.mandate_cap_paise,
            head_room_basis_points=self.mandate_head_room_basis_points,
        )
        return Terms(rescue, limits, self.dunning_ladder)

    @property
    def event_sinks(self) -> tuple[str, ...]:
        """Where events go."""
        names = [DOCUMENTS_SINK, NOTIFICATIONS_SINK]
        if self.events_kafka_servers:
            names.append(KAFKA_SINK)
        if self.events_webhook_url:
            names.append(WEBHOOK_SINK)
        return tuple(names)

    @property
    def storage_settings(self) -> StorageSettings:
        """Where documents lie."""
        return StorageSettings(
            kind=self.storage,
            folder=str(self.storage_folder),
            base_url=self.public_url,
            secret=self.storage_link_secret.get_secret_value(),
            bucket=self.s3_bucket,
            region=self.s3_region,
            endpoint=self.s3_endpoint,
            public_endpoint=self.s3_public_endpoint,
            virtual_hosted_style=self.s3_virtual_hosted_style,
            access_key_id=self.s3_access_key.get_secret_value() if self.s3_access_key else "",
            secret_access_key=self.s3_secret_key.get_secret_value() if self.s3_secret_key else "",
        )

    @property
    def test_clock_offset(self) -> timedelta:
        """How far every subscription's clock is moved."""
        return timedelta(seconds=self.test_clock_offset_seconds)
