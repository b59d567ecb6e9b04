from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.environment import Environment


def environment(**variables: str) -> Environment:
    return Environment(Path("no-such-file"), variables=variables)


def test_variable_of_the_process_wins_over_dotenv(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("COLOUR=red\nSHAPE=round\n")

    env = Environment(dotenv, variables={"COLOUR": "blue"})

    assert env.text("COLOUR", default="") == "blue"
    assert env.text("SHAPE", default="") == "round"


def test_empty_variable_counts_as_not_set() -> None:
    assert environment(HOSTS=" ").words("HOSTS", default=["localhost"]) == ["localhost"]


@pytest.mark.parametrize(("text", "expected"), [("true", True), ("ON", True), ("0", False), ("no", False)])
def test_flag_reads_the_usual_words(text: str, expected: bool) -> None:
    assert environment(DEBUG=text).flag("DEBUG", default=not expected) is expected


@pytest.mark.parametrize(
    ("read", "name", "value"),
    [
        (lambda env: env.flag("DEBUG", default=False), "DEBUG", "perhaps"),
        (lambda env: env.number("LEASE", default=1, least=0), "LEASE", "soon"),
        (lambda env: env.number("LEASE", default=1, least=0), "LEASE", "-1"),
        (lambda env: env.number("LEASE", default=1, least=0), "LEASE", "nan"),
        (lambda env: env.number("LEASE", default=1, least=0, most=20), "LEASE", "20.1"),
        (lambda env: env.whole_number("SLOTS", default=1), "SLOTS", "1.5"),
        (lambda env: env.choice("KIND", ("a", "b"), default="a"), "KIND", "c"),
        (lambda env: env.secret("SECRET_KEY"), "SECRET_KEY", ""),
        (lambda env: env.database("DATABASE_URL", default=""), "DATABASE_URL", "mysql://localhost/x"),
        (lambda env: env.database("DATABASE_URL", default=""), "DATABASE_URL", "not a url"),
    ],
)
def test_wrong_value_is_named(read: object, name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name):
        read(environment(**{name: value}))  # type: ignore[operator]


def test_secret_is_read_from_the_named_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from-file\n")

    assert environment(SECRET_KEY_FILE=str(file)).secret("SECRET_KEY") == "from-file"


def test_secret_given_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from-file")

    with pytest.raises(ImproperlyConfigured, match="not both"):
        environment(SECRET_KEY="direct", SECRET_KEY_FILE=str(file)).secret("SECRET_KEY")


def test_secret_file_that_is_missing_is_named() -> None:
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY_FILE"):
        environment(SECRET_KEY_FILE="/no/such/file").secret("SECRET_KEY")


def test_database_password_does_not_show_in_the_error() -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        environment(DATABASE_URL="mysql://me:hunter2@db/x").database("DATABASE_URL", default="")

    assert "hunter2" not in str(caught.value)


def test_database_url_names_a_unix_socket_as_percent_encoded_host() -> None:
    database = environment(DATABASE_URL="postgresql://me@%2Frun%2Fpostgresql:5433/app").database(
        "DATABASE_URL", default=""
    )

    assert (database["HOST"], database["PORT"], database["NAME"]) == ("/run/postgresql", 5433, "app")
    assert database["OPTIONS"]["pool"]


def test_sqlite_takes_its_write_lock_at_begin() -> None:
    database = environment().database("DATABASE_URL", default="sqlite:////tmp/app.sqlite3")

    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
