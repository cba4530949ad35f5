"""A camera's exposures through the real nodes, for some seconds: what is noted fits together; no time is asserted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.errors import BadInput, DeviceError
from gpnet_ros.evaluation.ros_speed import stream_speed, write_fast_model
from gpnet_ros.hand_eye_check import check_hand_eye
from gpnet_ros.nodes.measured.nodes import SteadyCamera, main, table_picture
from gpnet_ros.nodes.measured.stream import measure_stream


def test_exposures_go_through_camera_and_network_and_every_step_is_noted(tmp_path: Path) -> None:
    record = measure_stream(str(write_fast_model(tmp_path / "fast")), 5.0, 15.0, tmp_path / "run")
    sent = {each["stamp"] for each in record.camera["sent"]}
    complete = dict(map(tuple, record.inference["complete"]))
    answers = record.inference["answers"]
    assert answers and sent
    for one in answers:
        steps = [one[name] for name in ("stamp", "taken", "framed", "answered", "published")]
        assert steps == sorted(steps)
        assert complete[one["stamp"]] <= one["framed"]
        assert one["net"] > 0 and one["cpu_published"] >= one["cpu_taken"]
    stamps = [one["stamp"] for one in answers]
    assert len(set(stamps)) == len(stamps)
    assert all(min(abs(stamp - s) for s in sent) < 1e-6 for stamp in stamps)
    speed = stream_speed("fast", 15.0, record)
    assert 0 < speed.reached <= 1 and speed.answered > 0 and speed.arrived > 0
    for name in ("camera", "inference"):
        assert "Traceback" not in (tmp_path / "run" / f"{name}.log").read_text()


@pytest.mark.slow
def test_a_model_that_is_not_there_is_told_and_nothing_stays(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="inference has ended"):
        measure_stream("no_such_model", 2.0, 15.0, tmp_path / "run")
    assert "no_such_model" in (tmp_path / "run" / "inference.log").read_text()


def test_the_picture_is_one_of_the_cell() -> None:
    cell, hand_eye = load_cell(), load_hand_eye()
    frame = table_picture(cell, hand_eye)
    frame.check()
    assert frame.intrinsics is not None
    check_hand_eye(frame.intrinsics, frame.depth, hand_eye.T_base_camera(), cell.workspace, centred=True)


def test_no_exposure_comes_before_its_time_and_none_twice() -> None:
    period = 0.005
    camera = SteadyCamera(table_picture(load_cell(), load_hand_eye()), 1 / period)
    began = time.time()
    camera.open()
    stamps = [camera.read().stamp for _ in range(10)]
    assert all(b > a for a, b in zip(stamps, stamps[1:]))
    # However late this process wakes up: 1 ms for a clock that is set meanwhile.
    assert all(stamp > began + (number + 1) * period - 1e-3 for number, stamp in enumerate(stamps))


def test_another_node_is_none_of_the_measured() -> None:
    with pytest.raises(BadInput, match="camera and inference"):
        main(["planner"])
