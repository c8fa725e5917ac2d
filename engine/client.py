"""A Temporal client by settings."""

from temporalio.client import Client
from temporalio.runtime import Runtime

from config import Settings
from engine.codec import EncryptionCodec
from engine.plugin import bahi_plugin


async def connect(settings: Settings, *, lazy: bool = False, runtime: Runtime | None = None) -> Client:
    """Connected client; `lazy` puts the first connection off until the first call."""
    codec = EncryptionCodec.from_setting(settings.payload_keys.get_secret_value())
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        api_key=settings.temporal_api_key.get_secret_value() if settings.temporal_api_key else None,
        tls=settings.temporal_tls,
        plugins=[bahi_plugin(codec)],
        lazy=lazy,
        runtime=runtime,
    )
