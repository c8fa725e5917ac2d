"""House rules that a machine can hold. A rule without a check decays."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = sorted(
    folder.name for folder in ROOT.iterdir() if (folder / "__init__.py").exists() and folder.name != "tests"
)
PURE = ("domain", "workflows")
MONEY = ("domain", "workflows", "activities", "db", "documents", "api", "relay")
FUNCTION_LINES = 70
MODULE_LINES = 500
MODULES = [
    *sorted(
        path
        for room in (*ROOMS, "tests")
        for path in (ROOT / room).rglob("*.py")
        if "versions" not in path.parts
    ),
    ROOT / "worker.py",
]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def modules_of(*rooms: str) -> list[Path]:
    return [path for path in MODULES if path.relative_to(ROOT).parts[0] in rooms]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_there_is_something_to_hold() -> None:
    assert len(ROOMS) >= 10
    assert len(MODULES) >= 60


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_holds_one_idea(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MODULE_LINES


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    long = [
        f"{node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines"
        for node in functions(path)
        if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES
    ]
    assert not long


DRAWING = {
    f"documents/{module}.py"
    for module in ("layout", "fonts", "tax_document_pdf", "conclusion", "logo", "qr_code")
}
SECONDS = {
    *(f"api/{module}.py" for module in ("health", "limits", "logs", "observing", "temporal")),
    *(f"db/{module}.py" for module in ("inbox", "outbox")),
    *(f"relay/{module}.py" for module in ("housekeeping", "inbox", "outbox", "patience", "wakeup")),
}
"""Measures of a page and seconds are no money."""


@pytest.mark.parametrize("path", modules_of(*MONEY), ids=name)
def test_no_float_comes_near_money(path: Path) -> None:
    if name(path) in DRAWING | SECONDS:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), node.lineno
        assert not (isinstance(node, ast.Name) and node.id == "float"), node.lineno
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            joins_paths = isinstance(node.right, ast.JoinedStr) or (
                isinstance(node.right, ast.Constant) and isinstance(node.right.value, str)
            )
            assert joins_paths, f"line {node.lineno}: use round_half_up or //"


@pytest.mark.parametrize("path", modules_of(*PURE), ids=name)
def test_pure_rooms_read_no_clock_and_roll_no_dice(path: Path) -> None:
    banned = {
        "now",
        "today",
        "utcnow",
        "uuid4",
        "uuid1",
        "random",
        "getenv",
        "environ",
        "monotonic",
        "time_ns",
    }
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr in banned:
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            assert owner == "workflow", f"line {node.lineno}: {owner}.{node.attr}"


@pytest.mark.parametrize("path", modules_of("activities"), ids=name)
def test_activities_know_workflows_only_by_their_ports(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("workflows"):
            assert node.module and node.module.endswith("ports")


def test_transactions_are_committed_in_one_place() -> None:
    committing = {
        name(path)
        for path in modules_of("db", "activities", "api", "relay")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "commit"
    }
    assert committing <= {"db/session.py"}


def test_every_room_stands_in_the_map() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert [room for room in ROOMS if f"`{room}/`" not in text] == []


def test_no_room_is_a_lumber_room() -> None:
    forbidden = {"utils", "util", "common", "helpers", "helper", "core", "misc", "base_utils", "shared"}
    assert {
        part for path in MODULES for part in path.relative_to(ROOT).with_suffix("").parts
    } & forbidden == set()
