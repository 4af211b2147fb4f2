"""The settings: where they come from, what they refuse, what they never print."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from infra.settings import Settings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"NQMS_{name.upper()}", raising=False)
    monkeypatch.delenv("POSTGRES_ENABLE_DB_FUNCTIONS", raising=False)


def test_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    settings = Settings()
    assert settings.data_dir == tmp_path / "nqms"
    assert (settings.listen_host, settings.listen_port) == ("127.0.0.1", 8000)
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert Settings().data_dir == Path.home() / ".local" / "share" / "nqms"


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NQMS_DATA_DIR", "~/here")
    monkeypatch.setenv("NQMS_LISTEN", "[::1]:0")
    monkeypatch.setenv("NQMS_KAFKA_BOOTSTRAP", "a:1, b:2")
    monkeypatch.setenv("NQMS_DATABASE_URL", "")
    monkeypatch.setenv("POSTGRES_ENABLE_DB_FUNCTIONS", "y")
    settings = Settings()
    assert settings.data_dir == Path.home() / "here"
    assert (settings.listen_host, settings.listen_port) == ("::1", 0)
    assert settings.kafka_bootstrap == "a:1, b:2"
    assert settings.database_url is None
    assert settings.library_db_functions == "y"


@pytest.mark.parametrize("wrong", ["8000", ":8000", "a:b", "a:70000", "::1:80", "a:-1"])
def test_addresses_that_are_none(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("NQMS_LISTEN", wrong)
    with pytest.raises(ValidationError, match="listen"):
        Settings()


def test_no_password_is_ever_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NQMS_DATABASE_URL", "postgresql://app:geheim@host/name?sslmode=require")
    monkeypatch.setenv("NQMS_MIGRATE_URL", "host=h user=owner password=geheim")
    settings = Settings()
    assert "geheim" not in repr(settings)
    assert "geheim" not in str(settings.public())
    assert settings.public()["database_url"] == "user=app password=*** dbname=name host=host sslmode=require"
    monkeypatch.setenv("NQMS_DATABASE_URL", "geheim geheim")
    with pytest.raises(ValidationError, match="is not a PostgreSQL address") as refused:
        Settings()
    assert "geheim" not in str(refused.value)
