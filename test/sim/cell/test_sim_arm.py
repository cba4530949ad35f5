"""The compiled arm is the UR10 of its data sheet, plus a calibration that stays within its bounds."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from gpnet_ros.errors import BadInput
from gpnet_ros.kinematics import UR10, UR10E, UrKinematics
from gpnet_ros.sim import constants as c
from gpnet_ros.sim.cell.arm import (
    ARM_JOINTS,
    CALIBRATION_RANGE,
    DRIVES,
    FLANGE,
    LINKS,
    add_ur10,
    calibrated_dh,
    tcp_miss,
    workspace_joints,
)
from gpnet_ros.sim.heap.contacts import set_options


def compiled(dh):
    spec = mujoco.MjSpec()
    set_options(spec, c.TIMESTEP_GRASP)
    add_ur10(spec, dh)
    return spec.compile()


def flange(model, q):
    data = mujoco.MjData(model)
    data.qpos[:6] = q
    mujoco.mj_kinematics(model, data)
    body = data.body(FLANGE)
    return body.xpos.copy(), body.xmat.reshape(3, 3).copy()


@pytest.mark.parametrize("dh", [UR10, calibrated_dh(3), calibrated_dh(2, UR10E)], ids=["ur10", "real", "ur10e"])
def test_model_and_dh_table_agree(dh):
    model, arm = compiled(dh), UrKinematics(dh)
    for q in np.random.default_rng(0).uniform(-np.pi, np.pi, (50, 6)):
        position, rotation = flange(model, q)
        np.testing.assert_allclose(position, arm.forward(q)[:3, 3], atol=1e-6)
        np.testing.assert_allclose(rotation, arm.forward(q)[:3, :3], atol=1e-6)


def test_another_table_does_not_fit_the_model():
    position, _ = flange(compiled(calibrated_dh(3)), np.ones(6))
    assert np.linalg.norm(position - UrKinematics(UR10).forward(np.ones(6))[:3, 3]) > 1e-4


def test_compiled_model_holds_the_constants():
    model = compiled(UR10)
    # Universal Robots, support article "DH parameters for calculations of kinematics and dynamics".
    assert UR10.d == (0.1273, 0.0, 0.0, 0.163941, 0.1157, 0.0922)
    assert UR10.a == (0.0, -0.612, -0.5723, 0.0, 0.0, 0.0)
    assert UR10.alpha == (np.pi / 2, 0.0, 0.0, np.pi / 2, -np.pi / 2, 0.0)
    np.testing.assert_allclose([model.body(n).mass[0] for n in LINKS], c.UR10_LINK_MASS)
    np.testing.assert_allclose([model.joint(n).range for n in ARM_JOINTS], [c.UR10_JOINT_RANGE] * 6)
    torque = [model.actuator(n).forcerange[1] for n in DRIVES]
    np.testing.assert_allclose(torque, c.UR10_TORQUE_MAX)


def test_centres_of_mass_are_those_of_the_article():
    model = compiled(UR10)
    data = mujoco.MjData(model)
    q = np.array([0.3, -1.0, 1.2, -0.4, 0.9, 0.1])
    data.qpos[:6] = q
    mujoco.mj_forward(model, data)
    frames = UrKinematics(UR10).link_frames(q)
    for i, name in enumerate(LINKS):
        wanted = frames[i + 1] @ [*c.UR10_LINK_COM[i], 1.0]
        np.testing.assert_allclose(data.body(name).xipos, wanted[:3], atol=1e-9)


def test_weight_is_carried_and_without_compensation_it_is_not():
    model = compiled(UR10)
    q = np.array([0.0, -0.5, 1.0, -1.0, -1.5, 0.0])
    fallen = []
    for _ in range(2):
        data = mujoco.MjData(model)
        data.qpos[:6] = data.ctrl[:6] = q
        mujoco.mj_step(model, data, nstep=200)
        fallen.append(np.abs(data.qpos[:6] - q).max())
        model.body_gravcomp[:] = 0.0
    assert fallen[0] < 1e-6
    assert fallen[1] > 1e-3


@pytest.mark.parametrize("seed", range(1, 9))
def test_calibration_misses_by_millimetres_within_the_range(seed):
    miss = tcp_miss(calibrated_dh(seed), UR10, workspace_joints(UR10))
    low, high = CALIBRATION_RANGE
    assert low - 1e-6 <= miss.max() <= high + 1e-6
    assert miss.mean() > 1e-3


def test_calibration_is_an_arm_of_its_own():
    assert calibrated_dh(0) == UR10
    assert calibrated_dh(1) == calibrated_dh(1) != calibrated_dh(2)
    with pytest.raises(BadInput, match="-1"):
        calibrated_dh(-1)
