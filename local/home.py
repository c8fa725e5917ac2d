"""The data folder of the local stack: where everything of one installation lives."""

import fcntl
import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

REPOSITORY = Path(__file__).resolve().parent.parent


class LocalError(Exception):
    """The local stack cannot do what was asked; the message says why and what to do."""


@dataclass(frozen=True)
class Home:
    """Paths below the data folder (`BAHI_HOME`, else `.bahi` in the repository)."""

    root: Path

    @classmethod
    def open(cls) -> Self:
        """Create the folder if needed; raises LocalError when it belongs to somebody else."""
        home = cls(Path(os.environ.get("BAHI_HOME") or REPOSITORY / ".bahi").absolute())
        try:
            home.root.mkdir(parents=True, exist_ok=True, mode=0o711)
        except OSError as error:
            raise LocalError(
                f"cannot create the data folder {home.root}: {error.strerror}; set BAHI_HOME"
            ) from error
        home._refuse_foreign_files()
        return home

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def temporal(self) -> Path:
        return self.root / "temporal"

    @property
    def simulator(self) -> Path:
        return self.root / "simulator"

    @property
    def files(self) -> Path:
        return self.root / "files"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def processes(self) -> Path:
        return self.root / "processes"

    def _refuse_foreign_files(self) -> None:
        """A run as root leaves files an ordinary user cannot open: say so now, not in some log later."""
        if os.geteuid() == 0:
            return
        for path in (self.root, *self.root.iterdir()):
            owner = path.stat().st_uid
            if owner != os.geteuid():
                raise LocalError(
                    f"{path} belongs to {_user_name(owner)}, probably from an earlier run as that user. "
                    f"Take it over with `sudo chown -R {_user_name(os.geteuid())} {self.root}`, "
                    "or choose another folder with BAHI_HOME."
                )


class Claim:
    """An exclusive claim on a folder, given up by the kernel when this process ends, however it ends."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._handle: int | None = None

    def take(self) -> None:
        """Raises LocalError when another living process holds it."""
        if self._handle is not None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
            os.close(handle)
            raise LocalError(f"{self._file.parent} is in use by process {holder}; stop it first") from error
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        self._handle = handle

    def give_up(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_up()


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
