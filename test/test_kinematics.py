"""Kinematics: inverse and forward undo each other, the Jacobian is the derivative, a real arm agrees."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from gpnet_ros.errors import BadInput
from gpnet_ros.kinematics import ARMS, UR3E, UR10, UR10E, Dh, UrKinematics, ur_dh
from gpnet_ros.pose import from_rotvec, invert, transform

LOG = Path(__file__).parent / "data" / "ur3e_log" / "L1L2.csv"
RNG = np.random.default_rng(0)


def random_joints(n: int, span: float = np.pi) -> np.ndarray:
    return np.random.default_rng(n).uniform(-span, span, (n, 6))


def wrapped(angle: np.ndarray) -> np.ndarray:
    return (angle + np.pi) % (2 * np.pi) - np.pi


def calibrated(seed: int, scale: float = 1.0) -> Dh:
    """A UR10 as it left the factory: every entry of its table a little off."""
    rng = np.random.default_rng(seed)
    lengths = [tuple(np.array(row) + rng.normal(0, 0.0008 * scale, 6)) for row in (UR10.a, UR10.d)]
    angles = [tuple(np.array(row) + rng.normal(0, 0.001 * scale, 6)) for row in (UR10.alpha, UR10.theta)]
    return Dh(*lengths, *angles)


def test_the_arm_stands_where_the_data_sheet_says() -> None:
    # Stretched out along -x of base at zero angles: a2 + a3, and d4 + d6 along -y.
    T = UrKinematics(UR10).forward(np.zeros(6))
    np.testing.assert_allclose(T[:3, 3], (-1.1843, -0.256141, 0.0116), atol=1e-9)
    # Upright: shoulder height plus both links plus the wrist.
    T = UrKinematics(UR10).forward([0, -np.pi / 2, 0, -np.pi / 2, 0, 0])
    np.testing.assert_allclose(T[:3, 3], (0, -0.256141, 0.1273 + 1.1843 + 0.1157), atol=1e-9)


@pytest.mark.parametrize("dh", ARMS.values(), ids=ARMS)
def test_inverse_then_forward_is_the_pose(dh: Dh) -> None:
    kinematics, q = UrKinematics(dh), random_joints(3000)
    T = kinematics.forward(q)
    found = kinematics.branches(T)
    there = np.isfinite(found).all(axis=-1)
    assert there.any(axis=1).all()
    error = np.abs(kinematics.forward(np.nan_to_num(found)) - T[:, None]).max(axis=(2, 3))
    assert error[there].max() < 1e-9


@pytest.mark.parametrize("dh", ARMS.values(), ids=ARMS)
def test_inverse_finds_the_joints_again(dh: Dh) -> None:
    kinematics, q = UrKinematics(dh), random_joints(3000)
    gaps = np.abs(wrapped(kinematics.branches(kinematics.forward(q)) - q[:, None])).max(axis=-1)
    assert np.nanmin(gaps, axis=1).max() < 1e-6


def test_joint_offsets_are_only_shifts_of_the_joints() -> None:
    offsets = (0.01, -0.02, 0.03, 0.01, -0.01, 0.02)
    q = random_joints(50)
    shifted = UrKinematics(Dh(UR10.a, UR10.d, UR10.alpha, offsets))
    np.testing.assert_allclose(shifted.forward(q), UrKinematics(UR10).forward(q + offsets), atol=1e-12)
    found = shifted.branches(shifted.forward(q))
    assert np.nanmin(np.abs(wrapped(found - q[:, None])).max(axis=-1), axis=1).max() < 1e-6


def test_out_of_reach_is_an_empty_list() -> None:
    kinematics = UrKinematics(UR10)
    assert kinematics.inverse(transform(np.eye(3), (2.0, 0.0, 0.5))) == []
    assert kinematics.inverse(transform(np.eye(3), (0.0, 0.0, -2.0))) == []
    assert kinematics.inverse_near(transform(np.eye(3), (2.0, 0.0, 0.5)), np.zeros(6)) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_pose_that_is_not_finite_is_refused(bad: float) -> None:
    T = np.eye(4)
    T[0, 3] = bad
    with pytest.raises(BadInput):
        UrKinematics(UR10).inverse(T)
    with pytest.raises(BadInput):
        UrKinematics(UR10).branch_of([bad, 0, 0, 0, 0, 0])


@pytest.mark.parametrize(("row", "values"), [("a", (0.0,) * 5), ("d", (0.0, 0, 0, np.nan, 0, 0))])
def test_a_table_that_is_not_one_is_refused(row: str, values: tuple[float, ...]) -> None:
    with pytest.raises(BadInput, match="six finite"):
        Dh(**{"a": UR10.a, "d": UR10.d, row: values})


def test_inverse_near_keeps_whole_turns() -> None:
    kinematics = UrKinematics(UR10)
    for q in random_joints(200, span=2 * np.pi - 0.01):
        found = kinematics.inverse_near(kinematics.forward(q), q + RNG.normal(0, 1e-3, 6))
        assert found is not None
        np.testing.assert_allclose(found, q, atol=1e-5)


def test_inverse_near_stays_within_the_limit() -> None:
    kinematics = UrKinematics(UR10)
    q = np.array([0.5, -1.2, 1.3, -1.4, -1.5, 6.2])
    inside = kinematics.inverse_near(kinematics.forward(q), q)
    turned_back = kinematics.inverse_near(kinematics.forward(q), q, limit=6.0)
    assert inside is not None
    assert turned_back is not None
    assert inside[5] == pytest.approx(6.2)
    assert np.abs(turned_back).max() <= 6.0
    np.testing.assert_allclose(kinematics.forward(turned_back), kinematics.forward(q), atol=1e-9)


def test_at_the_wrist_singularity_the_last_joint_stays() -> None:
    kinematics = UrKinematics(UR10)
    q = np.array([0.5, -1.2, 1.3, -1.4, 0.0, 0.7])
    found = kinematics.inverse_near(kinematics.forward(q), q)
    assert found is not None
    np.testing.assert_allclose(found, q, atol=1e-6)


def test_the_branch_is_kept_along_a_line() -> None:
    kinematics = UrKinematics(UR10)
    start = np.array([2.9, -1.6, 1.9, -1.9, -1.57, 4.0])
    path = np.tile(kinematics.forward(start), (40, 1, 1))
    path[:, 0, 3] += np.linspace(0.0, 0.15, 40)
    path[:, 1, 3] += np.linspace(0.0, -0.2, 40)
    q = kinematics.follow(path, start)
    np.testing.assert_allclose(q[0], start, atol=1e-6)
    assert np.abs(np.diff(q, axis=0)).max() < 0.05
    assert {kinematics.branch_of(joints) for joints in q} == {kinematics.branch_of(start)}
    np.testing.assert_allclose(kinematics.forward(q), path, atol=1e-9)


def test_a_line_that_leaves_the_reach_is_nan_from_there() -> None:
    kinematics = UrKinematics(UR10)
    start = np.array([2.9, -1.6, 1.9, -1.9, -1.57, 4.0])
    path = np.tile(kinematics.forward(start), (40, 1, 1))
    path[:, 0, 3] += np.linspace(0.0, 2.0, 40)
    q = kinematics.follow(path, start)
    assert np.isfinite(q[0]).all()
    assert np.isnan(q[-1]).all()


@pytest.mark.parametrize("dh", [UR10, UR10E, calibrated(3)], ids=["ur10", "ur10e", "calibrated"])
def test_the_jacobian_is_the_derivative(dh: Dh) -> None:
    kinematics, h = UrKinematics(dh), 1e-6
    for q in random_joints(20):
        J = kinematics.jacobian(q)
        for i in range(6):
            step = np.zeros(6)
            step[i] = h
            before, after = kinematics.forward(q - step), kinematics.forward(q + step)
            np.testing.assert_allclose((after - before)[:3, 3] / (2 * h), J[:3, i], atol=1e-7)
            spin = (after - before)[:3, :3] / (2 * h) @ kinematics.forward(q)[:3, :3].T
            np.testing.assert_allclose([spin[2, 1], spin[0, 2], spin[1, 0]], J[3:, i], atol=1e-6)


def test_the_jacobian_is_singular_at_singularities_only() -> None:
    kinematics = UrKinematics(UR10)
    good = np.array([0.0, -1.2, 1.5, -1.8, -1.57, 0.0])
    assert abs(np.linalg.det(kinematics.jacobian(good))) > 0.05
    for joint, angle in ((4, 0.0), (2, 0.0)):
        bad = good.copy()
        bad[joint] = angle
        assert abs(np.linalg.det(kinematics.jacobian(bad))) < 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_a_calibrated_arm_is_solved_to_a_nanometre(seed: int) -> None:
    true, nominal = UrKinematics(calibrated(seed)), UrKinematics(UR10)
    for q in random_joints(30):
        if abs(np.sin(q[4])) < 0.1 or abs(np.sin(q[2])) < 0.15:
            continue  # near a singularity two branches meet and either is right
        T = true.forward(q)
        assert np.abs(nominal.forward(q) - T).max() > 1e-4, "the calibration must matter"
        found = true.inverse_near(T, q + 0.01)
        assert found is not None
        np.testing.assert_allclose(found, q, atol=1e-6)
        for solution in true.inverse(T):
            np.testing.assert_allclose(true.forward(solution), T, atol=1e-8)


def test_a_calibrated_arm_has_no_closed_form() -> None:
    with pytest.raises(BadInput, match="inverse"):
        UrKinematics(calibrated(0)).branches(np.eye(4))


def test_refine_gives_up_out_of_reach() -> None:
    assert UrKinematics(calibrated(0)).refine(transform(np.eye(3), (3.0, 0.0, 0.0)), np.zeros(6)) is None


def test_a_real_ur3e_agrees() -> None:
    with LOG.open() as file:
        rows = list(csv.DictReader(file))
    q = np.array([[float(r[f"actual_q_{i}"]) for i in range(6)] for r in rows])
    poses = [from_rotvec([float(r[f"actual_TCP_pose_{i}"]) for i in range(6)]) for r in rows]
    assert q.std(axis=0).max() > 0.1, "the arm must move in the log"

    def tools(dh: Dh) -> np.ndarray:
        return np.array([invert(T) @ pose for T, pose in zip(UrKinematics(dh).forward(q), poses)])

    # One constant tool: z 150 mm. What is left is the arm's own calibration, which the log does not hold.
    tool = tools(UR3E)
    np.testing.assert_allclose(tool[:, :3, 3].mean(axis=0), (0.0, 0.0006, 0.150), atol=5e-4)
    assert np.abs(tool - tool.mean(axis=0)).max() < 3e-3
    assert np.abs(tool[:, :3, 3] - tool[:, :3, 3].mean(axis=0)).max() < 5e-4
    # The failing twin: with one length 10 mm off the tool is no longer constant.
    wrong = tools(ur_dh(0.15185, -0.24355, -0.2232, 0.13105, 0.08535, 0.0921))
    assert np.abs(wrong[:, :3, 3] - wrong[:, :3, 3].mean(axis=0)).max() > 5e-4
