"""The description that programs and client generators read."""

import re
from typing import Any

from api.app import create_app
from config import Settings

APP = create_app(Settings(environment="test"))
DOCUMENT: dict[str, Any] = APP.openapi()
OPERATIONS = [
    (method, path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        found = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return found.union(*(references(value) for value in node.values()))
    if isinstance(node, list):
        return set[str]().union(*(references(value) for value in node))
    return set()


def test_every_operation_has_an_id_of_its_own_a_text_and_a_tag() -> None:
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(ids) == len(set(ids))
    for _, path, operation in OPERATIONS:
        assert re.fullmatch("[a-z_]+", operation["operationId"]), path
        assert operation["description"], path
        assert len(operation["tags"]) == 1, path


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        node: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            assert part in node, reference
            node = node[part]


def test_every_refusal_is_documented_as_a_problem() -> None:
    for method, path, operation in OPERATIONS:
        for status, answer in operation["responses"].items():
            if int(status) < 400 or path == "/readyz":
                continue
            content = answer["content"]
            assert list(content) == ["application/problem+json"], (method, path, status)
            assert content["application/problem+json"]["example"]["status"] == int(status)


def test_what_needs_a_token_says_which_and_answers_401_without() -> None:
    public = {
        "/v1/plans",
        "/api/v1/billing/plans",
        "/webhooks/razorpay",
        "/webhooks/phonepe",
        "/files/{key}",
        "/healthz",
        "/readyz",
        "/metrics",
    }
    for _, path, operation in OPERATIONS:
        assert ("security" not in operation) == (path in public), path
        if "security" in operation:
            assert "401" in operation["responses"], path


def test_creating_posts_take_an_idempotency_key() -> None:
    for method, path, operation in OPERATIONS:
        if method == "post" and path.startswith("/v1/"):
            names = {parameter["name"] for parameter in operation["parameters"]}
            assert "Idempotency-Key" in names, path


def test_no_amount_is_a_float() -> None:
    """`number` is what floats are called in a description; the first front end's are written exactly."""

    def numbers(node: Any, path: str) -> list[str]:
        if isinstance(node, dict):
            here = [path] if node.get("type") == "number" else []
            return here + [hit for key, value in node.items() for hit in numbers(value, f"{path}/{key}")]
        if isinstance(node, list):
            return [hit for item in node for hit in numbers(item, path)]
        return []

    schemas = DOCUMENT["components"]["schemas"]
    ours = {name: schema for name, schema in schemas.items() if not name.startswith("Front")}
    assert numbers(ours, "") == []
    assert numbers(schemas["FrontPlan"], "")
