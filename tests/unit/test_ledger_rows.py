"""Rows of a ledger: each type, all faults at once, and no identity in clear anywhere."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervision.domain.ledger_rows import Row, encode_number, read_day, read_row
from supervision.domain.ledgers import Ledger

KEY = b"of this office alone"
IDENTITY = "41010519900307002X"
LEDGERS = {
    "trainees": Ledger.model_validate(
        {
            "key": ["identity", "class_no"],
            "dated_by": "ends_on",
            "started_by": "starts_on",
            "fields": {
                "identity": {"type": "identity", "required": True},
                "class_no": {"type": "text"},
                "headcount": {"type": "integer"},
                "cost": {"type": "number"},
                "expert": {"type": "boolean"},
                "starts_on": {"type": "date"},
                "ends_on": {"type": "date"},
                "tier": {"type": "choice", "choices": ["党员", "致富能手"]},
                "remark": {"type": "text", "required": True},
            },
        }
    ),
    "loose": Ledger.model_validate({"fields": {"name": {"type": "text"}}}),
}


def read(key: bytes = KEY, **fields: Any) -> tuple[Row | None, dict[str, str]]:
    """A row of `trainees` with what it must have, and these fields."""
    row = {"ledger": "trainees", "identity": IDENTITY, "remark": "无", **fields}
    found, faults = read_row(row, LEDGERS, identity_key=key)
    return found, dict(faults)


def a_row(**fields: Any) -> Row:
    row, faults = read(**fields)
    assert faults == {}
    assert row is not None
    return row


def fault(**fields: Any) -> str:
    """The one fault of a row that is wrong in one field."""
    row, faults = read(**fields)
    assert row is None
    assert list(faults) == list(fields)
    return next(iter(faults.values()))


# --- Each type -----------------------------------------------------------------------------------


def test_every_type_is_stored_encoded() -> None:
    row = a_row(
        class_no=" 一班 ",
        headcount=40,
        cost=12.5,
        expert=True,
        starts_on="2022-06-01",
        ends_on="2022-06-03",
        tier="党员",
    )
    data = dict(row.data)
    del data["identity"], data["identity.last4"]
    assert data == {
        "class_no": "一班",
        "headcount": 40,
        "cost": 12_500_000,
        "expert": 1,
        "starts_on": date(2022, 6, 1).toordinal(),
        "ends_on": date(2022, 6, 3).toordinal(),
        "tier": "党员",
        "remark": "无",
    }
    assert row.day == date(2022, 6, 3).toordinal()
    assert row.first_day == date(2022, 6, 1).toordinal()


@pytest.mark.parametrize("empty", [None, "", "   ", "　"])
def test_an_empty_field_is_left_out_and_a_required_one_is_a_fault(empty: str | None) -> None:
    assert "tier" not in a_row(tier=empty).data
    assert fault(remark=empty) == "is required and empty"


@pytest.mark.parametrize(
    "value", ["200人", "约100", "一百", "２００", "200", True, [200], {"n": 1}]
)
@pytest.mark.parametrize("field", ["headcount", "cost"])
def test_what_is_no_number_is_refused_and_shown(field: str, value: object) -> None:
    text = fault(**{field: value})
    assert text.startswith("expected a")
    assert json.dumps(value, ensure_ascii=False) in text


def test_a_whole_number_has_no_decimals() -> None:
    assert fault(headcount=40.5) == "expected a whole number, found 40.5"
    assert fault(headcount=40.0) == "expected a whole number, found 40.0"


@pytest.mark.parametrize("value", ["是", "true", 1, 0, "yes"])
def test_true_and_false_are_the_only_booleans(value: object) -> None:
    assert fault(expert=value).startswith("expected true or false, found")


@pytest.mark.parametrize(
    "value",
    [
        "2022年6月27日",
        "2022.6.27",
        "2022/06/27",
        "2022-6-27",
        "2022-13-01",
        "2022-02-30",
        "20220627",
        "２０２２-06-27",
        "2022-W26-1",
        44739,
        20220627,
    ],
)
def test_a_date_is_written_one_way(value: object) -> None:
    assert fault(ends_on=value).startswith("expected a date such as 2022-06-30, found")


def test_a_choice_is_one_of_the_list_and_the_nearest_is_named() -> None:
    text = fault(tier="致富能人")
    assert "'致富能手'" in text
    assert "allowed: 党员、致富能手" in text
    assert "is no choice" in fault(tier=" 党员")


@pytest.mark.parametrize("value", [["党员"], {"a": 1}, 5, True])
def test_a_choice_or_text_of_another_type_is_a_fault_and_no_crash(value: object) -> None:
    assert "is no choice" in fault(tier=value)
    assert fault(class_no=value).startswith("expected text, found")


# --- All faults at once --------------------------------------------------------------------------


def test_all_faults_of_a_row_come_at_once() -> None:
    row, faults = read(
        identity=None,
        headcount="200人",
        cost="约",
        expert="是",
        ends_on="6月",
        tier="村民",
        teir="x",
    )
    assert row is None
    assert set(faults) == {"identity", "headcount", "cost", "expert", "ends_on", "tier", "teir"}
    assert "did you mean 'tier'" in faults["teir"]


@pytest.mark.parametrize("row", [None, [], "trainees", 5])
def test_a_row_that_is_no_object_is_a_fault(row: object) -> None:
    found, faults = read_row(row, LEDGERS, identity_key=KEY)
    assert found is None
    assert faults[0][1].startswith("a row is an object with 'ledger'")


@pytest.mark.parametrize("name", ["trainee", None, 5, ["trainees"]])
def test_an_unknown_ledger_is_a_fault_that_lists_the_known(name: object) -> None:
    found, faults = read_row({"ledger": name}, LEDGERS, identity_key=KEY)
    assert found is None
    assert [field for field, _ in faults] == ["ledger"]
    assert "allowed: trainees, loose" in faults[0][1]


def test_a_ledger_written_nearly_right_is_named() -> None:
    _, faults = read_row({"ledger": "trainee"}, LEDGERS, identity_key=KEY)
    assert "did you mean 'trainees'" in faults[0][1]


# --- Identity ------------------------------------------------------------------------------------


def test_an_identity_is_stored_as_a_keyed_hash_and_its_last_four() -> None:
    row = a_row()
    assert row.data["identity.last4"] == "002x"
    assert IDENTITY not in repr(row)
    assert IDENTITY.casefold() not in repr(row)
    assert row.data["identity"] != a_row(key=b"of another office").data["identity"]


def test_one_person_is_one_person_however_the_number_is_written() -> None:
    written = [
        "41010519900307002X",
        "41010519900307002x",
        "４１０１０５19900307002X",
        " 410105 19900307 002X ",
    ]
    assert len({a_row(identity=each).data["identity"] for each in written}) == 1
    assert len({a_row(identity=each).key for each in written}) == 1


def test_two_people_are_two() -> None:
    assert a_row().data["identity"] != a_row(identity="410105199003070038").data["identity"]


@pytest.mark.parametrize("value", [410105199003070020, 4.10105199003070020e17, True])
def test_an_identity_as_a_number_is_refused(value: object) -> None:
    # a spreadsheet would have rounded its last digits
    row, faults = read(identity=value)
    assert row is None
    assert faults["identity"] == "expected the number as text, in quotes"


@given(st.text(min_size=1).filter(lambda text: text.strip()))
def test_no_identity_longer_than_four_stands_in_a_row(identity: str) -> None:
    row, faults = read(identity=identity)
    if faults:
        return
    assert row is not None
    packed = "".join(identity.split())
    if len(packed) > 8:
        assert packed not in json.dumps([row.data, row.key], ensure_ascii=False)


# --- Keys and days -------------------------------------------------------------------------------


def test_rows_with_the_same_key_have_the_same_key() -> None:
    assert a_row(class_no="一班").key == a_row(class_no=" 一 班 ", cost=3).key
    assert a_row(class_no="一班").key != a_row(class_no="二班").key
    assert a_row(class_no="Ｂ1").key == a_row(class_no="b1").key


def test_a_key_with_a_field_missing_is_no_key() -> None:
    assert a_row().key is None


def test_a_ledger_without_a_key_has_rows_without() -> None:
    row, _ = read_row({"ledger": "loose", "name": "x"}, LEDGERS, identity_key=KEY)
    assert row == Row("loose", {"name": "x"}, None, None, None)


# --- Numbers -------------------------------------------------------------------------------------


@given(st.decimals(-(10**9), 10**9, places=6))
def test_a_number_of_six_places_is_encoded_exactly(number: Decimal) -> None:
    assert encode_number(number) == int(number * 1_000_000)


@given(st.integers(-(10**9), 10**9))
def test_a_whole_number_is_a_million_of_it(number: int) -> None:
    assert encode_number(number) == number * 1_000_000


@given(st.integers(-(10**8), 10**8), st.integers(0, 6))
def test_a_float_as_json_writes_it_is_read_by_its_digits(digits: int, places: int) -> None:
    number = json.loads(f"{digits}e-{places}")
    assert encode_number(number) == digits * 10 ** (6 - places)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (0.0000001, "more than 6 decimal places"),
        (10**15, "too large"),
        (-(10**15), "too large"),
        (float("inf"), "expected a number"),
        (float("nan"), "expected a number"),
        (Decimal("NaN"), "expected a number"),
        ("5", "expected a number"),
        (None, "expected a number"),
    ],
)
def test_a_number_that_cannot_be_kept_exactly_is_refused(value: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        encode_number(value)


@given(st.dates())
def test_a_date_is_read_as_it_is_written(day: date) -> None:
    assert read_day(day.isoformat()) == day
