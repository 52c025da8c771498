"""Check rules where they stand: a whole pack, one file of rules, or a folder of them.

A file alone is read beside the other rules of its pack, whose faults are theirs: ids must be
unique in all of them, and `rule = '…'` may name any of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rules.checked import CheckedRule
from rules.checking import rule_files
from rules.loading import read_yaml
from rules.nodes import Fault, Faults
from supervision.errors import NotFound, SupervisionError
from supervision.services.load_rules import check_pack_rules, load_whole_pack
from supervision.services.pack_outline import outline_of

PLAN = "plan.yaml"
RULES = "rules"
_OTHER_PARTS = frozenset({PLAN, "units.yaml", "assignments.yaml", "ledgers.yaml"})


@dataclass(frozen=True)
class RulesChecked:
    """`rules` are those of `files`, drafts too; `pack` is the folder of the plan they belong to."""

    pack: Path
    files: tuple[Path, ...]
    rules: tuple[CheckedRule, ...]
    whole: bool

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many rules there are by (kind of fact, outcome), in the order of the files.

        A match that joins several kinds is of all of them: `report + report`.
        """
        return dict(Counter((kinds_of(rule), outcome_of(rule)) for rule in self.rules))


def kinds_of(rule: CheckedRule) -> str:
    """Return the kinds of fact a rule is about."""
    return " + ".join(pattern.on for pattern in rule.patterns)


def outcome_of(rule: CheckedRule) -> str:
    """Return what follows when the rule holds: finding, notice or escalation."""
    if rule.rule.notice is not None:
        return "notice"
    return "finding" if rule.rule.escalate is None else "escalation"


def check_at(path: Path) -> RulesChecked:
    """Return the checked rules at `path`.

    Faults: all that is wrong with a pack, or with the files that were named. NotFound where there
    is nothing, or no plan above it; SupervisionError for a file of the pack that holds no rules.
    """
    if not path.exists():
        raise NotFound(f"{path}: there is no such file or folder")
    if (path / PLAN).exists():
        loaded = load_whole_pack(path)
        return RulesChecked(path, rule_files(path / RULES), loaded.rules, whole=True)
    pack = pack_above(path)
    if pack is not None and path.parent == pack and path.name in _OTHER_PARTS:
        raise SupervisionError(
            f"{path} is no file of rules; check the whole pack: supervision rules check {pack}"
        )
    files = (*rule_files(path), *sorted(path.glob("*.yml"))) if path.is_dir() else (path,)
    if pack is None:
        raise NotFound(
            f"{path}: no {PLAN} in any folder above it; rules are checked against the plan they "
            "belong to: put them into a pack's rules folder"
        )
    return RulesChecked(pack, files, _rules_in(pack, files), whole=False)


def rules_around(checked: RulesChecked) -> tuple[CheckedRule, ...]:
    """Return the rules together with the others of their pack, where those are sound."""
    if checked.whole:
        return checked.rules
    outline = outline_of(read_yaml(checked.pack / PLAN))
    named = {file.resolve() for file in checked.files}
    beside = [file for file in _siblings(checked.pack) if file.resolve() not in named]
    try:
        return check_pack_rules(outline, (*beside, *checked.files))
    except Faults:
        return checked.rules


def pack_above(path: Path) -> Path | None:
    """Return the nearest folder above `path` with a plan.yaml, named as `path` is."""
    for folder in path.parents:
        if (folder / PLAN).is_file():
            return folder
    absolute = path.absolute()
    return next((folder for folder in absolute.parents if (folder / PLAN).is_file()), None)


def _rules_in(pack: Path, files: Sequence[Path]) -> tuple[CheckedRule, ...]:
    misnamed = [file for file in files if file.suffix != ".yaml"]
    if misnamed:
        text = "is not read; a file of rules is named .yaml"
        raise Faults(Fault(str(file), 1, 1, text) for file in misnamed)
    outline = outline_of(read_yaml(pack / PLAN))
    named = {file.resolve() for file in files}
    beside = [file for file in _siblings(pack) if file.resolve() not in named]
    own = {str(file) for file in files}
    try:
        # The named files come last: of two rules with one id, theirs is the second.
        rules = check_pack_rules(outline, (*beside, *files))
    except Faults as found:
        faults = [fault for fault in found.faults if fault.file in own]
        if faults:
            raise Faults(faults) from None
        # What is wrong stands in the files beside them, and is told when they are checked.
        rules = check_pack_rules(outline, files)
    return tuple(rule for rule in rules if rule.source.file in own)


def _siblings(pack: Path) -> tuple[Path, ...]:
    try:
        return rule_files(pack / RULES)
    except Faults:
        return ()
