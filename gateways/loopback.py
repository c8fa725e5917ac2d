"""Whether an address is this machine: then no proxy of the environment may come between."""

import ipaddress
from urllib.parse import urlsplit


def is_loopback(url: str) -> bool:
    """True for 127.0.0.0/8, ::1 and localhost."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
