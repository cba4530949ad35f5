"""Injected errors: as large as told, in the same direction at every size, and felt by nobody when they are 0."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.sim.clearing.injected import Errors


@pytest.mark.parametrize("seed", [0, 7])
def test_errors_are_as_large_as_told_and_keep_their_direction(seed: int) -> None:
    small = Errors(0.001, np.deg2rad(0.5), 0.002).drawn(seed)
    large = Errors(0.004, np.deg2rad(1.0), 0.006).drawn(seed)
    for drawn, hand_eye, turn, tcp in ((small, 0.001, 0.5, 0.002), (large, 0.004, 1.0, 0.006)):
        assert np.linalg.norm(drawn.T_camera_believed[:3, 3]) == pytest.approx(hand_eye)
        assert np.rad2deg(Rotation.from_matrix(drawn.T_camera_believed[:3, :3]).magnitude()) == pytest.approx(turn)
        assert np.linalg.norm(drawn.T_tcp_true[:3, 3]) == pytest.approx(tcp)
    assert large.T_camera_believed[:3, 3] == pytest.approx(4 * small.T_camera_believed[:3, 3])
    assert large.T_tcp_true[:3, 3] == pytest.approx(3 * small.T_tcp_true[:3, 3])


def test_rounds_differ_in_direction() -> None:
    aways = [Errors(0.01).drawn(seed).T_camera_believed[:3, 3] for seed in range(200)]
    assert np.abs(np.mean(aways, axis=0)).max() < 0.0025  # uniform over the sphere: deviation of a mean is 0.4 mm


def test_no_error_changes_nothing_and_a_bias_shifts_what_is_known() -> None:
    depth = np.array([[0.8, np.nan], [0.5, 0.9]], np.float32)
    frame = Frame(None, depth)
    none = Errors().drawn(3)
    assert np.array_equal(none.T_camera_believed, np.eye(4)) and np.array_equal(none.T_tcp_true, np.eye(4))
    assert none.frame(frame) is frame
    shifted = Errors(depth=-0.004).drawn(3).frame(frame).depth
    assert shifted is not None and shifted.dtype == np.float32
    assert shifted == pytest.approx(depth - 0.004, nan_ok=True)


@pytest.mark.parametrize(
    "bad", [{"hand_eye": -0.001}, {"tcp": 0.06}, {"depth": -0.06}, {"hand_eye_turn": 0.3}, {"depth": float("nan")}]
)
def test_errors_out_of_bounds_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(BadInput, match="out of bounds"):
        Errors(**bad)
