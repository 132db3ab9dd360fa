"""Settings come from the environment, and a wrong one is named."""

from __future__ import annotations

import base64
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from deploy.migration import issuer_key, master_key, token_key
from deploy.settings import DSNS, Settings, WrongSetting, described, variable_of


def test_without_any_variable_everything_is_embedded_and_on_loopback() -> None:
    settings = Settings.from_environment({})
    assert settings.embedded
    assert (settings.store_dsn, settings.host, settings.port, settings.allow_live) == ("", "127.0.0.1", 8000, False)


def test_a_variable_is_read_as_what_its_setting_is() -> None:
    settings = Settings.from_environment(
        {
            "KUTY_PORT": "9000",
            "KUTY_ALLOW_LIVE": "true",
            "KUTY_SCHEMAS_ADDRESS": "https://kuty.example",
            "KUTY_HEARTBEAT_S": "1.5",
            "KUTY_HOME": "/data",
            "KUTY_KAFKA": "localhost:9092",
        }
    )
    assert (settings.port, settings.allow_live, settings.heartbeat_s, settings.home) == (9000, True, 1.5, Path("/data"))
    assert not settings.embedded


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"KUTY_PORT": "9000"}, "http://127.0.0.1:9000"),
        ({"KUTY_HOST": "::1"}, "http://[::1]:8000"),
        ({"KUTY_SCHEMAS_ADDRESS": "https://kuty.example/ledger", "KUTY_PORT": "9000"}, "https://kuty.example/ledger"),
    ],
)
def test_schemas_are_named_where_the_api_is_reached(given: dict[str, str], address: str) -> None:
    assert Settings.from_environment(given).schemas == address


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, ("127.0.0.1",)),
        ({"KUTY_HOST": "::1"}, ("[::1]",)),
        ({"KUTY_SCHEMAS_ADDRESS": "https://KUTY.example:8443/ledger"}, ("127.0.0.1", "kuty.example")),
        ({"KUTY_SCHEMAS_ADDRESS": "https://[2001:db8::1]"}, ("127.0.0.1", "[2001:db8::1]")),
        ({"KUTY_HOST": "0.0.0.0", "KUTY_SCHEMAS_ADDRESS": "https://kuty.example"}, ("kuty.example",)),
        ({"KUTY_HOST": "::", "KUTY_SCHEMAS_ADDRESS": "https://kuty.example"}, ("kuty.example",)),
    ],
)
def test_the_api_is_asked_under_its_own_address_and_that_of_the_schemas(given: dict[str, str], names: tuple[str]) -> None:
    assert Settings.from_environment({"KUTY_PLAINTEXT_BEYOND_LOOPBACK": "true", **given}).hosts == names


