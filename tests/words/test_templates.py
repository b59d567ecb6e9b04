"""Every text of a template can be translated."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from .template_texts import unmarked

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted(path for name in ("*.html", "*.txt") for path in (ROOT / "templates").rglob(name))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_template_has_all_its_texts_marked(path: Path) -> None:
    assert [f"line {each.line}: {each.text}" for each in unmarked(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>Hello</p>", "Hello"),
        ("<p>{{ count }} jobs</p>", "jobs"),
        ('<p title="A title">1</p>', "A title"),
        ('<a aria-label="Close {{ name }}">X</a>', "Close"),
        ('<input type="submit" value="Save">', "Save"),
        ('<div data-failed="That failed."></div>', "That failed."),
        ('<option {% if chosen %}selected{% endif %} value="1">One</option>', "One"),
        ("{% if a %}Yes{% else %}{% translate 'No' %}{% endif %}", "Yes"),
        ('{{ text|default:"nothing" }}', "nothing"),
        ('{{ is_well|yesno:"well,sick" }}', "well,sick"),
        ('{% include "partials/_card.html" with title="Jobs" %}', "Jobs"),
        ("job{{ jobs|pluralize }}", "job"),
        ("{% blocktranslate %}Two\nlines{% endblocktranslate %}", "blocktranslate with line breaks"),
        ("<p>코드</p>", "코드"),
    ],
)
def test_unmarked_finds_a_text(source: str, text: str) -> None:
    found = unmarked("\n" + source)

    assert found
    assert found[0].line == 2
    assert found[0].text.startswith(text)


@pytest.mark.parametrize(
    "source",
    [
        "{% load i18n %}{# a comment #}<!-- another -->{% comment %}and <b>one</b> more{% endcomment %}",
        "{% block main_class %}page-narrow{% endblock %}",
        "<p>{% translate 'Hello' %} {{ name }} 12.5 %</p>",
        "<p>{% blocktranslate trimmed with name=a %}\nHello\n{{ name }}{% endblocktranslate %}</p>",
        '<p title="{% translate "A title" %}" class="big {% if a %}red{% endif %}" id="Main">1</p>',
        '<input type="hidden" name="token" value="Abc"><input type="submit" value="{% translate "Save" %}">',
        '{{ text|default:"-" }} {{ text|default:_("nothing") }}',
        '{% include "partials/_card.html" with title=_("Jobs") kind="big red" %}',
        '<title>{% block title %}{% endblock %} | Changeover</title><div data-url="{% url "a" %}"></div>',
        "<script>let text</script><style>p {}</style><kbd>Esc</kbd><code>max_tokens</code>",
        '<p translate="no">an <br> <b>id</b> of <p>ours</p></p>',
    ],
)
def test_unmarked_finds_nothing_in_what_is_translated(source: str) -> None:
    assert unmarked(source) == []
