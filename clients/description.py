"""The canonical API as clients see it: no gateways' calls, no pages of operation, no older shapes."""

from collections.abc import Iterator
from typing import Any

from api.app import create_app
from config import Settings

_NOT_FOR_CLIENTS = {"front end", "gateways", "files", "operations"}
_SCHEMAS = "#/components/schemas/"
_PROBLEM = "application/problem+json"


def canonical() -> dict[str, Any]:
    """OpenAPI of what applications, their services and operators call, with the schemas that needs."""
    document = create_app(Settings(environment="test")).openapi()
    paths = {
        path: operations
        for path, operations in document["paths"].items()
        if not any(_NOT_FOR_CLIENTS & set(operation["tags"]) for operation in operations.values())
    }
    refusals = _said_once(paths)
    schemas = document["components"]["schemas"]
    needed: set[str] = set()
    waiting = set(_named([paths, refusals]))
    while waiting:
        needed |= waiting
        waiting = {name for each in waiting for name in _named(schemas[each])} - needed
    kept = {name: schema for name, schema in schemas.items() if name in needed}
    return {
        "openapi": document["openapi"],
        "info": document["info"],
        "paths": paths,
        "components": {**document["components"], "schemas": kept, "responses": refusals},
    }


def _said_once(paths: dict[str, Any]) -> dict[str, Any]:
    """The refusals, by name; in `paths` each becomes a reference: nearly every route has the same ones."""
    refusals: dict[str, Any] = {}
    for operation in (operation for operations in paths.values() for operation in operations.values()):
        for status, answer in operation["responses"].items():
            if _PROBLEM not in answer.get("content", {}):
                continue
            name = f"Refused{status}"
            if refusals.setdefault(name, answer) == answer:
                operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    return refusals


def _named(node: Any) -> Iterator[str]:
    """Every schema that is referred to."""
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith(_SCHEMAS):
            yield reference.removeprefix(_SCHEMAS)
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _named(each)
