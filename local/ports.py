"""Choosing TCP ports on the loopback interface, and keeping the choice over restarts."""

import json
import socket
from collections.abc import Callable
from pathlib import Path

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Without this, connections of an earlier run in TIME_WAIT would count as "taken".
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def any_free_port() -> int:
    """A port that the kernel says is free."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def listens(pid: int, port: int) -> bool:
    """Whether it is this process that listens there, and not a stranger who was faster."""
    sockets = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *rest = line.split()
        if state == "0A" and int(local.rpartition(":")[2], 16) == port:
            sockets.add(f"socket:[{rest[5]}]")
    try:
        return any(str(handle.readlink()) in sockets for handle in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:  # it ended, or closed one meanwhile
        return False


class Ports:
    """Ports by name; the file remembers the first choice so that links keep working after a restart."""

    def __init__(self, file: Path, say: Callable[[str], None]) -> None:
        self._file = file
        self._say = say
        self._remembered = self._read()
        self._given: set[int] = set()

    def choose(self, name: str, preferred: int) -> int:
        """The remembered port of `name`, else the preferred one, else the next free one (and says so)."""
        wanted = self._remembered.get(name, preferred)
        following = range(preferred, min(preferred + 50, 65536))
        port = next((p for p in (wanted, *following) if self._usable(p)), None) or any_free_port()
        if port != wanted:
            self._say(f"port {wanted} is taken, using {port} for {name}")
        self._given.add(port)
        if name not in self._remembered:  # a port taken for once is ours again next time, as links expect
            self._remembered[name] = port
            self._write()
        return port

    def _usable(self, port: int) -> bool:
        return port not in self._given and is_free(port)

    def _read(self) -> dict[str, int]:
        try:
            stored = json.loads(self._file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):  # half-written in a power cut: choose again
            return {}
        ports = stored if isinstance(stored, dict) else {}
        return {str(name): port for name, port in ports.items() if isinstance(port, int) and 0 < port < 65536}

    def _write(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(self._remembered, indent=2) + "\n")
        fresh.replace(self._file)
