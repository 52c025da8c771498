"""Every check of the linter has an example that trips it, and only it, and one that trips none."""

from __future__ import annotations

import pytest

from rules.vocabulary import LintCheck
from supervision.services.lint_pack import CHECKS, EXAMPLES, example, lint_at


def test_every_check_is_explained() -> None:
    assert set(CHECKS) == set(LintCheck)
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    assert folders == {check.value for check in LintCheck}
    assert all(named.meaning and named.advice for named in CHECKS.values())


@pytest.mark.parametrize("check", list(LintCheck))
def test_the_bad_example_trips_its_check_and_no_other(check: LintCheck) -> None:
    remarks = lint_at(example(check, good=False)).remarks
    assert {remark.check for remark in remarks} == {check}


@pytest.mark.parametrize("check", list(LintCheck))
def test_the_good_example_trips_no_check(check: LintCheck) -> None:
    assert lint_at(example(check, good=True)).remarks == ()
