"""Object storage: a folder with signed links, or any S3 (AWS, R2, MinIO …) through obstore.

Keys are made from content, so a key that exists already holds what would be written.
"""

import asyncio
import errno
import hashlib
import hmac
import os
import tempfile
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import S3Store as ObstoreS3

from domain.errors import FinalError, Misconfigured, NotFound, Unavailable
from gateways.links import check_key, content_disposition, file_path, sign_link

if TYPE_CHECKING:
    from obstore.store import S3Credential

_T = TypeVar("_T")

LONGEST_PRESIGN = timedelta(days=7)
"""What S3 allows for a presigned URL."""


class ContentConflict(FinalError):
    """A key already holds other bytes; they are kept."""

    code = "content_conflict"


class ObjectStore(Protocol):
    """Where documents lie. Every call may raise Unavailable (retry) or Misconfigured (do not)."""

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store `data`; again with the same bytes changes nothing. Raises ContentConflict, InvalidInput."""

    async def get(self, key: str) -> bytes:
        """The bytes of `key`. Raises NotFound, InvalidInput."""

    async def signed_url(self, key: str, *, filename: str, expires: timedelta, now: datetime) -> str:
        """A link that serves `key` as a download named `filename` until `now + expires`."""


@dataclass(frozen=True)
class StorageSettings:
    """Which store, and how to reach it; secrets stay out of its repr."""

    kind: Literal["local", "s3"] = "local"
    folder: str = ""
    base_url: str = ""
    """Where our API serves `/files/…` (local)."""
    secret: str = field(default="", repr=False)
    """Signs local links; at least 16 characters."""
    bucket: str = ""
    region: str = ""
    endpoint: str = ""
    """Empty for AWS itself; with `virtual_hosted_style` it names the bucket's own host."""
    public_endpoint: str = ""
    """Where browsers reach the endpoint, if elsewhere; only links use it."""
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    virtual_hosted_style: bool = False


def open_store(settings: StorageSettings) -> ObjectStore:
    """The store the settings ask for. Raises Misconfigured naming what is missing."""
    needed = {
        "local": ("folder", "base_url", "secret"),
        "s3": ("bucket", "region", "access_key_id", "secret_access_key"),
    }
    if settings.kind not in needed:
        raise Misconfigured(f"storage kind {settings.kind!r} is not known; set 'local' or 's3'.")
    missing = [name for name in needed[settings.kind] if not getattr(settings, name)]
    if missing:
        raise Misconfigured(f"storage kind '{settings.kind}' also needs: {', '.join(missing)}.")
    if settings.kind == "local":
        return LocalStore(Path(settings.folder), settings.base_url, settings.secret)
    return S3Store(settings)


class LocalStore:
    """Files below a folder; links are served by our API, which checks them with gateways.links."""

    def __init__(self, folder: Path, base_url: str, secret: str) -> None:
        if len(secret) < 16:
            raise Misconfigured("the secret that signs file links is too short: give 16 characters or more.")
        self._folder = folder
        self._base_url = base_url
        self._secret = secret

    async def put(self, key: str, data: bytes, content_type: str) -> None:  # noqa: ARG002 - a file has none
        """Write to a temporary file, flush it to disk, then name it: never half a document."""
        path = file_path(self._folder, key)
        try:
            await asyncio.to_thread(_write_once, path, data)
        except OSError as error:
            raise _disk_error(error, self._folder) from error

    async def get(self, key: str) -> bytes:
        """Read the file."""
        path = file_path(self._folder, key)
        try:
            return await asyncio.to_thread(path.read_bytes)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise NotFound(f"no file is stored as {key}.") from None
        except OSError as error:
            raise _disk_error(error, self._folder) from error

    async def signed_url(self, key: str, *, filename: str, expires: timedelta, now: datetime) -> str:
        """A link to our own API."""
        return sign_link(self._base_url, self._secret, key, filename=filename, expires_at=now + expires)


def _write_once(path: Path, data: bytes) -> None:
    if path.exists():
        _check_same(str(path.name), path.read_bytes(), data)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _check_same(key: str, stored: bytes, data: bytes) -> None:
    if stored != data:
        raise ContentConflict(f"{key} already holds other content; store a changed document under a new key.")


_NEEDS_A_PERSON = (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)


def _disk_error(error: OSError, folder: Path) -> FinalError | Unavailable:
    if isinstance(error, _NEEDS_A_PERSON) or error.errno == errno.EROFS:
        return Misconfigured(f"storage folder {folder} cannot be used ({error.strerror}); check its owner.")
    return Unavailable(f"storage folder {folder} failed ({error.strerror}); check the disk, then retry.")


