"""Starts the simulator: `python -m simulator.phonepe --help`."""

import argparse
import json
import logging
import os
import socket
import sys
import tempfile
from pathlib import Path

import uvicorn

from simulator.phonepe.app import build, open_world
from simulator.phonepe.control import parse_instant
from simulator.phonepe.refusals import Refusal
from simulator.phonepe.settings import Options

_ABOUT = """A stand-in for PhonePe's payment gateway: OAuth, pay page, refunds, UPI Autopay, webhooks, and
time that can be moved. Prints {"url": ...} on one line when it is ready."""
_AFTER = """Every option can also be set by an environment variable: --webhook-url as
PHONEPE_SIMULATOR_WEBHOOK_URL. The API is under /apis/pg-sandbox and /apis/pg, the control API under /_sim;
GET /_sim/ is the payer's console."""


def _instant(value: str) -> int:
    try:
        return parse_instant(int(value) if value.isdigit() else value)
    except Refusal as problem:
        raise argparse.ArgumentTypeError(str(problem)) from problem


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulator.phonepe", description=_ABOUT, epilog=_AFTER)

    def option(name: str, default: str | None, text: str, **more: object) -> None:
        variable = "PHONEPE_SIMULATOR_" + name.upper().replace("-", "_")
        shown = f" (default: {default})" if default else ""
        parser.add_argument(f"--{name}", default=os.environ.get(variable, default), help=text + shown, **more)  # type: ignore[arg-type]

    books = str(Path(tempfile.gettempdir()) / "phonepe-simulator.sqlite")
    option("host", "127.0.0.1", "address to listen on")
    option("port", "8557", "port to listen on; 0 takes a free one", type=int)
    option("books", books, "SQLite file with everything the simulator knows; kept over restarts", type=Path)
    option("webhook-url", None, "where events are sent; none are if this is missing")
    option("webhook-username", "sim_user", "half of what webhooks carry in Authorization")
    option("webhook-password", "Passw0rd9", "the other half")
    option("client-id", "SIMCLIENT", "OAuth client")
    option("client-secret", "simulator-client-secret", "its secret")
    option("client-version", "1", "its version")
    option("merchant-id", "SIMMERCHANT", "the merchant's id in answers and events")
    option("merchant", "Kaveri Reader", "the merchant's name on the pages")
    option("clock", "real", "real time, or virtual time that stands until moved", choices=("real", "virtual"))
    option("now", None, "the time to begin at in new books: ISO 8601 or unix seconds", type=_instant)
    option("webhook-timeout", "5", "real seconds an endpoint has to answer", type=float)
    return parser


def read_options(arguments: list[str] | None = None) -> Options:
    """Options from the command line, then PHONEPE_SIMULATOR_* variables, then defaults."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.clock not in ("real", "virtual"):  # argparse does not check what comes from a variable
        parser.error(f"PHONEPE_SIMULATOR_CLOCK is {given.clock!r}; choose real or virtual")
    return Options(**vars(given))


class _Server(uvicorn.Server):
    """Says where it is once it listens."""

    def __init__(self, config: uvicorn.Config, url: str) -> None:
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            sys.stdout.write(json.dumps({"url": self._url}) + "\n")
            sys.stdout.flush()


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as problem:
        where = f"{host}:{port} ({problem.strerror})"
        sys.exit(f"simulator.phonepe: cannot listen on {where}; choose another --port, or 0")
    return listener


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    options = read_options()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    listener = _listen(options.host, options.port)
    host = "127.0.0.1" if options.host in ("0.0.0.0", "::") else options.host  # noqa: S104 - compared, not bound
    world = open_world(options)
    world.base_url = f"http://{host}:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        build(world), log_level="warning", access_log=False, proxy_headers=False, lifespan="on",
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    _Server(config, world.base_url).run(sockets=[listener])


if __name__ == "__main__":
    main()
