"""The law of the touch-off: a hand-eye that is 1 mm off passes, one that is 5 mm off does not, nor a made-up file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.touch_world import CAMERA, CELL, TouchWorld, WorldCamera, errors, measured

from gpnet_ros.cell import HandEye
from gpnet_ros.data.noise import DepthNoise, d435_depth
from gpnet_ros.errors import BadInput
from gpnet_ros.touch_look import board_plane, chosen_corners, find_cylinder, sighting_of
from gpnet_ros.touch_off import Touch, errors_of

TRIALS = range(40)


def refused(world: TouchWorld) -> bool:
    try:
        return bool(errors(world).refusal)
    except BadInput:
        return True


def test_forty_of_forty_hand_eyes_that_are_one_millimetre_off_pass() -> None:
    found = [errors(TouchWorld(seed, 0.001)) for seed in TRIALS]
    assert [e.refusal for e in found] == [""] * 40


def test_forty_of_forty_hand_eyes_that_are_five_millimetres_off_are_refused() -> None:
    assert sum(refused(TouchWorld(seed, 0.005)) for seed in TRIALS) == 40


def test_the_error_is_that_of_the_hand_eye_and_the_tips_are_told_apart() -> None:
    for seed in range(8):
        world = TouchWorld(seed, 0.002)
        found = errors(world)
        truth = world.hand_eye.T_parent_camera[:3, 3] - world.T_base_camera[:3, 3]
        assert np.abs(found.mean[:2] - truth[:2]).max() < 1.2e-3
        assert abs(found.mean[2] - (truth[2] + world.tips[2] * -1.0)) < 1.5e-3 or abs(world.tips[2]) < 1e-3
        assert np.abs(found.tips - world.tips[:2]).max() < 1.2e-3


def test_tips_beside_the_axis_are_refused_though_the_hand_eye_is_good() -> None:
    world = TouchWorld(3)
    world.tips = np.array([0.005, 0.0, 0.0])
    assert "tips stand" in errors(world).refusal
    world.tips = np.array([0.001, 0.0, 0.0])
    assert errors(world).refusal == ""


def test_who_does_not_look_and_says_nought_is_found_out_by_the_cylinder() -> None:
    for seed in range(10):
        world = TouchWorld(seed)
        T = world.T_base_camera.copy()
        T[:2, 3] += 0.008 * np.array([np.cos(seed), np.sin(seed)])
        world.hand_eye = replace(world.hand_eye, position=tuple(T[:3, 3].tolist()))
        sighting, touches, probes = measured(world)
        lies = [replace(touch, aside=np.zeros(2)) for touch in touches]
        with pytest.raises(BadInput, match="cylinder differ"):
            errors_of(sighting, lies, probes, world.hand_eye)
        assert errors_of(sighting, touches, probes, world.hand_eye).refusal


def scaled(hand_eye: HandEye, share: float) -> HandEye:
    x, y, z = hand_eye.position
    return replace(hand_eye, position=(x, y, z * share))


BREAKS = {
    "few corners": (lambda s, t, p, h: (s, t[:3], p, h), "corners were touched"),
    "a corner twice": (lambda s, t, p, h: (s, [t[0], *t[:-1]], p, h), "touched twice"),
    "a corner nobody saw": (lambda s, t, p, h: (s, [replace(t[0], corner=99), *t[1:]], p, h), "not seen"),
    "no number": (lambda s, t, p, h: (replace(s, plane=s.plane * np.nan), t, p, h), "not finite"),
    "no force": (lambda s, t, p, h: (s, [replace(t[0], force=0.0), *t[1:]], p, h), "without force"),
    "one yaw": (lambda s, t, p, h: (s, [_unturned(each) for each in t], p, h), "turned alike"),
    "another hand-eye": (
        lambda s, t, p, h: (s, t, p, replace(h, position=(h.position[0] + 0.01, *h.position[1:]))),
        "another hand-eye",
    ),
    "another board": (lambda s, t, p, h: (replace(s, points=s.points * 1.05), t, p, h), "as they are printed"),
    "no cylinder": (lambda s, t, p, h: (s, t, [], h), "No cylinder"),
    "a cylinder that was pushed": (lambda s, t, p, h: (s, t, [*p[:3], *_pushed(p[3:])], h), "side of the cylinder"),
    "near together": (lambda s, t, p, h: (_shrunk(s), t, p, h), "apart"),
}


def _unturned(touch: Touch) -> Touch:
    T = touch.T_base_tcp.copy()
    T[:3, :3] = np.diag([1.0, -1.0, -1.0])
    return replace(touch, T_base_tcp=T)


def _pushed(probes):  # type: ignore[no-untyped-def]
    return [replace(p, hit=not p.hit, force=20.0) for p in probes]


def _shrunk(sighting):  # type: ignore[no-untyped-def]
    middle = sighting.pixels.mean(axis=0)
    return replace(sighting, pixels=middle + (sighting.pixels - middle) / 6, points=sighting.points / 6)


@pytest.mark.parametrize("name", BREAKS)
def test_measurements_that_do_not_fit_to_each_other_are_refused(name: str) -> None:
    world = TouchWorld(5)
    breaks, word = BREAKS[name]
    whole = (*measured(world), world.hand_eye)
    assert errors_of(*whole).refusal == ""
    with pytest.raises(BadInput, match=word):
        errors_of(*breaks(*whole))


RNG = np.random.default_rng(3)


def noisy(depth: np.ndarray) -> np.ndarray:
    color = np.full((480, 640, 3), 200, np.uint8)
    return d435_depth(depth, CAMERA, DepthNoise(), RNG, color)


def test_board_and_cylinder_are_found_in_the_depth_of_a_noisy_camera() -> None:
    for seed in range(2):
        world = TouchWorld(seed)
        camera = WorldCamera(world, noise=noisy)
        frames = [camera.read() for _ in range(5)]
        points, pixels = camera.corners(frames[0])
        seen = sighting_of(frames, points, pixels, world.T_base_camera, None, CELL.workspace)
        away = seen.corners(world.hand_eye) - world.corners
        assert np.abs(away).max() < 0.004 and np.abs(away.mean(axis=0)).max() < 0.0015
        top = seen.cylinder_top(world.hand_eye)
        assert np.linalg.norm(top - [*world.cylinder, world.table + world.tall]) < 0.003
        assert abs(seen.cylinder[3] - world.radius) < 0.004
        empty = frames[0].depth * np.nan
        with pytest.raises(BadInput, match="no depth"):
            board_plane(empty, seen.intrinsics, pixels)
        bare = WorldCamera(replace_tall(world)).read()
        assert bare.depth is not None
        with pytest.raises(BadInput, match="No cylinder"):
            find_cylinder(bare.depth, seen.intrinsics, seen.plane, world.T_base_camera, CELL.workspace)


def replace_tall(world: TouchWorld) -> TouchWorld:
    flat = TouchWorld(world.seed)
    flat.tall = 0.005
    return flat


def test_corners_far_apart_come_first_and_none_outside_of_the_workspace() -> None:
    world = TouchWorld(1)
    order = chosen_corners(world.corners, CELL.workspace)
    assert sorted(order) == list(range(28))
    first = world.corners[order[:4]]
    assert np.linalg.norm(first[:, None] - first, axis=-1)[np.triu_indices(4, 1)].min() > 0.09
    away = world.corners + [0.5, 0.0, 0.0]
    assert chosen_corners(away, CELL.workspace) == []
