"""The catalogues are complete, and Django reads what they say. `make messages` brings them up to date."""

from __future__ import annotations

import re
import shutil

import polib
import pytest
from django.utils.dates import MONTHS, MONTHS_3, WEEKDAYS, WEEKDAYS_ABBR

from scripts import messages

PLACES = re.compile(r"%\(\w+\)[-+ 0-9.]*[a-zA-Z]|%[-+ 0-9.]*[a-zA-Z%]|\{\w*\}|</?\w+[^>]*>")
PARTICLE_AFTER_PLACE = re.compile(
    r"(?:%\(\w+\)s|%s|\{\w*\})[”\"')]*(?:은|는|이|가|을|를|와|과|으로|로)(?![가-힣])"
)
FAMILIAR_ENDING = re.compile(r"요[.!?]")

EVERY_LANGUAGE = pytest.mark.parametrize("language", messages.LANGUAGES)


def translations(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def places_in(text: str) -> list[str]:
    return sorted(PLACES.findall(text))


@EVERY_LANGUAGE
def test_catalogue_holds_just_the_texts_that_are_marked(language: str) -> None:
    assert shutil.which("xgettext"), "Install gettext: apt-get install gettext"
    marked = {messages.key_of(entry) for entry in messages.extract(language)}

    assert {messages.key_of(entry) for entry in messages.read(language)} == marked


@EVERY_LANGUAGE
def test_catalogue_has_a_translation_for_each_text(language: str) -> None:
    catalogue = messages.read(language)

    untranslated = [entry.msgid for entry in catalogue if not all(translations(entry))]
    assert untranslated == []
    assert catalogue.fuzzy_entries() == catalogue.obsolete_entries() == []


@EVERY_LANGUAGE
def test_catalogue_has_the_plural_forms_of_the_language(language: str) -> None:
    catalogue = messages.read(language)
    forms = set(range(messages.plural_forms(catalogue)))

    assert [each.msgid for each in catalogue if each.msgid_plural and set(each.msgstr_plural) != forms] == []


@EVERY_LANGUAGE
def test_catalogue_keeps_every_place_for_a_value(language: str) -> None:
    changed = [
        (entry.msgid, text)
        for entry in messages.read(language)
        for text in translations(entry)
        if places_in(text) != places_in(entry.msgid_plural or entry.msgid)
    ]

    assert changed == []


@EVERY_LANGUAGE
def test_catalogue_is_compiled(language: str) -> None:
    compiled = messages.path_of(language).with_suffix(".mo").read_bytes()

    assert compiled == messages.compiled(messages.read(language)), "Run `make messages`."


def test_korean_puts_no_particle_after_a_value() -> None:
    """Its form hangs on the value's last sound: 설정을, but 키를."""
    texts = [text for entry in messages.read("ko") for text in translations(entry)]

    assert [text for text in texts if PARTICLE_AFTER_PLACE.search(text)] == []


@EVERY_LANGUAGE
def test_no_text_is_one_of_dates(language: str) -> None:
    """A translation of ours goes before Django's, and so into each date."""
    of_dates = {str(name) for names in (MONTHS, MONTHS_3, WEEKDAYS, WEEKDAYS_ABBR) for name in names.values()}

    assert [entry.msgid for entry in messages.read(language) if entry.msgid in of_dates] == []


def test_korean_is_formal() -> None:
    texts = [text for entry in messages.read("ko") for text in translations(entry)]

    assert [text for text in texts if FAMILIAR_ENDING.search(text)] == []


def test_merge_keeps_translations_and_leaves_new_texts_open() -> None:
    catalogue = polib.POFile()
    catalogue.metadata = {"Plural-Forms": "nplurals=1; plural=0;"}
    catalogue.extend([polib.POEntry(msgid="kept", msgstr="유지"), polib.POEntry(msgid="gone", msgstr="없음")])
    extracted = polib.POFile()
    extracted.append(polib.POEntry(msgid="kept"))
    extracted.append(polib.POEntry(msgid="%d new", msgid_plural="%d news", msgstr_plural={0: "", 1: ""}))

    merged = messages.merge(extracted, catalogue)

    assert [(entry.msgid, entry.msgstr, entry.msgstr_plural) for entry in merged] == [
        ("kept", "유지", {}),
        ("%d new", "", {0: ""}),
    ]
