"""The tables.  Rows that can change are kept as versions: `recorded_at` ≤ t < `superseded_at`.

Plain SQLModel rows, not domain values: they do not validate.  Numbers a rule may compare are stored
encoded (six decimal places as an integer, days as `date.toordinal()`), so that the facts query and
durable_rules compare the same integers.
"""

from supervision.store.tables.filings import (
    EvidenceRow,
    RecordRow,
    ReviewRow,
    SubmissionClaimRow,
    SubmissionNodeRow,
    SubmissionRow,
    SubmissionTaskRow,
)
from supervision.store.tables.outbox import (
    DigestRow,
    JobSlotRow,
    JournalHeadRow,
    JournalRow,
    LeaseRow,
    NoticeRow,
)
from supervision.store.tables.plans import (
    AssignmentRow,
    CalendarDayRow,
    CalendarYearRow,
    ExtensionRow,
    ObligationRow,
    PlanRow,
    RulesetRow,
    UnitRow,
)
from supervision.store.tables.runs import (
    EscalationListRow,
    EscalationRow,
    FindingRow,
    RunRow,
    RunRuleRow,
    TransitionRow,
)

__all__ = [
    "AssignmentRow",
    "CalendarDayRow",
    "CalendarYearRow",
    "DigestRow",
    "EscalationListRow",
    "EscalationRow",
    "EvidenceRow",
    "ExtensionRow",
    "FindingRow",
    "JobSlotRow",
    "JournalHeadRow",
    "JournalRow",
    "LeaseRow",
    "NoticeRow",
    "ObligationRow",
    "PlanRow",
    "RecordRow",
    "ReviewRow",
    "RulesetRow",
    "RunRow",
    "RunRuleRow",
    "SubmissionClaimRow",
    "SubmissionNodeRow",
    "SubmissionRow",
    "SubmissionTaskRow",
    "TransitionRow",
    "UnitRow",
]
