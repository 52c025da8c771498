"""`supervision explain`: what is said is true of what is stored, complete, and can be followed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner

from rules.checked import CheckedRule, bind_rule
from rules.facts import Fact
from rules.oracle import verdict
from supervision.cli.explanation_text import explanation_lines
from supervision.cli.main import app
from supervision.cli.paragraphs import wrapped
from supervision.domain.findings import Event
from supervision.domain.workdays import CalendarMissing
from supervision.errors import NotFound
from supervision.services.demonstrate import demonstrate
from supervision.services.desk import open_desk
from supervision.services.explain import explain
from supervision.services.explain_models import BranchPart, Explanation
from supervision.services.explain_numbers import canonical_number
from supervision.services.explain_rule import encoded_params
from supervision.services.load_rules import load_whole_pack
from supervision.services.sources import FactsAt
from supervision.store.tables import FindingRow
from tests.office import LATE, TALENT, Office, a_submission, at, small_pack

JULY = "2022-07-15"
SOURCE = (TALENT / "source.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An office with the demonstration's 32 findings; read only."""
    office = Office(f"sqlite:///{tmp_path_factory.mktemp('demo') / 'supervision.db'}")
    demonstrate(
        office.app.database,
        TALENT,
        office.app.tools,
        office.app.postman,
        identity_key=b"test",
        now=office.clock(),
    )
    yield office
    office.close()


@pytest.fixture
def changed(shown: Office, tmp_path: Path, open_office: Callable[..., Office]) -> Office:
    """A copy of it to change."""
    source = Path(str(shown.app.database.engine.url.database))
    shown.app.database.close()
    for each in source.parent.glob("supervision.db*"):
        shutil.copy(each, tmp_path / each.name)
    return open_office(f"sqlite:///{tmp_path / 'supervision.db'}")


def explained(office: Office, number: str, on: str = JULY) -> Explanation:
    database = office.app.database
    with database.reading() as session:
        return explain(session, number, plan=None, dialect=database.sql_dialect, at=at(on))


def every_finding(office: Office) -> list[tuple[FindingRow, Explanation]]:
    return [(row, explained(office, row.number)) for row in office.findings(settled=True)]


@pytest.fixture(scope="module")
def explanations(shown: Office) -> list[tuple[FindingRow, Explanation]]:
    return every_finding(shown)


@pytest.fixture(scope="module")
def rules() -> dict[str, CheckedRule]:
    loaded = load_whole_pack(TALENT)
    params = encoded_params(loaded.pack.plan, at(JULY).date())
    return {rule.rule.id: bind_rule(rule, params) for rule in loaded.rules}


def leaves(branch: BranchPart) -> Iterator[BranchPart]:
    if not branch.children:
        yield branch
    for child in branch.children:
        yield from leaves(child)


# --- Every finding of the demonstration ----------------------------------------------------------


def test_every_finding_quotes_its_clause_verbatim_and_names_its_rule(explanations: Any) -> None:
    assert len(explanations) == 32
    for row, it in explanations:
        assert it.clause is not None and it.clause.id == row.clause
        assert it.clause.text in SOURCE.replace("\n", "") or it.clause.text in SOURCE
        assert it.rule is not None and it.rule.id == row.rule and it.rule.sentence.endswith("。")
        assert it.finding.message == row.message


def test_every_condition_is_marked_true_and_the_severity_is_the_findings_own(
    explanations: Any,
) -> None:
    for row, it in explanations:
        assert it.combinations, row.number
        for combination in it.combinations:
            ladder = [each for each in combination.conditions if each.chosen is not None]
            rest = [each for each in combination.conditions if each.chosen is None]
            assert rest and all(each.branch.value is True for each in rest)
            (chosen,) = [each for each in ladder if each.chosen]
            assert chosen.of.endswith(it.finding.severity_name)
            for leaf in (leaf for each in rest for leaf in leaves(each.branch)):
                assert leaf.value is not None


