"""Sentences stay inside their sandbox; a faulty template says which, where and what."""

import pickle
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.errors import DeliveryError, RenderError
from notifications.printing import day, number, percent
from notifications.render import Renderer

RENDERER = Renderer(Path(__file__).parents[2] / "templates")
CONTEXT: dict[str, object] = {
    "unit": {"name": "区教育局", "code": "EDU"},
    "due_on": date(2022, 6, 27),
    "as_of": "2022年7月15日",
    "days_overdue": 14,
    "target": Decimal("200.000000"),
    "claimed": None,
    "gaps": ["T08", "T09"],
}


def sentence(template: str, context: Mapping[str, object] = CONTEXT) -> str:
    return RENDERER.sentence(template, context)


def mail_from(
    directory: Path, body: str, *, subject: str = "主题", html: str = "<p>x</p>"
) -> Renderer:
    folder = directory / "email" / "trial"
    folder.mkdir(parents=True)
    for name, text in (("subject.txt", subject), ("body.txt", body), ("body.html", html)):
        (folder / name).write_text(text, encoding="utf-8")
    return Renderer(directory)


def test_a_sentence_says_what_was_owed_and_by_when() -> None:
    template = (
        "{{ unit.name }}应于{{ due_on }}前报送落实方案，截至{{ as_of }}未报送\n"
        "（逾期{{ days_overdue }}个工作日）。"
    )
    assert sentence(template) == (
        "区教育局应于2022年6月27日前报送落实方案，截至2022年7月15日未报送 （逾期14个工作日）。"
    )
    assert RENDERER.check_sentence(template) == {"unit", "due_on", "as_of", "days_overdue"}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ target }}", "200"),
        ("{{ 0.755|percent }}", "75.5%"),
        ("{{ gaps|join('、') }}", "T08、T09"),
        (
            "{% for g in gaps %}{{ loop.index }}.{{ g }}{{ '；' if not loop.last }}{% endfor %}",
            "1.T08；2.T09",
        ),
        ("{% if claimed is none %}未上报{% else %}{{ claimed }}{% endif %}", "未上报"),
        ("{{ {'EDU': '教育'}[unit.code] }}", "教育"),
        ("{% for i in range(3) %}{{ i }}{% endfor %}", "012"),
        ("{{ '<b>' ~ unit.name }}", "<b>区教育局"),
        ("{{ (target / 3)|round(2) }}", "66.67"),
        ("{{ days_overdue * 2 }}", "28"),
        ("{{ claimed|default('未知') if claimed else '未知' }}", "未知"),
    ],
)
def test_what_a_sentence_may_do(template: str, expected: str) -> None:
    assert sentence(template) == expected


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("{{ ''.__class__ }}", "may not begin with '_'"),
        ("{{ ''['__class__'] }}", "unsafe"),
        ("{{ gaps|map(attribute='__class__')|join }}", "unsafe"),
        ("{{ unit|attr('__class__') }}", "No filter named 'attr'"),
        ("{{ unit.name.format(1) }}", "calls nothing but range()"),
        ("{{ '{:>999999999}'.format(1) }}", "calls nothing but range()"),
        ("{{ lipsum() }}", "calls nothing but range()"),
        ("{{ cycler }}", "'cycler' is not given"),
        ("{{ range }}", "would be printed"),
        ("{% for i in range(100000000) %}{% endfor %}", "a range of more than 1000 numbers"),
        ("{{ range(1000000000000000000000)|list }}", "a range of more than 1000 numbers"),
        (
            "{% for i in range(999) %}{% for j in range(999) %}{% endfor %}{% endfor %}",
            "1000 steps",
        ),
        ("{% for i in gaps recursive %}{{ loop(gaps) }}{% endfor %}", "calls nothing but range()"),
        ("{{ 'x' * 1000000000 }}", "'*' does not go between these"),
        ("{{ [0] * 1000000000 }}", "'*' does not go between these"),
        ("{{ '%0999999999d' % 1 }}", "'%' does not go between these"),
        ("{{ 9 ** 9 ** 9 }}", "may not hold 'pow'"),
        ("{{ 5|round(-999999999) }}", "round takes 0 to 6 places"),
        ("{{ 'x'|center(999999999) }}", "No filter named 'center'"),
        ("{{ 'ab'|join('" + "x" * 1500 + "')|join('" + "y" * 1500 + "') }}", "a join came to"),
        ("{% set a = 1 %}", "may not hold 'assign'"),
        ("{% include 'email/digest/body.txt' %}", "may not hold 'include'"),
        ("{% import 'email/digest/words.txt' as w %}", "may not hold 'import'"),
        ("{% macro m() %}{% endmacro %}", "may not hold 'macro'"),
        ("{{ " + "(" * 1500 + "1" + ")" * 1500 + " }}", "recursion"),
        ("{% for g in gaps %}" * 25 + "{% endfor %}" * 25, "nested"),
        ("x" * 4001, "a template of 4001 characters; at most 4000"),
        ("x" * 2001, "it came to 2001 characters; at most 2000"),
    ],
)
def test_what_a_sentence_may_not_do(template: str, complaint: str) -> None:
    started = time.monotonic()
    with pytest.raises(RenderError) as caught:
        sentence(template)
    assert complaint in str(caught.value)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("{{ unit.nam }}", "“{{ unit.nam }}”:1: there is no 'nam' here; there is: name, code"),
        ("\n{{ unti.name }}", "“{{ unti.name }}”:2: 'unti' is not given"),
        ("{{ claimed }}", "“{{ claimed }}”:1: 'None' (NoneType) would be printed"),
        ("{{ unit }}", "(dict) would be printed"),
        ("{{ days_overdue > 3 }}", "'True' (bool) would be printed"),
        ("{% if days_overdue %}", "“{% if days_overdue %}”:1: Unexpected end of template"),
        ("{{ 'a' + 1 }}", ":1: can only concatenate str"),
        ("{{ 1 / 0 }}", ":1: division by zero"),
    ],
)
def test_a_faulty_sentence_says_where_and_what(template: str, complaint: str) -> None:
    with pytest.raises(RenderError) as caught:
        sentence(template)
    assert complaint in str(caught.value)


