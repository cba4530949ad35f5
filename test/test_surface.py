"""Surfaces: planes are found although readings are wrong, and what was not measured is no surface."""

from __future__ import annotations

import numpy as np
import pytest
from support.cup_scenes import CAMERA, T_BASE_CAMERA, Slab, cup_scene

from gpnet_ros.errors import NoDepth
from gpnet_ros.frame import Frame
from gpnet_ros.pose import invert
from gpnet_ros.surface import fit_plane, surface_at

MIDDLE = (330.0, 250.0)
RADIUS, AROUND = 7.0, 15.0
ALL = np.ones((480, 640), bool)


def plane(m: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Depth of the plane m · X = 1 at pixels."""
    return 1.0 / (CAMERA.deproject(pixels, np.ones(pixels.shape[:-1])) @ m)


def of_plane(m: np.ndarray) -> Frame:
    v, u = np.mgrid[0:480, 0:640]
    return Frame(None, plane(m, np.stack([u, v], axis=-1)).astype(np.float32), CAMERA)


def random_plane(rng: np.random.Generator) -> np.ndarray:
    normal = np.array([*rng.uniform(-0.5, 0.5, 2), 1.0])
    return normal / np.linalg.norm(normal) / rng.uniform(0.6, 1.0)


@pytest.mark.parametrize("seed", range(5))
def test_a_plane_is_found_although_a_third_of_the_readings_are_wrong(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m = random_plane(rng)
    pixels = rng.uniform((300, 220), (340, 260), (150, 2))
    z = plane(m, pixels)
    z[:50] += rng.uniform(0.01, 0.2, 50)
    found = fit_plane(CAMERA.deproject(pixels, np.ones(pixels.shape[:-1])), z)
    assert np.allclose(found, m, rtol=1e-3, atol=1e-3)
    z[:120] += rng.uniform(0.01, 0.2, 120)  # the twin: most are wrong, and nobody can know
    assert not np.allclose(fit_plane(CAMERA.deproject(pixels, np.ones(pixels.shape[:-1])), z), m, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_depth_and_normal_are_those_of_the_plane(seed: int) -> None:
    m = random_plane(np.random.default_rng(seed))
    surface = surface_at(of_plane(m), MIDDLE, ALL, RADIUS, AROUND, 0.8)
    assert surface.depth == pytest.approx(float(plane(m, np.array(MIDDLE))), rel=1e-5)
    assert np.allclose(surface.normal, -m / np.linalg.norm(m), atol=1e-3)
    assert surface.normal @ CAMERA.deproject(MIDDLE, 1.0) < 0, "it faces the camera"
    assert surface.unevenness < 1e-5


def test_a_level_top_has_a_vertical_normal() -> None:
    scene = cup_scene(Slab())
    top = invert(T_BASE_CAMERA) @ np.array([0.66, 0.03, 0.05, 1.0])
    u, v = CAMERA.project(top[:3])
    surface = surface_at(scene.frame, (float(u), float(v)), ALL, RADIUS, AROUND, 0.8)
    assert np.allclose(T_BASE_CAMERA[:3, :3] @ surface.normal, (0, 0, 1), atol=1e-3)
    assert surface.depth == pytest.approx(top[2], abs=1e-4)


def test_a_step_under_the_lip_is_uneven_and_a_single_wrong_reading_is_not() -> None:
    depth = np.full((480, 640), 0.8, np.float32)
    wrong = depth.copy()
    wrong[249, 331] += 0.03
    assert surface_at(Frame(None, wrong, CAMERA), MIDDLE, ALL, RADIUS, AROUND, 0.8).unevenness < 1e-3
    depth[:, 334:] += 0.008
    assert surface_at(Frame(None, depth, CAMERA), MIDDLE, ALL, RADIUS, AROUND, 0.8).unevenness > 0.002


def test_the_plane_is_that_of_the_object_and_not_of_what_lies_beside_it() -> None:
    v, u = np.mgrid[0:480, 0:640]
    depth = np.where(u < 338, 0.8, 0.8 + 0.01 * (u - 338)).astype(np.float32)  # a steep neighbour
    level, steep = u < 338, u >= 338
    frame = Frame(None, depth, CAMERA)
    assert surface_at(frame, MIDDLE, level, RADIUS, AROUND, 0.8).normal[2] == pytest.approx(-1.0, abs=1e-6)
    assert surface_at(frame, MIDDLE, steep, RADIUS, AROUND, 0.8).normal[2] > -0.5


def test_what_was_not_measured_is_no_surface() -> None:
    depth = np.full((480, 640), 0.8, np.float32)
    depth[250:, :] = np.nan
    with pytest.raises(NoDepth, match=r"have depth, 80% are needed"):
        surface_at(Frame(None, depth, CAMERA), MIDDLE, ALL, RADIUS, AROUND, 0.8)
    assert surface_at(Frame(None, depth, CAMERA), (330.0, 240.0), ALL, RADIUS, AROUND, 0.8).unevenness < 1e-6


def test_a_part_without_readings_is_not_made_up_for_by_the_others() -> None:
    depth = np.full((480, 640), 0.8, np.float32)
    depth[250:254, 334:] = np.nan  # most of one sector, a twelfth of the window
    with pytest.raises(NoDepth, match="part of what the lip"):
        surface_at(Frame(None, depth, CAMERA), MIDDLE, ALL, RADIUS, AROUND, 0.8)


@pytest.mark.parametrize("pixel", [(0.0, 100.0), (639.0, 100.0), (320.0, 0.0), (320.0, 479.0)])
def test_beyond_the_picture_nothing_is_known(pixel: tuple[float, float]) -> None:
    frame = Frame(None, np.full((480, 640), 0.8, np.float32), CAMERA)
    with pytest.raises(NoDepth):
        surface_at(frame, pixel, ALL, RADIUS, AROUND, 0.8)
