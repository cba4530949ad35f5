"""A user's own meshes go through the benchmarks that a user is told to run: families and clearing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gpnet_ros.cli import main
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.closed_loop.heaps import HeapName
from gpnet_ros.sim.objects.shapes import box


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """A bar that a jaw takes and a slab that is wider than it, in millimetres."""
    folder = tmp_path / "parts"
    folder.mkdir()
    for name, size in (("bar", (90, 30, 30)), ("slab", (160, 130, 12))):
        solid = box(list(size))
        lines = ["v {} {} {}".format(*v) for v in np.asarray(solid.vertices)]
        lines += ["f {} {} {}".format(*(f + 1)) for f in np.asarray(solid.faces)]
        (folder / f"{name}.obj").write_text("\n".join(lines))
    return folder


def test_the_jaw_takes_the_bar_and_not_the_slab(parts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "families", "--meshes", str(parts), "--mesh-unit", "mm", "--drops", "2", "--workers", "1"]
    assert main([*words, "--json"]) == 0
    rows = {r["family"]: r for r in json.loads(capsys.readouterr().out.splitlines()[-1])["families"]}
    assert rows.keys() == {"user:bar.obj", "user:slab.obj"}
    assert rows["user:bar.obj"]["graspable"] and rows["user:bar.obj"]["lifted"] == 2
    assert rows["user:slab.obj"]["has_grasp"] == 0
    assert main([*words, "--families", "user:slab.obj"]) == 1, "none of the parts can be taken"
    assert main([*words, "--families", "box"]) == 2
    assert "user:bar.obj" in capsys.readouterr().err


def test_heaps_of_own_parts_hold_nothing_else_and_have_a_name_of_their_own(parts: Path) -> None:
    name = HeapName(3, seed=1, meshes=str(parts), mesh_unit="mm")
    heap, seed = name.load()
    assert seed == 1 and len(heap.objects) == 3
    assert {o.family for o in heap.objects} <= {"user:bar.obj", "user:slab.obj"}
    assert name.label != HeapName(3, seed=1).label
    with pytest.raises(BadInput, match="no folder"):
        HeapName(3, seed=1, meshes=str(parts / "none")).load()


@pytest.mark.parametrize("words", [["--path", "ros"], ["--heaps", "frozen"]])
def test_own_parts_are_refused_where_they_cannot_be_shown(
    words: list[str], parts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "clearing", "--meshes", str(parts), *words]) == 2
    assert "--meshes goes with --path core" in capsys.readouterr().err
