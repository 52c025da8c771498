"""A message, and one full context for each mail template, on a day of July 2022."""

from datetime import date
from typing import Any

from notifications.message import Attachment, Message

PLAN = "2022年X区人才工作安排"
CONTACT = {"name": "督查室综合科", "phone": "0379-6000000", "email": "ducha@example.org"}
HOW_TO_FILE = (
    "填报所附工作簿（已预填上期数据）并回复本邮件，或登录督查系统“报送”页面提交。"
    "报送以首次提交时间为准。"
)


def a_message(**changes: Any) -> Message:
    """An urge with a copy shown to the deputy and a small file attached."""
    fields = {
        "sender": "X区委区政府督查室 <ducha@example.org>",
        "recipient": "liaison@edu.example.org",
        "shown_to": ("区教育局联络员 <liaison@edu.example.org>",),
        "shown_cc": ("区教育局分管领导 <deputy@edu.example.org>",),
        "subject": "【逾期催办】区教育局：2022年第二季度进展报告逾期14个工作日未报😀",
        "text": "区教育局联络员同志：\n.\n.. 一行只有一个点，也要到。\n",
        "html": "<p>区教育局联络员同志：</p>\n",
        "message_id": "<notice.42@example.org>",
        "attachments": (Attachment("名单.csv", "text/csv", "单位\r\n区教育局\r\n".encode("gbk")),),
    }
    return Message(**(fields | changes))


def an_item(**changes: Any) -> dict[str, Any]:
    """One overdue quarterly report, as the digest gets it."""
    return {
        "kind": "overdue",
        "step": "R5",
        "title": "2022年第二季度进展报告",
        "clause": "三.2",
        "clause_quote": "明确各自的工作任务和进度要求，认真研究制定本单位本部门的落实方案",
        "basis": "configured",
        "due_on": "2022-06-27",
        "original_due_on": None,
        "days_overdue": 14,
        "days_to_due": 0,
        "message": "区教育局应于2022年6月27日17:30前报送第二季度进展报告，"
        "截至2022年7月15日未报送（逾期14个工作日）。",
        "remedy": "报送经主要负责人审签的第二季度进展报告，逐项写明进展、存在问题和下步措施。",
        "nth": 2,
    } | changes


def a_finding() -> dict[str, Any]:
    """A confirmed finding on a number of trainees."""
    return {
        "number": "2022-0017",
        "title": "企业经营管理人才培训人数未达到进度",
        "severity": "major",
        "clause": "二.（三）9",
        "clause_quote": "大力实施“企业管理人才培训工程”，培训企业经营管理人才200人。",
        "basis": "explicit",
        "message": "应培训企业经营管理人才200人，经名册去重后为150人（上报200人次），差50人。",
        "facts": [
            {"label": "应完成", "value": "200人（按人计，同一人参加多期只计一次）"},
            {"label": "经核实", "value": "150人"},
            {"label": "本单位上报", "value": "200人次"},
            {"label": "差额", "value": "50人"},
        ],
        "found_on": date(2022, 7, 15),
        "remedy": "于2022年7月26日前补训并补报学员名册，或书面说明年内完成的时间节点；"
        "同时更正上报人数的口径（人次改为人数）。",
        "rectify_by": date(2022, 7, 26),
        "rectify_days": 7,
    }


def a_row(no: int, **changes: Any) -> dict[str, Any]:
    """One line of the list for leaders."""
    return {
        "no": no,
        "level": "L3",
        "unit": "区教育局",
        "clause": "三.2",
        "item": "2022年第二季度进展报告",
        "due_original": "2022-06-25",
        "due_current": "2022-06-27",
        "fact_owed": "报送第二季度进展报告",
        "fact_done": "未报送",
        "overdue_days": 14,
        "measures_taken": "催办2次（6月28日、6月30日），提醒函1件（X人才函〔2022〕3号）",
        "explanation": "单位尚未说明",
        "proposed": "督办通知单，限5个工作日书面报告",
        "deputy": "分管教育的副区长",
    } | changes


