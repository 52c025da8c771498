"""Rule files to checked rules: what is spelled out, and every refusal at its place."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.catalogue import FieldType, fields_of
from rules.checked import CheckedRule, Source
from rules.checking import bind_rule, check_rules, revision_of, rule_files
from rules.conditions import ALWAYS, FieldRef, Literal, Param, atoms, conjunction, evaluate
from rules.expression import ConditionFaults, parse_condition
from rules.loading import Faults, parse_yaml
from rules.placing import fault_inside
from rules.vocabulary import Level

REQUIREMENTS = {
    "REQ2-O1": ("REQ2", "plan"),
    "REQ2-O4": ("REQ2", "plan"),
    "GEN-R1": ("T02", "report"),
}
PARAMS = {"weeks": FieldType.INT, "tolerance": FieldType.DECIMAL}


def variables(template: str) -> set[str]:
    if template.count("{{") != template.count("}}"):
        raise ValueError("unexpected '}'")
    return set(re.findall(r"{{ (\w+)", template))


def check(*files: Path) -> tuple[CheckedRule, ...]:
    return check_rules(
        files,
        clauses=("REQ2", "T02"),
        requirements=REQUIREMENTS,
        params=PARAMS,
        ladders=("report",),
        message_variables=variables,
    )


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str, name: str = "some.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def a_rule(body: str, *, rule: str = "one", severity: str = "[{level: major}]") -> str:
    lines = "\n".join(f"    {line}" for line in body.strip("\n").split("\n"))
    return f"""  - id: {rule}
    title: 标题
{lines}
    severity: {severity}
    message: 说明
"""


@pytest.fixture
def checked(write):
    def checked(body: str, **kwargs: str) -> CheckedRule:
        (rule,) = check(write("rules:\n" + a_rule(body, **kwargs)))
        return rule

    return checked


def condition(text: str, kind: str, **kwargs: object):
    return parse_condition(text, kind=kind, fields=fields_of(kind), **kwargs)  # type: ignore[arg-type]


# --- refusals -------------------------------------------------------------------------------------


def test_a_ladder_that_is_not_among_those_allowed_is_a_fault(write) -> None:
    path = write(
        """rules:
  - id: one
    title: 标题
    on: report
    when: not filed
    notice: {ladder: repot, step: R1, kind: pre_due, to: [liaison]}
"""
    )
    with pytest.raises(Faults, match="6:22: unknown ladder 'repot'; did you mean 'report'"):
        check(path)


def test_all_faults_of_all_files_are_told_at_once(write) -> None:
    first = write("rules:\n" + a_rule("clause: T99\non: plan\nwhen: not filled"), "a.yaml")
    second = write("rules:\n" + a_rule("on: plan\nwhen: filed and"), "b.yaml")
    third = write("rules: 3\n", "c.yaml")
    with pytest.raises(Faults) as caught:
        check(first, second, third, first.with_name("none.yaml"))
    assert [(Path(fault.file).name, fault.line) for fault in caught.value.faults] == [
        ("a.yaml", 4),
        ("a.yaml", 6),
        ("b.yaml", 2),  # the id of a.yaml again
        ("b.yaml", 5),
        ("c.yaml", 1),
        ("none.yaml", 1),
    ]


def test_a_folder_without_rule_files_is_one_fault(tmp_path: Path) -> None:
    with pytest.raises(Faults, match="has no rule files") as caught:
        rule_files(tmp_path)
    assert len(caught.value.faults) == 1
    with pytest.raises(Faults, match="there is no such folder"):
        rule_files(tmp_path / "none")


def test_rule_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yaml", "notes.txt"):
        (tmp_path / name).write_text("rules: []\n")
    assert [path.name for path in rule_files(tmp_path)] == ["a.yaml", "b.yaml"]
    assert check(*rule_files(tmp_path)) == ()


def test_messages_and_ladders_are_looked_at_only_when_asked(write) -> None:
    path = write(
        """rules:
  - {id: one, title: x, on: plan, when: not filed, severity: [{level: info}], message: "{{ zzz"}
  - id: two
    title: x
    on: report
    when: not filed
    notice: {ladder: any, step: R1, kind: due, to: [liaison]}
