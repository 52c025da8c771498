"""durable_rules as we drive it, and the processes that it runs in."""

from __future__ import annotations

import json
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import durable_rules_engine
import psycopg
import pytest

from rules import inference
from rules import pool as pool_module
from rules.checked import CheckedRule
from rules.compiled import NUMBER_LIMIT
from rules.conditions import ALWAYS, And
from rules.facts import Fact, InferenceFailed, UnitFacts
from rules.inference import infer
from rules.lowering import compile_rules
from rules.oracle import judge
from rules.pool import InferencePool
from tests import engine_faults
from tests.postgres import new_database, plain_url
from tests.rule_factory import (
    a_fact,
    a_match,
    a_unit,
    an_on_rule,
    compare,
    field,
    over_violations,
    unsure,
)

ROOT = Path(__file__).parents[2]

LATE = compare("days", ">", 0)
RULES: list[CheckedRule] = [
    an_on_rule(when=LATE),
    a_match(
        patterns={
            "first": ("report", LATE),
            "second": (
                "report",
                And((LATE, compare("period_no", "=", field("period_no", "first"), 1))),
            ),
        }
    ),
    over_violations(at_least=3),
]
COMPILED = compile_rules(RULES)


def unit(name: str = "A", *days: int) -> UnitFacts:
    facts = (
        a_fact(f"{name}/{number}", days=value, period_no=number)
        for number, value in enumerate(days or (1, 2, 0, 4), 1)
    )
    return a_unit(*facts, unit=name)


# --- The engine -----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, 1, -1, NUMBER_LIMIT - 1, 1 - NUMBER_LIMIT])
def test_numbers_up_to_the_limit_are_compared_exactly(value: int) -> None:
    signs = ["=", "<>", "<", "<=", ">", ">="]
    rules = [an_on_rule(f"r{i}", when=compare("days", sign, value)) for i, sign in enumerate(signs)]
    near = [near for near in (value - 1, value, value + 1) if abs(near) < NUMBER_LIMIT]
    facts = a_unit(*(a_fact(f"R/{number}", days=number) for number in near))
    assert tuple(infer(compile_rules(rules), [facts])) == judge(rules, facts).firings


def test_joins_add_at_the_limit_without_overflow() -> None:
    largest = NUMBER_LIMIT - 1
    above = compare("days", ">", field("days", "a"), largest)
    rules = [a_match(patterns={"a": ("report", ALWAYS), "b": ("report", above)})]
    facts = a_unit(*(a_fact(f"R/{n}", days=n) for n in (largest, -largest, 0, 1, -1)))
    expected = judge(rules, facts).firings
    assert len(expected[0].facts) == 3
    assert tuple(infer(compile_rules(rules), [facts])) == expected


def test_texts_meet_whatever_they_contain_and_no_others() -> None:
    texts = ["", "甲", "甲 ", "O'Hara", 'a"b', "a\\b", '","k":9}', "1", "\0", "é", "e\u0301"]
    alike = compare("name", "=", field("name", "a"))
    rules = [
        a_match(patterns={"a": ("report", ALWAYS), "b": ("report", alike)}),
        *(an_on_rule(f"r{i}", when=compare("name", "=", t)) for i, t in enumerate(texts)),
    ]
    facts = [a_fact(f"R/{i}/{copy}", name=t) for i, t in enumerate(texts) for copy in (1, 2)]
    found = infer(compile_rules(rules), [a_unit(*facts)])
    assert tuple(found) == judge(rules, a_unit(*facts)).firings
    assert sum(len(firing.facts) for firing in found if firing.rule == "twice") == 2 * len(texts)


def test_one_fact_may_meet_hundreds_of_rules() -> None:
    rules = [an_on_rule(f"r{i:03}", when=compare("days", ">", -i)) for i in range(1, 701)]
    found = infer(compile_rules(rules), [a_unit(a_fact("R/1", days=0))])
    assert len(found) == 700


def test_facts_may_have_hundreds_of_fields() -> None:
    names = [f"field_{i}" for i in range(300)]
    rules = [an_on_rule(name, when=compare(unsure(name), "=", 1)) for name in names]
    fact = Fact("report", "R/1", dict.fromkeys(names, 1))
    assert len(infer(compile_rules(rules), [a_unit(fact)])) == 300


