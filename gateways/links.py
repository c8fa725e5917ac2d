"""Links to stored files that anyone may follow until they expire. Pure: no clock, no disk, no network.

A link is `{base_url}/files/{key}?expires=…&filename=…&signature=…`; the signature is HMAC-SHA256 over
key, expiry (Unix seconds) and file name, so none of them can be changed.
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from domain.errors import InvalidInput, NotFound, Unauthorised

_SEGMENT = "[A-Za-z0-9][A-Za-z0-9._-]{0,199}"
_KEY = re.compile(f"{_SEGMENT}(/{_SEGMENT})*", re.ASCII)
_LONGEST_KEY = 512
_UNSAFE_IN_NAME = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)


def check_key(key: str) -> str:
    """`key` if it is safe as a path below a folder and as part of a URL. Raises InvalidInput.

    No segment is empty or begins with a dot, so a key can never climb out of its folder.
    """
    if len(key) > _LONGEST_KEY or not _KEY.fullmatch(key):
        raise InvalidInput(
            "key", f"{key[:80]!r} is not a storage key: parts of A-Za-z0-9._- joined by '/', no dot first."
        )
    return key


def file_path(folder: Path, key: str) -> Path:
    """Where a local store keeps `key`. Raises InvalidInput."""
    return folder.joinpath(*check_key(key).split("/"))


def download_name(filename: str) -> str:
    """`BH26-27/000042.pdf` as `BH26-27-000042.pdf`: safe on every disk and in every header."""
    return _UNSAFE_IN_NAME.sub("-", filename).strip("-.")[-120:] or "file"


def content_disposition(filename: str) -> str:
    """Header that makes a browser save the file under its name."""
    return f'attachment; filename="{download_name(filename)}"'


def signature_of(secret: str, key: str, expires: int, filename: str) -> str:
    """Hexadecimal signature over everything a link promises."""
    message = f"bahi-file-link-1\n{key}\n{expires}\n{filename}"
    return hmac.new(secret.encode(), message.encode(errors="replace"), hashlib.sha256).hexdigest()


def sign_link(base_url: str, secret: str, key: str, *, filename: str, expires_at: datetime) -> str:
    """The link; `expires_at` is aware, whole seconds count. Raises InvalidInput for a bad key."""
    expires = int(expires_at.timestamp())
    name = download_name(filename)
    signature = signature_of(secret, check_key(key), expires, name)
    query = urlencode({"expires": expires, "filename": name, "signature": signature})
    return f"{base_url.rstrip('/')}/files/{key}?{query}"


def verify_link(secret: str, key: str, expires: int, filename: str, signature: str, now: datetime) -> None:
    """Accepts a link that is ours, unchanged and not expired at `now` (aware).

    Raises NotFound for a forged or changed link, Unauthorised for one that has expired.
    """
    expected = signature_of(secret, key, expires, filename)
    if not hmac.compare_digest(expected.encode(), signature.encode(errors="replace")):
        raise NotFound("No file stands behind this link; ask for a new one where you got it.")
    if now.astimezone(UTC).timestamp() >= expires:
        raise Unauthorised("This link has expired; ask for a new one where you got it.", known=True)
