"""Starts the portal: `python -m simulator.irp --help`."""

import argparse
import json
import logging
import os
import socket
import sys
from datetime import datetime
from pathlib import Path

import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from simulator.books import Books
from simulator.clock import Clock
from simulator.irp.app import Edge
from simulator.irp.portal import Portal

_ABOUT = """A stand-in for an invoice registration portal (IRP): registers, finds and cancels e-invoices and
signs its answers. Prints {"url": ...} on one line when it is ready."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulator.irp", description=_ABOUT)
    parser.add_argument("--port", type=int, default=8556, help="0 takes a free one (8556)")
    parser.add_argument("--books", type=Path, required=True, help="SQLite file, kept over restarts")
    parser.add_argument(
        "--private-key", type=Path, required=True, help="PEM that signs; made if the file is not there"
    )
    parser.add_argument("--client-id", default="simulator")
    parser.add_argument("--client-secret", default="simulator-secret")
    parser.add_argument("--clock", choices=("real", "virtual"), default="real")
    parser.add_argument("--now", type=datetime.fromisoformat, help="time of new books, ISO 8601")
    return parser


def _key(file: Path) -> rsa.RSAPrivateKey:
    if not file.exists():
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        file.touch(mode=0o600)
        file.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        sys.exit(f"simulator.irp: {file} holds no RSA key")
    return key


class _Server(uvicorn.Server):
    """Says where it is once it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            port = sockets[0].getsockname()[1]
            sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{port}"}) + "\n")
            sys.stdout.flush()


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    given = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", given.port))
    except OSError as problem:
        sys.exit(f"simulator.irp: cannot listen on port {given.port} ({os.strerror(problem.errno or 0)})")
    books = Books(given.books)
    start = int(given.now.timestamp()) if given.now else None
    clock = Clock(books, flowing=given.clock == "real", start=start)
    edge = Edge(Portal(books, clock, _key(given.private_key)), given.client_id, given.client_secret)
    config = uvicorn.Config(
        edge.app(), log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2
    )
    _Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
