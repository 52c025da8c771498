"""From a report that was not filed to a finding and a mail, on both databases."""

from pathlib import Path

from tests.office import LATE, Office, a_submission, ladder_rules, small_pack


def test_a_report_that_is_not_filed_becomes_a_finding_and_a_mail(
    office: Office, tmp_path: Path
) -> None:
    office.adopt(small_pack(tmp_path / "pack", [LATE, *ladder_rules()]))
    office.submit(a_submission("A1-R1", "EDU", "2022Q2", "2022-06-27 17:30"))
    run = office.evaluate("2022-06-30")
    assert run.counts["opened"] == 2
    assert {row.unit for row in office.findings()} == {"CIV", "FIN"}
    assert office.finding("late", "CIV").message == (
        "区民政局应于2022年6月27日前报送，截至2022年6月30日未报送（逾期3个工作日）。"
        "依据：《小区2022年工作安排》一.1（督查部门设定）。"
    )
    assert office.deliver("2022-06-30 17:30").sent == 6
    assert {mail.recipient for mail in office.mails} >= {"liaison@civ.example.org"}
    again = office.evaluate("2022-06-30")
    assert (again.counts["opened"], again.counts["kept"], again.counts["notices"]) == (0, 2, 0)
    assert office.deliver("2022-06-30 17:30").sent == 0
    assert office.journal_break() is None
