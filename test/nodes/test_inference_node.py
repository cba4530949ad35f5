"""inference_node: what it sees of a frame, with a fixed camera and with one on the flange."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from support.cameras import mistaken  # noqa: E402
from support.scenes import sight  # noqa: E402

from gpnet_ros.cell import load_hand_eye  # noqa: E402
from gpnet_ros.errors import HandEyeRefused  # noqa: E402
from gpnet_ros.maps import height_priority  # noqa: E402
from gpnet_ros.nodes.inference_node import InferenceNode  # noqa: E402
from gpnet_ros.pose import to_xyz_quat  # noqa: E402
from gpnet_ros.settings import config_dir  # noqa: E402

FLANGE: Path = config_dir() / "hand_eye_flange.yaml"
#: Each file of test/nodes has its own domains.
DOMAIN = 90


@contextmanager
def node(**parameters: str) -> Iterator[InferenceNode]:
    """The node, not configured; nothing spins."""
    words = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
    rclpy.init(args=["--ros-args", *words], domain_id=DOMAIN)
    made = InferenceNode()
    try:
        yield made
    finally:
        made.destroy_node()
        rclpy.shutdown()


def test_the_example_camera_rides_on_the_flange_and_looks_along_it() -> None:
    hand_eye = load_hand_eye(FLANGE)
    assert hand_eye.mount == "flange"
    np.testing.assert_allclose(hand_eye.T_parent_camera[:3, 2], [0, 0, 1], atol=1e-9)


def test_a_camera_on_the_flange_sees_the_whole_frame() -> None:
    with node(hand_eye_file=str(FLANGE), priority="height") as made:
        assert made.make_grid() is None
        assert made.T_base_camera is None
        seen = sight()
        told = made.prioritise(seen.maps, seen.frame).priority
        np.testing.assert_array_equal(told, height_priority(seen.frame, seen.maps.grid, None))
        assert told.max() > told.min()


def test_a_fixed_camera_sees_the_workspace_of_the_cell() -> None:
    with node() as made:
        grid = made.make_grid()
        seen = sight()
        assert grid(seen.frame).scale > 0
        assert made.T_base_camera is not None
        np.testing.assert_allclose(made.T_base_camera, load_hand_eye().T_base_camera())


def test_a_fixed_camera_sees_all_when_asked_to() -> None:
    with node(view="whole") as made:
        assert made.make_grid() is None


def hand_eye_file(folder: Path, T_base_camera: np.ndarray) -> str:
    position, quaternion = (list(map(float, part)) for part in to_xyz_quat(T_base_camera))
    (folder / "hand_eye.yaml").write_text(f"position: {position}\nquaternion: {quaternion}\n")
    return str(folder / "hand_eye.yaml")


@pytest.mark.parametrize("kind", ["base_link", "inverted", "camera_link"])
def test_a_hand_eye_that_cannot_be_true_is_told_before_anything_else(tmp_path: Path, kind: str) -> None:
    with node(hand_eye_file=hand_eye_file(tmp_path, mistaken(load_hand_eye().T_base_camera(), kind))) as made:
        made.make_grid()
        made.detector = lambda frame: pytest.fail("the network ran")  # type: ignore[assignment]
        with pytest.raises(HandEyeRefused, match=kind):
            made.answer(sight().frame)


def test_a_doubt_of_depth_alone_is_a_warning_for_the_arm_may_be_in_view(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    given, seen = load_hand_eye().T_base_camera().copy(), sight()
    with node(hand_eye_file=hand_eye_file(tmp_path, given)) as made:
        made.make_grid()
        made.detector = lambda frame: seen.maps  # type: ignore[assignment]
        log = SimpleNamespace(warning=lambda text, throttle_duration_sec: told.append(text))
        monkeypatch.setattr(made, "get_logger", lambda: log)
        assert made.answer(seen.frame) is not None
        assert told == []

        def doubt(*arguments: object, by_surface: bool = True) -> None:
            if by_surface:
                raise HandEyeRefused("given in base_link")

        monkeypatch.setattr("gpnet_ros.nodes.inference_node.check_hand_eye", doubt)
        assert made.answer(seen.frame) is not None
    assert told == ["given in base_link"]


def test_frames_that_do_not_come_together_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, float]] = []
    with node() as made:

        def none_came(timeout: float) -> None:
            made.running.clear()

        log = SimpleNamespace(warning=lambda text, throttle_duration_sec: told.append((text, throttle_duration_sec)))
        monkeypatch.setattr(made, "get_logger", lambda: log)
        made.exposures = SimpleNamespace(newest=none_came, fault=lambda: "stamps differ")  # type: ignore[assignment]
        made.running.set()
        made.work()
    assert told == [("stamps differ", 5.0)]
