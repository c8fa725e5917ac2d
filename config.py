"""Typed settings, read once from the environment (prefix BAHI_) and passed in. Nobody else reads it."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.errors import InvalidInput, Misconfigured
from domain.gst import parse_gstin
from domain.invoice import Seller
from gateways.storage import StorageSettings

PREFIX = "BAHI_"
_LOCAL_ONLY = "local-only"


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

    seller_legal_name: str = "Bahi Demo Private Limited"
    seller_gstin: str = "29AAACB1234F1Z5"
    seller_address: str = "4 Residency Road, Bengaluru 560025, Karnataka"
    seller_email: str = "accounts@bahi.example"
    seller_cin: str = ""
    invoice_prefix: str = Field(default="BH", pattern=r"^[A-Z1-9][A-Z0-9/-]{0,3}$")
    catalogue_path: Path = Path("catalogue.yaml")

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
            raise Misconfigured(f"unknown settings: {', '.join(unknown)}; see config.py for the names")
        return self

    @model_validator(mode="after")
    def _seller_is_lawful(self) -> Self:
        try:
            parse_gstin(self.seller_gstin)
        except InvalidInput as error:
            raise Misconfigured(f"BAHI_SELLER_GSTIN: {error}") from error
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
        if self.test_clock_offset_seconds:
            faults.append("BAHI_TEST_CLOCK_OFFSET_SECONDS must be 0")
        for name in ("seller_gstin", "seller_legal_name", "seller_address"):
            if getattr(self, name) == type(self).model_fields[name].default:
                faults.append(f"{PREFIX}{name.upper()} still has its local default")
        if faults:
            raise Misconfigured("unsafe in production: " + "; ".join(faults))
        return self

    @property
    def seller(self) -> Seller:
        """The registration all invoices are issued from."""
        lines = tuple(part.strip() for part in self.seller_address.split("\n") if part.strip())
        return Seller(
            self.seller_legal_name, parse_gstin(self.seller_gstin), lines, self.seller_email, self.seller_cin
        )

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
