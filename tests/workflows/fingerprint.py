"""The order of the commands each workflow's code can issue, read from its source."""

import ast
import inspect
import textwrap

COMMANDS = frozenset(
    {
        "execute_activity",
        "execute_local_activity",
        "execute_child_workflow",
        "start_child_workflow",
        "continue_as_new",
        "wait_condition",
        "sleep",
        "upsert_search_attributes",
        "upsert_memo",
        "get_external_workflow_handle",
        "signal",
        "patched",
        "deprecate_patch",
    }
)


def commands_of(workflow: type) -> dict[str, list[str]]:
    """Per method, in source order: commands issued and own methods awaited."""
    parts = [part for part in workflow.__mro__ if part is not object]
    trees = [ast.parse(textwrap.dedent(inspect.getsource(part))) for part in parts]
    return {
        method.name: commands
        for tree in trees
        for method in tree.body[0].body  # type: ignore[attr-defined]
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and (commands := _calls(method))
    }


def _calls(method: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    calls = []
    for node in (inner for statement in method.body for inner in ast.walk(statement)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
        if node.func.attr in COMMANDS:
            what = ast.unparse(node.args[0]) if node.func.attr == "execute_activity" else ""
            timed = "timeout" in {keyword.arg for keyword in node.keywords}
            detail = what or ("timer" if timed else "")
            calls.append((node.lineno, node.col_offset, f"{node.func.attr}({detail})"))
        elif owner == "self":
            calls.append((node.lineno, node.col_offset, f"self.{node.func.attr}"))
    return [text for _, _, text in sorted(calls)]
