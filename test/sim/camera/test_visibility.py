"""Rays that are not cast: none of them would have met anything."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import from_rotvec, look_at, transform
from gpnet_ros.sim.camera.meshes import bin_mesh, box_mesh, table_mesh
from gpnet_ros.sim.camera.raycast import Hits, PlacedScene, RayScene
from gpnet_ros.sim.camera.visibility import Risen, visibility
from gpnet_ros.sim.looks.style import Light, Style

CAMERA = Intrinsics(96, 72, 80.0, 80.0, 47.5, 35.5)  # sees table, heap and what is beside the table
#: One light above, one low enough to be below the top of the tower, one broad one far aside.
STYLE = Style(
    lights=(Light((0.5, 0.2, 1.6), 0.1), Light((0.2, -0.9, 0.35), 0.3), Light((2.0, 1.0, 1.4), 0.4)),
)


def tower() -> tuple[PlacedScene, Hits]:
    """Boxes on a small table above a floor, one tilted, one reaching down beside the table, and how they are seen."""
    meshes = [
        table_mesh((0.9, 0.8), (0.65, 0.0)),
        box_mesh((6.0, 6.0, 0.02)),
        box_mesh((0.06, 0.06, 0.5), id=1),
        box_mesh((0.2, 0.1, 0.04), id=2),
        box_mesh((0.1, 0.1, 0.6), id=3),
    ]
    poses = [
        np.eye(4),
        transform(np.eye(3), (0.65, 0.0, -0.75)),
        transform(np.eye(3), (0.70, 0.05, 0.25)),
        from_rotvec((0.55, -0.08, 0.09, 0.5, 0.2, 0.9)),
        transform(np.eye(3), (0.65, 0.48, -0.1)),
    ]
    return seen_from(RayScene(meshes).place(poses), (0.95, 0.1, 0.9))


def in_a_bin() -> tuple[PlacedScene, Hits]:
    """A box in a bin on a table, as a camera sees them."""
    meshes = [table_mesh(), bin_mesh(), box_mesh((0.08, 0.05, 0.05), id=1)]
    poses = [np.eye(4), transform(np.eye(3), (0.65, 0.0, 0.0)), transform(np.eye(3), (0.6, 0.05, 0.029))]
    return seen_from(RayScene(meshes).place(poses), (0.65, 0.3, 0.8))


def seen_from(placed: PlacedScene, eye: tuple[float, float, float]) -> tuple[PlacedScene, Hits]:
    return placed, placed.cast(CAMERA, look_at(eye, (0.65, 0.0, 0.05))).flat()


def cast_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on every ray is cast."""
    for name in ("misses", "misses_light", "out_of_reach"):
        monkeypatch.setattr(Risen, name, lambda self, origins, *_: np.zeros(origins.shape[1], dtype=bool))


def share(placed: PlacedScene, hits: Hits) -> np.ndarray:
    return visibility(placed, hits, STYLE, 6, np.random.default_rng(3))


@pytest.mark.parametrize("scene", [tower, in_a_bin])
def test_no_ray_is_left_out_that_would_have_met_something(
    scene: Callable[[], tuple[PlacedScene, Hits]], monkeypatch: pytest.MonkeyPatch
) -> None:
    placed, hits = scene()
    cast: list[int] = []
    blocked = PlacedScene.blocked
    monkeypatch.setattr(PlacedScene, "blocked", lambda self, o, *to: (cast.append(len(o)), blocked(self, o, *to))[1])
    some = share(placed, hits)
    spared, cast[:] = sum(cast), []
    cast_all(monkeypatch)
    np.testing.assert_array_equal(some, share(placed, hits))
    assert spared < 0.8 * sum(cast)
    assert (some < 1.0).mean(axis=0).min() > 0.02  # there are shadows of all lights, and dark corners


@pytest.mark.parametrize("wrong", ["low", "level"])
def test_a_box_too_small_or_a_level_too_low_shows_in_the_shadows(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    placed, hits = tower()
    right = share(placed, hits)
    above = Risen.above

    def mistaken(placed: PlacedScene, mesh: int) -> Risen:
        risen = above(placed, mesh)
        if wrong == "low":
            return Risen(risen.level, risen.low + np.float32(0.2), risen.high)
        return Risen(-1.0, risen.low, risen.high)  # rays from the floor meet the table, which is not in the box

    monkeypatch.setattr(Risen, "above", mistaken)
    assert not np.array_equal(share(placed, hits), right)


def test_a_surface_above_all_else_sees_all_lights_that_it_faces() -> None:
    placed = RayScene([table_mesh()]).place([np.eye(4)])
    seen = share(*seen_from(placed, (0.65, 0.0, 0.9)))
    assert (seen == 1.0).all()
