"""`supervision plan coverage`: nothing of the plan is taken for checked that no rule checks."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner

from rules.nodes import Faults
from supervision.cli.main import app
from supervision.errors import NotFound
from supervision.services.coverage_database import evaluated_at
from supervision.services.coverage_models import LinePart, PlanCoverage, State
from supervision.services.plan_coverage import coverage_of_adopted, coverage_of_pack
from tests.office import LATE, SMALL, TALENT, Office, ladder_rules, small_pack

Pack = Callable[..., Path]


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """Writes a small pack; `requirements` are put beside its own, `cases` into cases/."""

    def write(
        *rules: dict[str, Any],
        requirements: list[dict[str, Any]] | None = None,
        cases: list[dict[str, Any]] | None = None,
        **changes: Any,
    ) -> Path:
        plan = deepcopy(SMALL["plan"])
        plan["requirements"] += requirements or []
        plan |= changes.pop("plan", {})
        folder = small_pack(tmp_path / "工作 安排", list(rules), plan=plan, **changes)
        if cases:
            (folder / "cases").mkdir(exist_ok=True)
            text = json.dumps({"cases": cases}, ensure_ascii=False)
            (folder / "cases" / "cases.yaml").write_text(text, encoding="utf-8")
        return folder

    return write


def line(found: PlanCoverage, requirement: str) -> LinePart:
    (only,) = [each for each in found.lines if each.requirement == requirement]
    return only


def gaps(part: LinePart) -> list[str]:
    return [gap.text for gap in part.gaps]


def a_case(name: str, verdict: str, rule: str = "late", **fact: Any) -> dict[str, Any]:
    return {
        "name": name,
        "as_of": "2022-07-04",
        "unit": "EDU",
        "facts": [{"on": "report", "requirement": "A1-R1", "period": "2022Q2", **fact}],
        "expect": {rule: verdict},
    }


BOTH = [
    a_case("未报", "violated", filed=False, days_overdue=5, due_on="2022-06-27"),
    a_case("已报", "satisfied", filed=True, days_overdue=0),
]
A_TARGET: dict[str, Any] = {
    "id": "A1-M1",
    "clause": "A1",
    "title": "建成场馆",
    "kind": "milestone",
    "basis": "explicit",
    "owed_by": "all",
    "due": {"date": "2022-11-30"},
}
DONE: dict[str, Any] = {
    **LATE,
    "id": "not-done",
    "requirement": "A1-M1",
    "on": "milestone",
    "when": "not done",
    "severity": [{"level": "major"}],
    "message": "{{ unit.name }}未完成。",
}


# --- The shipped pack ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def talent() -> PlanCoverage:
    return coverage_of_pack(TALENT)


def test_every_clause_and_requirement_of_the_plan_is_there_once(talent: PlanCoverage) -> None:
    assert len({each.clause for each in talent.lines}) == 23
    named = [each.requirement for each in talent.lines if each.requirement]
    assert len(named) == len(set(named)) == 23
    assert not talent.failed
    assert sum(talent.counts.values()) == len(talent.lines)


def test_the_goal_is_tags_only_and_a_clause_without_rules_is_named(talent: PlanCoverage) -> None:
    by_clause = {each.clause: each for each in talent.lines}
    assert (by_clause["GOAL"].state, by_clause["GOAL"].gaps) == (State.TAG, [])
    (gap,) = by_clause["T01"].gaps
    assert gap.text.startswith("本条款没有任何规则检查") and not gap.hard


def test_a_requirement_is_checked_by_its_rules_and_by_generic_ones_of_its_kind(
    talent: PlanCoverage,
) -> None:
    own = line(talent, "T09-O1")
    assert {rule.id for rule in own.rules} == {
        *("T09-O1-short", "T09-O1-unreported", "T09-O1-claimed"),
        *("GEN-outside-year", "GEN-spans-year-end"),
    }
    assert {rule.id for rule in own.rules if rule.generic} == {
        "GEN-outside-year",
        "GEN-spans-year-end",
    }
    assert len(own.reminders) == 6 and all(name.startswith("remind-") for name in own.reminders)


def test_a_companion_is_not_taken_for_checked_by_generic_rules(talent: PlanCoverage) -> None:
    assert {rule.id for rule in line(talent, "T11-O2").rules} == {
        "T11-O2-one-tier",
        "T11-O2-untiered",
    }
    # a join over reports that is written for one requirement covers no other
    assert {rule.id for rule in line(talent, "GEN-R4").rules} == {
        "GEN-R4-claims",
        "GEN-R4-fell",
    }


def test_units_without_a_contact_are_named(talent: PlanCoverage) -> None:
    units = line(talent, "REQ2-O1").units
    assert units is not None
    assert (units.units, units.with_contact, units.without_contact) == (30, 29, ["工业路办事处"])
    assert "单位工业路办事处没有联系人" in gaps(line(talent, "REQ2-O1"))


def test_rules_over_findings_stand_by_themselves(talent: PlanCoverage) -> None:
    assert [rule.id for rule in talent.derived_rules] == ["GEN-systemic"]


# --- Gaps ----------------------------------------------------------------------------------------


def test_a_plan_with_rule_cases_and_contacts_is_covered(pack: Pack) -> None:
    found = coverage_of_pack(pack(LATE, *ladder_rules(), cases=BOTH))
    only = line(found, "A1-R1")
    assert (only.state, only.gaps) == (State.CHECKED, [])
    (rule,) = only.rules
    assert (rule.positive_cases, rule.negative_cases) == (1, 1)
    assert len(only.reminders) == 5


def test_reminders_alone_check_nothing(pack: Pack) -> None:
    found = coverage_of_pack(pack(*ladder_rules()))
    (gap,) = line(found, "A1-R1").gaps
    assert (gap.text, gap.hard) == ("要求事项没有已发布规则", True)
    assert found.failed and line(found, "A1-R1").state is State.GAP


def test_a_draft_is_no_check_and_is_said_to_be_there(pack: Pack) -> None:
    found = coverage_of_pack(pack({**LATE, "status": "draft"}, *ladder_rules()))
    assert gaps(line(found, "A1-R1")) == ["要求事项没有已发布规则（只有草稿）"]
    assert found.failed


@pytest.mark.parametrize(
    ("decided_by", "state", "failed"),
    [("machine", State.GAP, True), ("assisted", State.HINT, False), ("human", State.HUMAN, False)],
)
def test_who_decides_says_how_grave_a_missing_rule_is(
    pack: Pack, decided_by: str, state: State, failed: bool
) -> None:
    found = coverage_of_pack(
        pack(LATE, cases=BOTH, requirements=[{**A_TARGET, "decided_by": decided_by}])
    )
    assert (line(found, "A1-M1").state, found.failed) == (state, failed)


def test_a_qualitative_requirement_is_for_people(pack: Pack) -> None:
    wish = {**A_TARGET, "id": "A1-Q1", "kind": "qualitative", "decided_by": "human"}
    found = coverage_of_pack(pack(LATE, cases=BOTH, requirements=[wish]))
    only = line(found, "A1-Q1")
    assert (only.state, only.gaps, only.units) == (State.HUMAN, [], None)


def test_a_rule_of_another_requirement_or_kind_covers_nothing(pack: Pack) -> None:
    elsewhere = {**LATE, "id": "other", "when": "requirement = 'A1-R1' and not filed"}
    del elsewhere["requirement"]
    second = {**SMALL["plan"]["requirements"][0], "id": "A1-R2", "title": "另一报告"}
    found = coverage_of_pack(pack(elsewhere, requirements=[second]))
    assert [rule.id for rule in line(found, "A1-R1").rules] == ["other"]
    assert line(found, "A1-R2").rules == []
    assert found.failed


def test_only_a_generic_rule_is_a_hint(pack: Pack) -> None:
    generic = {key: value for key, value in LATE.items() if key != "requirement"}
    found = coverage_of_pack(pack(generic, cases=BOTH))
    assert gaps(line(found, "A1-R1")) == ["只有通用规则检查，没有针对本事项的规则"]
    assert not found.failed


def test_a_join_that_only_compares_requirements_names_none(pack: Pack) -> None:
    generic = {key: value for key, value in LATE.items() if key != "requirement"}
    joined = {
        **generic,
        "id": "joined",
        "match": {
            "first": {"on": "report", "when": "not filed"},
            "second": {"on": "report", "when": "not filed and requirement = first.requirement"},
        },
        "severity": [{"level": "major"}],
        "message": "{{ unit.name }}未报。",
    }
    del joined["on"], joined["when"]
    (rule,) = line(coverage_of_pack(pack(joined)), "A1-R1").rules
    assert rule.generic


def test_units_that_every_rule_leaves_out_are_named(pack: Pack) -> None:
    found = coverage_of_pack(pack({**LATE, "scope": "unit <> 'CIV'"}, cases=BOTH))
    assert gaps(line(found, "A1-R1")) == ["部分责任单位没有规则检查：区民政局"]
    everyone = coverage_of_pack(pack({**LATE, "scope": "unit_category = '乡'"}))
    assert everyone.failed


def test_a_scope_by_parameter_is_judged_by_its_value(pack: Pack) -> None:
    params = {"rank": [{"from": "2022-01-01", "value": "乡", "reference": "设定"}]}
    scoped = {**LATE, "scope": "unit_category = params.rank"}
    assert coverage_of_pack(pack(scoped, plan={"params": params})).failed
    params["rank"][0]["value"] = "部门"
    assert not coverage_of_pack(pack(scoped, plan={"params": params})).failed


@pytest.mark.parametrize(("kept", "lacking"), [(0, "反例"), (1, "正例")])
def test_a_rule_without_one_sort_of_case_is_named(pack: Pack, kept: int, lacking: str) -> None:
    found = coverage_of_pack(pack(LATE, cases=[BOTH[kept]]))
    assert gaps(line(found, "A1-R1")) == [f"规则没有{lacking}：late"]


def test_nobody_owing_is_a_gap(pack: Pack) -> None:
    led = {**A_TARGET, "owed_by": "lead"}
    found = coverage_of_pack(pack(LATE, DONE, cases=BOTH, requirements=[led]))
    assert "没有责任单位（条款未配置牵头单位）" in gaps(line(found, "A1-M1"))
    assert not found.failed


# --- The last evaluation -------------------------------------------------------------------------


def test_the_adopted_plan_says_what_its_last_run_found(office: Office, pack: Pack) -> None:
    office.adopt(pack(LATE, cases=BOTH))

    def adopted() -> PlanCoverage:
        with office.app.database.reading() as session:
            return coverage_of_adopted(session, None, "database")

    before = adopted()
    assert before.database == "never evaluated"
    assert gaps(line(before, "A1-R1")) == ["从未评估"]
    office.evaluate("2022-07-04")
    after = adopted()
    verdicts = line(after, "A1-R1").verdicts
    assert verdicts is not None
    assert (verdicts.applicable, verdicts.violated, verdicts.satisfied) == (6, 3, 3)
    assert after.last_run is not None and after.last_run.same_rules
    assert line(after, "A1-R1").state is State.CHECKED
    (rule,) = line(after, "A1-R1").rules
    assert rule.positive_cases is None  # cases stay with the pack


def test_a_folder_is_compared_with_the_database_if_there_is_one(
    sqlite_office: Office, pack: Pack, tmp_path: Path
) -> None:
    folder = pack(LATE, cases=BOTH)
    url = str(sqlite_office.app.settings.database_url)
    missing = f"sqlite:///{tmp_path / 'missing.db'}"
    assert coverage_of_pack(folder, lambda code: evaluated_at(missing, code)).database == "none"
    assert not (tmp_path / "missing.db").exists()
    sqlite_office.adopt(TALENT)
    assert coverage_of_pack(folder, lambda code: evaluated_at(url, code)).database == "no such plan"
    (tmp_path / "broken.db").write_text("x" * 4096)
    broken = f"sqlite:///{tmp_path / 'broken.db'}"
    assert coverage_of_pack(folder, lambda code: evaluated_at(broken, code)).database == "unusable"


def test_another_ruleset_of_the_last_run_is_said(sqlite_office: Office, pack: Pack) -> None:
    sqlite_office.adopt(pack(LATE, cases=BOTH))
    sqlite_office.evaluate("2022-07-04")
    url = str(sqlite_office.app.settings.database_url)
    folder = pack({**LATE, "title": "改了标题"}, cases=BOTH)
    found = coverage_of_pack(folder, lambda code: evaluated_at(url, code))
    assert found.last_run is not None and not found.last_run.same_rules


# --- Command line --------------------------------------------------------------------------------


def run(*words: str, url: str = "sqlite:///nowhere/none.db") -> Any:
    return CliRunner().invoke(
        app, ["plan", "coverage", *words], env={"SUPERVISION_DATABASE_URL": url}
    )


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_soft_gaps_end_well_and_hard_ones_with_1(pack: Pack, in_folder: Path) -> None:
    good = run(str(pack(LATE)))
    assert good.exit_code == 0, good.exception
    assert "规则没有正例和反例：late" in good.output
    bad = run(str(pack(*ladder_rules())))
    assert bad.exit_code == 1
    assert "由机器判定而没有已发布规则的要求事项1项：A1-R1" in bad.output


def test_the_table_keeps_within_110_columns(in_folder: Path) -> None:
    shown = run(str(TALENT))
    assert shown.exit_code == 0
    assert max(cell_len(each) for each in shown.output.splitlines()) <= 110
    assert "没有联系人的单位1个：工业路办事处" in shown.output
    only_gaps = run(str(TALENT), "--gaps").output
    assert "T01" in only_gaps and "T09-O1" not in only_gaps


def test_json_and_csv_hold_the_whole_chain(in_folder: Path) -> None:
    written = json.loads(run(str(TALENT), "--format", "json").output)
    assert PlanCoverage.model_validate(written).plan == "talent-2022"
    rows = list(csv.DictReader(io.StringIO(run(str(TALENT), "--format", "csv").output)))
    row = next(each for each in rows if each["requirement"] == "T09-O1")
    assert "T09-O1-short" in row["rules"].split()
    assert (row["units"], row["state"]) == ("1", "checked")


def test_a_users_mistakes_are_sentences(in_folder: Path) -> None:
    (in_folder / "空 文件夹").mkdir()
    assert isinstance(run("空 文件夹").exception, Faults)
    assert isinstance(run("没有").exception, Faults)
    here = f"sqlite:///{in_folder / 'new.db'}"
    assert isinstance(run(url=here).exception, NotFound)
