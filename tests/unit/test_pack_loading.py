"""A pack's folder becomes plan, units, assignments and ledgers, or every fault of every file."""

from __future__ import annotations

import shutil
import time as clock
from datetime import date, time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.loading import Faults, read_yaml
from supervision.domain.plan import Basis, Every, Plan, RequirementKind
from supervision.domain.units import Officer, Role, Unit, find_unit
from supervision.services.load_pack import load_pack

FIXTURES = Path(__file__).parents[1] / "fixtures"
MINIMAL = FIXTURES / "minimal-pack"
BAD = sorted((FIXTURES / "bad-packs").glob("*.yaml"))


@pytest.fixture
def pack_folder(tmp_path: Path) -> Path:
    """A copy of the minimal pack, to be spoilt."""
    return shutil.copytree(MINIMAL, tmp_path / "pack")


def change(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} must stand once in {file}"
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")


def faults_of(folder: Path) -> list[str]:
    with pytest.raises(Faults) as caught:
        load_pack(folder)
    return [str(fault).replace(f"{folder}/", "") for fault in caught.value.faults]


def test_the_minimal_pack_loads_with_defaults() -> None:
    pack = load_pack(MINIMAL)
    plan = pack.plan
    assert (plan.plan, plan.year, plan.issued_on) == ("roads-2022", 2022, date(2022, 3, 1))
    assert plan.cutoff == time(17, 30)
    assert (plan.calendar.name, plan.calendar.years) == ("china", ())
    assert [clause.kind for clause in plan.clauses] == ["task", "task", "task", "goal"]
    report = pack.requirement("A1-R1")
    assert (report.kind, report.every) == (RequirementKind.REPORT, Every.QUARTER)
    assert report.due is not None
    assert report.due.days == (date(2022, 6, 25), date(2022, 9, 25))
    assert (report.owed_by.category, report.owed_by.units) == (("局",), ("TWN-E",))
    assert report.due_basis is Basis.CONFIGURED
    assert pack.skipped == ()


def test_short_forms_mean_what_the_long_ones_say() -> None:
    pack = load_pack(MINIMAL)
    assert pack.requirement("A1-O1").owed_by.all
    assert pack.requirement("A1-T1").owed_by.lead
    assert pack.requirement("A1-O2").filed_with == ("A1-O1",)
    road = pack.unit("ROAD")
    assert road.principal == Officer(post="局长")
    assert road.deputy == Officer(post="副局长", email="deputy@example.org")


def test_a_unit_without_any_contact_is_a_unit() -> None:
    pack = load_pack(MINIMAL)
    assert pack.unit("TWN-W").liaison is None
    liaison = pack.unit("TWN-E").liaison
    assert liaison is not None and liaison.email is None


def test_quotas_and_targets_are_exact_numbers() -> None:
    pack = load_pack(MINIMAL)
    assert [each.quota for each in pack.assigned("A2")] == [None, Decimal(20), Decimal(10)]
    assert [each.role for each in pack.assigned("A2")] == [Role.LEAD, Role.CO, Role.CO]
    target = pack.requirement("A1-T1").target
    assert target is not None and target.amount == target.about == Decimal(100)


def test_a_parameter_has_the_value_of_its_day() -> None:
    plan = load_pack(MINIMAL).plan
    assert plan.param("about_tolerance", on=date(2022, 6, 30)).value == Decimal("0.1")
    assert plan.param("about_tolerance", on=date(2022, 7, 1)).value == Decimal("0.05")
    assert plan.param("about_tolerance", on=date(2022, 12, 31)).reference == "督查办公室设定（二）"
    with pytest.raises(LookupError, match="about_tolerance' has no value on 2021-12-31"):
        plan.param("about_tolerance", on=date(2021, 12, 31))
    with pytest.raises(KeyError):
        plan.param("batch_min", on=date(2022, 7, 1))


