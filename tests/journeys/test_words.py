"""A finding that nobody has confirmed says what is so now; its words are made anew when they may
have changed, and only then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from supervision.domain.findings import Event
from supervision.services import verdicts
from supervision.services.found import Found
from tests.office import LATE, Office, a_submission, small_pack

FILED_LATE: dict[str, Any] = {
    "id": "filed-late",
    "title": "报告迟报",
    "requirement": "A1-R1",
    "on": "report",
    "when": "filed and not on_time",
    "severity": [{"level": "info"}],
    "message": "应于{{ due_on }}前报送，迟{{ days_late }}个工作日，共{{ versions }}版。",
}


def a_report(unit: str, when: str, text: str = "进展") -> dict[str, Any]:
    content = {"signed_by": "局长", "text": text}
    return a_submission("A1-R1", unit, "2022Q2", when, content=content)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The rules whose findings were put in words, one after the other."""
    found: list[str] = []
    original = verdicts.put_in_words

    def noted(rule: Any, *arguments: Any, **options: Any) -> Found:
        found.append(rule.rule.id)
        return original(rule, *arguments, **options)

    monkeypatch.setattr(verdicts, "put_in_words", noted)
    return found


def test_a_new_due_date_and_a_new_version_are_in_the_words_though_the_rule_asks_for_neither(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(small_pack(tmp_path / "pack", [FILED_LATE]))
    office.submit(a_report("EDU", "2022-07-05 10:00"))
    office.evaluate("2022-07-06")
    assert "2022年6月27日" in office.finding("filed-late").message
    office.extend("A1-R1/EDU/2022Q2", "2022-07-01", on="2022-07-06 17:45", late_request=True)
    office.evaluate("2022-07-06 18:00")
    assert "2022年7月1日" in office.finding("filed-late").message
    office.submit(a_report("EDU", "2022-07-06 18:30", "更正"))
    office.evaluate("2022-07-06 19:00")
    assert "共2版" in office.finding("filed-late").message


def test_nothing_new_on_the_same_day_words_nothing_and_the_next_day_words_all(
    sqlite_office: Office, tmp_path: Path, told: list[str]
) -> None:
    sqlite_office.adopt(small_pack(tmp_path / "pack", [LATE]))
    sqlite_office.evaluate("2022-06-28 09:00")
    assert told == ["late"] * 3
    sqlite_office.evaluate("2022-06-28 11:00")
    assert told == ["late"] * 3
    sqlite_office.evaluate("2022-06-29 09:00")
    assert told == ["late"] * 6
    assert {"逾期2个工作日" in row.message for row in sqlite_office.findings()} == {True}


def test_a_confirmed_finding_is_not_worded_again(
    sqlite_office: Office, tmp_path: Path, told: list[str]
) -> None:
    sqlite_office.adopt(small_pack(tmp_path / "pack", [LATE]))
    sqlite_office.evaluate("2022-06-28 09:00")
    numbers = [row.number for row in sqlite_office.findings()]
    sqlite_office.decide(Event.CONFIRM, *numbers, on="2022-06-28 10:00")
    sqlite_office.evaluate("2022-06-30 09:00")
    assert told == ["late"] * 3
    assert {"逾期1个工作日" in row.message for row in sqlite_office.findings()} == {True}
