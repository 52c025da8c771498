"""Read a pack's folder into a `Pack`, or say everything that is wrong with it.

`rules/` and `cases/` count in the revision; what they mean is checked elsewhere.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from rules.loading import Fault, Faults, Node, read_yaml, validate
from supervision.domain.ledgers import LedgersFile
from supervision.domain.pack import Pack, requirements_without_lead
from supervision.domain.plan import Plan
from supervision.domain.units import AssignmentsFile, Units, UnitsFile
from supervision.services.pack_checks import faults_between
from supervision.services.pack_draft import Draft

FILES = ("plan", "units", "assignments", "ledgers")


def load_pack(path: Path) -> Pack:
    """Return the pack in folder `path`. Raises Faults with every fault of every file at once."""
    if not path.is_dir():
        raise Faults([Fault(str(path), 1, 1, "is not a folder; a pack is a folder of YAML files")])
    faults: list[Fault] = []
    nodes = {name: _read(path / f"{name}.yaml", faults) for name in FILES}
    revision = _revision(path, faults)
    plan = validate(Plan, nodes["plan"], faults) if nodes["plan"] else None
    units = validate(UnitsFile, nodes["units"], faults) if nodes["units"] else None
    ledgers = validate(LedgersFile, nodes["ledgers"], faults) if nodes["ledgers"] else None
    assignments = (
        validate(AssignmentsFile, nodes["assignments"], faults) if nodes["assignments"] else None
    )
    faults += faults_between(Draft(**nodes))
    if faults or not (plan and units and assignments and ledgers):
        raise Faults(faults)
    return Pack(
        plan=plan,
        units=Units(units.units),
        assignments=assignments.assignments,
        ledgers=ledgers.ledgers,
        revision=revision,
        skipped=requirements_without_lead(plan.requirements, assignments.assignments),
    )


def _read(path: Path, faults: list[Fault]) -> Node | None:
    try:
        return read_yaml(path)
    except Faults as error:
        faults.extend(error.faults)
        return None


def _revision(path: Path, faults: list[Fault]) -> str:
    """Return the SHA-256 over names and contents of the pack's YAML, in the order of the names."""
    whole = hashlib.sha256()
    for folder in (path, path / "rules", path / "cases"):
        for file in sorted(folder.glob("*") if folder == path else folder.rglob("*")):
            if file.suffix == ".yml":
                faults.append(Fault(str(file), 1, 1, "is not read; name it .yaml"))
            if file.suffix != ".yaml":
                continue
            try:
                content = file.read_bytes()
            except OSError as error:
                faults.append(Fault(str(file), 1, 1, f"cannot be read: {error.strerror}"))
                continue
            whole.update(f"{file.relative_to(path).as_posix()}\0{len(content)}\0".encode())
            whole.update(content)
    return whole.hexdigest()
