"""The Chinese words for what a rule is written with: for advice, and for editors.

An author who writes 较重 for `major`, or 且 for `and`, is told the word to type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

WORDS: Mapping[str, Mapping[str, str]] = {
    "level": {"info": "提示", "minor": "一般", "major": "较重", "critical": "严重"},
    "basis": {"explicit": "原文明示", "implied": "由原文推定", "configured": "督查部门设定"},
    "status": {"draft": "草稿", "published": "已发布", "deprecated": "已停用"},
    "review": {"required": "须经人工核实", "automatic": "自动认定"},
    "post": {
        "liaison": "联络员",
        "deputy": "分管领导",
        "principal": "主要负责人",
        "district_deputy": "分管区领导",
        "office": "督查室",
    },
    "notice kind": {
        "assignment": "交办通知",
        "pre_due": "提前提醒",
        "due": "到期提醒",
        "overdue": "逾期催办",
        "finding": "整改通知",
        "rectification": "整改催办",
    },
    "kind": {
        "plan": "落实方案",
        "report": "报告",
        "target": "量化指标",
        "milestone": "节点事项",
        "evidence": "佐证事项",
        "violation": "本次督查发现的问题",
        "finding": "已登记的督查问题",
        "unit": "单位",
    },
    "card": {"yellow": "黄牌", "red": "红牌"},
    "state": {
        "missing": "未报送",
        "draft": "草稿",
        "submitted": "已报送",
        "returned": "已退回",
        "accepted": "已验收",
    },
    "role": {"lead": "牵头", "co": "配合", "direct": "由条款直接要求"},
    "finding state": {
        "detected": "待核实",
        "confirmed": "已认定",
        "notified": "已交办",
        "acknowledged": "已签收",
        "responded": "待验收",
        "closed": "已销号",
        "appealed": "申诉中",
        "dismissed": "不予认定",
        "cleared": "自动消除",
        "waived": "已豁免",
    },
}

TYPES: Mapping[str, str] = {
    "bool": "是或否",
    "int": "整数",
    "decimal": "小数",
    "date": "日期",
    "choice": "取值之一",
    "text": "文本",
}
UNITS: Mapping[str, str] = {
    "working days": "工作日",
    "count": "个数",
    "number": "序号",
    "number within the year": "年内序号",
    "share of 1": "比例（1为全部）",
    "unit of the target": "目标的计量单位",
    "date": "",
}
"""What the catalogue's units are called where fields are listed."""

OPERATORS: Mapping[str, str] = {
    "且": "and",
    "并且": "and",
    "而且": "and",
    "或": "or",
    "或者": "or",
    "非": "not",
    "不": "not",
    "等于": "=",
    "不等于": "<>",
    "大于": ">",
    "小于": "<",
    "大于等于": ">=",
    "小于等于": "<=",
    "属于": "in",
    "在": "in",
    "介于": "between",
    "是": "true",
    "否": "false",
    "空": "null",
}


def is_chinese(text: str) -> bool:
    """Return whether a word is written with Chinese characters."""
    return any("\u4e00" <= character <= "\u9fff" for character in text)


def word_for(label: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word that a Chinese label stands for, if any."""
    among = set(allowed)
    if not is_chinese(label):
        return None
    for words in WORDS.values():
        for word, meaning in words.items():
            if word in among and (label in meaning or meaning in label):
                return word
    return None