_DIGEST = {
    "recipient": {"name": "", "post": "liaison"},
    "unit": {"name": "区教育局"},
    "as_of": "2022年7月15日",
    "items": [
        an_item(),
        an_item(
            title="落实方案",
            step="R4",
            nth=1,
            due_on="2022-07-14",
            original_due_on="2022-04-24",
            days_overdue=1,
            message="区教育局应于2022年7月14日17:30前报送落实方案，"
            "截至2022年7月15日未报送（逾期1个工作日）。",
            remedy="报送落实方案，或说明原因和预计完成时间。",
        ),
        an_item(
            kind="finding",
            step="F5",
            title="高规格培训班未见国家级专家学者授课的证明材料",
            clause="二.（三）8",
            clause_quote="邀请国家级专家学者，组织举办2期高规格培训班，1期高层次专业技术人才培训班",
            basis="explicit",
            due_on="2022-07-26",
            days_overdue=0,
            days_to_due=7,
            message="第1期高规格培训班未见国家级专家学者授课的证明材料。",
            remedy="于2022年7月26日前补报授课专家的聘书、职称证明或课程表。",
            nth=0,
        ),
        an_item(
            kind="due",
            step="R3",
            title="上半年人才工作总结",
            due_on="2022-07-15",
            days_overdue=0,
            days_to_due=0,
            message="",
            remedy="今日17:30前报送。",
            nth=0,
        ),
        an_item(
            kind="pre_due",
            step="R1",
            title="人才培养培训基地建设进展",
            clause="二.（三）13",
            clause_quote="在河南科技大学等知名高校建立高层次人才培训培养基地",
            basis="explicit",
            due_on="2022-07-22",
            days_overdue=0,
            days_to_due=5,
            message="",
            remedy="",
            nth=0,
        ),
        an_item(
            kind="rectification",
            step="X1",
            title="第一季度进展报告与上期雷同",
            due_on="2022-07-19",
            days_overdue=0,
            days_to_due=2,
            message="第一季度进展报告与上年第四季度报告文字重合85%。",
            remedy="重新撰写并报送第一季度进展报告。",
            nth=0,
        ),
        an_item(
            kind="assignment",
            step="R0",
            title="高校毕业生自主创业扶持台账",
            clause="二.（二）7",
            clause_quote="鼓励支持高校毕业生自主创业",
            basis="implied",
            due_on="2022-09-30",
            days_overdue=0,
            days_to_due=54,
            message="",
            remedy="签收本交办事项，并按台账模板建账。",
            nth=0,
        ),
    ],
    "cc_copy": False,
    "how_to_file": HOW_TO_FILE,
    "contact": CONTACT,
    "office": "X区委区政府督查室",
    "plan_title": PLAN,
    "reference": "2022-07-15/EDU",
}

_RECTIFICATION = {
    "recipient": {"name": "", "post": "liaison"},
    "unit": {"name": "区工业和信息化局"},
    "as_of": "2022年7月15日",
    "finding": a_finding(),
    "appeal": {"days": 5, "by": "2022-07-22", "how": "直接回复本邮件即可。"},
    "cc_copy": False,
    "how_to_file": "填报《督查问题整改情况反馈单》，经单位负责人签字、加盖公章后报送。",
    "contact": CONTACT,
    "office": "X区委区政府督查室",
    "plan_title": PLAN,
    "reference": "2022-0017/1",
}

_LEADERS_LIST = {
    "number": "第3期",
    "title": "重点关注名单",
    "as_of": "2022年7月15日",
    "run": "42",
    "revision": "9f3c1a7",
    "summary": [
        {"label": "应办事项", "value": 118},
        {"label": "已办结", "value": 74},
        {"label": "在办", "value": 37},
        {"label": "逾期", "value": 7},
        {"label": "拟升级", "value": 3},
    ],
    "rows": [
        a_row(1),
        a_row(
            2,
            unit="先进制造业集聚区管委会",
            clause="二.（二）3",
            item="高层次人才创新创业基地建设",
            due_original=None,
            due_current="2022-07-01",
            fact_owed="基地至少1个，有认定或批复文件",
            fact_done="0个",
            overdue_days=10,
            measures_taken="催办2次",
            explanation="选址调整，预计8月底完成认定；已提交申请材料。",
            deputy="分管工业的副区长",
        ),
        a_row(
            3,
            level="L2",
            unit="某某街道办事处",
            clause="三.2",
            item="落实方案",
            due_original="2022-04-24",
            due_current="2022-07-08",
            fact_owed="报送落实方案",
            fact_done="未报送",
            overdue_days=5,
            measures_taken="催办2次",
            proposed="提醒函，5个工作日内答复",
            deputy="区委组织部部长",
        ),
    ],
    "changes": {
        "added": [{"unit": "某某街道办事处", "item": "落实方案", "level": "L2"}],
        "removed": [{"unit": "区科技局", "item": "第一季度进展报告", "level": "L2"}],
        "raised": [{"unit": "区教育局", "item": "2022年第二季度进展报告", "level": "L3"}],
    },
    "notes": [
        "以下事项均经督查人员核实；未核实的不列入。",
        "逾期按工作日计算；已批准延期的按延期后时限计算，原时限并列。",
        "数据：30个单位中已报送29个，未能取得：某某街道办事处。",
    ],
}

SAMPLES: dict[str, dict[str, Any]] = {
    "digest": _DIGEST,
    "rectification": _RECTIFICATION,
    "leaders-list": _LEADERS_LIST,
}
