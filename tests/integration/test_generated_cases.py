"""Draft cases from the rules themselves: they run, they are at the bounds, and they notice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rules.case_files import read_cases
from rules.cases import Case
from rules.catalogue import KINDS, FieldType
from rules.checked import CheckedRule
from rules.conditions import And, Compare, Condition, Literal, Not, Or
from rules.domains import step_of
from rules.facts import Firing, UnitFacts
from rules.loading import parse_yaml
from rules.oracle import judge
from supervision.errors import NotFound, Refused
from supervision.services.generate_cases import Generated, case_file, generate_cases
from supervision.services.load_rules import LoadedPack, load_whole_pack
from supervision.services.run_cases import CaseDesk, run_pack_cases, world_of
from tests.office import LATE, TALENT, ladder_rules, small_pack


@pytest.fixture(scope="module")
def loaded() -> LoadedPack:
    return load_whole_pack(TALENT)


@pytest.fixture(scope="module")
def generated(loaded: LoadedPack) -> tuple[Generated, ...]:
    return generate_cases(TALENT, [rule.rule.id for rule in loaded.rules])


@pytest.fixture(scope="module")
def cases(
    loaded: LoadedPack, generated: tuple[Generated, ...], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Case]]:
    """All drafts of the talent pack as they are read again, by the rule that they are of."""
    path = tmp_path_factory.mktemp("drafts") / "draft.yaml"
    path.write_text(case_file(generated), encoding="utf-8")
    found: dict[str, list[Case]] = {}
    for case in read_cases([path], world_of(loaded.pack, loaded.rules)):
        found.setdefault(case.name.split("：")[0], []).append(case)
    return found


def test_every_rule_of_the_talent_pack_has_drafts_that_are_read_and_pass(
    loaded: LoadedPack, cases: dict[str, list[Case]]
) -> None:
    assert list(cases) == [rule.rule.id for rule in loaded.rules]
    desk = CaseDesk(loaded)
    failed = [
        fault.text
        for of_rule in cases.values()
        for case in of_rule
        for fault in desk.check(case).failures
    ]
    assert failed == []


def test_drafts_are_unconfirmed_and_say_the_message(cases: dict[str, list[Case]]) -> None:
    assert not any(case.confirmed for of_rule in cases.values() for case in of_rule)
    (case,) = [each for each in cases["REQ2-O1-late"] if "20个工作日" in each.name]
    (expected,) = [each for each in case.expect if each.rule == "REQ2-O1-late"]
    assert (expected.verdict, expected.severity) == ("violated", "critical")
    assert expected.message is not None
    assert "未报送（逾期20个工作日）" in expected.message


def test_each_rule_is_found_and_not_found_by_its_drafts(cases: dict[str, list[Case]]) -> None:
    for rule, of_rule in cases.items():
        said = {each.verdict for case in of_rule for each in case.expect if each.rule == rule}
        assert said & {"violated", "fires"}, rule
        assert said & {"satisfied", "quiet", "none"}, rule


def test_no_condition_of_the_talent_pack_is_beyond_a_decisive_draft(
    generated: tuple[Generated, ...],
) -> None:
    assert {each.rule: each.undecisive for each in generated if each.undecisive} == {}


def test_a_field_that_may_be_unknown_is_left_unknown_once(
    loaded: LoadedPack, cases: dict[str, list[Case]]
) -> None:
    by_id = {rule.rule.id: rule for rule in loaded.rules}
    for rule, of_rule in cases.items():
        for at, pattern in enumerate(by_id[rule].patterns):
            for name in named(by_id[rule].patterns[at].condition):
                if KINDS[pattern.on][name].nullable:
                    kinds = [f for case in of_rule for f in case.facts if f.kind == pattern.on]
                    assert any(fact.fields[name] is None for fact in kinds), (rule, name)


# --- A bound that is moved is noticed -----------------------------------------------------------


def test_each_bound_that_is_moved_by_one_step_changes_a_draft(
    loaded: LoadedPack, cases: dict[str, list[Case]]
) -> None:
    desk = CaseDesk(loaded)
    unnoticed, moved_bounds = [], 0
    for rule in desk.bench.bound(cases["REQ2-O1-late"][0].as_of.date()):
        for what, changed in moved(rule):
            moved_bounds += 1
            if all(said(rule, case) == said(changed, case) for case in cases[rule.rule.id]):
                unnoticed.append((rule.rule.id, what))
    assert unnoticed == []
    assert moved_bounds > 150


def said(rule: CheckedRule, case: Case) -> tuple[tuple[Firing, ...], object]:
    found = judge([rule], UnitFacts(case.unit, case.facts, case.waived))
    return found.firings, found.undecided


def moved(rule: CheckedRule) -> Iterator[tuple[str, CheckedRule]]:
    """The rule with one constant that has an order a step up or down, and with one fact less."""
    for at, pattern in enumerate(rule.patterns):
        for what, condition in changes(pattern.condition, pattern.on):
            patterns = list(rule.patterns)
            patterns[at] = replace(pattern, condition=condition)
            yield what, replace(rule, patterns=tuple(patterns))
    for what, condition in changes(rule.scope, rule.patterns[rule.anchor].on):
        yield what, replace(rule, scope=condition)
    for at, (level, step) in enumerate(rule.severity):
        for what, condition in changes(step, rule.patterns[0].on):
            ladder = list(rule.severity)
            ladder[at] = (level, condition)
            yield what, replace(rule, severity=tuple(ladder))
    if rule.rule.at_least > 1:
        for number in (rule.rule.at_least - 1, rule.rule.at_least + 1):
            document = rule.rule.model_copy(update={"at_least": number})
            yield f"at_least {number}", replace(rule, rule=document)


def changes(condition: Condition, kind: str) -> Iterator[tuple[str, Condition]]:
    match condition:
        case Compare(left, operator, Literal(value)) if isinstance(value, int):
            field = KINDS[kind][left.name]
            if field.type is FieldType.BOOL:
                return
            for step in (-step_of(value, field), step_of(value, field)):
                # a count is never negative: `> 0` and `> -1` differ at 0 only
                yield (
                    f"{left} {operator} {value + step}",
                    replace(condition, right=Literal(value + step)),
                )
        case Not(part):
            for what, changed in changes(part, kind):
                yield what, Not(changed)
        case And(parts) | Or(parts):
            for at, part in enumerate(parts):
                for what, changed in changes(part, kind):
                    yield what, type(condition)((*parts[:at], changed, *parts[at + 1 :]))


def named(condition: Condition) -> set[str]:
    match condition:
        case Compare(left):
            return {left.name}
        case Not(part):
            return named(part)
        case And(parts) | Or(parts):
            return {name for part in parts for name in named(part)}
    return set()


# --- What the file looks like ---------------------------------------------------------------------


def test_the_same_rule_gives_the_same_file(generated: tuple[Generated, ...]) -> None:
    again = generate_cases(TALENT, [generated[0].rule, generated[40].rule])
    assert case_file(again) == case_file([generated[0], generated[40]])


def test_only_what_matters_is_written_and_the_file_is_read_back_as_it_was_made(
    generated: tuple[Generated, ...],
) -> None:
    text = case_file([each for each in generated if each.rule == "remind-plan-R1"])
    assert text.startswith("# 由 supervision rules generate-cases")
    line = (
        "      - {on: plan, requirement: REQ2-O1, filed: false, due_on: 2022-04-18, days_to_due: 2}"
    )
    assert line in text.split("\n")
    assert "        to: [liaison]" in text.split("\n")
    document = parse_yaml(text, file="draft.yaml").value
    assert isinstance(document, dict)
    assert len(document["cases"]) == len(re.findall("- name: ", text))  # type: ignore[arg-type]


def rules_of(folder: Path, *rules: dict[str, object]) -> Path:
    return small_pack(folder, [LATE, *ladder_rules(), *rules])


def drafts(folder: Path, *rules: dict[str, object]) -> Sequence[dict[str, object]]:
    """The drafts of the last rule, which pass when they stand among the cases."""
    pack = rules_of(folder, *rules)
    name = str(rules[-1]["id"])
    (pack / "cases").mkdir()
    (generated,) = generate_cases(pack, [name])
    (pack / "cases" / "草稿 一.yaml").write_text(case_file([generated]), encoding="utf-8")
    run = run_pack_cases(pack)
    assert run.failures == ()
    assert len(run.results) == len(run.unconfirmed) == len(generated.cases)
    assert name in {each.rule for each in run.untested}, "a draft tests nothing"
    return [dict(case) for case in generated.cases]


A_NOTE = {"title": "一", "severity": [{"level": "info"}], "message": "{{ unit.name }}"}


def test_texts_with_quotes_braces_and_backslashes_come_through(tmp_path: Path) -> None:
    period = "a'b\"{{c}} %s :d \\ 督查; --"
    escaped = period.replace("'", "''")
    rule = {"id": "odd", "on": "report", "when": f"period = '{escaped}' and filed", **A_NOTE}
    found = drafts(tmp_path / "督查 包", rule)
    periods = [case["facts"][0].get("period") for case in found]  # type: ignore[index]
    assert period in periods
    assert len(set(periods)) > 1


def test_dates_and_choices_are_tested_on_both_sides(tmp_path: Path) -> None:
    when = "due_on between '2022-06-24' and '2022-06-30' and state in ('returned', 'missing')"
    found = drafts(tmp_path / "p", {"id": "dates", "on": "report", "when": when, **A_NOTE})
    days = {case["facts"][0].get("due_on") for case in found}  # type: ignore[index]
    assert {"2022-06-23", "2022-06-24", "2022-06-25", "2022-06-29", "2022-06-30"} <= days
    assert "2022-07-01" in days
    states = {case["facts"][0].get("state") for case in found}  # type: ignore[index]
    assert {"returned", "missing"} < states


def test_a_condition_that_decides_nothing_is_said(tmp_path: Path) -> None:
    when = "not filed and (days_overdue > 3 or days_overdue > 5)"
    pack = rules_of(tmp_path / "p", {"id": "idle", "on": "report", "when": when, **A_NOTE})
    (generated,) = generate_cases(pack, ["idle"])
    assert generated.undecisive == ("days_overdue > 5",)
    assert "# idle 的条件“days_overdue > 5”不单独决定判定" in case_file([generated])


def test_a_rule_that_can_never_hold_says_so(tmp_path: Path) -> None:
    rule = {"id": "never", "on": "report", "when": "filed and not filed", **A_NOTE}
    (generated,) = generate_cases(rules_of(tmp_path / "p", rule), ["never"])
    assert generated.cases == ()
    assert generated.undecisive == ("no facts satisfy all conditions of the rule",)


def test_a_match_of_unequal_facts_with_a_count_is_drafted_at_its_count(tmp_path: Path) -> None:
    match = {
        "here": {"on": "report", "when": "versions >= 2"},
        "late": {"on": "report", "when": "not filed and days_overdue > here.versions - 1"},
    }
    rule = {"id": "joined", "match": match, "at_least": 2, **A_NOTE, "scope": "extended"}
    found = drafts(tmp_path / "p", rule)
    counts = {len(case["facts"]) for case in found}  # type: ignore[arg-type]
    assert counts == {1, 2, 3}  # each of two facts is late of the other


def test_an_unknown_rule_is_told_with_the_nearest_name() -> None:
    with pytest.raises(NotFound, match="did you mean 'GEN-R1-late'"):
        generate_cases(TALENT, ["GEN-R1-lat"])


def test_a_rule_whose_parameter_has_no_value_then_is_refused(tmp_path: Path) -> None:
    rule = {"id": "p", "on": "report", "when": "copied_share > params.later", **A_NOTE}
    params = {"later": [{"from": "2023-01-01", "value": 0.5, "reference": "一"}]}
    pack = small_pack(tmp_path / "p", [rule], plan={"params": params})
    with pytest.raises(Refused, match="a parameter has no value"):
        generate_cases(pack, ["p"])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"status": "deprecated"}, "is deprecated; it is not run"),
        ({"message": "{{ 1 / 0 }}"}, "its words cannot be written"),
    ],
)
def test_a_rule_that_cannot_be_drafted_is_refused_in_a_sentence(
    changes: dict[str, object], told: str, tmp_path: Path
) -> None:
    rule = {"id": "odd", "on": "report", "when": "filed", **A_NOTE, **changes}
    with pytest.raises(Refused, match=told):
        generate_cases(rules_of(tmp_path / "p", rule), ["odd"])


def test_a_draft_rule_is_drafted_too_and_dates_at_the_end_of_time(tmp_path: Path) -> None:
    when = "due_on < '9999-12-31' and days_overdue < 1152921504606846975 and filed"
    rule = {"id": "far", "on": "report", "when": when, "status": "draft", **A_NOTE}
    (generated,) = generate_cases(rules_of(tmp_path / "p", rule), ["far"])
    days = {case["facts"][0].get("due_on") for case in generated.cases}
    assert {"9999-12-30", "9999-12-31"} <= days