@pytest.mark.parametrize(("name", "text"), [("KUTY_PORT", "eight"), ("KUTY_ALLOW_LIVE", "maybe"), ("KUTY_HEARTBEAT_S", "x")])
def test_a_variable_that_cannot_be_read_is_named(name: str, text: str) -> None:
    with pytest.raises(WrongSetting, match=f"{name} is '{text}'"):
        Settings.from_environment({name: text})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("KUTY_LEDGER", "Bad_Name"),
        ("KUTY_PORT", "99999"),
        ("KUTY_RELAY_WINDOW", "5"),
        ("KUTY_HEARTBEAT_S", "-1"),
        ("KUTY_HEARTBEAT_S", "nan"),
        ("KUTY_KAFKA_DEADLINE_S", "inf"),
        ("KUTY_REPLICATION", "99999"),
        ("KUTY_STORE_DSN", "dbname=kuty"),
        ("KUTY_KAFKA", "127.0.0.1"),
        ("KUTY_KAFKA", "127.0.0.1:x"),
        ("KUTY_KAFKA", "localhost:"),
        ("KUTY_KAFKA", "127.0.0.1:9092,127.0.0.1:99999"),
        ("KUTY_KAFKA", ","),
        ("KUTY_KAFKA_CERTIFICATES", "/nowhere"),
        ("KUTY_LOG_LEVEL", "LOUD"),
        ("KUTY_KAFKA_SECURITY", "TLS"),
        ("KUTY_HOST", "0.0.0.0"),
        ("KUTY_SCHEMAS_ADDRESS", "kuty.example"),
        ("KUTY_SCHEMAS_ADDRESS", "https://kuty.example/"),
        ("KUTY_SCHEMAS_ADDRESS", "https://kuty.example/a b"),
        ("KUTY_SCHEMAS_ADDRESS", "https://kuty.example:99999"),
        ("KUTY_SCHEMAS_ADDRESS", "https://kuty.example/%zz"),
        ("KUTY_SCHEMAS_ADDRESS", "http://:::"),
        ("KUTY_SCHEMAS_ADDRESS", "http://0.0.0.0:8000"),
        ("KUTY_SCHEMAS_ADDRESS", "http://[::]:8000"),
        ("KUTY_SCHEMAS_ADDRESS", "https://kuty.example/" + "x" * 200),
        ("KUTY_STORE_DSN", "nowhere"),
        ("KUTY_KEYS_DSN", "postgresql://kuty:kuty@127.0.0.1/keys"),
        ("KUTY_KAFKA", "kafka.example.org:9092"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_before_anything_starts(name: str, text: str) -> None:
    with pytest.raises(WrongSetting, match=f"^{name}"):
        Settings.from_environment({name: text})


@pytest.mark.parametrize(("name", "near"), [("KUTY_PROT", "KUTY_PORT"), ("KUTY_KAFKA_PASWORD", "KUTY_KAFKA_PASSWORD")])
def test_a_misspelled_setting_is_refused_with_the_nearest_one(name: str, near: str) -> None:
    with pytest.raises(WrongSetting, match=f"^{name} is no setting; did you mean {near}\\?$"):
        Settings.from_environment({name: "1"})


def test_variables_that_others_read_are_no_mistake() -> None:
    others = {"KUTY_TEST_PARTS": "pip", "KUTY_FAULT_SEED": "1", "KUTY_CLIENTS": "5", "KUTY_KAFKA_IMAGE": "x", "PORT": "1"}
    assert Settings.from_environment(others) == Settings()


def test_others_may_reach_the_api_where_a_setting_says_so() -> None:
    beyond = {"KUTY_HOST": "0.0.0.0", "KUTY_PLAINTEXT_BEYOND_LOOPBACK": "yes", "KUTY_SCHEMAS_ADDRESS": "https://kuty.example"}
    assert Settings.from_environment(beyond).host == "0.0.0.0"


@pytest.mark.parametrize(
    "given", [{"KUTY_ALLOW_LIVE": "yes"}, {"KUTY_HOST": "0.0.0.0", "KUTY_PLAINTEXT_BEYOND_LOOPBACK": "yes"}]
)
def test_an_address_of_schemas_that_no_agency_reaches_is_not_recorded_for_ever(given: dict[str, str]) -> None:
    with pytest.raises(WrongSetting, match=r"^KUTY_SCHEMAS_ADDRESS is not set"):
        Settings.from_environment(given)


def test_settings_reach_another_process_by_its_environment() -> None:
    settings = Settings(ledger="west", port=9000, allow_live=True, home=Path("/data"), kafka="127.0.0.1:9092",
                        schemas_address="https://kuty.example")  # fmt: skip
    assert Settings.from_environment(settings.environment()) == settings


def test_every_setting_is_described() -> None:
    assert [variable for variable, _, _ in described()] == [variable_of(one) for one in fields(Settings)]
    assert all(meaning.endswith(".") for _, _, meaning in described())


def test_kafka_beyond_this_machine_is_reached_over_tls_alone() -> None:
    with pytest.raises(ValueError, match="reach it over TLS"):
        _ = Settings(kafka="kafka.example.org:9092").connection
    assert Settings(kafka="kafka.example.org:9092", kafka_security="SSL").connection.security == "SSL"


BEYOND = "postgresql://kuty@db.example/kuty"


@pytest.mark.parametrize("name", DSNS)
@pytest.mark.parametrize(
    "dsn",
    [BEYOND, f"{BEYOND}?sslmode=prefer", f"{BEYOND}?sslmode=require", f"{BEYOND}?sslmode=verify-ca",
     "postgresql://kuty@localhost,db.example/kuty", "postgresql://kuty@[2001:db8::1]/kuty",
     "user=kuty host=localhost hostaddr=192.0.2.7", "user=kuty service=county"],
)  # fmt: skip
def test_a_database_beyond_this_machine_has_to_prove_which_it_is(name: str, dsn: str) -> None:
    """PostgreSQL manual 32.19.1: names of clients went over the line in plain where a server asked for it."""
    store = {"store_dsn": "postgresql://kuty@localhost/kuty"}
    with pytest.raises(WrongSetting, match=rf"^KUTY_{name.upper()} reaches .* add sslmode=verify-full"):
        Settings(**{**store, name: dsn}).check()
    Settings(**{**store, name: dsn}, plaintext_beyond_loopback=True).check()
    proved = f"{dsn} sslmode=verify-full" if " " in dsn else f"{dsn.partition('?')[0]}?sslmode=verify-full"
    Settings(**{**store, name: proved}).check()


@pytest.mark.parametrize(
    "dsn", ["postgresql://kuty@127.0.0.1:5432/kuty", "user=kuty host=/run/postgresql", "user=kuty", "postgresql://kuty@[::1]/k"]
)
def test_a_database_on_this_machine_proves_nothing(dsn: str) -> None:
    Settings(store_dsn=dsn).check()


def test_what_the_string_leaves_out_is_taken_from_where_libpq_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL manual 32.15"""
    monkeypatch.setenv("PGHOST", "db.example")
    with pytest.raises(WrongSetting, match=r"^KUTY_STORE_DSN reaches db\.example"):
        Settings(store_dsn="user=kuty").check()
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    Settings(store_dsn="user=kuty").check()


@pytest.mark.parametrize(
    ("dsn", "variables"),
    [
        ("postgresql://kuty@localhost,db.example/kuty?hostaddr=127.0.0.1,", {}),
        ("user=kuty host=db.example,localhost hostaddr=,127.0.0.1", {}),
        ("user=kuty host=localhost,db.example hostaddr=127.0.0.1", {}),
        ("user=kuty host=localhost,db.example", {"PGHOSTADDR": "127.0.0.1,"}),
        ("user=kuty hostaddr=127.0.0.1,", {"PGHOST": "localhost,db.example"}),
        ("user=kuty host=db.example hostaddr=''", {"PGHOSTADDR": "127.0.0.1"}),
        ("user=kuty host=db.example sslmode=''", {"PGSSLMODE": "verify-full"}),
        ("user=kuty host=db.example service=county", {"PGSSLMODE": "verify-full"}),
        ("user=kuty service=county", {"PGSSLMODE": "verify-full"}),
        ("user=kuty", {"PGSERVICE": "county", "PGSSLMODE": "verify-full"}),
        ("user=kuty host=127.0.0.1 service=county", {}),
        ("user=kuty host=/run/postgresql", {"PGSERVICE": "county"}),
        ("user=kuty service=''", {}),
    ],
)
def test_what_libpq_reads_in_another_order_does_not_pass_for_this_machine(
    dsn: str, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL manual 32.1.2 and 32.17: an entry of hostaddr may be empty, and a service file is read before variables."""
    for variable, text in variables.items():
        monkeypatch.setenv(variable, text)
    with pytest.raises(WrongSetting, match=r"^KUTY_STORE_DSN reaches (db\.example|service '(county)?'), and does not say"):
        Settings(store_dsn=dsn).check()
    proved = dsn.replace(" sslmode=''", "") + ("&" if "?" in dsn else " ") + "sslmode=verify-full"
    Settings(store_dsn=proved).check()


@pytest.mark.parametrize("dsn", ["user=kuty host=''", "user=kuty host=/run/postgresql", "user=kuty host=db hostaddr=::1"])
def test_a_variable_that_the_string_hides_is_not_asked(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.example")
    Settings(store_dsn=dsn).check()


def test_development_keys_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert master_key(settings) == master_key(settings)
    assert token_key(settings) == token_key(settings) != master_key(settings)
    assert (tmp_path / "master.key").stat().st_mode & 0o077 == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["master.key", "token.key"]


def test_a_master_key_has_thirty_two_bytes() -> None:
    assert master_key(Settings(master_key=base64.b64encode(b"k" * 32).decode())) == b"k" * 32
    with pytest.raises(WrongSetting, match="has 3 bytes"):
        master_key(Settings(master_key=base64.b64encode(b"abc").decode()))
    with pytest.raises(WrongSetting, match="not base64"):
        master_key(Settings(master_key="not base64!"))


SECRETS = (*DSNS, "kafka_password", "master_key", "token_key")


def test_nothing_secret_is_shown_where_settings_are() -> None:
    secret = "s3cr3t"
    settings = Settings(**{name: f"postgresql://kuty:{secret}@127.0.0.1/kuty" for name in SECRETS}, kafka="127.0.0.1:9092")
    shown = [repr(settings), str(settings), repr(settings.connection), repr(replace(settings, port=9000))]
    assert [text for text in shown if secret in text] == []
    # and there is no other that might be one
    named = [one.name for one in fields(Settings) if re.search(r"dsn|password|secret|token|master", one.name)]
    assert sorted(named) == sorted(SECRETS)


@pytest.mark.parametrize("name", [f"KUTY_{name.upper()}" for name in DSNS])
@pytest.mark.parametrize(
    "text", ["s3cr3t", "host=x password='s3cr3t", "postgresql://kuty:s3cr3t@[::1/x", "password=s3cr3t porrt=1"]
)
def test_a_connection_string_that_cannot_be_read_is_not_repeated(name: str, text: str) -> None:
    with pytest.raises(WrongSetting, match=f"^{name} is no connection string") as wrong:
        Settings.from_environment({name: text})
    assert "s3cr3t" not in str(wrong.value)


def test_an_issuer_and_its_key_belong_together() -> None:
    with pytest.raises(WrongSetting, match="KUTY_ISSUER_KEY belong together"):
        Settings.from_environment({"KUTY_ISSUER": "https://issuer.example"})
    with pytest.raises(WrongSetting, match="KUTY_ISSUER_KEY is not base64 of the 32 bytes"):
        issuer_key(Settings(issuer="https://issuer.example", issuer_key="AAAA"))