def test_every_proposed_change_really_satisfies_the_rule(
    explanations: Any, rules: dict[str, CheckedRule]
) -> None:
    tried = 0
    for row, it in explanations:
        assert it.changes is not None
        assert it.changes.proposals or it.changes.each or it.changes.reasons, row.number
        for proposal in it.changes.proposals:
            (stored,) = row.facts["facts"]
            fields = dict(stored["fields"])
            for step in proposal.steps:
                fields |= step.fields
            fact = Fact(stored["kind"], stored["key"], fields)
            # nothing is found any more, or (an extension) nothing is asked yet
            assert verdict(rules[row.rule], fact) in ("satisfied", None), (row.number, proposal)
            tried += 1
    assert tried > 25


def test_what_was_filed_is_said_with_who_and_when_or_that_nothing_was(
    explanations: Any, shown: Office
) -> None:
    for _, it in explanations:
        for fact in it.facts:
            filed = {field.name: field.value for field in fact.fields}.get("filed")
            if fact.kind == "violation":
                assert fact.finding is not None
                continue
            assert fact.due is not None
            assert (fact.filing is not None) is (filed == 1)
            if fact.filing is not None:
                assert fact.filing.filed_by and fact.filing.submitted_at <= at(JULY)


def test_ledger_rows_reckoned_one_by_one_bear_out_the_number_of_the_facts_query(
    explanations: Any,
) -> None:
    measures = [fact.measure for _, it in explanations for fact in it.facts if fact.measure]
    assert len(measures) >= 4
    for measure in measures:
        assert measure.agrees
        assert sum(each.rows for each in measure.filings) == measure.rows
        assert sum(each.counted for each in measure.filings) == measure.counted


def test_the_facts_are_those_of_the_run_that_is_named(explanations: Any, shown: Office) -> None:
    with shown.app.database.reading() as session:
        desk = open_desk(session, None)
        for row, it in explanations:
            assert it.facts_run is not None
            source = FactsAt(
                desk.adopted,
                desk.calendar,
                it.facts_run.as_of,
                it.facts_run.known_at,
                "sqlite",
            )
            for each in row.facts["facts"]:
                if each["kind"] == "violation":
                    continue
                (found,) = source.whole(session, each["kind"], [each["key"]]).values()
                assert dict(found.fields) == each["fields"]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_text_keeps_within_the_width_and_says_the_main_things(
    explanations: Any, width: int
) -> None:
    for row, it in explanations:
        lines = explanation_lines(it, width)
        assert max(cell_len(line) for line in lines) <= width
        text = "".join(line.strip() for line in lines)
        for word in (
            row.number,
            "依据",
            "规则",
            "事实",
            "条件核对",
            "怎样才算符合",
            "现在",
            "经过",
        ):
            assert word in text
        assert "None" not in text and "the condition" not in text


def test_json_reads_back_as_the_same_explanation(explanations: Any) -> None:
    for _, it in explanations:
        assert Explanation.model_validate_json(it.model_dump_json()) == it


# --- Kinds of findings ---------------------------------------------------------------------------


def test_a_count_over_findings_names_each_of_them_and_how_many_must_go(shown: Office) -> None:
    row = shown.finding("GEN-systemic")
    it = explained(shown, row.number)
    hit = {
        each.number
        for each in shown.findings()
        if each.unit == row.unit and each.severity in ("major", "critical") and each.requirement
    }
    assert {fact.finding for fact in it.facts} == hit
    assert it.changes is not None
    assert (it.changes.needed, len(it.changes.each)) == (len(hit) - 2, len(hit))
    assert all(each.proposals for each in it.changes.each)


def test_a_late_filing_cannot_be_undone(shown: Office) -> None:
    (row, *_) = shown.findings(rule="GEN-R1-filed-late")
    it = explained(shown, row.number)
    assert it.changes is not None and it.changes.proposals == []
    assert it.changes.text == "迟报事实已发生，不能消除；可说明情况、申诉或豁免"


def test_a_tolerance_is_given_with_its_reference(shown: Office) -> None:
    it = explained(shown, shown.finding("T12-O2-claimed").number)
    (about,) = [each for each in it.parameters if each.name == "about_tolerance"]
    assert (about.value, str(about.since)) == ("0.1", "2022-01-01")
    assert "左右" in about.reference


