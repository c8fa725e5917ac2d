import os
from pathlib import Path

import pytest

from local.home import Claim, Home, LocalError
from tests.local.conftest import RunProgram, line_of

OPEN = """
    from local.home import Home, LocalError
    try:
        print(Home.open().root, flush=True)
    except LocalError as error:
        print(error, flush=True)
"""


def test_the_data_folder_is_in_the_repository_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAHI_HOME", str(tmp_path / "some" / "where"))
    assert Home.open().root == tmp_path / "some" / "where"
    assert (tmp_path / "some" / "where").is_dir()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BAHI_HOME", str(tmp_path / "file" / "below"))
    with pytest.raises(LocalError, match="cannot create the data folder"):
        Home.open()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs files of two users")
async def test_files_of_root_are_refused_with_the_remedy(
    users_folder: Path, program: RunProgram, ordinary_user: list[str]
) -> None:
    env = {"BAHI_HOME": str(users_folder)}
    assert await line_of(program(OPEN, *ordinary_user, env=env)) == str(users_folder)
    (users_folder / "logs").mkdir()
    told = await line_of(program(OPEN, *ordinary_user, env=env))
    assert told.startswith(f"{users_folder}/logs belongs to root")
    assert f"sudo chown -R nobody {users_folder}" in told


def test_a_claim_excludes_others_until_given_up(tmp_path: Path) -> None:
    claim, other = Claim(tmp_path / "lock"), Claim(tmp_path / "lock")
    with claim, pytest.raises(LocalError, match=f"in use by process {os.getpid()}"):
        other.take()
    other.take()
    other.give_up()
