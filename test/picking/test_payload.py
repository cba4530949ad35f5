"""The payload: what hangs at the flange, what is held, and what an arm with a force sensor weighs."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from gpnet_ros.cell import load_cell
from gpnet_ros.devices.arm import ArmState
from gpnet_ros.devices.fake import FakeArm
from gpnet_ros.picking.payload import GRAVITY, Payload, load
from gpnet_ros.settings import GripperGeometry

CELL = load_cell()
GRIPPER = CELL.gripper


class Scales(FakeArm):
    """Feels what is at its fingertips, less what the controller was told, as an arm with a force sensor does."""

    def __init__(self, model: str = "UR10 5.12.2", bias: float = 3.0, noise: float = 0.0) -> None:
        super().__init__(CELL, auto_resume=True)
        self.model, self.bias, self.noise, self.hangs = model, bias, noise, 0.0
        self._n = itertools.count()
        self.connect()

    def state(self) -> ArmState:
        n = next(self._n)
        told = self.payload[0] - GRIPPER.mass
        force = np.array([1.0, -2.0, self.bias + (told - self.hangs) * GRAVITY + self.noise * (-1) ** n, 0, 0, 0])
        return dataclasses.replace(super().state(), stamp=0.04 * n, model=self.model, tcp_force=force)


def weighed(arm: Scales, mass: float) -> float:
    payload = Payload(arm, CELL)
    payload.tell(False)
    payload.before_descent()
    arm.hangs = mass
    payload.tell(True)
    payload.after_lift()
    return float(arm.payload[0]) - GRIPPER.mass


def test_the_centre_of_gravity_lies_between_gripper_and_fingertips() -> None:
    assert load(GRIPPER, 0.0) == (GRIPPER.mass, pytest.approx(GRIPPER.centre_of_gravity))
    before = GRIPPER.centre_of_gravity[2]
    for held in (0.1, 1.0, 3.0):
        mass, cog = load(GRIPPER, held)
        assert mass == pytest.approx(GRIPPER.mass + held)
        moment = GRIPPER.mass * GRIPPER.centre_of_gravity[2] + held * GRIPPER.tcp_offset
        assert cog[2] * mass == pytest.approx(moment)
        assert before < cog[2] < GRIPPER.tcp_offset
        before = cog[2]
    mass, cog = load(GripperGeometry(mass=0.0), 0.0)
    assert mass == 0.0 and np.isfinite(cog).all()


@pytest.mark.parametrize("mass", [0.02, 0.15, 1.2])
def test_an_arm_with_a_force_sensor_weighs_what_it_lifts(mass: float) -> None:
    assert weighed(Scales(), mass) == pytest.approx(mass, abs=1e-3)


@pytest.mark.parametrize(
    ("arm", "mass"),
    [
        (Scales("UR10 3.15.8"), 1.0),  # a CB3 only guesses
        (Scales("FAKE"), 1.0),
        (Scales(), 3.5),  # no jaw holds this
        (Scales(), -0.5),  # the jaws stand on something
        (Scales(noise=5.0), 1.0),
    ],
)
def test_what_is_not_believed_stays_the_estimate(arm: Scales, mass: float) -> None:
    assert weighed(arm, mass) == pytest.approx(GRIPPER.held_mass)


def test_what_was_weighed_counts_until_it_is_let_go() -> None:
    arm = Scales()
    payload = Payload(arm, CELL)
    payload.tell(False)
    payload.before_descent()
    arm.hangs = 0.6
    payload.tell(True)
    payload.after_lift()
    payload.tell(True)  # the next plan, after an interruption
    assert arm.payload[0] == pytest.approx(GRIPPER.mass + 0.6, abs=1e-3)
    payload.tell(False)
    assert arm.payload == (pytest.approx(GRIPPER.mass), pytest.approx(GRIPPER.centre_of_gravity))
    payload.tell(True)
    assert arm.payload[0] == pytest.approx(GRIPPER.mass + GRIPPER.held_mass)