def test_nothing_of_a_unit_is_left_for_the_next() -> None:
    units = [unit(f"U{i:03}", *([1, 1, 1] if i % 2 else [0, 1, 0])) for i in range(300)]
    expected = [firing for each in units for firing in judge(RULES, each).firings]
    assert infer(COMPILED, units) == expected
    assert infer(COMPILED, list(reversed(units))) == expected


def test_threads_take_turns() -> None:
    units = [unit(f"U{i}", 1, 1, 1) for i in range(20)]
    expected = infer(COMPILED, units)
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(infer(COMPILED, units))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_more_sessions_than_a_ruleset_takes_open_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "SESSIONS_OF_A_RULESET", 3)
    infer(COMPILED, [unit()])
    held = inference._process.rulesets
    units = [unit(f"U{i}", 1, 1, 1) for i in range(10)]
    assert infer(COMPILED, units) == [f for each in units for f in judge(RULES, each).firings]
    assert inference._process.rulesets >= held + 2 * 3


# --- What is refused ------------------------------------------------------------------------------


FRACTION: Any = 1.5


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (
            [a_fact("R/1", days=FRACTION, period_no=1)],
            r"unit A: fact 'R/1' \(report\): days is 1.5, a float",
        ),
        (
            [a_fact("R/1", days=1 << 60, period_no=1)],
            r"fact 'R/1' \(report\): days is 1152921504606846976, beyond",
        ),
        (
            [a_fact("R/1", days=1)],
            r"fact 'R/1' \(report\) has no field 'period_no'",
        ),
        (
            [a_fact("R/1", days=None, period_no=1)],
            r"fact 'R/1' \(report\): days is unknown, which it never is",
        ),
        (
            [a_fact("R/1", days=1, period_no=1)] * 2,
            "two facts have the key 'R/1'",
        ),
    ],
)
def test_a_fact_that_cannot_be_judged_is_refused_by_name(facts: list[Fact], why: str) -> None:
    with pytest.raises(InferenceFailed, match=why):
        infer(COMPILED, [a_unit(*facts)])
    assert infer(COMPILED, [unit()]) == list(judge(RULES, unit()).firings)


def test_a_match_that_would_explode_is_refused_before_it_does() -> None:
    later = compare("period_no", ">", field("period_no", "a"))
    rule = a_match("every-pair", patterns={"a": ("report", LATE), "b": ("report", later)})
    many = a_unit(*(a_fact(f"R/{n}", days=1, period_no=n) for n in range(600)))
    started = time.monotonic()
    with pytest.raises(InferenceFailed, match="rule every-pair could bind over 200000"):
        infer(compile_rules([rule]), [many])
    assert time.monotonic() - started < 1


def test_many_facts_tied_by_a_field_do_not_explode() -> None:
    many = a_unit(*(a_fact(f"R/{n}", days=1, period_no=n) for n in range(600)))
    (firing,) = infer(compile_rules(RULES[1:2]), [many])
    assert len(firing.facts) == 599


def test_what_the_engine_drops_without_an_error_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_a_fraction(handle: int, facts: str) -> Any:
        spoiled = facts.replace('"f0":2', '"f0":1e-05')
        return durable_rules_engine.assert_facts(handle, spoiled)

    monkeypatch.setattr(inference, "engine", EngineWith(assert_facts=with_a_fraction))
    with pytest.raises(InferenceFailed, match=r"unit A: .* the facts A/1, .*: it stopped reading"):
        infer(COMPILED, [unit()])
    monkeypatch.undo()
    assert infer(COMPILED, [unit()]) == list(judge(RULES, unit()).firings)


def test_a_fact_the_engine_knows_already_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(handle: int, facts: str) -> Any:
        durable_rules_engine.assert_facts(handle, facts)
        return durable_rules_engine.assert_facts(handle, facts)

    monkeypatch.setattr(inference, "engine", EngineWith(assert_facts=twice))
    with pytest.raises(InferenceFailed, match=r"refused the facts A/1, .*: result 2"):
        infer(COMPILED, [unit()])
    monkeypatch.undo()
    assert infer(COMPILED, [unit()]) == list(judge(RULES, unit()).firings)


def test_rules_the_engine_does_not_take_are_refused() -> None:
    ruleset = COMPILED.rulesets[0]
    broken = replace(COMPILED, rulesets=(replace(ruleset, text='{"r0":{"some":[]}}'),))
    with pytest.raises(InferenceFailed, match="refused the rules: Could not create ruleset"):
        infer(broken, [unit()])


