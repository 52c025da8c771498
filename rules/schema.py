"""A JSON Schema (draft 2020-12) of rule files, for editors: generated from the models.

It says of a file's shape what `supervision rules check` says; what a condition means only the check
knows.  The descriptions are what an editor shows when the author points at a key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from rules.catalogue import KINDS
from rules.document import LONGEST_MESSAGE, RuleFile
from rules.labels import WORDS
from rules.parsing import MAX_LENGTH
from rules.shape import MAX_PATTERNS, OUTCOMES

Schema: TypeAlias = dict[str, Any]

COMMITTED = Path(__file__).parent / "schema" / "rules.schema.json"
"""The generated schema, kept in the package: rule files name it in their first line."""

_CONDITION = (
    "条件：对事实字段的判断，写法同 SQL。运算：= <> < <= > >= and or not in between is null；"
    "文本用单引号，日期写作 '2022-06-30'，参数写作 params.名称。"
    "可用字段见 supervision rules fields。未知（NULL）既不算成立也不算不成立。"
)
_EXAMPLES = (
    "not filed and days_overdue > 0",
    "filed and not on_time",
    "state in ('missing', 'returned') and days_to_due between 2 and 5",
    "value is not null and gap > 0",
)
_KEYS: Mapping[str, Mapping[str, str]] = {
    "RuleFile": {"rules": "本文件中的规则，逐条列出。"},
    "RuleKeys": {
        "id": "规则编号：拉丁字母、数字、- _ .，在整个工作安排中唯一；督查问题以它为名，不宜改动。",
        "title": "规则名称，一句话说明查什么；用作督查问题的标题。",
        "clause": "所依条款的编号（plan.yaml 的 clauses）；消息中引用其原文。",
        "requirement": "所核要求事项的编号（plan.yaml 的 requirements）；规则只对该事项适用。",
        "basis": "依据：原文明示、由原文推定，或督查部门设定；印在消息中。",
        "status": "草稿不运行；已发布的运行，并须有试例；已停用的不运行。",
        "on": "规则所看的事实种类；每一项事实单独判断。涉及几项事实的用 match。",
        "scope": f"适用范围，可省略：范围以外不作判定。{_CONDITION}",
        "when": f"成立即触发规则。{_CONDITION}",
        "match": "同一单位的几项事实合起来判断：每个模式一项事实，模式之间可以比较字段。",
        "at_least": "至少有几组事实符合才算，默认1；与 match 同用。",
        "per": "一个督查问题代表什么：字段名，如 [unit, second.period]；默认一个单位一个问题。",
        "severity": "结果为督查问题，由重到轻分档：先成立的一档算数，最后一档不写 when。",
        "review": "督查问题须经人工核实，还是自动认定（只宜用于纯日期的事实）。",
        "rectify_within": "整改期限，工作日；不写的按程度取 plan.yaml 的参数。",
        "message": "问题事实，一句话；{{ unit.name }}、{{ days_overdue }} 等处印出其值。",
        "remedy": "整改要求或提示。",
        "notice": "结果为一条提醒：提醒阶梯中的一步。",
        "escalate": "结果为一项升级建议，由人决定。",
        "max_findings": "一次运行中本规则的问题超过此数的，整次运行暂缓，待人放行。",
        "max_notices": "一次运行中本规则的提醒超过此数的，暂缓发出，待人放行。",
        "lint": "接受 supervision rules lint 的某项提示，写明理由，并点出所涉的规则或单位。",
    },
    "SeverityStep": {
        "level": "程度：提示、一般、较重、严重。",
        "when": f"本档的条件；最后一档不写。{_CONDITION}",
    },
    "Pattern": {
        "on": "这一模式的事实种类。",
        "when": f"这一事实须符合的条件；其他模式的字段写作 模式名.字段。{_CONDITION}",
    },
    "NoticeOutcome": {
        "ladder": "提醒阶梯的名称；同一阶梯的各步写同一名称。",
        "step": "阶梯中的哪一步，如 R1。",
        "kind": "提醒的种类，决定邮件的写法。",
        "to": "收件职务，至少一个。",
        "cc": "抄送职务。",
        "urgent": "是否单独成信、不并入当日汇总。",
    },
    "EscalateOutcome": {
        "level": "建议升级到哪一级。",
        "letter": "建议签发的函件种类，如 reminder_letter。",
        "propose_card": "建议出示的牌。",
        "decided_by": "由谁决定，写职务，如 supervision_chief。",
    },
}
_WORDS_OF = {
    "Level": "level",
    "Basis": "basis",
    "Status": "status",
    "Review": "review",
    "Post": "post",
    "NoticeKind": "notice kind",
}
_SNIPPETS = (
    {
        "label": "finding",
        "description": "结果为督查问题的规则",
        "body": {
            "id": "$1",
            "title": "$2",
            "clause": "$3",
            "requirement": "$4",
            "on": "${5:report}",
            "when": "${6:not filed and days_overdue > 0}",
            "severity": [{"level": "${7:major}"}],
            "message": "{{ unit.name \\}\\}$8",
        },
    },
    {
        "label": "notice",
        "description": "结果为提醒的规则",
        "body": {
            "id": "$1",
            "title": "$2",
            "on": "${3:report}",
            "when": "${4:not filed and days_to_due between 2 and 5}",
            "notice": {"ladder": "$5", "step": "${6:R1}", "kind": "pre_due", "to": ["liaison"]},
        },
    },
)


def schema_of_rules() -> Schema:
    """Return the schema of a file of rules."""
    generated = RuleFile.model_json_schema()
    definitions = {name: _definition(name, each) for name, each in generated["$defs"].items()}
    definitions["Kind"] = words_of("kind", list(KINDS))
    definitions["Condition"] = {
        "type": "string",
        "pattern": r"\S",
        "maxLength": MAX_LENGTH,
        "examples": list(_EXAMPLES),
    }
    definitions["RuleKeys"] |= _between_keys()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://supervision.example.org/schema/rules.schema.json",
        "title": "督查规则",
        "description": "工作安排的规则文件（rules/*.yaml）；由 supervision rules schema 生成。",
        **_definition("RuleFile", {key: generated[key] for key in generated if key != "$defs"}),
        "$defs": dict(sorted(definitions.items())),
    }


def written(schema: Schema) -> str:
    """Return the schema as it is kept in files."""
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def _definition(name: str, generated: Schema) -> Schema:
    """Return a model's or a closed list's schema, described in Chinese."""
    if "enum" in generated:
        return words_of(_WORDS_OF.get(name, ""), generated["enum"])
    keys = _KEYS[name]
    properties = {
        key: _property(key, each, keys[key]) for key, each in generated["properties"].items()
    }
    found: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    if generated.get("required"):
        found["required"] = generated["required"]
    return found


def _property(key: str, generated: Schema, description: str) -> Schema:
    # None is what pydantic calls a key that is not there; no author writes null.
    options = generated.pop("anyOf", None)
    if options is not None:
        generated |= next(each for each in options if each != {"type": "null"})
    default = generated.pop("default", None)
    generated.pop("title", None)
    if key == "on":
        generated = {"$ref": "#/$defs/Kind"}
    elif key in ("when", "scope"):
        generated = {"$ref": "#/$defs/Condition"}
    elif key == "lint":
        generated["propertyNames"] = {"$ref": "#/$defs/LintCheck"}
    elif key == "match":
        names = generated.pop("propertyNames", {}).get("pattern") or next(
            iter(generated.pop("patternProperties", {}))
        )
        generated["propertyNames"] = {"pattern": names}
        generated["additionalProperties"] = {"$ref": "#/$defs/Pattern"}
        generated |= {"minProperties": 1, "maxProperties": MAX_PATTERNS}
    elif key == "severity":
        # Exactly one step, the last, is without a condition.
        generated |= {
            "minItems": 1,
            "contains": {"not": {"required": ["when"]}},
            "maxContains": 1,
        }
    elif key in ("message", "remedy"):
        generated["maxLength"] = LONGEST_MESSAGE
    found: Schema = {"description": description, **generated}
    if default not in (None, (), []):
        found["default"] = default
    return found


def words_of(label: str, words: list[str]) -> Schema:
    """Return a closed list, each word with what it means under a label of `rules.labels`."""
    meanings = WORDS.get(label, {})
    found: Schema = {"type": "string", "enum": words}
    if meanings:
        found["description"] = "；".join(f"{word} {meanings[word]}" for word in words)
        found["enumDescriptions"] = [meanings[word] for word in words]
    return found


def _between_keys() -> Schema:
    """Return what must hold between the keys of a rule, as `rules.shape` says."""
    others = {key: [each for each in OUTCOMES if each != key] for key in OUTCOMES}
    return {
        "allOf": [
            {
                "oneOf": [
                    {"required": ["on", "when"], "not": {"required": ["match"]}},
                    {
                        "required": ["match"],
                        "not": {"anyOf": [{"required": ["on"]}, {"required": ["when"]}]},
                    },
                ]
            },
            {
                "oneOf": [
                    {
                        "required": ["severity", "message"],
                        "not": {"anyOf": [{"required": [each]} for each in others["severity"]]},
                    },
                    *(
                        {
                            "required": [key, "on"],
                            "not": {"anyOf": [{"required": [each]} for each in others[key]]},
                        }
                        for key in ("notice", "escalate")
                    ),
                ]
            },
        ],
        "dependentRequired": {"per": ["match"], "at_least": ["match"]},
        "defaultSnippets": list(_SNIPPETS),
    }
