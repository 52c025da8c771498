"""The reasons that the system itself writes, in Chinese."""

from __future__ import annotations

REASONS = {
    "the condition holds": "条件成立",
    "the condition holds again": "条件再次成立",
    "the condition holds again after closing": "销号后条件再次成立",
    "the condition no longer holds": "条件不再成立",
    "the rule confirms itself: a pure date fact": "纯日期事实，规则自动认定",
    "re-checked: satisfied": "复测达标",
    "re-checked: violated again before anybody accepted": "验收前复测又不达标",
    "no contact address": "没有联络地址",
    "a later step is due": "已到后一步",
    "no longer due": "已不需要",
    "submitted meanwhile": "其间已报送",
    "due date moved": "时限已变",
    "finding settled": "问题已了结",
    "held: the run would send more than its ceiling": "超过单次通知上限，待放行",
    "withdrawn before release": "放行前已撤回",
}
"""What the system writes as its reasons; a person's stand as they were written."""