def test_a_parameter_is_shown_as_it_was_on_the_runs_day(
    tmp_path: Path, sqlite_office: Office
) -> None:
    grace = [
        {"from": "2022-01-01", "value": 3, "reference": "督办通知一"},
        {"from": "2022-07-05", "value": 6, "reference": "督办通知二"},
    ]
    rule = {**LATE, "when": "not filed and days_overdue > params.grace"}
    pack = small_pack(tmp_path / "pack", [rule], plan={"params": {"grace": grace}})
    sqlite_office.adopt(pack)
    sqlite_office.evaluate("2022-07-04")
    number = sqlite_office.finding("late", "EDU").number
    sqlite_office.decide(Event.CONFIRM, number, on="2022-07-04 18:00")
    sqlite_office.evaluate("2022-07-20")
    it = explained(sqlite_office, number, "2022-07-20")
    (parameter,) = it.parameters
    assert (parameter.value, str(parameter.since), parameter.reference) == (
        "3",
        "2022-01-01",
        "督办通知一",
    )
    assert it.rule is not None and it.rule.patterns[0].condition is not None
    assert it.rule.patterns[0].condition.text == "not filed and days_overdue > params.grace"
    assert it.rule.patterns[0].condition.reading == "未报送 且 逾期工作日数大于参数grace（3）"
    leaf = list(leaves(it.combinations[0].conditions[1].branch))[-1]
    assert (leaf.value, leaf.actual) == (True, "逾期工作日数：5个工作日")


def test_two_reports_running_stand_on_two_facts_and_either_would_do(
    tmp_path: Path, sqlite_office: Office
) -> None:
    twice = {
        **LATE,
        "id": "twice",
        "title": "连续两期未报",
        "match": {
            "first": {"on": "report", "when": "not filed and days_overdue > 0"},
            "second": {
                "on": "report",
                "when": "not filed and days_overdue > 0 and period_no = first.period_no + 1",
            },
        },
        "per": ["unit", "second.period"],
        "severity": [{"level": "major"}],
        "message": "{{ unit.name }}连续两期未报。",
    }
    del twice["on"], twice["when"], twice["requirement"]
    sqlite_office.adopt(small_pack(tmp_path / "pack", [LATE, twice]))
    sqlite_office.evaluate("2022-10-20")
    it = explained(sqlite_office, sqlite_office.finding("twice", "EDU").number, "2022-10-20")
    assert [fact.key for fact in it.facts] == ["A1-R1/EDU/2022Q2", "A1-R1/EDU/2022Q3"]
    (combination,) = it.combinations
    assert [each.of for each in combination.conditions if each.chosen is None] == [
        "适用范围（乙）",
        "甲的条件",
        "乙的条件",
    ]
    assert it.changes is not None
    texts = [each.text for each in it.changes.proposals]
    assert "报送“季度报告（2022年第二季度）”" in texts
    assert "“季度报告（2022年第三季度）”获批延期（新时限不早于2022年10月21日）" in texts


# --- Then and now --------------------------------------------------------------------------------


def _late_office(office: Office, tmp_path: Path) -> str:
    office.adopt(small_pack(tmp_path / "pack", [LATE]))
    office.evaluate("2022-07-04")
    return office.finding("late", "EDU").number


def test_what_has_changed_since_is_marked_then_and_now(office: Office, tmp_path: Path) -> None:
    number = _late_office(office, tmp_path)
    before = explained(office, number, "2022-07-04")
    assert before.present is not None and before.present.holds is True
    assert before.facts[0].filing is None
    office.submit(a_submission("A1-R1", "EDU", "2022Q2", "2022-07-05 10:00", content={}))
    after = explained(office, number, "2022-07-06")
    assert after.present is not None
    assert (after.present.holds, after.present.changed) == (False, 1)
    assert after.present.changes is None
    filed = next(field for field in after.facts[0].fields if field.name == "filed")
    assert (filed.value, filed.now, filed.changed) == (0, 1, True)
    text = "\n".join(explanation_lines(after, 100))
    assert "未报送　→　现在：已报送" in text
    assert "按现在的事实，规则不再成立" in text
    then = "\n".join(explanation_lines(after, 100, now="届时"))
    assert "未报送　→　届时：已报送" in then and "现在" not in then