"""
    )
    found = check_rules([path], clauses=(), requirements={}, params={})
    assert [rule.rule.id for rule in found] == ["one", "two"]


# --- what is spelled out --------------------------------------------------------------------------


def test_a_rule_on_one_fact_has_one_nameless_pattern(checked) -> None:
    rule = checked(
        "clause: REQ2\nrequirement: REQ2-O1\non: plan\nscope: unit_category <> '工业园'\n"
        "when: not filed and days_overdue > params.weeks",
        severity="[{level: critical, when: days_overdue >= 20}, {level: major}]",
    )
    assert rule.single
    assert not rule.second_pass
    assert (rule.anchor, rule.per) == (0, ())
    (pattern,) = rule.patterns
    assert (pattern.name, pattern.on) == (None, "plan")
    when = "not filed and days_overdue > params.weeks"
    assert pattern.condition == condition(when, "plan", params=PARAMS)
    assert rule.severity == (
        (Level.CRITICAL, condition("days_overdue >= 20", "plan")),
        (Level.MAJOR, ALWAYS),
    )
    assert rule.params == {"weeks"}
    assert rule.source == Source(rule.source.file, 2)


def test_a_requirement_narrows_the_scope(checked) -> None:
    rule = checked("requirement: REQ2-O1\non: plan\nscope: role = 'lead'\nwhen: not filed")
    assert rule.scope == condition("requirement = 'REQ2-O1' and role = 'lead'", "plan")
    assert rule.rule.clause == "REQ2"


@pytest.mark.parametrize(
    ("body", "scope"),
    [
        ("on: report\nwhen: not filed", "not companion"),
        ("on: report\nscope: role = 'lead'\nwhen: not filed", "not companion and role = 'lead'"),
        ("on: report\nscope: requirement = 'GEN-R1'\nwhen: not filed", "requirement = 'GEN-R1'"),
        ("on: plan\nwhen: not signed and requirement in ('REQ2-O4')", None),
        ("on: plan\nwhen: not signed and requirement <> 'REQ2-O4'", None),
        ("on: violation\nwhen: severity = 'critical'", None),
    ],
)
def test_companions_are_met_only_by_rules_that_name_a_requirement(checked, body, scope) -> None:
    kind = body.split("\n")[0].removeprefix("on: ")
    assert checked(body).scope == (ALWAYS if scope is None else condition(scope, kind))


def test_a_reminder_or_proposal_is_of_the_second_pass(write) -> None:
    notice, escalation = check(
        write(
            """rules:
  - id: remind
    title: 提醒
    on: report
    when: not filed and days_to_due between 2 and 5
    notice: {ladder: report, step: R1, kind: pre_due, to: [liaison]}
  - id: propose
    title: 升级
    on: finding
    when: state = 'notified' and days_past_rectify_due > 0
    escalate: {level: L3, propose_card: yellow}
"""
        )
    )
    for rule in (notice, escalation):
        assert rule.second_pass
        assert rule.severity == ()
    assert notice.scope == condition("not companion", "report")
    assert escalation.scope == ALWAYS


MATCH = """
match:
  first:  {on: report, when: not filed}
  second: {on: report, when: not filed and requirement = first.requirement and period_no = first.period_no + 1}