class EngineWith:
    """The C module with some functions replaced."""

    def __init__(self, **replaced: Callable[..., Any]) -> None:
        self.__dict__ |= replaced

    def __getattr__(self, name: str) -> Any:
        return getattr(durable_rules_engine, name)


# --- Why the engine is driven as it is: these fail when a later release behaves otherwise ---------


def test_the_engine_drops_a_batch_from_the_first_value_it_cannot_read() -> None:
    rule = {"r": {"all": [{"p": {"$and": [{"k": 1}]}}]}}
    handle = durable_rules_engine.create_ruleset("drops", json.dumps(rule))
    batch = '[{"id":1,"sid":"1","k":1},{"id":2,"sid":"1","k":1e-05},{"id":3,"sid":"1","k":1}]'
    result, state = durable_rules_engine.assert_facts(handle, batch)
    assert result == 0
    _, message = durable_rules_engine.start_action_for_state(handle, state)
    assert json.loads(message) == {"r": {"p": {"id": 1, "sid": "1", "k": 1}}}
    assert durable_rules_engine.complete_and_start_action(handle, state) is None


def test_the_engines_hashes_of_ids_and_slots_differ() -> None:
    def hashed(name: str) -> int:
        value = 0x811C9DC5
        for byte in name.encode():
            value = (value ^ byte) * 16777619 & 0xFFFFFFFF
        return value

    ids = [*map(str, range(1, inference.MAX_FACTS + 2)), "sid-1"]
    slots = ["id", "sid", "k", "o", "$s", *(f"{x}{i}" for x in "fn" for i in range(110))]
    for names in (ids, slots):
        assert len({hashed(name) for name in names}) == len(names)


# --- Processes ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pool() -> Iterator[InferencePool]:
    with InferencePool(workers=2) as pool:
        yield pool


def processes(pool: InferencePool) -> set[int]:
    return {worker._process.pid for worker in pool._idle}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_pool_finds_what_infer_finds(pool: InferencePool) -> None:
    units = [unit(f"U{i:02}", i % 3, 1, i % 2) for i in range(50)]
    assert pool.run(COMPILED, units, chunk=7) == infer(COMPILED, units)
    assert pool.run(COMPILED, iter(units)) == infer(COMPILED, units)


def test_a_pool_starts_no_more_processes_than_there_are_tasks() -> None:
    with InferencePool(workers=8) as pool:
        assert pool.run(COMPILED, []) == []
        assert processes(pool) == set()
        pool.run(COMPILED, [unit("A"), unit("B"), unit("C")], chunk=2)
        assert len(processes(pool)) == 2


def test_processes_are_kept_for_the_next_run_and_end_with_the_pool() -> None:
    with InferencePool(workers=1) as pool:
        pool.run(COMPILED, [unit()])
        first = processes(pool)
        pool.run(COMPILED, [unit()])
        assert processes(pool) == first
    assert not any(alive(pid) for pid in first)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (engine_faults.killed, "process, judging A, B, was ended by SIGKILL"),
        (engine_faults.crashes, "process, judging A, B, was ended by SIGSEGV"),
        (engine_faults.refuses, "unit A: fact 'A/1' .* is 1.5, a float"),
        (engine_faults.fails, "ended with status 1: ZeroDivisionError: by mistake"),
    ],
)
def test_what_goes_wrong_in_a_process_fails_the_run_and_not_the_next(fault: Any, why: str) -> None:
    with InferencePool(workers=2, infer=fault) as pool:
        with pytest.raises(InferenceFailed, match=why):
            pool.run(COMPILED, [unit("A"), unit("B")])
        pool._infer = infer
        assert pool.run(COMPILED, [unit("A")]) == infer(COMPILED, [unit("A")])


@pytest.mark.parametrize("fault", [engine_faults.hangs, engine_faults.loops])
def test_a_process_that_does_not_come_back_is_ended(fault: Any) -> None:
    with InferencePool(workers=1, time_limit=0.4, infer=fault) as pool:
        with pytest.raises(InferenceFailed, match=r"judging A, took longer than 0\.4 s"):
            pool.run(COMPILED, [unit("A")])
        pool._infer, pool._time_limit = infer, 60
        assert pool.run(COMPILED, [unit("A")]) == infer(COMPILED, [unit("A")])


