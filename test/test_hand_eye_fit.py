"""Hand-eye calibration finds the truth from noisy views, names bad ones, and refuses what gives no answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from support.board_views import BOARD, CAMERA, TrueRig, board_poses, off_at_workspace, rig, seen_from, spoiled, views

from gpnet_ros.errors import HandEyeUnsolved
from gpnet_ros.hand_eye_fit import HandEyeFit, fit_hand_eye
from gpnet_ros.hand_eye_solver import BoardView, Mount
from gpnet_ros.pose import Transform, invert, transform

MOUNTS: tuple[Mount, ...] = ("fixed", "flange")
#: The bar of the issue: at most 1 mm and 0.15 degrees at the workspace, in 95 % of the trials.
MOST, MOST_TURN, SHARE = 0.001, np.deg2rad(0.15), 0.95


def fit(rig: TrueRig, given: list[BoardView]) -> HandEyeFit:
    return fit_hand_eye(given, CAMERA, rig.mount, BOARD)


def trials(mount: Mount, count: int, bad: tuple[int, ...]) -> tuple[float, list[set[str]]]:
    """Share of trials within the bar, and the views that were named in each."""
    good, named = 0, []
    for trial in range(count):
        rng = np.random.default_rng([trial, len(bad)])
        truth = rig(mount, rng)
        given = views(truth, board_poses(15, rng), rng)
        for k in bad:
            given[k] = spoiled(given[k], rng, 0.008, 0.8)
        found = fit(truth, given)
        away, turned = off_at_workspace(truth, found.T_parent_camera)
        good += away <= MOST and turned <= MOST_TURN
        named.append({view.name for view in found.bad})
        assert away < 6 * found.spread, "the spread that is told says how large the error may be"
    return good / count, named


@pytest.mark.slow
@pytest.mark.parametrize("mount", MOUNTS)
@pytest.mark.parametrize("bad", [(), (3, 11)])
def test_40_trials_of_15_views_meet_the_bar_and_bad_views_are_named(mount: Mount, bad: tuple[int, ...]) -> None:
    share, named = trials(mount, 40, bad)
    assert share >= SHARE
    wrong = {f"{k + 1:02d}" for k in bad}
    assert all(wrong <= found for found in named)
    assert sum(found == wrong for found in named) >= 38, "a good view is hardly ever named"


@pytest.mark.parametrize("mount", MOUNTS)
def test_a_few_trials_meet_the_bar_and_bad_views_are_named(mount: Mount) -> None:
    share, named = trials(mount, 2, (3, 11))
    assert share == 1.0
    assert named == [{"04", "12"}] * 2


@pytest.mark.parametrize("mount", MOUNTS)
def test_without_noise_the_truth_is_found_to_the_last_digit(mount: Mount) -> None:
    rng = np.random.default_rng(5)
    truth = rig(mount, rng)
    found = fit(truth, views(truth, board_poses(10, rng), rng, 0.0, 0.0, 0.0))
    np.testing.assert_allclose(found.T_parent_camera, truth.T_parent_camera, atol=1e-7)
    np.testing.assert_allclose(found.T_other_board, truth.T_other_board, atol=1e-7)
    assert found.scale == pytest.approx(1.0, abs=1e-7) and not found.bad


@pytest.mark.parametrize("mount", MOUNTS)
def test_turning_the_base_turns_a_fixed_camera_and_leaves_one_on_the_flange(mount: Mount) -> None:
    rng = np.random.default_rng(6)
    truth = rig(mount, rng)
    given = views(truth, board_poses(9, rng), rng)
    turn = transform(np.diag([-1.0, -1.0, 1.0]), np.zeros(3))
    turned = [replace(view, T_base_flange=turn @ view.T_base_flange) for view in given]
    expected = fit(truth, given).T_parent_camera
    if mount == "fixed":
        expected = turn @ expected
    np.testing.assert_allclose(fit(truth, turned).T_parent_camera, expected, atol=2e-6)


def test_the_order_of_views_does_not_matter() -> None:
    rng = np.random.default_rng(7)
    truth = rig("fixed", rng)
    given = views(truth, board_poses(10, rng), rng)
    np.testing.assert_allclose(
        fit(truth, given).T_parent_camera, fit(truth, given[::-1]).T_parent_camera, atol=2e-6
    )  # fmt: skip


Poses = Callable[[np.random.Generator], list[Transform]]


def shifted(rng: np.random.Generator) -> list[Transform]:
    """The board shifted only."""
    first = board_poses(1, rng)[0]
    return [transform(first[:3, :3], first[:3, 3] + rng.uniform(-0.05, 0.05, 3)) for _ in range(15)]


def about_one_axis(rng: np.random.Generator) -> list[Transform]:
    """The board turned about the optical axis only, and shifted."""
    first = board_poses(1, rng)[0]
    turns = Rotation.from_rotvec(rng.uniform(-1.0, 1.0, 15)[:, None] * [0.0, 0.0, 1.0]).as_matrix()
    return [transform(R @ first[:3, :3], first[:3, 3] + rng.uniform(-0.05, 0.05, 3)) for R in turns]


@pytest.mark.parametrize(
    ("poses", "said"),
    [(shifted, "pure shifts"), (about_one_axis, "one axis only"), (lambda rng: board_poses(7, rng), "7 views")],
)
def test_views_that_cannot_tell_are_refused(poses: Poses, said: str) -> None:
    rng = np.random.default_rng(8)
    truth = rig("fixed", rng)
    with pytest.raises(HandEyeUnsolved, match=said):
        fit(truth, views(truth, poses(rng), rng))


@pytest.mark.parametrize("mount", MOUNTS)
@pytest.mark.parametrize("scale", [0.97, 1.02])
def test_a_board_of_another_size_is_refused_with_its_true_size(mount: Mount, scale: float) -> None:
    rng = np.random.default_rng(9)
    truth = rig(mount, rng)
    with pytest.raises(HandEyeUnsolved, match=r"squares measure (\d+\.\d+) mm.*33\.00 mm") as refusal:
        fit(truth, views(truth, board_poses(15, rng), rng, scale=scale))
    measured = float(str(refusal.value).split("measure ")[1].split(" ")[0])
    assert measured == pytest.approx(33.0 * scale, abs=0.15)


def test_mirrored_pictures_are_refused() -> None:
    rng = np.random.default_rng(10)
    truth = rig("fixed", rng)
    given = views(truth, board_poses(15, rng), rng)
    flipped = [replace(v, pixels=np.column_stack([CAMERA.width - 1 - v.pixels[:, 0], v.pixels[:, 1]])) for v in given]
    with pytest.raises(HandEyeUnsolved):
        fit(truth, flipped)


def test_poses_of_other_exposures_are_refused() -> None:
    rng = np.random.default_rng(11)
    truth = rig("fixed", rng)
    given = views(truth, board_poses(15, rng), rng)
    poses = [view.T_base_flange for view in given]
    late = [replace(view, T_base_flange=T) for view, T in zip(given, poses[1:] + poses[:1], strict=True)]
    with pytest.raises(HandEyeUnsolved, match="agree"):
        fit(truth, late)


def test_a_board_that_slips_on_its_mount_half_way_is_refused() -> None:
    rng = np.random.default_rng(12)
    truth = rig("fixed", rng)
    slip = transform(np.eye(3), (0.012, 0.0, 0.004))
    poses = board_poses(15, rng)
    given = views(truth, poses, rng)
    moved = replace(truth, T_other_board=truth.T_other_board @ slip)
    late = [replace(v, T_base_flange=seen_from(moved, T)) for v, T in zip(given[8:], poses[8:], strict=True)]
    with pytest.raises(HandEyeUnsolved, match="moved on its mount"):
        fit(truth, given[:8] + late)


def test_the_board_is_found_where_it_is_mounted() -> None:
    rng = np.random.default_rng(13)
    truth = rig("flange", rng)
    found = fit(truth, views(truth, board_poses(15, rng), rng))
    off = invert(truth.T_other_board) @ found.T_other_board
    assert np.linalg.norm(off[:3, 3]) < 0.002
