import os
import socket
from pathlib import Path

from local.ports import LOOPBACK, Ports, any_free_port, is_free, listens


def listening() -> socket.socket:
    taken = socket.socket()
    taken.bind((LOOPBACK, 0))
    taken.listen()
    return taken


def test_a_free_port_is_used_without_a_word(tmp_path: Path) -> None:
    said: list[str] = []
    preferred = any_free_port()
    assert Ports(tmp_path / "ports.json", said.append).choose("api", preferred) == preferred
    assert said == []


def test_a_taken_port_is_named_and_replaced(tmp_path: Path) -> None:
    said: list[str] = []
    with listening() as taken:
        port = taken.getsockname()[1]
        chosen = Ports(tmp_path / "ports.json", said.append).choose("api", port)
    assert chosen != port
    assert is_free(chosen)
    assert said == [f"port {port} is taken, using {chosen} for api"]


def test_the_replacement_is_kept_by_the_next_run(tmp_path: Path) -> None:
    said: list[str] = []
    with listening() as taken:
        port = taken.getsockname()[1]
        first = Ports(tmp_path / "ports.json", lambda _: None).choose("api", port)
    assert Ports(tmp_path / "ports.json", said.append).choose("api", port) == first
    assert said == []


def test_who_listens_is_known() -> None:
    with listening() as ours:
        port = ours.getsockname()[1]
        assert listens(os.getpid(), port)
        assert not listens(os.getppid(), port)
    assert not listens(os.getpid(), port)


def test_a_port_that_was_taken_for_once_is_used_again_when_it_is_free(tmp_path: Path) -> None:
    with listening() as taken:
        port = taken.getsockname()[1]
    assert Ports(tmp_path / "ports.json", lambda _: None).choose("api", port) == port
    with socket.socket() as other:
        other.bind((LOOPBACK, port))
        other.listen()
        assert Ports(tmp_path / "ports.json", lambda _: None).choose("api", port) != port
    assert Ports(tmp_path / "ports.json", lambda _: None).choose("api", port) == port


def test_two_services_never_get_the_same_port(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json", lambda _: None)
    preferred = any_free_port()
    assert ports.choose("api", preferred) != ports.choose("simulator", preferred)


def test_a_damaged_memory_is_forgotten(tmp_path: Path) -> None:
    for damage in ("", "{", "[]", '{"api": "x"}', '{"api": 70000}'):
        (tmp_path / "ports.json").write_text(damage)
        preferred = any_free_port()
        assert Ports(tmp_path / "ports.json", lambda _: None).choose("api", preferred) == preferred