def test_a_plan_survives_being_stored_as_json() -> None:
    plan = load_pack(MINIMAL).plan
    assert Plan.model_validate_json(plan.model_dump_json(by_alias=True)) == plan


def test_a_task_that_nobody_leads_is_skipped_and_said_so(pack_folder: Path) -> None:
    change(pack_folder, "assignments.yaml", "  - {clause: A1, unit: ROAD, role: lead}\n", "")
    (skipped,) = load_pack(pack_folder).skipped
    assert (skipped.requirement, skipped.clause) == ("A1-T1", "A1")
    assert skipped.reason == "no lead unit assigned"


@pytest.mark.parametrize("fixture", BAD, ids=lambda path: path.stem)
def test_a_bad_pack_is_refused_with_its_fault(fixture: Path, pack_folder: Path) -> None:
    bad = read_yaml(fixture)
    file = bad.text("file")
    assert file is not None
    if (whole := bad.text("whole")) is not None:
        (pack_folder / file).write_text(whole, encoding="utf-8")
    else:
        change(pack_folder, file, bad.text("find") or "", bad.text("put") or "")
    assert faults_of(pack_folder) == bad.child("expected").value


def test_there_are_bad_packs_to_refuse() -> None:
    assert len(BAD) > 60


def test_every_fault_of_every_file_is_reported_at_once(pack_folder: Path) -> None:
    change(pack_folder, "plan.yaml", "kind: report", "kind: raport")
    change(pack_folder, "plan.yaml", "dates: [2022-06-25,", "dates: [06-25,")
    change(pack_folder, "plan.yaml", "tier: class", "tier: clas")
    change(pack_folder, "units.yaml", "road@example.org", "road")
    change(pack_folder, "units.yaml", "name: 西乡,", "name: 西乡, aliases: [公路局],")
    change(pack_folder, "assignments.yaml", "unit: TWN-W", "unit: TWN-M")
    change(pack_folder, "assignments.yaml", "clause: A1", "clause: A9")
    change(pack_folder, "ledgers.yaml", "{type: number}", "{type: numeric}")
    change(
        pack_folder, "ledgers.yaml", "{type: text, required: true}", "{type: text, needed: true}"
    )
    assert [fault.split(" ")[0] for fault in faults_of(pack_folder)] == [
        "assignments.yaml:2:14:",
        "assignments.yaml:5:24:",
        "ledgers.yaml:7:29:",
        "ledgers.yaml:9:22:",
        "plan.yaml:22:46:",
        "plan.yaml:23:78:",
        "plan.yaml:25:69:",
        "units.yaml:8:33:",
        "units.yaml:10:39:",
    ]


def test_a_slip_in_one_part_does_not_make_its_name_unknown(pack_folder: Path) -> None:
    change(pack_folder, "plan.yaml", "{id: A1, path: 一.1, ", "{id: A1, ")
    change(pack_folder, "units.yaml", "category: 局", "category: 5")
    change(pack_folder, "plan.yaml", "category: [局], units", "units")
    assert faults_of(pack_folder) == [
        "plan.yaml:13:5: missing key 'path'",
        "units.yaml:5:15: category: expected text, found the number 5; put it in quotes",
    ]


def test_each_missing_file_is_one_fault(pack_folder: Path) -> None:
    for name in ("plan", "units", "assignments", "ledgers"):
        (pack_folder / f"{name}.yaml").unlink()
    assert faults_of(pack_folder) == [
        f"{name}.yaml:1:1: there is no such file"
        for name in ("assignments", "ledgers", "plan", "units")
    ]


def test_an_unreadable_file_does_not_hide_faults_of_the_others(pack_folder: Path) -> None:
    (pack_folder / "units.yaml").write_bytes("units: 乡".encode("gb18030"))
    change(pack_folder, "ledgers.yaml", "{type: number}", "{type: numeric}")
    first, second = faults_of(pack_folder)
    assert first.startswith("ledgers.yaml:9:22: type: expected one of")
    assert second.startswith("units.yaml:1:8: not UTF-8 text")


