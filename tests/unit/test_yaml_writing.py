"""What is written as YAML is read again as it was, and looks as a person would have written it."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.loading import parse_yaml
from rules.writing import Inline, InlineList, to_yaml

# What our reader refuses in a text anyway, and what every YAML reader folds.
TEXT = st.text(
    st.characters(
        exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufeff\ufffe\uffff"
    ),
    max_size=20,
) | st.text(st.sampled_from("-+.:#,[]{}&*!|>'\"%@`\\ 0123xeonaflstru督~=\n"), max_size=12)
NUMBER = st.integers(-(10**17), 10**17) | st.integers(-(10**9), 10**9).map(lambda n: n / 1000)
LEAF = TEXT | NUMBER | st.booleans() | st.none()
KEY = TEXT.filter(lambda key: bool(key) and "\n" not in key)
VALUE = st.recursive(
    LEAF,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEY, inner, max_size=3)
        | st.dictionaries(KEY, LEAF, max_size=3).map(Inline)
        | st.lists(LEAF, max_size=3).map(InlineList)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(value=VALUE)
@example(["on", "no", "yes", "off", "y", "2022-06-27", "17:30", "1_000", "0o17", "0x1F", "1e3"])
@example(["true", "Null", "~", "", ".5", "5.", "-0", "+1", ".inf", ".NaN", "<<", "=", "- a"])
@example(Inline({"a: b": "c, d", "#": "{e}", "'": '"', "[": "]"}))
@example("第一行\n第二行\n")
def test_what_is_written_is_read_as_it_was(value: Any) -> None:
    text = to_yaml({"whole": value})
    assert parse_yaml(text, file="x").value == {"whole": value}
    assert to_yaml({"whole": value}) == text


def test_words_of_rules_need_no_quotes() -> None:
    fact = Inline(on="report", due_on="2022-06-27", filed=False, period="2022", state="no")
    text = to_yaml(
        {"cases": [{"name": "逾期：一天", "facts": [fact], "to": InlineList(["a", "b"])}]}
    )
    assert text == (
        "cases:\n"
        "  - name: 逾期：一天\n"
        "    facts:\n"
        "      - {on: report, due_on: 2022-06-27, filed: false, period: '2022', state: no}\n"
        "    to: [a, b]\n"
    )