def test_a_sentence_is_checked_before_any_fact_is_there() -> None:
    with pytest.raises(RenderError, match="No filter named 'uper'"):
        RENDERER.check_sentence("{{ unit.name|uper }}")
    with pytest.raises(RenderError, match="may not begin with '_'"):
        RENDERER.check_sentence("{{ ''.__class__ }}")


@given(
    st.text(max_size=60) | st.text(st.sampled_from("{}%'\"_.|()[]=~ abifor1range\n"), max_size=60)
)
def test_whatever_a_template_says_the_answer_is_one_line_or_one_fault(template: str) -> None:
    try:
        text = sentence(template)
    except RenderError as error:
        text = str(error).partition(": ")[0]
    assert "\n" not in text
    assert len(text) <= 2000


def test_a_mail_is_a_triple_with_its_subject_on_one_line(tmp_path: Path) -> None:
    renderer = mail_from(
        tmp_path,
        "{{ name }}同志：\n",
        subject="催办：\n  {{ name }}\n",
        html="<style>p{color:red}</style><p>{{ name }}</p>",
    )
    mail = renderer.mail("trial", {"name": "<b>甲&乙</b>\n"})
    assert mail.subject == "催办： <b>甲&乙</b>"
    assert mail.text == "<b>甲&乙</b>\n同志：\n"
    assert "&lt;b&gt;甲&amp;乙&lt;/b&gt;" in mail.html
    assert '<p style="color:red' in mail.html


def test_a_mail_without_one_of_its_values_says_which_file_and_line(tmp_path: Path) -> None:
    renderer = mail_from(tmp_path, "第一行\n第二行{{ units }}\n")
    with pytest.raises(RenderError) as caught:
        renderer.mail("trial", {"unit": 1})
    assert (caught.value.template, caught.value.line) == ("email/trial/body.txt", 2)
    assert caught.value.text == "'units' is not given"


def test_a_fault_in_an_included_file_is_found_there(tmp_path: Path) -> None:
    renderer = mail_from(tmp_path, '{% include "email/part.txt" %}')
    (tmp_path / "email" / "part.txt").write_text("\n\n{{ gone }}", encoding="utf-8")
    with pytest.raises(RenderError, match=r"^email/part\.txt:3: 'gone' is not given$"):
        renderer.mail("trial", {})


def test_a_syntax_fault_in_a_file_has_its_line(tmp_path: Path) -> None:
    renderer = mail_from(tmp_path, "一\n{% if %}")
    with pytest.raises(RenderError, match=r"^email/trial/body\.txt:2: "):
        renderer.mail("trial", {})


def test_a_mail_file_cannot_reach_into_python(tmp_path: Path) -> None:
    renderer = mail_from(tmp_path, "{{ ''.__class__.__mro__ }}")
    with pytest.raises(RenderError, match="unsafe"):
        renderer.mail("trial", {})


def test_a_blank_subject_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match="the subject came out blank"):
        mail_from(tmp_path, "x", subject="{{ '' }}").mail("trial", {})


def test_a_mail_or_language_that_is_not_there_is_named(tmp_path: Path) -> None:
    renderer = mail_from(tmp_path, "x")
    with pytest.raises(RenderError, match=r"there is no template email/trial\.fr/subject\.txt"):
        renderer.mail("trial", {}, language="fr")


def test_a_page_escapes_and_keeps_its_styles(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "a.html").write_text("<style>p{}</style>{{ x }}", encoding="utf-8")
    assert Renderer(tmp_path).page("web/a.html", {"x": "<i>"}) == "<style>p{}</style>&lt;i&gt;"
    with pytest.raises(RenderError, match=r"ends in \.html"):
        Renderer(tmp_path).page("web/a.txt", {})


def test_dates_and_numbers_are_written_for_people() -> None:
    assert day(date(2022, 7, 5)) == day("2022-07-05") == "2022年7月5日"
    assert day(date(2022, 7, 5), "en") == "5 July 2022"
    assert day(datetime(2022, 7, 5, 9, 3, tzinfo=UTC)) == "2022年7月5日 09:03"
    assert day("7月底") == "7月底"
    assert [number(x) for x in (Decimal("1E+3"), 0.1 + 0.2, -0.0000001, 75)] == [
        "1000",
        "0.3",
        "0",
        "75",
    ]
    assert percent(Decimal(1) / 3) == "33.3%"


def test_errors_survive_a_process_boundary() -> None:
    for error in (RenderError("a.txt", 3, "x"), DeliveryError("x", permanent=True, code=550)):
        again = pickle.loads(pickle.dumps(error))
        assert vars(again) == vars(error)
        assert str(again) == str(error)
