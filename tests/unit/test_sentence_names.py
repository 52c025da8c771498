"""Which values a sentence cannot do without, checked against rendering it without them."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifications.errors import RenderError
from notifications.render import Renderer

TEMPLATES = Path(__file__).parents[2] / "templates"
RENDERER = Renderer(TEMPLATES)

NEEDED = [
    "{{ x }}",
    "{{ x|percent }}",
    "{{ x + 1 }}",
    "{{ 1 - x }}",
    "{% if x > 1 %}late{% endif %}",
    "{% for each in x %}{{ each }}{% endfor %}",
    "{{ x.title }}",
    "{% if x.title %}{{ y }}{% endif %}",
    "{% if y %}{{ x }}{% endif %}",
    "{% if x is none %}{{ x }}{% endif %}",
    "{{ x|default('-') }}",
    "{{ y and x }}",
    "{{ '-' if y else x }}",
    "{% if x is defined %}{{ x }}{% endif %}",
    "{% if y == 1 or x is not none %}{{ x }}{% endif %}",
]
FREE = [
    "没有",
    "{% if x is none %}未报{% endif %}",
    "{% if x is not none %}{{ x }}{% endif %}",
    "{% if x %}{{ x }}{% else %}-{% endif %}",
    "{% if not x %}-{% else %}{{ x }}{% endif %}",
    "{% if x is none %}-{% else %}{{ x }}{% endif %}",
    "{% if x is none %}-{% elif x > 3 %}{{ x }}{% endif %}",
    "{% if x is not none and x > 3 %}{{ x }}{% endif %}",
    "{% if x == 1 %}{{ x }}{% endif %}",
    "{{ x or '-' }}",
    "{{ x|default('-', true) }}",
    "{{ '-' if x is none else x }}",
    "{{ x if x else '-' }}",
    "{% for x in [1, 2] %}{{ x }}{% endfor %}",
    "{% if x is not none %}{{ x.title }}{% endif %}",
]


def needs_x(template: str) -> bool:
    return any(use.path[0] == "x" for use in RENDERER.sentence_uses(template))


@pytest.mark.parametrize("template", NEEDED)
def test_these_break_without_the_value(template: str) -> None:
    assert needs_x(template)
    with pytest.raises(RenderError):
        RENDERER.sentence(template, {"x": None, "y": 0 if "else x" in template else 1})


@pytest.mark.parametrize("template", FREE)
def test_these_can_do_without_it(template: str) -> None:
    assert not needs_x(template)
    RENDERER.sentence(template, {"x": None, "y": 1})


def test_a_use_says_what_is_known_on_its_way() -> None:
    (use,) = RENDERER.sentence_uses("{% if claimed is not none %}{{ first.value }}{% endif %}")
    assert use.path == ("first", "value")
    assert use.known == {("claimed",)}
