"""A mail holds its own unit's items and nothing else; what was filed is text and stays text."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from notifications.message import Message
from rules.nodes import Faults
from supervision.domain.findings import Event
from supervision.services.decide import Decision, decide_findings
from supervision.services.load_pack import load_pack
from tests.mail_reading import all_text_of, body_of, parsed, raw_of
from tests.office import LATE, TALENT, Office, a_submission, at, ladder_rules, small_pack

RULES = [LATE, *ladder_rules()]
SAMPLE = TALENT / "sample" / "submissions.jsonl"
IDENTITY = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")
HOSTILE = "<script>alert('督')</script>{{ 7*7 }}{% raw %}<img src=x onerror=alert(1)>&amp;\"'"


def a_unit(code: str, name: str, **changes: Any) -> dict[str, Any]:
    host = f"{code.lower()}.example.org"
    return {
        "code": code,
        "name": name,
        "category": "部门",
        "principal": {"post": "局长", "email": f"principal@{host}"},
        "deputy": {"post": "副局长", "email": f"deputy@{host}"},
        "liaison": {"name": "联络员", "email": f"liaison@{host}"},
        **changes,
    }


def unit_of(mail: Message, names: dict[str, str]) -> str:
    """Return the code of the one unit a mail names."""
    named = [code for code, name in names.items() if name in mail.text]
    assert len(named) == 1, (mail.recipient, named)
    return named[0]


def test_two_units_with_one_liaison_get_a_mail_each_that_does_not_name_the_other(
    office: Office, tmp_path: Path
) -> None:
    shared = {"liaison": {"name": "联络员", "email": "shared@example.org"}}
    names = {"EDU": "区教育局", "CIV": "区民政局", "FIN": "区财政局"}
    units = [
        a_unit(code, name, **({} if code == "FIN" else shared)) for code, name in names.items()
    ]
    office.adopt(small_pack(tmp_path / "pack", RULES, units=units))
    office.evaluate("2022-06-30")
    numbers = [row.number for row in office.findings()]
    office.decide(Event.CONFIRM, *numbers, on="2022-06-30")
    office.decide(Event.NOTIFY, *numbers, on="2022-06-30")
    # per unit: digests for liaison, deputy and principal, and the finding handed to the liaison
    assert office.deliver("2022-06-30 17:30").sent == 12
    to_shared = [mail for mail in office.mails if mail.recipient == "shared@example.org"]
    assert sorted(unit_of(mail, names) for mail in to_shared) == ["CIV", "CIV", "EDU", "EDU"]
    for mail in office.mails:
        own = unit_of(mail, names)
        everything = all_text_of(raw_of(mail))
        for code, name in names.items():
            if code != own:
                assert name not in everything
                assert not re.search(rf"\b{code}\b", everything)
                assert f"@{code.lower()}." not in everything


@pytest.fixture(scope="module")
def talent_mails(tmp_path_factory: pytest.TempPathFactory) -> list[Message]:
    """All mails of the sample year's 15 July, every finding confirmed and handed over."""
    office = Office(f"sqlite:///{tmp_path_factory.mktemp('privacy') / 'supervision.db'}")
    office.adopt()
    office.submit(*map(json.loads, SAMPLE.read_text(encoding="utf-8").splitlines()))
    office.evaluate("2022-07-15 08:00")
    numbers = [row.number for row in office.findings()]
    detected = [row.number for row in office.findings() if row.state == "detected"]
    office.decide(Event.CONFIRM, *detected, on="2022-07-15 08:10")
    office.decide(Event.NOTIFY, *numbers, on="2022-07-15 08:20")
    office.deliver("2022-07-15 09:00")
    office.close()
    return office.mails


def test_no_mail_of_the_sample_year_names_a_unit_that_is_not_its_own(
    talent_mails: list[Message],
) -> None:
    units = load_pack(TALENT).units
    by_address = {}
    for unit in units:
        for holder in (unit.liaison, unit.deputy, unit.principal):
            if holder is not None and holder.email is not None:
                by_address[holder.email] = unit
    assert len(talent_mails) > 40
    leaked = []
    for mail in talent_mails:
        own = by_address[mail.recipient]
        # the sentences of the plan itself name units; everyone has them
        everything = all_text_of(raw_of(mail))
        for clause in load_pack_clauses():
            everything = everything.replace(clause, "")
        for unit in units:
            if unit.code != own.code and unit.name not in own.name:
                if unit.name in everything.replace(own.name, ""):
                    leaked.append((mail.recipient, unit.name))
                if re.search(rf"(?<![\w-]){unit.code}(?![\w-])", everything):
                    leaked.append((mail.recipient, unit.code))
    assert leaked == []


