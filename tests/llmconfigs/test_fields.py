from __future__ import annotations

import io
import json
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import connection

from llmbackends.secret import Secret
from llmconfigs.models import LLMConfig
from llmconfigs.sealing import SealedSecret

from .conftest import MakeConfig
from .pages import key_of

KEY = "sk-marker-0123456789"


def test_secret_is_read_back_from_the_database(make_config: MakeConfig) -> None:
    make_config(api_key=Secret(KEY))

    assert key_of(LLMConfig.objects.get()) == Secret(KEY)


def test_column_holds_ciphertext(make_config: MakeConfig) -> None:
    make_config(api_key=Secret(KEY))

    with connection.cursor() as cursor:
        cursor.execute("SELECT api_key FROM llmconfigs_llmconfig")
        [column] = cursor.fetchone()

    assert column.startswith("gAAAA")
    assert KEY not in column


def test_row_without_a_secret_holds_an_empty_text(make_config: MakeConfig) -> None:
    make_config()

    assert not LLMConfig.objects.get().api_key
    assert LLMConfig.objects.filter(api_key="").count() == 1


def test_sealed_secret_is_assigned_as_it_is(make_config: MakeConfig) -> None:
    sealed = SealedSecret.seal(Secret(KEY))

    make_config(api_key=sealed)

    assert LLMConfig.objects.get().api_key == sealed


def test_plain_text_is_refused_when_assigned() -> None:
    with pytest.raises(TypeError, match="not text") as caught:
        LLMConfig(api_key=KEY)

    assert KEY not in str(caught.value)


def test_plain_text_is_refused_in_a_query(db: None) -> None:
    with pytest.raises(TypeError, match="not text"):
        LLMConfig.objects.filter(api_key=KEY)


def test_reading_and_listing_do_not_decrypt(make_config: MakeConfig, settings: Any) -> None:
    make_config(api_key=Secret(KEY))
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    rows = list(LLMConfig.objects.all())
    values = list(LLMConfig.objects.values_list("api_key", flat=True))

    assert bool(rows[0].api_key)
    assert bool(values[0])


def test_saving_a_row_keeps_a_secret_that_cannot_be_decrypted(make_config: MakeConfig, settings: Any) -> None:
    config = make_config(api_key=Secret(KEY))
    written = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    LLMConfig.objects.get().save()
    settings.FIELD_ENCRYPTION_KEYS = written

    config.refresh_from_db()
    assert key_of(config) == Secret(KEY)


def test_deferred_secret_is_read_on_first_use(make_config: MakeConfig) -> None:
    make_config(api_key=Secret(KEY))

    config = LLMConfig.objects.defer("api_key").get()

    assert key_of(config) == Secret(KEY)


def test_values_are_masked_and_no_json(make_config: MakeConfig) -> None:
    make_config(api_key=Secret(KEY))

    values = LLMConfig.objects.values("api_key").get()

    assert "gAAAA" not in str(values)
    with pytest.raises(TypeError):
        json.dumps(values)


def test_dumpdata_leaves_the_secret_out(make_config: MakeConfig) -> None:
    make_config(api_key=Secret(KEY))
    output = io.StringIO()

    call_command("dumpdata", "llmconfigs", stdout=output)

    [row] = json.loads(output.getvalue())
    assert row["fields"]["api_key"] == ""
