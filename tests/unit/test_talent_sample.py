"""The sample year of filings: made the same each time, fit for the pack, flawed as meant."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from supervision.domain.ledgers import FieldType, LedgerField
from supervision.domain.pack import Pack
from supervision.domain.periods import Every, period_containing
from supervision.domain.plan import RequirementKind
from supervision.domain.units import Role
from supervision.services.load_pack import load_pack

FOLDER = Path(__file__).parents[2] / "rules" / "packs" / "talent-2022"


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack(FOLDER)


@pytest.fixture(scope="module")
def filings() -> list[dict[str, Any]]:
    lines = (FOLDER / "sample" / "submissions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def generated(target: Path) -> bytes:
    script = FOLDER / "sample" / "generate.py"
    subprocess.run([sys.executable, "-B", str(script), str(target)], check=True)
    return target.read_bytes()


def test_the_sample_is_what_its_generator_writes_every_time(tmp_path: Path) -> None:
    committed = (FOLDER / "sample" / "submissions.jsonl").read_bytes()
    assert generated(tmp_path / "a") == generated(tmp_path / "b") == committed
    assert len(committed) < 1_500_000


def moment(filing: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(filing["submitted_at"])


def test_filings_stand_in_the_order_they_came_in_district_time(
    filings: list[dict[str, Any]],
) -> None:
    moments = [moment(filing) for filing in filings]
    assert moments == sorted(moments)
    assert all(each.utcoffset() == timedelta(hours=8) for each in moments)
    assert {(f["unit"], f["requirement"], f["period"], f["submitted_at"]) for f in filings}


def test_each_filing_is_for_something_its_unit_files(
    pack: Pack, filings: list[dict[str, Any]]
) -> None:
    for filing in filings:
        unit, requirement = pack.unit(filing["unit"]), pack.requirement(filing["requirement"])
        assert requirement.due is not None, "a companion is filed with another"
        every = requirement.every or Every.YEAR
        days = requirement.due.days or (date(2022, 4, 18),)
        assert filing["period"] in {str(period_containing(day, every)) for day in days}
        owed_by = requirement.owed_by
        roles = {
            each.role: each for each in pack.assigned(requirement.clause) if each.unit == unit.code
        }
        assert (
            unit.category in owed_by.category
            or (owed_by.lead and Role.LEAD in roles)
            or (owed_by.co and Role.CO in roles and roles[Role.CO].quota)
        ), f"{unit.code} does not owe {requirement.id}"


def fits(field: LedgerField, value: object) -> bool:
    if field.type is FieldType.DATE:
        return isinstance(value, str) and date.fromisoformat(value).year in {2021, 2022}
    if field.type is FieldType.CHOICE:
        return value in field.choices
    if field.type is FieldType.IDENTITY:
        return isinstance(value, str) and re.fullmatch(r"TEST-\d{6}", value) is not None
    kinds: dict[FieldType, type | tuple[type, ...]] = {
        FieldType.TEXT: str,
        FieldType.INTEGER: int,
        FieldType.NUMBER: (int, float),
        FieldType.BOOLEAN: bool,
    }
    return isinstance(value, kinds[field.type])


def test_each_row_fits_its_ledger(pack: Pack, filings: list[dict[str, Any]]) -> None:
    for filing in filings:
        for row in filing["records"]:
            fields = pack.ledgers[row["ledger"]].fields
            values = {name: value for name, value in row.items() if name != "ledger"}
            assert set(values) <= set(fields)
            assert all(fits(fields[name], value) for name, value in values.items()), row
            assert all(name in values for name, field in fields.items() if field.required), row


def test_no_row_is_dated_after_it_was_filed(pack: Pack, filings: list[dict[str, Any]]) -> None:
    for filing in filings:
        for row in filing["records"]:
            dated_by = pack.ledgers[row["ledger"]].dated_by
            assert dated_by is not None
            if row.get("status") not in {"计划", "拟聘"}:
                assert date.fromisoformat(row[dated_by]) <= moment(filing).date(), row


def test_plans_and_reports_name_known_clauses_and_posts(
    pack: Pack, filings: list[dict[str, Any]]
) -> None:
    for filing in filings:
        content = filing["content"]
        unit = pack.unit(filing["unit"])
        assert unit.principal is not None and unit.deputy is not None
        signed_by = content.get("signed_by")
        assert signed_by in {None, unit.principal.post, unit.deputy.post}
        assigned = {each.clause for each in pack.assignments if each.unit == unit.code}
        assert {task["clause"] for task in content.get("tasks", [])} <= assigned
        claimed = {pack.requirement(name).kind for name in content.get("claims", {})}
        assert claimed <= {RequirementKind.TARGET}


def first_filed(
    filings: list[dict[str, Any]], requirement: str, period: str
) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for filing in filings:
        if (filing["requirement"], filing["period"]) == (requirement, period):
            found.setdefault(filing["unit"], moment(filing))
    return found


def test_most_plans_come_in_time_few_late_two_in_may_one_never(
    pack: Pack, filings: list[dict[str, Any]]
) -> None:
    filed = first_filed(filings, "REQ2-O1", "2022")
    cutoff = datetime.fromisoformat("2022-04-18T17:30:00+08:00")
    late = {unit: at.strftime("%m-%d") for unit, at in filed.items() if at > cutoff}
    assert late == {
        "DRC": "04-19",
        "TWN-NG": "04-21",
        "SUB-HB": "04-24",
        "MIB": "05-09",
        "TWN-BL": "05-18",
    }
    assert {unit.code for unit in pack.units} - set(filed) == {"SUB-GY"}


def test_second_quarter_reports_have_one_a_minute_late_and_six_missing_in_mid_july(
    pack: Pack, filings: list[dict[str, Any]]
) -> None:
    filed = first_filed(filings, "GEN-R1", "2022Q2")
    cutoff = datetime.fromisoformat("2022-06-27T17:30:00+08:00")
    now = datetime.fromisoformat("2022-07-15T17:30:00+08:00")
    assert filed["TWN-DH"] == cutoff + timedelta(minutes=1)
    assert {u for u, at in filed.items() if cutoff < at <= now} == {
        "TWN-DH",
        "STA",
        "FNO",
        "PS",
        "TWN-NG",
        "SUB-HB",
    }
    missing = {unit.code for unit in pack.units} - {u for u, at in filed.items() if at <= now}
    assert missing == {"MIB", "SAM", "SUB-GY", "TWN-BL", "SUB-ZQ", "FIC"}


def latest(
    filings: list[dict[str, Any]], unit: str, requirement: str, *, until: str
) -> dict[str, Any]:
    return [
        filing
        for filing in filings
        if (filing["unit"], filing["requirement"]) == (unit, requirement)
        and filing["submitted_at"] <= until
    ][-1]


def test_the_roster_of_managers_has_two_hundred_lines_and_fewer_people(
    filings: list[dict[str, Any]],
) -> None:
    def people(rows: list[dict[str, Any]]) -> int:
        return len({row["identity"] for row in rows if row.get("enterprise")})

    july = latest(filings, "IIT", "T09-O1", until="2022-07-15T17:30")
    assert (len(july["records"]), people(july["records"])) == (215, 162)
    assert july["content"]["claimed"] == 221
    year = latest(filings, "IIT", "T09-O1", until="2022-12-31T17:30")
    assert (people(year["records"]), year["content"]["claimed"]) == (206, 206)


def test_recruits_end_inside_the_band_as_claimed(filings: list[dict[str, Any]]) -> None:
    rows = latest(filings, "CIV", "T12-O2", until="2022-12-31T17:30")["records"]
    counted = [row for row in rows if row["status"] == "到岗" and row["degree"] != "大专"]
    assert len({row["identity"] for row in counted}) == 94
    assert sum("community" not in row for row in counted) == 3


def test_every_trainee_of_clause_11_has_a_tier_only_in_december(
    filings: list[dict[str, Any]],
) -> None:
    november = latest(filings, "ARA", "T11-O1", until="2022-12-01T17:30")["records"]
    december = latest(filings, "ARA", "T11-O1", until="2022-12-31T17:30")["records"]
    assert [sum("tier" not in row for row in rows) for rows in (november, december)] == [5, 0]
    assert len({row["identity"] for row in december}) == 304
    assert len({row["tier"] for row in december}) == 3


def test_the_flawed_plans_are_flawed_as_meant(pack: Pack, filings: list[dict[str, Any]]) -> None:
    def plan(unit: str) -> dict[str, Any]:
        content: dict[str, Any] = latest(filings, unit, "REQ2-O1", until="2022-07-15T17:30")[
            "content"
        ]
        return content

    assert not plan("FNO")["personnel"]
    assert plan("SAM")["signed_by"] is None
    for unit in pack.units:
        if unit.code == "SUB-GY":
            continue
        covered = {task["clause"] for task in plan(unit.code)["tasks"]}
        assigned = {each.clause for each in pack.assignments if each.unit == unit.code}
        assert assigned - covered == ({"T10"} if unit.code == "IIT" else set())
    nodes = [node["on"] for task in plan("HRSS")["tasks"] for node in task["nodes"]]
    assert [node for node in nodes if node > "2022-11-30"] == ["2022-12-15"]
    whole = [unit.code for unit in pack.units if unit.code not in {"FNO", "SUB-GY"}]
    for code in whole:
        assert all(plan(code)[element] for element in ("personnel", "attention", "safeguards"))


def test_one_report_of_the_third_quarter_repeats_the_second(
    filings: list[dict[str, Any]],
) -> None:
    def said(period: str) -> tuple[str, str]:
        found = [f for f in filings if (f["unit"], f["period"]) == ("TU", period)]
        return found[-1]["content"]["text"], json.dumps(found[-1]["content"]["tasks"])

    assert said("2022Q3") == said("2022Q2")
