"""Storage: the folder, and S3 against two real servers over sockets.

moto knows S3's semantics but takes any signature; nanio checks signatures but ignores If-None-Match.
"""

import asyncio
import errno
import logging
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import boto3  # type: ignore[import-untyped]
import httpx
import pytest
import uvicorn
from moto.server import ThreadedMotoServer
from nanio.app import build_app
from nanio.auth.credentials import StaticCredentialResolver
from nanio.config import Settings as NanioSettings

from domain.errors import InvalidInput, Misconfigured, NotFound, Unauthorised, Unavailable
from gateways.links import content_disposition, download_name, file_path, verify_link
from gateways.storage import (
    ContentConflict,
    LocalStore,
    ObjectStore,
    StorageSettings,
    open_store,
    presigned_get,
)

ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLE", "not-a-real-secret"
LINK_SECRET = "sixteen characters or more"
KEY = "invoices/2026/9f86d081.pdf"
PDF = b"%PDF-1.4 one page"
NOW = datetime(2026, 4, 1, 6, 30, tzinfo=UTC)


def s3_settings(endpoint: str, **changes: object) -> StorageSettings:
    given: dict[str, object] = {
        "kind": "s3",
        "bucket": "documents",
        "region": "ap-south-1",
        "endpoint": endpoint,
        "access_key_id": ACCESS_KEY,
        "secret_access_key": SECRET_KEY,
    }
    return StorageSettings(**{**given, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    httpx.put(f"http://{host}:{port}/documents").raise_for_status()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def nanio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("nanio")
    (folder / "documents").mkdir()
    credentials = StaticCredentialResolver({ACCESS_KEY: SECRET_KEY})
    app = build_app(NanioSettings(data_dir=folder, region="ap-south-1", credentials=credentials))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = datetime.now(UTC) + timedelta(seconds=20)
    while not server.started:
        assert datetime.now(UTC) < deadline
        thread.join(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path, "https://billing.example", LINK_SECRET)


@pytest.fixture(params=["local", "moto", "nanio"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "local":
        return LocalStore(tmp_path, "https://billing.example", LINK_SECRET)
    return open_store(s3_settings(request.getfixturevalue(request.param)))


async def test_what_was_put_is_got_back_and_putting_it_again_is_harmless(store: ObjectStore) -> None:
    key = "round/trip.pdf"
    await store.put(key, PDF, "application/pdf")
    await store.put(key, PDF, "application/pdf")
    assert await store.get(key) == PDF


async def test_empty_and_large_objects_are_kept_whole(store: ObjectStore) -> None:
    large = bytes(range(256)) * 4096 * 8
    await store.put("size/empty", b"", "text/plain")
    await store.put("size/large", large, "text/plain")
    assert await store.get("size/empty") == b""
    assert await store.get("size/large") == large


async def test_many_writers_of_the_same_document_agree(store: ObjectStore) -> None:
    await asyncio.gather(*(store.put("race/one.pdf", PDF, "application/pdf") for _ in range(12)))
    assert await store.get("race/one.pdf") == PDF


async def test_an_unknown_key_is_not_found(store: ObjectStore) -> None:
    with pytest.raises(NotFound):
        await store.get("nothing/here")


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "../up", "a/../../up", "a//b", "a/", ".hidden", "a/.b", "a\\b", "a b", "a\x00b",
     "a\nb", "ключ", "a?b", "a%2e%2e/b", "x" * 201, "/".join(["x"] * 300)],
)  # fmt: skip
async def test_a_key_can_never_leave_its_folder(store: ObjectStore, key: str) -> None:
    with pytest.raises(InvalidInput):
        await store.put(key, PDF, "application/pdf")
    with pytest.raises(InvalidInput):
        await store.get(key)
    with pytest.raises(InvalidInput):
        await store.signed_url(key, filename="x", expires=timedelta(minutes=1), now=NOW)
    with pytest.raises(InvalidInput):
        file_path(Path("/srv/files"), key)


@pytest.mark.parametrize("kind", ["local", "moto"])
async def test_a_key_is_never_overwritten_with_other_content(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store: ObjectStore = LocalStore(tmp_path, "https://billing.example", LINK_SECRET)
    if kind == "moto":
        store = open_store(s3_settings(request.getfixturevalue("moto")))
    await store.put("conflict/a.pdf", PDF, "application/pdf")
    with pytest.raises(ContentConflict, match="already holds other content"):
        await store.put("conflict/a.pdf", PDF + b" changed", "application/pdf")
    assert await store.get("conflict/a.pdf") == PDF


async def fetch(url: str, method: str = "GET", content: bytes | None = None) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.request(method, url, content=content)


# The folder


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_full_disk_leaves_no_half_file(
    local: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left"):
        await local.put(KEY, PDF, "application/pdf")
    monkeypatch.undo()
    assert files_below(tmp_path) == []
    await local.put(KEY, PDF, "application/pdf")
    assert await local.get(KEY) == PDF


async def test_a_folder_that_is_no_folder_is_a_matter_for_a_person(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = LocalStore(tmp_path / "file", "https://billing.example", LINK_SECRET)
    with pytest.raises(Misconfigured, match="cannot be used"):
        await store.put(KEY, PDF, "application/pdf")


def link_parts(url: str) -> tuple[str, int, str, str]:
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    key = parts.path.removeprefix("/files/")
    return key, int(query["expires"]), query["filename"], query["signature"]


async def local_link(local: LocalStore) -> tuple[str, int, str, str]:
    url = await local.signed_url(KEY, filename="BH26-27/000042.pdf", expires=timedelta(minutes=10), now=NOW)
    assert url.startswith(f"https://billing.example/files/{KEY}?expires=")
    return link_parts(url)


async def test_a_local_link_opens_until_it_expires(local: LocalStore) -> None:
    key, expires, filename, signature = await local_link(local)
    assert filename == "BH26-27-000042.pdf"
    verify_link(LINK_SECRET, key, expires, filename, signature, NOW)
    verify_link(LINK_SECRET, key, expires, filename, signature, NOW + timedelta(minutes=9, seconds=59))
    for late in (timedelta(minutes=10), timedelta(days=400)):
        with pytest.raises(Unauthorised, match="expired"):
            verify_link(LINK_SECRET, key, expires, filename, signature, NOW + late)


async def test_no_part_of_a_local_link_can_be_changed(local: LocalStore) -> None:
    key, expires, filename, signature = await local_link(local)
    forged = [
        ("invoices/other.pdf", expires, filename, signature),
        (key, expires + 1, filename, signature),
        (key, expires, "evil.exe", signature),
        (key, expires, filename, signature[:-1] + ("0" if signature[-1] != "0" else "1")),
        (key, expires, filename, ""),
        (key, expires, filename, "é\ud800"),
        (key, expires, "\ud800", signature),
        (key + f"\n{expires}", expires, filename, signature),
    ]
    for parts in forged:
        with pytest.raises(NotFound):
            verify_link(LINK_SECRET, *parts, NOW)
    with pytest.raises(NotFound):
        verify_link("another secret of sixteen", key, expires, filename, signature, NOW)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("BH26-27/000042.pdf", "BH26-27-000042.pdf"),
        ('x"; filename="evil.exe', "x-filename-evil.exe"),
        ("a\r\nSet-Cookie: b", "a-Set-Cookie-b"),
        ("../../etc/passwd", "etc-passwd"),
        ("चालान.pdf", "pdf"),
        ("", "file"),
    ],
)
def test_download_names_are_safe_in_headers_and_on_disks(asked: str, given: str) -> None:
    assert download_name(asked) == given
    assert content_disposition(asked) == f'attachment; filename="{given}"'


# S3


async def test_the_content_type_and_file_name_reach_the_browser(moto: str) -> None:
    store = open_store(s3_settings(moto))
    await store.put(KEY, PDF, "application/pdf")
    url = await store.signed_url(
        KEY, filename="BH26-27/000042.pdf", expires=timedelta(minutes=5), now=datetime.now(UTC)
    )
    answer = await fetch(url)
    assert answer.content == PDF
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == 'attachment; filename="BH26-27-000042.pdf"'


async def test_a_presigned_link_opens_the_one_object_for_its_time(nanio: str) -> None:
    store = open_store(s3_settings(nanio))
    await store.put(KEY, PDF, "application/pdf")
    await store.put("invoices/other.pdf", b"other", "application/pdf")

    async def link(issued_at: datetime) -> str:
        return await store.signed_url(KEY, filename="a.pdf", expires=timedelta(minutes=5), now=issued_at)

    good = await link(datetime.now(UTC))
    assert (await fetch(good)).content == PDF
    refused = {
        "expired": await link(datetime.now(UTC) - timedelta(minutes=6)),
        "other object": good.replace(KEY, "invoices/other.pdf"),
        "longer life": good.replace("X-Amz-Expires=300", "X-Amz-Expires=3000"),
        "other name": good.replace("a.pdf", "b.exe"),
        "no signature": good.partition("&X-Amz-Signature")[0],
        "unsigned": good.partition("?")[0],
    }
    for why, url in refused.items():
        answer = await fetch(url)
        assert answer.status_code in (400, 403), why
        assert PDF not in answer.content, why
    assert (await fetch(good, "PUT", b"overwritten")).status_code == 403
    assert (await fetch(good)).content == PDF


@pytest.mark.parametrize("virtual_hosted", [False, True])
async def test_our_presigned_link_is_the_one_the_official_sdk_makes(
    virtual_hosted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.config import Config  # type: ignore[import-untyped]

    class Frozen(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "Frozen":
            return cls.fromtimestamp(NOW.timestamp(), UTC)

        @classmethod
        def utcnow(cls) -> "Frozen":
            return cls.fromtimestamp(NOW.timestamp(), UTC).replace(tzinfo=None)

    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: Frozen.utcnow())
    client = boto3.client(
        "s3",
        region_name="ap-south-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        endpoint_url=None if virtual_hosted else "https://store.example",
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "virtual" if virtual_hosted else "path"},
        ),
    )
    theirs = client.generate_presigned_url(
        "get_object",
        Params={
            "Bucket": "documents",
            "Key": KEY,
            "ResponseContentDisposition": content_disposition("a b.pdf"),
        },
        ExpiresIn=600,
    )
    endpoint = "" if virtual_hosted else "https://store.example"
    ours = await open_store(s3_settings(endpoint, virtual_hosted_style=virtual_hosted)).signed_url(
        KEY, filename="a b.pdf", expires=timedelta(minutes=10), now=NOW
    )
    assert urlsplit(ours)[:3] == urlsplit(theirs)[:3]
    assert parse_qs(urlsplit(ours).query) == parse_qs(urlsplit(theirs).query)


def test_the_signature_matches_the_published_example() -> None:
    """Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters"."""
    url = presigned_get(
        "https://examplebucket.s3.amazonaws.com/test.txt",
        region="us-east-1",
        access_key_id="AKIAIOSFODNN7EXAMPLE",
        secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        expires=timedelta(days=1),
        now=datetime(2013, 5, 24, tzinfo=UTC),
        response={},
    )
    assert url.endswith("aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")


async def test_links_name_the_public_endpoint_and_live_at_most_seven_days() -> None:
    store = open_store(s3_settings("http://store:9000", public_endpoint="https://files.example"))
    url = await store.signed_url(KEY, filename="a.pdf", expires=timedelta(days=30), now=NOW)
    assert url.startswith(f"https://files.example/documents/{KEY}?")
    assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == ["604800"]


async def test_wrong_keys_are_final(nanio: str) -> None:
    good = open_store(s3_settings(nanio))
    await good.put(KEY, PDF, "application/pdf")
    for changes in ({"access_key_id": "UNKNOWN"}, {"secret_access_key": "wrong"}):
        store = open_store(s3_settings(nanio, **changes))
        with pytest.raises(Misconfigured, match="refused the access key"):
            await store.get(KEY)
        with pytest.raises(Misconfigured, match="refused the access key"):
            await store.put("invoices/new.pdf", PDF, "application/pdf")


async def test_a_bucket_that_does_not_exist_is_final(moto: str) -> None:
    store = open_store(s3_settings(moto, bucket="elsewhere"))
    with pytest.raises(Misconfigured, match="bucket elsewhere does not exist"):
        await store.put(KEY, PDF, "application/pdf")
    with pytest.raises(Misconfigured, match="bucket elsewhere does not exist"):
        await store.get(KEY)


async def test_a_server_that_is_away_or_unwell_is_worth_another_try(unused_tcp_port: int) -> None:
    away = open_store(s3_settings(f"http://127.0.0.1:{unused_tcp_port}"))
    with pytest.raises(Unavailable, match="retry"):
        await away.get(KEY)

    async def unwell(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(unwell, "127.0.0.1", 0)
    async with server:
        sick = open_store(s3_settings(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        with pytest.raises(Unavailable, match="retry"):
            await sick.put(KEY, PDF, "application/pdf")


async def test_amazon_variables_in_the_environment_change_nothing(
    nanio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OTHER")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "other")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    store = open_store(s3_settings(nanio))
    await store.put("env/a.pdf", PDF, "application/pdf")
    assert await store.get("env/a.pdf") == PDF


# Settings


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (StorageSettings(), "folder, base_url, secret"),
        (StorageSettings(kind="s3", bucket="b"), "region, access_key_id, secret_access_key"),
        (StorageSettings(kind="ftp"), "'ftp' is not known"),  # type: ignore[arg-type]
        (StorageSettings(folder="x", base_url="http://x", secret="short"), "16 characters"),
    ],
)
def test_missing_settings_are_named(settings: StorageSettings, named: str) -> None:
    with pytest.raises(Misconfigured, match=named):
        open_store(settings)


def test_secrets_do_not_show_in_settings() -> None:
    shown = repr(s3_settings("http://x", secret=LINK_SECRET))
    assert SECRET_KEY not in shown
    assert LINK_SECRET not in shown
