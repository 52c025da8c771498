"""An explanation as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.cells import cell_len

from rules.catalogue import KINDS, FieldType
from rules.labels import WORDS
from rules.reading import PATTERN_NAMES
from supervision.cli.output import EVENT_NAME, NOTICE_KIND, NOTICE_STATE
from supervision.cli.paragraphs import wrapped
from supervision.cli.reasons import REASONS
from supervision.services.explain_facts import due_words
from supervision.services.explain_models import (
    BranchPart,
    ChangesPart,
    ClausePart,
    Explanation,
    FactPart,
    FieldPart,
    FilingPart,
    MarkedPart,
    MeasurePart,
    ParameterPart,
    ProposalPart,
    RuleExplanation,
    RulePart,
)

MARKS = {True: "✓", False: "✗", None: "？"}
MOST_COMBINATIONS = 5
MOST_FILINGS = 8
ACTORS = {"unit": "单位", "office": "督查室"}

UNSENT = ("superseded", "silenced")

Lines = list[str]
_LABEL = 10


class _Page:
    """Lines under headings, wrapped to one width."""

    def __init__(self, width: int, now: str = "现在") -> None:
        self.width = width
        self.now = now
        self.lines: Lines = []

    def heading(self, text: str) -> None:
        if self.lines:
            self.lines.append("")
        lines = wrapped(text, width=self.width, rest="  ")
        self.lines += lines
        self.lines.append("─" * max(24, *map(cell_len, lines)))

    def say(self, text: str, first: str = "  ", rest: str | None = None) -> None:
        self.lines += wrapped(text, width=self.width, first=first, rest=rest)

    def field(self, label: str, text: str, indent: int = 2) -> None:
        gap = " " * max(2, _LABEL - cell_len(label))
        self.say(text, first=f"{' ' * indent}{label}{gap}")


def explanation_lines(it: Explanation, width: int, *, now: str = "现在") -> Lines:
    """Return why a finding stands, as lines of at most `width` columns.

    `now` is what the instant is called whose facts the finding's are compared with.
    """
    page = _Page(width, now)
    _finding(page, it)
    _clause(page, it.clause)
    if it.rule is not None:
        _rule(page, it.rule)
    _parameters(page, it.parameters)
    _facts(page, it)
    _conditions(page, it)
    if it.changes is not None:
        page.heading("怎样才算符合（最小改变）")
        _changes(page, it.changes, it.facts)
    _present(page, it)
    _past(page, it)
    for note in it.notes:
        page.say(note, first="  注意  ")
    return page.lines


def rule_lines(it: RuleExplanation, width: int) -> Lines:
    """Return a rule in plain Chinese, as lines of at most `width` columns."""
    page = _Page(width)
    page.heading(f"{it.rule.id}　{it.rule.title}")
    if it.requirement is not None:
        page.field("要求事项", f"{it.requirement_title}（{it.requirement}）")
    if it.rule.status != "published":
        page.field(
            "状态", {"draft": "草稿，未发布，不执行", "deprecated": "已停用"}[it.rule.status]
        )
    _clause(page, it.clause)
    _rule(page, it.rule)
    _parameters(page, it.parameters)
    if it.rule.message is not None:
        page.heading("发现问题时的写法")
        page.field("事实", it.rule.message)
        if it.rule.remedy:
            page.field("要求", it.rule.remedy)
    return page.lines


def rule_list_lines(rules: Sequence[RuleExplanation], width: int) -> Lines:
    """Return all rules, a sentence each, under their clauses."""
    page = _Page(width)
    for clause, mine in groupby(rules, key=lambda each: each.clause):
        page.heading(
            "没有条款依据的规则"
            if clause is None
            else f"{clause.path}　{clause.title}（{clause.id}）"
        )
        for each in mine:
            draft = "" if each.rule.status == "published" else "［未发布］"
            page.say(f"{each.rule.id}　{each.rule.title}{draft}", first="  ● ", rest="    ")
            page.say(each.rule.sentence, first="    ")
    return page.lines


# --- Head ----------------------------------------------------------------------------------------


def _finding(page: _Page, it: Explanation) -> None:
    found = it.finding
    page.heading(f"{found.number}　{found.title}")
    page.field("单位", f"{found.unit_name}（{found.unit}）")
    state = found.state_name
    if found.waived_until is not None:
        state += f"（豁免至{found.waived_until}）"
    if found.rectify_due is not None:
        state += f"（整改期限{found.rectify_due}）"
    if found.cycle > 1:
        state += f"（第{found.cycle}轮）"
    page.field("状态", f"{found.severity_name}，{state}")
    page.field("事实", found.message)
    if found.remedy:
        page.field("要求", found.remedy)


def _clause(page: _Page, clause: ClausePart | None) -> None:
    if clause is None:
        return
    page.heading(f"依据　《{clause.plan_title}》{clause.path}　{clause.title}（{clause.id}）")
    page.say(f"“{clause.text}”")


def _rule(page: _Page, rule: RulePart) -> None:
    page.heading(f"规则　{rule.id}　{rule.title}（{rule.basis_name}）")
    page.say(rule.sentence)
    if rule.scope is not None:
        page.field("适用", rule.scope.text)
    for pattern in rule.patterns:
        if pattern.condition is None:
            continue
        label = "条件" if pattern.called is None else f"{pattern.called}（{pattern.name}）"
        page.field(label, pattern.condition.text)
    if rule.patterns and rule.patterns[0].called is not None and rule.per:
        page.field("归并", f"每个{'、'.join(rule.per)}为一个问题")
    revision = "" if rule.ruleset is None else f"，规则集版本{rule.ruleset[:12]}"
    page.field("出处", f"{rule.file}第{rule.line}行{revision}")


def _parameters(page: _Page, parameters: Sequence[ParameterPart]) -> None:
    if not parameters:
        return
    page.heading("参数")
    for each in parameters:
        page.say(
            f"{each.name} = {each.value}（{each.use}；{each.since}起）　出处：{each.reference}",
            first="  · ",
        )


# --- Facts ---------------------------------------------------------------------------------------


def _facts(page: _Page, it: Explanation) -> None:
    run = it.facts_run
    when = f"（截至{run.as_of:%Y-%m-%d %H:%M}，第{run.id}次运行）" if run else ""
    page.heading(f"事实{when}")
    if not it.facts:
        page.say("没有存下所依据的事实")
    for fact in it.facts:
        called = f"{fact.finding}　{fact.title}" if fact.finding else fact.title
        page.say(f"{called}　[{fact.key}]", first="  ● ")
        if fact.stands is False:
            page.say("已消除、豁免或销号，最近一次运行不再计入", first="    ", rest="      ")
        for field in fact.fields:
            if field.named:
                page.say(_held(fact, field, page.now), first="    ", rest="      ")
        if fact.due is not None:
            page.say(due_words(fact.due), first="    时限：", rest="      ")
            _filing(page, fact.filing, fact.filed_with)
        if fact.measure is not None:
            _measure(page, fact.measure)
        if fact.note is not None:
            page.say(fact.note, first="    注：", rest="      ")


def _held(fact: FactPart, field: FieldPart, now: str) -> str:
    """Return what a field held; a yes-or-no field says so by itself."""
    plain = KINDS[fact.kind][field.name].type is FieldType.BOOL and field.value is not None
    text = field.shown if plain else f"{field.label}：{field.shown}"
    if field.changed and field.now_shown is not None:
        text += f"　→　{now}：{field.now_shown}"
    return text


def _filing(page: _Page, filing: FilingPart | None, filed_with: str | None) -> None:
    with_what = f"（随{filed_with}一并报送）" if filed_with else ""
    if filing is None:
        page.say(f"截至当时没有任何报送{with_what}", first="    报送：", rest="      ")
        return
    text = (
        f"第{filing.version}版，{filing.filed_by}于{filing.submitted_at:%Y-%m-%d %H:%M}报送"
        f"，{filing.recorded_at:%Y-%m-%d %H:%M}入库{with_what}"
    )
    if filing.version > 1:
        text += f"；首次报送{filing.first_submitted_at:%Y-%m-%d %H:%M}"
    page.say(text, first="    报送：", rest="      ")
    review = filing.review
    if review is None:
        page.say("尚未审核", first="    审核：")
    else:
        text = f"{review.decided_by}于{review.decided_at:%Y-%m-%d %H:%M}：{review.decision_name}"
        text += f"，{review.reason}" if review.reason else ""
        text += f"，补正期限{review.correction_due}" if review.correction_due else ""
        page.say(text, first="    审核：", rest="      ")
    if filing.evidence:
        page.say("、".join(filing.evidence), first="    佐证：", rest="      ")


def _measure(page: _Page, measure: MeasurePart) -> None:
    where = f"，只计{measure.where.reading}的" if measure.where else ""
    text = f"“{measure.ledger}”{measure.how}{where}：共{measure.rows}行，计入{measure.counted}行"
    text += f"，得{measure.value}" if measure.rows else ""
    page.say(text, first="    台账：", rest="      ")
    for each in measure.filings[:MOST_FILINGS]:
        page.say(
            f"{each.unit_name}　{each.obligation}第{each.version}版（{each.filed_by}，"
            f"{each.submitted_at:%Y-%m-%d %H:%M}）：{each.rows}行，计入{each.counted}行",
            first="      - ",
        )
    more = len(measure.filings) - MOST_FILINGS
    if more > 0:
        page.say(f"…… 另有{more}次报送", first="      - ")
    if not measure.agrees:
        page.say("按行复核与当时的核算数不同，请核对", first="      ！")


# --- Conditions ----------------------------------------------------------------------------------


def _conditions(page: _Page, it: Explanation) -> None:
    combinations = it.combinations
    if not combinations:
        return
    called = {fact.key: fact.finding or fact.title for fact in it.facts}
    page.heading("条件核对（✓ 成立　✗ 不成立　？ 不详）")
    several = len(combinations) > 1
    for number, combination in enumerate(combinations[:MOST_COMBINATIONS], start=1):
        if several or len(combination.facts) > 1:
            facts = (
                f"{PATTERN_NAMES[at]}：{called.get(key, key)}"
                for at, key in enumerate(combination.facts)
            )
            page.say("；".join(facts), first=f"  第{number}组　")
        for each in combination.conditions:
            _marked(page, each)
    more = len(combinations) - MOST_COMBINATIONS
    if more > 0:
        page.say(f"…… 另有{more}组，核对情况相同，见 --format json")


def _marked(page: _Page, each: MarkedPart) -> None:
    # a step after the one that was taken is not looked at
    skipped = each.chosen is False and each.branch.value is True
    first = f"  {'－' if skipped else MARKS[each.branch.value]} "
    chosen = "　←　取此档" if each.chosen else ""
    if each.branch.children:
        page.say(f"{each.of}{chosen}", first=first)
        _branches(page, each.branch, 4)
    else:
        page.say(f"{each.of}：{_leaf(each.branch)}{chosen}", first=first)


def _branches(page: _Page, branch: BranchPart, indent: int) -> None:
    for child in branch.children:
        mark = f"{' ' * indent}{MARKS[child.value]} "
        if child.children:
            page.say(child.reading, first=mark)
            _branches(page, child, indent + 2)
        else:
            page.say(_leaf(child), first=mark)


def _leaf(branch: BranchPart) -> str:
    held = None if branch.actual is None else branch.actual.rsplit("：", 1)[-1]
    if held is None or (branch.value is True and branch.reading.endswith(held)):
        return branch.reading
    return f"{branch.reading}　（{branch.actual}）"


# --- Changes and what has become of it -----------------------------------------------------------


def _changes(page: _Page, changes: ChangesPart, facts: Sequence[FactPart]) -> None:
    if changes.text:
        page.say(f"{changes.text}。")
    if len(changes.proposals) > 1:
        for at, each in enumerate(changes.proposals, start=1):
            page.say(_with_actors(each), first=f"  {at}. ")
    numbers = {fact.key: fact.finding for fact in facts}
    for one in changes.each:
        number = numbers.get(one.fact)
        page.say(f"{number}　{one.title}" if number else one.title, first="  · ")
        if one.proposals:
            told = "；或".join(way.text for way in one.proposals)
            page.say(told, first="      ")


def _with_actors(proposal: ProposalPart) -> str:
    actors = dict.fromkeys(ACTORS[step.actor] for step in proposal.steps)
    return f"{proposal.text}（{'、'.join(actors)}）"


def _present(page: _Page, it: Explanation) -> None:
    present = it.present
    if present is None:
        return
    page.heading(f"{page.now}（截至{present.as_of:%Y-%m-%d %H:%M}）")
    by = "" if present.note else f"按{page.now}的事实，"
    page.say(f"问题{it.finding.state_name}。{by}{present.text}。")
    changed = [
        f"{field.label}：当时{field.shown}，{page.now}{field.now_shown}"
        for fact in it.facts
        for field in fact.fields
        if field.changed and field.named
    ]
    for text in changed:
        page.say(text, first="  · ")
    if not changed and not present.changed and present.note is None:
        page.say("规则所看的各项事实与当时相同。")
    if present.changes is not None and (it.changes is None or present.changes != it.changes):
        page.say(f"{page.now}要符合，最小改变是：")
        _changes(page, present.changes, it.facts)


def _past(page: _Page, it: Explanation) -> None:
    page.heading("经过")
    seen = []
    if it.first_run is not None:
        seen.append(f"首见于第{it.first_run.id}次运行（{it.first_run.as_of:%Y-%m-%d %H:%M}）")
    if it.last_run is not None:
        seen.append(f"最近见于第{it.last_run.id}次运行（{it.last_run.as_of:%Y-%m-%d %H:%M}）")
    page.say("，".join(seen))
    for each in it.history:
        text = f"{each.at:%Y-%m-%d %H:%M}　{EVENT_NAME[each.event]} → {each.new_name}"
        text += f"　{'系统' if each.by == 'system' else each.by}" if each.by else ""
        text += f"　{REASONS.get(each.reason, each.reason)}" if each.reason else ""
        text += f"　至{each.until}" if each.until else ""
        page.say(text, first="  · ", rest="    ")
    if it.notices:
        page.heading("有关的通知")
        unsent = [notice for notice in it.notices if notice.state in UNSENT]
        for notice in (each for each in it.notices if each.state not in UNSENT):
            when = f"{notice.sent_at:%Y-%m-%d %H:%M}" if notice.sent_at else "—"
            to = WORDS["post"].get(notice.post, "")
            text = (
                f"{when}　{NOTICE_KIND.get(notice.kind, notice.kind)} {notice.step}"
                f"　{NOTICE_STATE.get(notice.state, notice.state)}"
                f"{'　' if to else ''}{to}{f'（{notice.to}）' if notice.to else ''}"
            )
            why = REASONS.get(notice.state_reason, notice.state_reason)
            text += f"　{why}" if why else ""
            page.say(text, first="  · ", rest="    ")
        if unsent:
            steps = "、".join(dict.fromkeys(notice.step for notice in unsent))
            page.say(f"另有{len(unsent)}件没有发出（{steps}，已到后一步或已不需要）", first="  · ")