def test_a_path_that_is_no_folder_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(Faults, match="is not a folder; a pack is a folder of YAML files"):
        load_pack(tmp_path / "nowhere")


def test_a_file_whose_name_would_be_overlooked_is_a_fault(pack_folder: Path) -> None:
    (pack_folder / "rules").mkdir()
    (pack_folder / "rules" / "reports.yml").write_text("rules: []\n")
    assert faults_of(pack_folder) == ["rules/reports.yml:1:1: is not read; name it .yaml"]


def test_the_revision_follows_every_yaml_file_and_nothing_else(pack_folder: Path) -> None:
    seen = {load_pack(pack_folder).revision}
    for folder in ("rules", "cases", "rules/more"):
        (pack_folder / folder).mkdir()
        (pack_folder / folder / "a.yaml").write_text("rules: []\n")
        seen.add(load_pack(pack_folder).revision)
    change(pack_folder, "units.yaml", "西乡", "南乡")
    seen.add(load_pack(pack_folder).revision)
    (pack_folder / "rules" / "a.yaml").rename(pack_folder / "rules" / "b.yaml")
    last = load_pack(pack_folder).revision
    assert len(seen | {last}) == 6
    (pack_folder / "README.md").write_text("no part of the pack's meaning")
    (pack_folder / "sample").mkdir()
    (pack_folder / "sample" / "a.yaml").write_text("x: 1\n")
    assert load_pack(pack_folder).revision == last


def test_due_dates_of_the_next_year_need_a_calendar_that_names_it(pack_folder: Path) -> None:
    change(pack_folder, "plan.yaml", "2022-06-25, 2022-09-25", "2022-06-25, 2023-01-10")
    assert "due date 2023-01-10 lies in 2023, the calendar covers 2022" in faults_of(pack_folder)[0]
    change(pack_folder, "plan.yaml", "china", "{name: china, years: [2022, 2023], source: 某文}")
    assert load_pack(pack_folder).plan.calendar.years == (2022, 2023)


def test_three_thousand_units_load_in_seconds(pack_folder: Path) -> None:
    units = "".join(f"  - {{code: U{n}, name: 第{n}乡, category: 乡}}\n" for n in range(3000))
    with (pack_folder / "units.yaml").open("a", encoding="utf-8") as stream:
        stream.write(units)
    started = clock.perf_counter()
    assert len(load_pack(pack_folder).units) == 3003
    assert clock.perf_counter() - started < 10


def a_unit(code: str, name: str, *aliases: str) -> Unit:
    return Unit(code=code, name=name, aliases=aliases, category="局")


UNITS = (a_unit("HRSS", "区人力资源和社会保障局", "区人社局"), a_unit("FIN", "区财政局"))


@pytest.mark.parametrize(
    "text",
    [
        "HRSS",
        "hrss",
        "ＨＲＳＳ",
        "区人社局",
        " 区人社局 ",
        "区 人社　局",
        "区人力资源和社会保障局\n",
    ],
)
def test_a_unit_is_found_by_code_name_or_alias(text: str) -> None:
    assert find_unit(UNITS, text) is UNITS[0]


@pytest.mark.parametrize("text", ["", " ", "人社局", "区人社", "HRSS2"])
def test_half_a_name_finds_no_unit(text: str) -> None:
    assert find_unit(UNITS, text) is None


@given(
    name=st.sampled_from(["HRSS", "区人力资源和社会保障局", "区人社局"]),
    spaces=st.lists(st.sampled_from([" ", "\t", "\u3000", "\u00a0", ""]), min_size=12, max_size=12),
    wide=st.booleans(),
)
def test_spaces_and_full_width_forms_never_change_who_is_meant(
    name: str, spaces: list[str], *, wide: bool
) -> None:
    if wide:
        name = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in name)
    spelt = "".join(space + letter for space, letter in zip(spaces, name, strict=False))
    assert find_unit(UNITS, spelt) is UNITS[0]
