"""A comparison of two packs as lines of text: what changes verdicts first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rules.labels import WORDS
from supervision.cli.output import SEVERITY_NAME
from supervision.services.diff_report import (
    ChangeOut,
    DatedOut,
    DiffOut,
    ExampleOut,
    OutcomeOut,
    ParamOut,
    Plain,
    RequirementOut,
    SideOut,
    ValueOut,
)

DIGITS = 12  # of a revision, as shown
NOTHING = "（无）"

_KIND = {
    "added": "新增",
    "removed": "删除",
    "status": "状态",
    "kind": "事实种类",
    "condition": "条件",
    "grouping": "归并",
    "severity": "程度",
    "outcome": "处置",
    "renamed": "改编号",
    "handling": "办理",
    "binding": "依据",
    "text": "文字",
}
_SECTIONS = (
    ("判定", ("added", "removed", "status", "kind", "condition", "grouping")),
    ("程度、处置与办理", ("severity", "outcome", "renamed", "handling")),
    ("依据与文字", ("binding", "text")),
)
_RELATION = {
    "wider": "范围变宽",
    "narrower": "范围变窄",
    "different": "范围不同（有宽有窄）",
    "same": "成立的范围不变，适用或无法判定的范围有变",
    "unproven": "写法不同，情形太多，未能证明相同",
}
_WEIGHT = {"heavier": "加重", "lighter": "减轻", "different": "有变化"}
_STATUS = {"draft": "草稿", "published": "已发布", "deprecated": "已停用"}
_KEY = {
    "scope": "适用范围",
    "when": "条件",
    "on": "事实种类",
    "per": "一个问题对应",
    "at_least": "至少几项",
    "severity": "程度",
    "outcome": "处置方式",
    "ladder": "提醒序列",
    "step": "步骤",
    "kind": "种类",
    "to": "主送",
    "cc": "抄送",
    "urgent": "紧急",
    "level": "级别",
    "letter": "函件",
    "propose_card": "建议亮牌",
    "decided_by": "决定人",
    "review": "核实",
    "rectify_within": "整改期限（工作日）",
    "max_findings": "问题数上限",
    "max_notices": "通知数上限",
    "clause": "条款",
    "requirement": "要求事项",
    "basis": "依据性质",
    "title": "标题",
    "message": "问题表述",
    "remedy": "整改要求",
    "status": "状态",
}
_PLAN_KEY = {
    "issued_on": "印发日期",
    "cutoff": "截止时刻",
    "zone": "时区",
    "year": "年度",
    "requirement": "事项",
    "kind": "类别",
    "clause": "条款",
    "target": "目标",
    "due": "时限",
    "every": "周期",
    "owed_by": "责任单位",
    "measure": "核算办法",
    "tier": "层次字段",
    "filed_with": "随同报送",
    "decided_by": "判定方式",
}
_WORDS = {
    "finding": "督查问题",
    "notice": "提醒通知",
    "escalate": "升级建议",
    "required": "须经人工核实",
    "automatic": "自动认定",
    "explicit": "原文明示",
    "implied": "由原文推定",
    "configured": "督查部门设定",
    "machine": "机器判定",
    "assisted": "人机结合",
    "human": "人工判定",
    "year": "每年",
    "half-year": "每半年",
    "quarter": "每季度",
    "month": "每月",
    "yellow": "黄牌",
    "red": "红牌",
    "true": "是",
    "false": "否",
}
_VERDICT = {"satisfied": "不成立", "undecided": "无法判定（有未知项）", "outside": "不适用"}


def lines_of(found: DiffOut) -> Iterator[str]:
    """Yield the report; headings are the lines that begin at the margin."""
    yield f"A  {_side(found.old)}"
    yield f"B  {_side(found.new)}"
    if found.old.plan != found.new.plan:
        yield "注意：两边是不同的工作安排"
    meant = [each for each in found.changes if each.in_meaning]
    number = 0
    for place, (title, kinds) in enumerate(_SECTIONS):
        listed = [each for each in meant if each.kind in kinds]
        if listed:
            number += 1
            yield ""
            yield f"{'一二三四五'[number - 1]}、{title}（{len(listed)}）"
            for change in listed:
                yield from _change(change)
        if place == 0 and (found.params or found.requirements):
            number += 1
            yield ""
            count = len(found.params) + len(found.requirements)
            yield f"{'一二三四五'[number - 1]}、参数与要求事项（{count}）"
            for param in found.params:
                yield from _param(param)
            for requirement in found.requirements:
                yield _requirement(requirement)
    yield from _unchanged(found)
    yield ""
    total = len(meant) + len(found.params) + len(found.requirements)
    yield "含义相同" if found.same else f"共{total}处变化"


def _side(side: SideOut) -> str:
    kind = "文件夹" if side.kind == "folder" else "已存规则"
    return f"{kind} {side.name}：{side.plan}，规则{side.rules}条，修订 {side.revision[:DIGITS]}"


def _change(change: ChangeOut) -> Iterator[str]:
    said = {
        "renamed": f"由 {change.former} 改为 {change.rule}，含义不变；"
        "问题按规则编号认定，原编号下的问题不由新编号续接",
        "status": "，".join(map(_status, change.values)) if change.kind == "status" else "",
        "condition": _RELATION.get(change.relation or "", ""),
        "severity": _WEIGHT.get(change.relation or "", ""),
    }.get(change.kind, "")
    if change.proven is False and change.relation != "unproven":
        said += "；情形太多，未逐一核对"
    if change.params:
        said += f"（规则写法未变，因参数 {'、'.join(change.params)} 的值变化）"
    draft = "" if change.in_force else "（未发布，不生效）"
    place = f"{change.file.rsplit('/', 1)[-1]}:{change.line}"
    yield f"  [{_KIND[change.kind]}] {change.rule} {change.title}（{place}）{draft}" + (
        f"：{said}" if said else ""
    )
    if change.kind == "status":
        return
    for value in change.values:
        yield from _value(value, change.kind)
    for example in change.examples:
        yield f"      例  {_example(example)}"


def _status(value: ValueOut) -> str:
    before, after = (_STATUS.get(text or "", text or "") for text in (value.before, value.after))
    effect = "，自此生效" if value.after == "published" else ""
    effect = "，不再执行" if value.before == "published" else effect
    return f"{before} → {after}{effect}"


def _value(value: ValueOut, kind: str) -> Iterator[str]:
    name = _key_name(value.key)
    if kind in ("added", "removed"):
        text = value.after if kind == "added" else value.before
        yield f"      {name}  {_said(value.key, text)}"
        reading = value.after_reading if kind == "added" else value.before_reading
        if reading is not None:
            yield f"        读作  {reading}"
        return
    if value.before == value.after:
        yield f"      {name}  {_said(value.key, value.after)}（未变）"
        return
    sides = (("旧", value.before, value.before_reading), ("新", value.after, value.after_reading))
    for side, text, reading in sides:
        yield f"      {side} {name}  {_said(value.key, text)}"
        if reading is not None:
            yield f"        读作  {reading}"


def _key_name(key: str) -> str:
    if key.startswith("match."):
        return f"{key.split('.')[1]} 条件"
    return _KEY.get(key, key)


def _said(key: str, text: str | None) -> str:
    if not text:
        return NOTHING
    if key == "status":
        return _STATUS.get(text, text)
    if key == "severity":
        steps = [step.partition(": ") for step in text.split("; ")]
        return "；".join(
            f"{SEVERITY_NAME.get(level, level)}{colon and '：'}{when}"
            for level, colon, when in steps
        )
    if key in ("to", "cc"):
        return "、".join(WORDS["post"].get(post, post) for post in text.split(", "))
    if key == "kind":
        return WORDS["notice kind"].get(text, text)
    if key in ("outcome", "review", "basis", "propose_card", "urgent"):
        return _WORDS.get(text, text)
    return " ".join(text.split())


def _example(example: ExampleOut) -> str:
    fields = "，".join(f"{name} = {_plain(value)}" for name, value in example.fields.items())
    before, after = _outcome(example.before), _outcome(example.after)
    return f"{fields or '任何事实'}：旧 {before} → 新 {after}"


def _plain(value: Plain) -> str:
    if value is None:
        return "未知"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}'" if isinstance(value, str) else f"{value}"


def _outcome(outcome: OutcomeOut) -> str:
    if outcome.verdict == "violated":
        return f"问题（{SEVERITY_NAME[outcome.level]}）" if outcome.level else "成立"
    return _VERDICT[outcome.verdict]


def _param(param: ParamOut) -> Iterator[str]:
    what = {"added": "新增", "removed": "删除", "value": "值变化", "reference": "仅依据文件变化"}
    users = "、".join((*param.rules, *param.requirements))
    used = f"用于：{users}" if users else "规则条件和表述未引用"
    yield f"  [参数] {param.name}：{what[param.kind]}；{used}"
    reference = param.kind == "reference"
    for side, values in (("旧", param.before), ("新", param.after)):
        if values:
            yield f"      {side}  {_dated(values, reference=reference)}"


def _dated(values: Sequence[DatedOut], *, reference: bool) -> str:
    return "；".join(
        f"自{each.since}起 {each.value}" + (f"（{each.reference}）" if reference else "")
        for each in values
    )


def _requirement(change: RequirementOut) -> str:
    name = f"{change.requirement} {change.title}" if change.requirement else change.title
    rules = f"；所涉规则：{'、'.join(change.rules)}" if change.rules else ""
    if change.key == "requirement":
        return f"  [事项] {name}：{'新增' if change.before is None else '删除'}{rules}"
    texts: Mapping[str, str] = {
        side: _WORDS.get(text, text) if text is not None else NOTHING
        for side, text in (("before", change.before), ("after", change.after))
    }
    key = _PLAN_KEY.get(change.key, change.key)
    return f"  [{key}] {name}：{texts['before']} → {texts['after']}{rules}"


def _unchanged(found: DiffOut) -> Iterator[str]:
    moved = [each for each in found.changes if each.kind == "moved"]
    rewritten = [each for each in found.changes if each.kind == "rewritten"]
    if not (moved or rewritten):
        return
    meant = {each.rule for each in found.changes if each.in_meaning}
    yield ""
    yield "含义不变"
    for each in moved:
        files = f"{each.values[0].before} → {each.values[0].after}"
        only = "移动（另有上列变化）" if each.rule in meant else "仅移动，含义不变"
        yield f"  [移动] {each.rule} {each.title}：{files}，{only}"
    for each in rewritten:
        yield f"  [改写] {each.rule} {each.title}：写法不同，含义不变"
        for value in each.values:
            yield from _value(value, each.kind)


# --- In one paragraph ----------------------------------------------------------------------------

NAMED = 5
"""Rules that are named of each sort of change; of more, the number is told."""


def in_one_paragraph(found: DiffOut) -> str:
    """Return what changed in meaning in one go: each sort of change with the rules it befell."""
    if found.same:
        return "规则的含义没有变化（至多是次序、文件或写法）"
    said = []
    for kind, name in _KIND.items():
        rules = [_in_short(each) for each in found.changes if each.kind == kind and each.in_meaning]
        if rules:
            said.append(f"{name}规则{_few(rules)}" if kind in _WHOLE else f"{name}{_few(rules)}")
    if found.params:
        said.append(f"参数{_few([each.name for each in found.params])}")
    if found.requirements:
        changed = [
            f"{each.requirement or each.title} {_PLAN_KEY.get(each.key, each.key)}"
            for each in found.requirements
        ]
        said.append(f"要求事项{_few(changed)}")
    return "；".join(said)


_WHOLE = ("added", "removed")


def _in_short(change: ChangeOut) -> str:
    words = {"condition": _RELATION, "severity": _WEIGHT}.get(change.kind, {})
    word = words.get(change.relation or "", "")
    draft = "" if change.in_force else "未发布"
    note = "，".join(filter(None, (word, draft)))
    return f"{change.rule}（{note}）" if note else change.rule


def _few(names: Sequence[str]) -> str:
    shown = "、".join(names[:NAMED])
    return f"{len(names)}处（{shown}{' 等' if len(names) > NAMED else ''}）"