def load_pack_clauses() -> list[str]:
    return [clause.text for clause in load_pack(TALENT).plan.clauses]


def test_no_mail_carries_an_identity_number_or_a_line_of_a_roster(
    talent_mails: list[Message],
) -> None:
    rows = [
        row
        for line in SAMPLE.read_text(encoding="utf-8").splitlines()
        for row in json.loads(line).get("records", [])
    ]
    identities = {row["identity"] for row in rows if "identity" in row}
    assert len(identities) > 100
    roster = {
        value
        for row in rows
        if row["ledger"] in ("trainees", "recruits")
        for name, value in row.items()
        if name in ("village", "community", "enterprise", "class_no") and value
    }
    assert len(roster) > 20
    for mail in talent_mails:
        everything = all_text_of(raw_of(mail))
        assert not IDENTITY.search(everything)
        assert not [identity for identity in identities if identity in everything]
        assert not [value for value in roster if value in everything]


class Markup(HTMLParser):
    """Collects the elements and event attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}


def markup_of(html: str) -> Markup:
    page = Markup()
    page.feed(html)
    return page


def assert_harmless(mail: Message, text: str) -> None:
    """The text stands in the mail as text, word for word, and nowhere as markup."""
    page = markup_of(body_of(raw_of(mail), "html"))
    assert not page.elements & {"script", "img", "iframe", "object"}
    assert not [name for name in page.attributes if name.startswith("on")]
    assert " ".join(text.split()) in " ".join(body_of(raw_of(mail), "plain").split())
    assert "49" not in body_of(raw_of(mail), "plain").replace(text, "")


def test_a_unit_called_like_markup_is_shown_as_it_is_called(
    sqlite_office: Office, tmp_path: Path
) -> None:
    office = sqlite_office
    office.adopt(small_pack(tmp_path / "pack", RULES, units=[a_unit("EDU", HOSTILE)]))
    office.evaluate("2022-06-28 08:00")
    assert office.deliver("2022-06-28 09:00").sent == 2
    for mail in office.mails:
        assert_harmless(mail, HOSTILE)
        assert HOSTILE in mail.subject


def test_a_unit_name_with_a_line_break_is_refused_before_it_reaches_a_header(
    sqlite_office: Office, tmp_path: Path
) -> None:
    name = "区教育局\r\nBcc: everyone@example.org"
    pack = small_pack(tmp_path / "pack", RULES, units=[a_unit("EDU", name)])
    with pytest.raises(Faults, match=r"units\.yaml:5:12: a control character in a text"):
        sqlite_office.adopt(pack)


def test_what_a_unit_wrote_into_its_plan_stays_text_in_the_finding_it_leads_to(
    sqlite_office: Office,
) -> None:
    office = sqlite_office
    text = f"节点\r\nBcc: everyone@example.org\n{HOSTILE}"
    office.adopt()
    task = {
        "clause": "T07",
        "objective": None,
        "objectives": text,
        "measures": [text],
        "nodes": [{"name": text, "on": "2023-02-01"}],
    }
    plan = {"form": text, "signed_by": "局长", "signed_on": "2022-04-06", "tasks": [task]}
    office.submit(a_submission("REQ2-O1", "FIN", "2022", "2022-04-06 09:00", content=plan))
    office.evaluate("2022-05-06 08:00")
    finding = office.finding("REQ2-O5-node-late", "FIN")
    shown = " ".join(text.split())
    assert shown in " ".join(finding.message.split())
    office.decide(Event.CONFIRM, finding.number, on="2022-05-06 08:10")
    office.decide(Event.NOTIFY, finding.number, on="2022-05-06 08:20")
    office.deliver("2022-05-06 09:00")
    (mail,) = [each for each in office.mails if finding.number in each.text]
    assert_harmless(mail, text)
    assert parsed(raw_of(mail))["Bcc"] is None


def test_a_reason_written_by_a_person_is_no_template(sqlite_office: Office, tmp_path: Path) -> None:
    office = sqlite_office
    office.adopt(small_pack(tmp_path / "pack", RULES, units=[a_unit("EDU", "区教育局")]))
    office.evaluate("2022-06-28")
    number = office.finding("late").number
    decide_findings(
        office.app.database,
        [number],
        Decision(Event.CONFIRM, "{{ cycler.__init__ }}", HOSTILE),
        office.app.tools,
        at=at("2022-06-28"),
        now=office.clock(),
    )
    office.decide(Event.NOTIFY, number, reason=HOSTILE, on="2022-06-28 18:00")
    office.deliver("2022-06-29 09:00")
    for mail in office.mails:
        assert "<script" not in body_of(raw_of(mail), "html")
        assert "cycler" not in all_text_of(raw_of(mail))