def test_later_the_due_date_must_be_put_off_further(sqlite_office: Office, tmp_path: Path) -> None:
    number = _late_office(sqlite_office, tmp_path)
    it = explained(sqlite_office, number, "2022-08-01")
    assert it.changes is not None and it.present is not None
    assert "不早于2022年7月5日" in it.changes.text
    assert it.present.changes is not None
    assert "不早于2022年8月2日" in it.present.changes.text


def test_an_extension_is_shown_with_who_granted_it_and_why(
    sqlite_office: Office, tmp_path: Path
) -> None:
    sqlite_office.adopt(small_pack(tmp_path / "pack", [LATE]))
    sqlite_office.extend("A1-R1/EDU/2022Q2", "2022-07-01", on="2022-06-20")
    sqlite_office.evaluate("2022-07-12")
    it = explained(sqlite_office, sqlite_office.finding("late", "EDU").number, "2022-07-12")
    due = it.facts[0].due
    assert due is not None
    assert (str(due.original), str(due.extended_to)) == ("2022-06-27", "2022-07-01")
    assert (due.decided_by, due.reason, due.late_request) == ("主任", "防汛", False)
    assert "原定2022年6月27日，主任于" in "".join(explanation_lines(it, 120))


def test_a_return_is_shown_with_its_reason(sqlite_office: Office, tmp_path: Path) -> None:
    office = sqlite_office
    office.adopt(small_pack(tmp_path / "pack", [LATE]))
    office.submit(a_submission("A1-R1", "EDU", "2022Q2", "2022-06-20 10:00", content={}))
    office.give_back("A1-R1/EDU/2022Q2", on="2022-06-23 10:00", reason="缺表")
    office.evaluate("2022-07-12")
    it = explained(office, office.finding("late", "EDU").number, "2022-07-12")
    filing = it.facts[0].filing
    assert filing is not None and filing.review is not None
    assert (filing.version, filing.review.decision, filing.review.reason) == (1, "returned", "缺表")
    assert it.changes is not None
    assert it.changes.proposals[0].text == "按退回意见补正后重新报送“季度报告（2022年第二季度）”"


def test_a_confirmed_finding_keeps_the_facts_of_its_day(
    sqlite_office: Office, tmp_path: Path
) -> None:
    number = _late_office(sqlite_office, tmp_path)
    sqlite_office.decide(Event.CONFIRM, number, on="2022-07-05 09:00")
    sqlite_office.evaluate("2022-07-20")
    it = explained(sqlite_office, number, "2022-07-20")
    assert it.facts_run is not None and it.last_run is not None
    assert it.facts_run.as_of == at("2022-07-04") and it.last_run.as_of == at("2022-07-20")
    overdue = next(field for field in it.facts[0].fields if field.name == "days_overdue")
    assert (overdue.value, overdue.now) == (5, 17)


@pytest.mark.parametrize("event", [Event.WAIVE, Event.DISMISS])
def test_settled_findings_are_explained_too(changed: Office, event: Event) -> None:
    number = changed.finding("REQ2-O1-late").number
    until = "2022-12-31" if event is Event.WAIVE else None
    changed.decide(event, number, reason="机构改革", until=until, on="2022-07-16 09:00")
    it = explained(changed, number)
    assert it.finding.state_name in ("已豁免", "不予认定")
    assert it.history[-1].reason == "机构改革"
    assert "机构改革" in "\n".join(explanation_lines(it, 100))


def test_a_waived_fellow_is_told_to_stand_no_more(changed: Office) -> None:
    row = changed.finding("GEN-systemic")
    other = changed.finding("REQ2-O2-coverage", row.unit)
    changed.decide(
        Event.WAIVE, other.number, reason="无", until="2022-12-31", on="2022-07-16 09:00"
    )
    it = explained(changed, row.number)
    assert it.present is not None and it.present.holds is False
    assert {fact.finding for fact in it.facts if fact.stands is False} == {other.number}