"""  # noqa: E501


def test_a_match_stands_for_the_unit_unless_it_says_otherwise(checked) -> None:
    rule = checked(MATCH)
    assert not rule.single
    assert rule.anchor == 0
    assert rule.per == (FieldRef("unit", False, "first"),)
    assert [(pattern.name, pattern.on) for pattern in rule.patterns] == [
        ("first", "report"),
        ("second", "report"),
    ]


@pytest.mark.parametrize(
    ("per", "anchor", "names"),
    [
        ("[unit, second.period]", 1, ["second.unit", "second.period"]),
        ("[second.period, second.unit]", 1, ["second.period", "second.unit"]),
        ("[second.period]", 1, ["second.unit", "second.period"]),
        ("[first.requirement, unit]", 0, ["first.requirement", "first.unit"]),
        ("[unit]", 0, ["first.unit"]),
    ],
)
def test_per_names_the_anchor_and_always_the_unit(checked, per, anchor, names) -> None:
    rule = checked(f"{MATCH}per: {per}")
    assert rule.anchor == anchor
    assert [str(field) for field in rule.per] == names


def test_a_pattern_may_be_left_out_where_there_is_only_one(checked) -> None:
    rule = checked(
        "match: {hit: {on: violation, when: severity = 'major'}}\nat_least: 3\nper: [period]",
        severity="[{level: critical, when: period_no > 2}, {level: major}]",
    )
    assert rule.per == (FieldRef("unit", False, "hit"), FieldRef("period", True, "hit"))
    (period_no,) = atoms(rule.severity[0][1])
    assert str(period_no.left) == "hit.period_no"
    assert rule.rule.at_least == 3


def test_the_severity_of_a_match_names_its_patterns(checked) -> None:
    rule = checked(
        MATCH, severity="[{level: critical, when: second.days_overdue >= 5}, {level: minor}]"
    )
    (overdue,) = atoms(rule.severity[0][1])
    assert overdue.left == FieldRef("days_overdue", False, "second")


def test_the_scope_of_a_match_speaks_of_the_anchor(checked) -> None:
    rule = checked(f"{MATCH}scope: second.role = 'lead' and period_no > 1\nper: [second.period]")
    told = [(atom.left, atom.right) for atom in atoms(rule.scope)]
    assert told == [
        (FieldRef("companion", False), Literal(1)),
        (FieldRef("role", False), Literal("lead")),
        (FieldRef("period_no", False), Literal(1)),
    ]
    assert evaluate(rule.scope, {"companion": 0, "role": "lead", "period_no": 2}) is True


def companions_left_out(rule: CheckedRule) -> dict[str | None, bool]:
    conditions = {pattern.name: pattern.condition for pattern in rule.patterns}
    anchor = rule.patterns[rule.anchor].name
    conditions[anchor] = conjunction(rule.scope, conditions[anchor])
    return {
        name: any(atom.left.name == "companion" for atom in atoms(found))
        for name, found in conditions.items()
    }


@pytest.mark.parametrize(
    ("body", "left_out"),
    [
        (MATCH, {"first": True, "second": True}),
        # second names what first names
        (f"requirement: GEN-R1\n{MATCH}", {"first": False, "second": False}),
        (
            "match:\n  a: {on: plan, when: requirement = 'REQ2-O4'}\n  b: {on: report}",
            {"a": False, "b": True},
        ),
        (
            "match:\n  a: {on: violation}\n  b: {on: report, when: unit = a.unit}",
            {"a": False, "b": True},
        ),
        (
            "match:\n  a: {on: report}\n  b: {on: report, when: requirement = c.requirement}\n"
            "  c: {on: report, when: requirement = a.requirement}\n"
            "scope: requirement = 'GEN-R1'",
            {"a": False, "b": False, "c": False},
        ),
        (
            "match:\n  a: {on: report, when: requirement = 'GEN-R1'}\n"
            "  b: {on: report, when: requirement <> a.requirement}",
            {"a": False, "b": True},
        ),
    ],
)
def test_each_pattern_that_names_no_requirement_leaves_companions_out(
    checked, body, left_out
) -> None:
    assert companions_left_out(checked(body)) == left_out


def test_patterns_speak_of_earlier_and_later_ones(checked) -> None:
    rule = checked(
        "match:\n  a: {on: report, when: period_no < b.period_no}\n"
        "  b: {on: report, when: b.period_no > a.period_no}"
    )
    tests = [
        str(atom.right.field) for atom in atoms(rule.patterns[0].condition) if not literal(atom)
    ]
    assert tests == ["b.period_no"]


def literal(atom) -> bool:
    return isinstance(atom.right, Literal)


@pytest.mark.parametrize(
    "body",
    [
        "on: violation\nscope: rule <> 'one'\nwhen: period_no > 1",
        "on: violation\nwhen: severity = 'critical'",
        "on: violation\nwhen: severity in ('minor', 'critical') and requirement = 'GEN-R1'",
        "on: violation\nwhen: clause = 'REQ2'",
        "clause: T02\non: violation\nwhen: clause = 'REQ2' or rule = 'two'",
        "clause: T02\non: violation\nwhen: clause is null",
        "match: {hit: {on: violation}}\nat_least: 3",
    ],
)
def test_a_rule_on_violations_that_leaves_its_own_out_comes_to_an_end(write, body) -> None:
    two = a_rule("on: plan\nwhen: not filed", rule="two")
    assert len(check(write("rules:\n" + a_rule(body) + two))) == 2


def test_a_chain_of_rules_that_does_not_come_round_is_fine(write) -> None:
    chain = [
        a_rule("on: plan\nwhen: not filed", rule="a"),
        a_rule("on: violation\nwhen: rule = 'a'", rule="b"),
        a_rule("on: violation\nwhen: rule in ('a', 'b')", rule="c"),
    ]
    assert len(check(write("rules:\n" + "".join(chain)))) == 3


def test_binding_puts_the_parameters_values_in_every_condition(checked) -> None:
    rule = checked(
        "on: plan\nscope: period_no < params.weeks\nwhen: days_overdue > params.weeks",
        severity="[{level: critical, when: days_late > params.weeks}, {level: major}]",
    )
    assert rule.params == {"weeks"}
    bound = bind_rule(rule, {"weeks": 3})
    for found in (bound.scope, bound.patterns[0].condition, bound.severity[0][1]):
        rights = [atom.right for atom in atoms(found)]
        assert Literal(3) in rights
        assert not any(isinstance(right, Param) for right in rights)
    with pytest.raises(KeyError):
        bind_rule(rule, {})


def test_the_revision_is_of_what_the_rules_say_and_not_of_their_files(write) -> None:
    one, two = a_rule("on: plan\nwhen: not filed"), a_rule("on: report\nwhen: filed", rule="two")
    together = check(write("# a comment\nrules:\n" + one + two, "a.yaml"))
    apart = check(write("rules:\n" + two, "b.yaml"), write("rules:\n" + one, "c.yaml"))
    assert revision_of(together) == revision_of(apart)
    assert {rule.digest for rule in together} == {rule.digest for rule in apart}
    assert len({rule.digest for rule in together}) == 2
    other = check(write("rules:\n" + one + two.replace("filed", "not filed"), "d.yaml"))
    assert revision_of(other) != revision_of(together)
    assert other[0].digest == together[0].digest
    spelled_out = check(
        write("rules:\n" + one.replace("on:", "basis: configured\n    on:"), "e.yaml")
    )
    assert spelled_out[0].digest == together[0].digest
    assert re.fullmatch("[0-9a-f]{64}", revision_of(()))


def test_checked_rules_are_read_without_loading_pydantic_or_a_parser() -> None:
    code = "import rules.checked, sys; print({'pydantic', 'sqlglot', 'yaml'} & set(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.strip() == "set()"


# --- places ---------------------------------------------------------------------------------------


@given(
    st.sampled_from(["{}", "'{}'", '"{}"', "|\n  {}", ">-\n  {}", "\n  {}"]),
    st.lists(
        st.sampled_from(["filed", "unit = 'it''s'", "role <> 'lead'"]), min_size=1, max_size=4
    ),
    st.sampled_from([" and ", "\n  and ", "\n\n  or "]),
)
def test_a_fault_stands_where_the_word_stands_however_yaml_writes_it(
    tmp_path_factory, style, tests, joint
) -> None:
    lines = style.format(joint.join([*tests, "zzz > 1"]))
    if style.startswith("'"):
        lines = "'" + lines[1:-1].replace("'", "''") + "'"
    path = tmp_path_factory.mktemp("places") / "some.yaml"
    path.write_text(f"when: {lines}\nlast: 1\n", encoding="utf-8")
    node = parse_yaml(path.read_bytes(), file=str(path)).child("when")
    with pytest.raises(ConditionFaults) as caught:
        condition(str(node.value), "report")
    (wrong,) = caught.value.faults
    fault = fault_inside(node, wrong.offset, wrong.message)
    line = path.read_text(encoding="utf-8").split("\n")[fault.line - 1]
    assert line[fault.column - 1 :].startswith("zzz")


def test_a_fault_in_a_text_with_escapes_stands_where_the_text_begins(write) -> None:
    path = write("when: \"unit = '\\u0041' and zzz\"\n")
    node = parse_yaml(path.read_bytes(), file=str(path)).child("when")
    fault = fault_inside(node, str(node.value).index("zzz"), "unknown")
    assert (fault.line, fault.column) == (1, 7)