def test_one_crash_of_many_tasks_fails_the_run_and_leaves_no_process() -> None:
    with InferencePool(workers=2, infer=engine_faults.killed_at_unit_b) as pool:
        pool.run(COMPILED, [unit("A"), unit("C")], chunk=1)
        before = processes(pool)
        with pytest.raises(InferenceFailed, match="judging B, was ended by SIGKILL"):
            pool.run(COMPILED, [unit(name) for name in "ABCDEFGH"], chunk=1)
        assert processes(pool) == set()
    assert not any(alive(pid) for pid in before)


def test_a_process_that_died_between_runs_is_replaced(pool: InferencePool) -> None:
    pool.run(COMPILED, [unit()])
    for worker in pool._idle:
        worker._process.kill()
        worker._process.wait()
    assert pool.run(COMPILED, [unit()]) == infer(COMPILED, [unit()])


def test_an_answer_that_cannot_be_read_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_GRACE", 0.2)
    with InferencePool(workers=1, infer=engine_faults.garbles) as pool:
        with pytest.raises(InferenceFailed, match="judging A, gave an answer that cannot be read"):
            pool.run(COMPILED, [unit()])
        pool._infer = infer
        assert pool.run(COMPILED, [unit()]) == infer(COMPILED, [unit()])


def test_what_is_printed_does_not_get_between_the_answers() -> None:
    with InferencePool(workers=1, infer=engine_faults.talks) as pool:
        assert pool.run(COMPILED, [unit()]) == infer(COMPILED, [unit()])


def test_processes_are_replaced_before_they_hold_too_much() -> None:
    units = [unit(f"U{i:04}", 1, 1) for i in range(1_200)]
    with InferencePool(workers=1) as one:
        one.run(COMPILED, units[:1])
        first = processes(one)
        assert len(one.run(COMPILED, units)) == 4 * len(units)
        assert processes(one).isdisjoint(first)


def test_a_parent_with_threads_and_open_databases_is_fine() -> None:
    stop = threading.Event()
    busy = threading.Thread(target=stop.wait)
    busy.start()
    lite = sqlite3.connect(":memory:")
    lite.execute("CREATE TABLE t (x)")
    with psycopg.connect(plain_url(new_database())) as postgres, InferencePool() as pool:
        postgres.execute("CREATE TABLE t (x int)")

        def read() -> Iterator[UnitFacts]:
            for number in range(5):
                lite.execute("INSERT INTO t VALUES (?)", (number,))  # only this thread may
                postgres.execute("INSERT INTO t VALUES (%s)", (number,))
                yield unit(f"U{number}")

        assert len(pool.run(COMPILED, read(), chunk=1)) > 0
        assert postgres.execute("SELECT count(*) FROM t").fetchone() == (5,)
    assert lite.execute("SELECT count(*) FROM t").fetchone() == (5,)
    lite.close()
    stop.set()
    busy.join()


@pytest.mark.parametrize("chunk", [0, 501])
def test_a_chunk_is_not_without_bounds(pool: InferencePool, chunk: int) -> None:
    with pytest.raises(ValueError, match="it goes from 1 to 500"):
        pool.run(COMPILED, [unit()], chunk=chunk)


def test_the_entry_script_is_not_run_again_in_the_processes(tmp_path: Path) -> None:
    script = tmp_path / "entry.py"
    script.write_text(
        "print('started')\n"
        "import pickle, sys\n"
        "from rules.pool import InferencePool\n"
        "compiled, unit = pickle.load(open(sys.argv[1], 'rb'))\n"
        "with InferencePool() as pool:\n"
        "    print(len(pool.run(compiled, [unit])))\n"
    )
    (tmp_path / "task").write_bytes(pickle.dumps((COMPILED, unit())))
    said = subprocess.run(
        [sys.executable, "-W", "ignore", str(script), str(tmp_path / "task")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert said.stdout == f"started\n{len(infer(COMPILED, [unit()]))}\n"


def test_a_process_outlives_neither_its_pool_nor_its_parent(tmp_path: Path) -> None:
    program = (
        "import os, pickle, signal, sys\n"
        "from rules.pool import InferencePool\n"
        "compiled, unit = pickle.load(open(sys.argv[1], 'rb'))\n"
        "pool = InferencePool(workers=1)\n"
        "pool.run(compiled, [unit])\n"
        "print(pool._idle[0]._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (tmp_path / "task").write_bytes(pickle.dumps((COMPILED, unit())))
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(tmp_path / "task")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    worker = int(said.stdout)
    deadline = time.monotonic() + 5
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(worker)