def test_violations_that_the_run_has_stored_are_believed(changed: Office) -> None:
    row = changed.finding("GEN-systemic")
    other = changed.finding("REQ2-O2-coverage", row.unit)
    told = [
        {
            "kind": "violation",
            "key": f"x|{at}",
            "fields": {"rule": "x", "severity": "major", "requirement": "REQ2-O2"},
        }
        for at in range(2)
    ]
    fields = {"rule": other.rule, "severity": "major", "requirement": other.requirement}
    told.append({"kind": "violation", "key": other.fingerprint, "fields": fields})
    with changed.app.database.transaction() as session:
        stored = session.get(FindingRow, row.id)
        assert stored is not None
        stored.facts = {"facts": told}
        session.add(stored)
    it = explained(changed, row.number)
    assert [fact.key for fact in it.facts] == [each["key"] for each in told]
    assert {fact.finding for fact in it.facts} == {None, other.number}
    assert it.notes == []


def test_a_ruleset_that_can_no_longer_be_read_leaves_the_rest(changed: Office) -> None:
    row = changed.finding("REQ2-O1-late")
    with changed.app.database.transaction() as session:
        stored = session.get(FindingRow, row.id)
        assert stored is not None
        stored.ruleset = "0" * 64
        session.add(stored)
    it = explained(changed, row.number)
    assert it.rule is None and it.changes is None
    assert it.facts and "规则集" in it.notes[0]
    assert explanation_lines(it, 80)


def test_a_year_without_a_calendar_is_said_and_nothing_breaks(
    shown: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise CalendarMissing(2041)

    monkeypatch.setattr(FactsAt, "whole", missing)
    it = explained(shown, "1")
    assert it.present is not None and it.present.note is not None
    assert "2041年" in it.present.note


# --- Its number ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        "W-2022-0001",
        "w-2022-0001",
        " W-2022-0001 ",
        "Ｗ－２０２２－０００１",
        "w 2022 0001",
        "W2022-1",
        "W—2022—0001",
        "1",
        "０００１",
        "W20220001",
    ],
)
def test_a_number_is_taken_as_people_type_it(typed: str) -> None:
    assert canonical_number(typed, 2022) == "W-2022-0001"


def test_a_number_that_is_none_is_answered_with_what_there_is(
    shown: Office, sqlite_office: Office, tmp_path: Path
) -> None:
    with pytest.raises(NotFound, match=r"did you mean 'W-2022-00\d\d'"):
        explained(shown, "W-2022-0041")
    with pytest.raises(NotFound, match=r"W-2022-0001 to W-2022-0032.*findings list --all"):
        explained(shown, "甲乙丙")
    sqlite_office.adopt(small_pack(tmp_path / "pack", [LATE]))
    with pytest.raises(NotFound, match="has none yet; run `supervision evaluate`"):
        explained(sqlite_office, "1")


# --- Command line --------------------------------------------------------------------------------


def run(office: Office | None, *words: str) -> Any:
    url = "sqlite:///none.db" if office is None else str(office.app.settings.database_url)
    return CliRunner().invoke(app, list(words), env={"SUPERVISION_DATABASE_URL": url})


def test_the_verb_prints_text_and_json(shown: Office) -> None:
    text = run(shown, "explain", "w－２０２２－１", "--as-of", JULY)
    assert text.exit_code == 0, text.exception
    assert "怎样才算符合（最小改变）" in text.output
    written = run(shown, "explain", "1", "--as-of", JULY, "--format", "json")
    assert Explanation.model_validate(json.loads(written.output)).finding.number == "W-2022-0001"


def test_a_rule_is_explained_from_a_folder_and_from_the_database(shown: Office) -> None:
    for where in (["--pack", str(TALENT)], []):
        told = run(shown, "rules", "explain", "req2-o1-LATE", *where)
        assert told.exit_code == 0, told.exception
        assert "未报送 且 逾期工作日数大于0" in told.output.replace("\n", "").replace("  ", "")
    every = json.loads(run(shown, "rules", "explain", "--format", "json").output)
    assert len(every) == 78
    assert isinstance(run(shown, "rules", "explain", "REQ2-O1-lat").exception, NotFound)


def test_long_text_is_wrapped_by_columns_and_no_line_begins_with_a_mark() -> None:
    text = "督查（甲，乙）。" * 20 + "rule-id-of_one.word" * 3
    lines = wrapped(text, width=40, first="　- ")
    assert all(cell_len(line) <= 61 for line in lines)
    assert not any(line.lstrip()[:1] in "，。）" for line in lines)
    assert "".join(line.strip() for line in lines).replace("-　", "").endswith(text[-20:])
