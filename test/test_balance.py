"""Where an object balances: seen aside, the centre of mass lies beside the point of the surface that is above it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.cup_scenes import CAMERA, T_BASE_CAMERA, Slab, cup_scene

from gpnet_ros.balance import arms, mass_centre, mass_point
from gpnet_ros.pose import invert

UP = T_BASE_CAMERA[2, :3]


def in_base(point: np.ndarray) -> np.ndarray:
    return T_BASE_CAMERA[:3, :3] @ point + T_BASE_CAMERA[:3, 3]


@pytest.mark.parametrize("height", [0.02, 0.05, 0.08])
def test_the_centre_of_mass_is_found_in_space_and_not_on_the_surface(height: float) -> None:
    slab = Slab((0.60, 0.05, height), (0.08, 0.08, height))
    scene = cup_scene(slab)
    found = in_base(mass_point(scene.detections, 0, scene.frame, UP))
    assert np.linalg.norm((found - slab.middle)[:2]) < 0.002
    assert abs(found[2] - slab.middle[2]) < 0.15 * height + 0.002
    # The twin: the surface point under the very same pixel is beside it, the more the higher the object is.
    u, v = mass_centre(scene.detections, 0)
    assert scene.frame.depth is not None
    on_surface = in_base(CAMERA.deproject((u, v), float(scene.frame.depth[round(v), round(u)])))
    assert np.linalg.norm((on_surface - slab.middle)[:2]) > 0.12 * height


def test_single_wrong_readings_do_not_move_it() -> None:
    scene = cup_scene(Slab())
    assert scene.frame.depth is not None
    before = mass_point(scene.detections, 0, scene.frame, UP)
    depth, (rows, columns) = scene.frame.depth.copy(), np.nonzero(scene.detections.visible[0])
    depth[rows[::200], columns[::200]] += 0.3
    depth[rows[1::200], columns[1::200]] = np.nan
    after = mass_point(scene.detections, 0, replace(scene.frame, depth=depth), UP)
    assert np.linalg.norm(after - before) < 0.002
    depth[rows, columns] += 0.03  # the twin: what all readings say does
    assert np.linalg.norm(mass_point(scene.detections, 0, replace(scene.frame, depth=depth), UP) - before) > 0.02


def test_a_camera_from_the_side_takes_the_depth_of_what_it_sees() -> None:
    scene = cup_scene(Slab())
    aside = np.array([0.0, -1.0, 0.0])  # up lies in the picture: heights are no way along the rays
    found = mass_point(scene.detections, 0, scene.frame, aside)
    assert scene.frame.depth is not None
    assert found[2] == pytest.approx(float(np.median(scene.frame.depth[scene.detections.visible[0]])), abs=1e-6)


def test_an_arm_is_the_distance_from_the_vertical_and_a_height_is_none() -> None:
    centre, T = np.array([0.01, 0.02, 0.8]), invert(T_BASE_CAMERA)[:3, :3]
    sideways, upwards = T @ np.array([0.03, 0.04, 0.0]), T @ np.array([0.0, 0.0, 0.2])
    assert float(arms(centre + sideways + upwards, centre, UP)) == pytest.approx(0.05)
    assert np.allclose(arms(np.stack([centre + upwards, centre - upwards]), centre, UP), 0.0)
