"""Every mail of the templates folder, rendered from a full sample context, in every language."""

import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from notifications.errors import RenderError
from notifications.printing import DEFAULT_LANGUAGE, day
from notifications.render import RenderedMail, Renderer
from tests.mail_samples import SAMPLES, a_row, an_item

TEMPLATES = Path(__file__).parents[2] / "templates"
RENDERER = Renderer(TEMPLATES)
FOLDERS = sorted(folder.name for folder in (TEMPLATES / "email").iterdir() if folder.is_dir())
# Values that a template looks up instead of printing them.
CODES = {"kind", "step", "post", "severity", "basis"}
HOSTILE = '<script>alert("督")</script>&{{ 7*7 }}'


def rendered(folder: str, context: dict[str, Any]) -> RenderedMail:
    name, _, language = folder.partition(".")
    return RENDERER.mail(name, context, language=language or DEFAULT_LANGUAGE)


def a_digest(*items: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return SAMPLES["digest"] | {"items": list(items)} | changes


def subject(*items: dict[str, Any], language: str = DEFAULT_LANGUAGE, **changes: Any) -> str:
    return RENDERER.mail("digest", a_digest(*items, **changes), language=language).subject


def statements_in(value: Any, language: str, key: str = "") -> set[str]:
    """Every text and date a context holds, as a reader should find it."""
    if isinstance(value, str | date) and value and key not in CODES:
        return {" ".join(day(value, language).split())}
    if isinstance(value, dict):
        return set().union(*(statements_in(v, language, name) for name, v in value.items()))
    if isinstance(value, list):
        return set().union(*(statements_in(inner, language, key) for inner in value))
    return set()


def hostile(value: Any, key: str = "") -> Any:
    """The same context with markup in every free text; codes that templates look up stay."""
    if isinstance(value, str) and key not in CODES:
        return HOSTILE
    if isinstance(value, dict):
        return {name: hostile(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [hostile(inner, key) for inner in value]
    return value


class Structure(HTMLParser):
    """Collects what mail clients trip over: unbalanced tags, scripts, addresses of assets."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.links: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.links += [
            value or "" for name, value in attrs if name in {"src", "href", "background"}
        ]
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def structure_of(html: str) -> Structure:
    structure = Structure()
    structure.feed(html)
    structure.close()
    assert structure.open == []
    return structure


def test_every_mail_has_a_sample_and_every_sample_a_mail() -> None:
    assert {folder.partition(".")[0] for folder in FOLDERS} == set(SAMPLES)
    assert {f"{name}.en" for name in SAMPLES} <= set(FOLDERS)


def test_every_mail_is_a_triple() -> None:
    for folder in FOLDERS:
        files = {file.name for file in (TEMPLATES / "email" / folder).iterdir()}
        assert {"subject.txt", "body.txt", "body.html"} <= files, folder


def test_every_mail_is_described() -> None:
    described = (TEMPLATES / "email" / "README.md").read_text(encoding="utf-8")
    for name, sample in SAMPLES.items():
        section = described.split(f"## {name}\n", 1)[1].split("\n## ", 1)[0]
        missing = [key for key in sample if f"`{key}`" not in section]
        assert not missing, f"{name}: {missing}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_mail_renders_and_needs_every_value_it_was_promised(folder: str) -> None:
    sample = SAMPLES[folder.partition(".")[0]]
    mail = rendered(folder, sample)
    assert "\n" not in mail.subject
    for missing in sample:
        with pytest.raises(RenderError, match=f"'{missing}' is not given"):
            rendered(folder, {name: value for name, value in sample.items() if name != missing})


@pytest.mark.parametrize("folder", FOLDERS)
def test_text_and_html_are_equally_complete(folder: str) -> None:
    name, _, language = folder.partition(".")
    mail = rendered(folder, SAMPLES[name])
    text = " ".join(mail.text.split())
    html = " ".join("".join(structure_of(mail.html).text).split())
    for statement in statements_in(SAMPLES[name], language or DEFAULT_LANGUAGE):
        assert statement in text
        assert statement in html


@pytest.mark.parametrize("folder", FOLDERS)
def test_free_text_is_escaped_and_never_a_template(folder: str) -> None:
    mail = rendered(folder, hostile(SAMPLES[folder.partition(".")[0]]))
    structure = structure_of(mail.html)
    assert "script" not in structure.seen
    assert HOSTILE in "".join(structure.text)
    assert HOSTILE in mail.text
    assert "49" not in mail.text


@pytest.mark.parametrize("folder", FOLDERS)
def test_html_is_fit_for_mail_clients(folder: str) -> None:
    html = rendered(folder, SAMPLES[folder.partition(".")[0]]).html
    structure = structure_of(html)
    assert structure.seen.isdisjoint({"img", "link", "script", "iframe", "form", "input", "svg"})
    assert all(link.startswith("mailto:") for link in structure.links)
    assert "url(" not in html
    # Readers find the charset in the first 1,024 bytes or guess.
    assert html.encode().index(b"charset=") < 1024
    # What stands outside @media was written into the elements.
    without_comments = re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL)
    (styles,) = re.findall(r"<style>(.*?)</style>", without_comments, flags=re.DOTALL)
    assert styles.lstrip().startswith("@media")
    assert 'lang="en"' in html if folder.endswith(".en") else 'lang="zh-CN"' in html


def test_a_long_digest_and_a_full_list_are_not_cut_off() -> None:
    digest = RENDERER.mail("digest", a_digest(*[an_item()] * 15))
    rows = [a_row(number) for number in range(1, 21)]
    leaders = RENDERER.mail("leaders-list", SAMPLES["leaders-list"] | {"rows": rows})
    # Gmail shows the first 102 KB of a mail.
    assert max(len(mail.html.encode()) for mail in (digest, leaders)) < 80_000


def test_one_overdue_item_names_itself_in_the_subject() -> None:
    assert subject(an_item()) == (
        "【逾期催办】区教育局：2022年第二季度进展报告逾期14个工作日未报（截至2022年7月15日）"
    )
    assert subject(an_item(), language="en", as_of="2022-07-15") == (
        "[Overdue] 区教育局: 2022年第二季度进展报告, overdue by 14 working days, not filed "
        "(as of 15 July 2022)"
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"kind": "due", "days_to_due": 0},
            "【到期提醒】区教育局：总结今日到期（截至2022年7月15日）",
        ),
        (
            {"kind": "pre_due", "days_to_due": 5},
            "【提前提醒】区教育局：总结还有5个工作日到期（截至2022年7月15日）",
        ),
        ({"kind": "finding"}, "【督查问题】区教育局：总结（截至2022年7月15日）"),
        (
            {"kind": "assignment"},
            "【任务交办】区教育局：总结（2022年6月27日前办结）（截至2022年7月15日）",
        ),
        (
            {"kind": "rectification", "days_to_due": 2},
            "【整改提醒】区教育局：总结整改还有2个工作日到期（截至2022年7月15日）",
        ),
        (
            {"kind": "rectification", "days_overdue": 1},
            "【整改提醒】区教育局：总结整改逾期1个工作日（截至2022年7月15日）",
        ),
    ],
)
def test_each_kind_has_its_own_subject(changes: dict[str, Any], expected: str) -> None:
    assert subject(an_item(**({"title": "总结", "days_overdue": 0} | changes))) == expected


def test_several_items_are_counted_under_the_strongest_kind() -> None:
    overdue, due = an_item(), an_item(kind="due", days_overdue=0)
    assert subject(overdue, overdue, overdue) == (
        "【催办】区教育局：3项督查事项逾期未报（截至2022年7月15日）"
    )
    assert subject(overdue, overdue, overdue, topic="人才工作") == (
        "【催办】区教育局：3项人才工作事项逾期未报（截至2022年7月15日）"
    )
    assert subject(due, overdue, overdue) == (
        "【催办】区教育局：2项督查事项逾期未报、1项督查事项到期（截至2022年7月15日）"
    )
    assert subject(due, overdue, an_item(kind="finding"), an_item(kind="finding")) == (
        "【督查问题】区教育局：2项督查问题待整改、1项督查事项逾期未报，另有1项提醒（截至2022年7月15日）"
    )


def test_the_digest_says_that_it_concludes_nothing_and_may_be_ignored() -> None:
    mail = RENDERER.mail("digest", a_digest(an_item()))
    for part in (mail.text, mail.html):
        assert "如已报送请忽略本邮件。" in part
        assert "本邮件由系统按时限自动发出，不代表督查认定结论。" in part
        assert "已确认" not in part


def test_a_confirmed_finding_in_a_digest_is_kept_apart_from_reminders() -> None:
    mail = RENDERER.mail("digest", a_digest(an_item(), an_item(kind="finding")))
    for part in (mail.text, mail.html):
        assert "如已报送请忽略本邮件中的提醒、催办内容。" in part
        assert "“督查问题”“整改提醒”所列为已确认的督查问题；除此之外，本邮件由系统" in part


def test_a_second_urge_asks_for_reasons_in_writing() -> None:
    first = RENDERER.mail("digest", a_digest(an_item(nth=1))).text
    second = RENDERER.mail("digest", a_digest(an_item(nth=2))).text
    assert "第1次催办" in first and "书面说明未按时报送的原因" not in first
    assert "第2次催办" in second and "书面说明未按时报送的原因" in second


def test_a_copy_says_that_it_is_one() -> None:
    copy = RENDERER.mail("digest", a_digest(an_item(), cc_copy=True))
    original = RENDERER.mail("digest", a_digest(an_item()))
    assert "抄送件" in copy.text and "抄送件" in copy.html
    assert "抄送件" not in original.text and "抄送件" not in original.html


@pytest.mark.parametrize(
    ("name", "post", "expected"),
    [
        ("", "liaison", "区教育局联络员同志："),
        ("区教育局联络员", "liaison", "区教育局联络员同志："),
        ("办公室主任", "分管领导", "区教育局分管领导办公室主任同志："),
        (None, "principal", "区教育局主要负责人同志："),
    ],
)
def test_the_reader_is_addressed_by_unit_and_post(
    name: str | None, post: str, expected: str
) -> None:
    recipient = {"name": name, "post": post}
    text = RENDERER.mail("digest", a_digest(an_item(), recipient=recipient)).text
    assert text.startswith(expected + "\n")


def test_an_extended_item_shows_both_due_dates() -> None:
    extended = an_item(due_on="2022-07-14", original_due_on="2022-06-27")
    same = an_item(due_on="2022-06-27", original_due_on="2022-06-27")
    assert (
        "2022年7月14日（原时限2022年6月27日）" in RENDERER.mail("digest", a_digest(extended)).text
    )
    assert "原时限" not in RENDERER.mail("digest", a_digest(same)).text


@pytest.mark.parametrize("language", [DEFAULT_LANGUAGE, "en"])
def test_an_item_of_an_unknown_kind_is_a_fault_and_not_left_out(language: str) -> None:
    context = a_digest(an_item(), an_item(kind="praise"))
    with pytest.raises(RenderError, match="there is no 'praise' here"):
        RENDERER.mail("digest", context, language=language)


def test_a_digest_of_nothing_is_a_fault() -> None:
    with pytest.raises(RenderError):
        RENDERER.mail("digest", a_digest())


def test_a_list_without_rows_and_changes_says_so() -> None:
    nothing: dict[str, list[dict[str, str]]] = {"added": [], "removed": [], "raised": []}
    mail = RENDERER.mail("leaders-list", SAMPLES["leaders-list"] | {"rows": [], "changes": nothing})
    assert mail.subject == "【督查专报】重点关注名单第3期：本期无升级事项（截至2022年7月15日）"
    for part in (mail.text, mail.html):
        assert "本期没有需要升级处理的事项。" in part
        assert "无变化。" in part
