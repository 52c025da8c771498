"""A JSON Schema (draft 2020-12) of case files, for editors: generated from models and catalogue.

It says of a file's shape what `supervision rules test` says; what names mean only the test knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rules.case_documents import CaseFile, ExpectDocument
from rules.case_expectations import Expected
from rules.catalogue import KINDS, OBLIGATION_KINDS, Field, FieldType
from rules.schema import Schema, words_of
from rules.vocabulary import Level, Post

COMMITTED = Path(__file__).parent / "schema" / "cases.schema.json"
"""The generated schema, kept in the package: case files name it in their first line."""

_INSTANT = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?$"
_DATE = r"^\d{4}-\d\d-\d\d$"
_OF = "哪一项：事实的键（事项/单位/期间），或合并判断的规则的 per 各值。"
_KEYS: Mapping[str, Mapping[str, str]] = {
    "CaseFile": {"cases": "本文件中的试例，逐条列出。"},
    "CaseDocument": {
        "name": "试例名称，一句话说明情形；全部试例中不得重名。",
        "as_of": "截至：日期或时刻，如 2022-07-15 或 2022-07-15T17:30，按工作安排的时区。",
        "unit": "单位代码（units.yaml）。",
        "confirmed": "false 为草稿：尚待作者核对，不作数；核对后删去。",
        "original_due_on": "延期以前的原时限；与 facts 同用。",
        "facts": "事实：只写有关的字段，其余取通常的值。与 submissions 二者取一。",
        "submissions": "报送：单位报了什么，空列表为什么也没报。与 facts 二者取一。",
        "reviews": "审核：报送被接收或退回；与 submissions 同用。",
        "extensions": "延期：获批的新时限；与 submissions 同用。",
        "waived": "已豁免的问题；与 facts 同用。",
        "expect": "期望的判定，按规则编号；不合格的督查规则须全部列出。",
        "notices": "期望的通知；写出的，须与督查所拟的一件不多、一件不少。",
    },
    "WaivedDocument": {"rule": "规则编号。", "of": _OF},
    "ExpectDocument": {
        "verdict": "判定。",
        "severity": "程度；判定为 violated 时可写。",
        "message": "问题表述全文；判定为 violated 时可写。",
        "of": _OF,
    },
    "NoticeDocument": {
        "step": "提醒阶梯中的哪一步，如 R1。",
        "to": "收件职务。",
        "cc": "抄送职务。",
        "unaddressed": "没有地址、无法送达的职务。",
        "ladder": "提醒阶梯的名称。",
        "rule": "提醒规则的编号。",
        "of": "关于哪一项：事实的键。",
        "subject": "邮件主题全文。",
        "message": "条目中的事实表述全文。",
        "remedy": "条目中的要求全文。",
    },
    "FilingDocument": {
        "requirement": "要求事项的编号（plan.yaml 的 requirements）。",
        "submitted_at": "报送时刻，如 2022-04-20T09:00。",
        "unit": "单位代码；默认为试例的单位。",
        "period": "期间，如 2022Q2；默认为工作安排的年度。",
        "by": "报送人的职务。",
        "content": "报送内容，写法同报送文件。",
        "records": "台账各行，写法同报送文件。",
        "evidence": "佐证材料：名称和 SHA-256。",
    },
    "ReviewDocument": {
        "requirement": "要求事项的编号。",
        "at": "审核时刻。",
        "decision": "accepted 接收；returned 退回补正。",
        "unit": "单位代码；默认为试例的单位。",
        "period": "期间；默认为工作安排的年度。",
        "reason": "理由。",
        "correction_due": "退回后补正的期限。",
    },
    "ExtensionDocument": {
        "requirement": "要求事项的编号。",
        "at": "批准时刻。",
        "due_on": "新的时限。",
        "reason": "理由。",
        "unit": "单位代码；默认为试例的单位。",
        "period": "期间；默认为工作安排的年度。",
        "late_request": "是否在到期以后才申请。",
    },
}
_VERDICTS = {
    Expected.VIOLATED: "不合格：督查规则提出问题",
    Expected.SATISFIED: "合格",
    Expected.FIRES: "触发：提醒或升级规则",
    Expected.QUIET: "不触发",
    Expected.UNDECIDED: "未定：有字段未知",
    Expected.NONE: "不适用：不作判定",
}


def schema_of_cases() -> Schema:
    """Return the schema of a file of cases."""
    generated = CaseFile.model_json_schema()
    expected = ExpectDocument.model_json_schema()  # `expect` has several forms
    models = {**generated["$defs"], "ExpectDocument": expected}
    definitions = {name: _definition(name, each) for name, each in models.items() if name in _KEYS}
    definitions["Level"] = words_of("level", [each.value for each in Level])
    definitions["Post"] = words_of("post", [each.value for each in Post])
    definitions["Expected"] = {
        "type": "string",
        "enum": [each.value for each in Expected],
        "description": "；".join(f"{each} {_VERDICTS[each]}" for each in Expected),
        "enumDescriptions": [_VERDICTS[each] for each in Expected],
    }
    definitions["Fact"] = _fact()
    definitions |= {f"fact-{kind}": _fact_of(kind) for kind in KINDS}
    definitions["CaseDocument"] |= _between_keys()
    definitions["ExpectDocument"]["allOf"] = [_only_where_violated()]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://supervision.example.org/schema/cases.schema.json",
        "title": "督查规则的试例",
        "description": "试例文件（cases/*.yaml）；由 supervision rules schema --for cases 生成。",
        **_definition("CaseFile", generated),
        "$defs": dict(sorted(definitions.items())),
    }


def _definition(name: str, generated: Schema) -> Schema:
    keys = _KEYS[name]
    found: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            key: {"description": keys[key], **_property(key, dict(each))}
            for key, each in generated["properties"].items()
        },
    }
    if generated.get("required"):
        found["required"] = generated["required"]
    return found


def _property(key: str, generated: Schema) -> Schema:
    # None is what pydantic calls a key that is not there; no author writes null
    options = [each for each in generated.pop("anyOf", []) if each != {"type": "null"}]
    if len(options) == 1:
        generated |= options[0]
    elif options:
        generated["anyOf"] = options
    default = generated.pop("default", None)
    if default not in (None, (), [], {}, ""):
        generated["default"] = default
    generated.pop("title", None)
    if generated.get("format") == "date":
        return {"type": "string", "pattern": _DATE}
    match key:
        case "as_of" | "at" | "submitted_at":
            generated["pattern"] = _INSTANT
        case "period":
            generated["type"] = ["string", "integer"]
        case "facts":
            generated["items"] = {"$ref": "#/$defs/Fact"}
        case "expect":
            one = [{"$ref": "#/$defs/Expected"}, {"$ref": "#/$defs/ExpectDocument"}]
            several = {"type": "array", "minItems": 1, "items": {"anyOf": one}}
            generated["additionalProperties"] = {"anyOf": [*one, several]}
    return generated


def _between_keys() -> Schema:
    """Return what must hold between the keys of a case, as `rules.case_files` says."""
    filed = ("reviews", "extensions")
    told = ("waived", "original_due_on")
    return {
        "oneOf": [
            {
                "required": ["facts"],
                "not": {"anyOf": [{"required": [key]} for key in ("submissions", *filed)]},
            },
            {
                "required": ["submissions"],
                "not": {"anyOf": [{"required": [key]} for key in ("facts", *told)]},
            },
        ]
    }


def _only_where_violated() -> Schema:
    return {
        "if": {"anyOf": [{"required": [key]} for key in ("severity", "message")]},
        "then": {"properties": {"verdict": {"const": Expected.VIOLATED.value}}},
    }


# --- Facts ---------------------------------------------------------------------------------------


def _fact() -> Schema:
    """Return a fact of any kind: its fields follow from `on`."""
    return {
        "type": "object",
        "required": ["on"],
        "properties": {"on": {**words_of("kind", list(KINDS)), "description": "事实种类。"}},
        "allOf": [
            {
                "if": {"properties": {"on": {"const": kind}}},
                "then": {"$ref": f"#/$defs/fact-{kind}"},
            }
            for kind in KINDS
        ],
    }


def _fact_of(kind: str) -> Schema:
    properties: Schema = {
        "on": {"const": kind, "description": "事实种类。"},
        "key": {
            "type": "string",
            "description": "事实的键，供 of 引用；默认为 事项/单位/期间，或 种类-序号。",
        },
    }
    properties |= {name: _value(field) for name, field in KINDS[kind].items() if name != "unit"}
    required = ["on", "requirement"] if kind in OBLIGATION_KINDS else ["on"]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": required,
    }


def _value(field: Field) -> Schema:
    types: Mapping[FieldType, Schema] = {
        FieldType.BOOL: {"type": "boolean"},
        FieldType.INT: {"type": "integer"},
        FieldType.DECIMAL: {"type": "number"},
        FieldType.DATE: {"type": "string", "pattern": _DATE},
        FieldType.CHOICE: {"enum": list(field.choices)},
        FieldType.TEXT: {"type": "string"},
    }
    known = types[field.type]
    unknown = "；null 为未知" if field.nullable else ""
    unit = f"（{field.unit}）" if field.unit else ""
    shown = {"anyOf": [known, {"type": "null"}]} if field.nullable else known
    return {"description": f"{field.meaning}{unit}{unknown}。", **shown}