class S3Store:
    """A bucket on anything that speaks S3. Server time limits: 5 s to connect, 20 s per request."""

    def __init__(self, settings: StorageSettings) -> None:
        self._settings = settings
        self._endpoint = settings.endpoint or _aws_endpoint(settings)
        credential: S3Credential = {
            "access_key_id": settings.access_key_id,
            "secret_access_key": settings.secret_access_key,
            "token": None,
            "expires_at": None,
        }
        try:
            self._bucket = ObstoreS3(
                settings.bucket,
                config={
                    "region": settings.region,
                    "aws_endpoint_url_s3": self._endpoint,
                    "virtual_hosted_style_request": settings.virtual_hosted_style,
                },
                client_options={
                    "allow_http": self._endpoint.startswith("http://"),
                    "connect_timeout": timedelta(seconds=5),
                    "timeout": timedelta(seconds=20),
                },
                # Patience belongs to whoever calls: the workflow retries for days.
                retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=10)},
                credential_provider=lambda: credential,
            )
        except (BaseError, ValueError) as error:
            raise Misconfigured(f"the S3 settings cannot be used: {error}") from error

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Create the object; where it exists, compare."""
        check_key(key)
        try:
            await self._answer(
                obstore.put_async(
                    self._bucket, key, data, attributes={"Content-Type": content_type}, mode="create"
                )
            )
        except (AlreadyExistsError, PreconditionError):
            _check_same(key, await self._existing(key), data)
        except FileNotFoundError:
            raise self._no_bucket() from None

    async def _existing(self, key: str) -> bytes:
        try:
            return await self.get(key)
        except NotFound:
            raise Unavailable(f"{key} is being written by someone else; retry.") from None

    async def get(self, key: str) -> bytes:
        """Read the whole object."""
        check_key(key)
        try:
            result = await self._answer(obstore.get_async(self._bucket, key))
            return bytes(await self._answer(result.bytes_async()))
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise self._no_bucket() from None
            raise NotFound(f"no object is stored as {key}.") from None

    async def signed_url(self, key: str, *, filename: str, expires: timedelta, now: datetime) -> str:
        """A presigned GET; at most seven days. Nothing is asked of the server."""
        settings = self._settings
        base = (settings.public_endpoint or self._endpoint).rstrip("/")
        bucket = "" if settings.virtual_hosted_style else f"/{settings.bucket}"
        return presigned_get(
            f"{base}{bucket}/{check_key(key)}",
            region=settings.region,
            access_key_id=settings.access_key_id,
            secret_access_key=settings.secret_access_key,
            expires=min(expires, LONGEST_PRESIGN),
            now=now,
            response={"response-content-disposition": content_disposition(filename)},
        )

    def _no_bucket(self) -> Misconfigured:
        return Misconfigured(f"bucket {self._settings.bucket} does not exist at {self._endpoint}; create it.")

    async def _answer(self, call: Awaitable[_T]) -> _T:
        """The call's result, failures in our family; what only the caller can judge passes through."""
        try:
            return await call
        except (AlreadyExistsError, PreconditionError):
            raise
        except (PermissionDeniedError, UnauthenticatedError):
            raise Misconfigured(
                f"storage at {self._endpoint} refused the access key; check key, secret, region and policy."
            ) from None
        except BaseError as error:
            reason = str(error).partition("\n")[0]
            raise Unavailable(f"storage at {self._endpoint} did not do it; retry. {reason}") from error


def _aws_endpoint(settings: StorageSettings) -> str:
    bucket = f"{settings.bucket}." if settings.virtual_hosted_style else ""
    return f"https://{bucket}s3.{settings.region}.amazonaws.com"


def presigned_get(
    url: str,
    *,
    region: str,
    access_key_id: str,
    secret_access_key: str,
    expires: timedelta,
    now: datetime,
    response: dict[str, str],
) -> str:
    """`url` with an AWS Signature Version 4 in its query.

    Ours, because obstore's signer can neither name the download nor be told the time. `response` holds
    headers the server shall answer with.
    """
    parts = urlsplit(url)
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{access_key_id}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(int(expires.total_seconds())),
        "X-Amz-SignedHeaders": "host",
        **response,
    }
    canonical_query = urlencode(sorted(query.items()), quote_via=quote, safe="-_.~")
    request = "\n".join(
        ["GET", parts.path, canonical_query, f"host:{parts.netloc}", "", "host", "UNSIGNED-PAYLOAD"]
    )
    digest = hashlib.sha256(request.encode()).hexdigest()
    signing_key = f"AWS4{secret_access_key}".encode()
    for step in scope.split("/"):
        signing_key = hmac.digest(signing_key, step.encode(), "sha256")
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    signature = hmac.new(signing_key, to_sign.encode(), hashlib.sha256).hexdigest()
    return f"{url}?{canonical_query}&X-Amz-Signature={signature}"
