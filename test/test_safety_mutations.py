"""The tests of the safety check are tested: each broken copy of the check must be caught by them."""

from __future__ import annotations

import ast
import copy
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.judged_plans import REFUSALS, SWEEPS, Arguments, line, pick

from gpnet_ros import safety
from gpnet_ros.errors import UnsafePlan

SOURCE = Path(safety.__file__).read_text(encoding="utf-8")
FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.LtE: ast.Gt,
    ast.GtE: ast.Lt,
    ast.Lt: ast.GtE,
    ast.Gt: ast.LtE,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


def mutants() -> Iterator[tuple[str, ast.Module]]:
    """Broken copies of safety.py: a judge's call removed, a comparison turned round, a raise removed."""
    tree = ast.parse(SOURCE)
    nodes = list(ast.walk(tree))
    names = _functions(tree)
    for i, node in enumerate(nodes):
        where = f"{names.get(id(node), 'module')} line {getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield f"removed {ast.unparse(node)[:60]} in {where}", _changed(tree, i, "remove")
        if isinstance(node, ast.Raise):
            yield f"removed a raise in {where}", _changed(tree, i, "remove")
        if isinstance(node, ast.Compare) and type(node.ops[0]) in FLIPPED:
            yield f"turned round {ast.unparse(node)[:60]} in {where}", _changed(tree, i, "flip")


def _functions(tree: ast.Module) -> dict[int, str]:
    return {id(n): f.name for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}


def _changed(tree: ast.Module, index: int, how: str) -> ast.Module:
    mutant = copy.deepcopy(tree)
    node = list(ast.walk(mutant))[index]
    if how == "flip":
        assert isinstance(node, ast.Compare)
        node.ops[0] = FLIPPED[type(node.ops[0])]()
    else:
        for parent in ast.walk(mutant):
            for block in ("body", "orelse"):
                statements = getattr(parent, block, None)
                if isinstance(statements, list) and node in statements:
                    statements[statements.index(node)] = ast.copy_location(ast.Pass(), node)
    return ast.fix_missing_locations(mutant)


def load(tree: ast.Module, name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__file__ = safety.__file__
    sys.modules[name] = module  # dataclasses look their module up
    exec(compile(tree, name, "exec"), module.__dict__)
    del sys.modules[name]
    return module


def cases() -> list[tuple[str, Arguments, str | None]]:
    """Every plan of the sweeps with the verdict that is due: None, or a word of the refusal."""
    found: list[tuple[str, Arguments, str | None]] = []
    for name, (build, inside, outside, word) in SWEEPS.items():
        found += [(f"{name} {v}", build(v), word) for v in outside]
        found += [(f"{name} {v}", build(v), None) for v in inside[-1:]]
    for name, (refused, passes) in REFUSALS.items():
        found += [(name, refused(), ""), (name, passes(), None)]
    plan, cell, q, heights = pick()
    found.append(("NaN in the start", (plan, cell, [np.nan, *q[1:]], heights), "'start': a value is nan"))
    found.append(("NaN in a step", line(speed=np.nan), "'line': speed is nan"))
    return found


def caught_by(module: types.ModuleType, tests: list[tuple[str, Arguments, str | None]]) -> str | None:
    """The first test that the module fails, or None: it survived."""
    for name, arguments, due in tests:
        try:
            module.check(*arguments)
            verdict = None
        except UnsafePlan as refusal:
            verdict = str(refusal)
        except Exception as error:
            return f"{name}: {type(error).__name__}"
        if (verdict is None) != (due is None) or (due and verdict and due not in verdict):
            return name
    return None


def test_the_unbroken_check_passes_all_cases() -> None:
    assert caught_by(load(ast.parse(SOURCE), "unbroken"), cases()) is None


def test_removing_a_whole_judge_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    judges = [name for name in vars(safety) if name.startswith("_judge_")]
    assert len(judges) >= 12
    tests = [case for case in cases() if case[2] is not None]  # who judges less refuses nothing more
    for judge in judges:
        with monkeypatch.context() as patch:
            patch.setattr(safety, judge, lambda *_: None)
            assert caught_by(safety, tests) is not None, f"nothing notices that {judge} is gone"


@pytest.mark.slow
@pytest.mark.timeout(1200)  # 155 mutants by 397 plans: five minutes of a busy core
def test_every_mutant_is_caught() -> None:
    tests, broken = cases(), list(mutants())
    assert len(broken) > 60, "too few mutants: the mutator no longer fits the file"
    survivors = [name for name, tree in broken if caught_by(load(tree, "mutant"), tests) is None]
    assert not survivors, "\n".join(survivors)
