"""The run folder of `gpnet demo`: rows judged by the truth, tables, pictures, summary, and the bag."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore
from support.truths import grip, truth_of

from gpnet_ros.data.bags.decision_bag import DecisionBag, type_of
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.run_folder.folder import (
    CSV,
    JSON,
    SETTINGS,
    SUMMARY,
    VIDEO,
    RunFolder,
    draw_decision,
    grasp_of,
)
from gpnet_ros.evaluation.run_folder.picks import Judgement, RosPick, judge_pick, pose_values
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.maps import Grid, Maps, encode_angle
from gpnet_ros.pose import from_xyz_quat, transform
from gpnet_ros.sim.cell.report import GripReport, TruthReport

CAMERA = Intrinsics(96, 72, 90.0, 90.0, 47.5, 35.5)
T_TCP = transform(np.diag([1.0, -1.0, -1.0]), np.array([0.65, 0.02, 0.03]))


def record(status: str = "picked", **changes: Any) -> dict[str, Any]:
    """A planner's result; `step=None` leaves out what only a pick that moved has."""
    values: dict[str, Any] = {
        "status": status, "message": "", "finished": None, "stamp": 12.5, "time_s": {"look": 0.5, "close jaws": 1.0},
        "rejected": [{"pixel": [10.0, 12.0], "reason": "clearance", "detail": "No room."}],
        "pixel": [40.25, 30.5], "angle_deg": -30.0, "score": 0.6, "quality": 0.7, "priority": 0.9, "width_m": 0.05,
        "T_base_tcp": T_TCP.tolist(), "T_base_link_tcp": T_TCP.tolist(), "insertion_m": 0.02,
        "step": "home", "force_peak_n": 3.0,
    }  # fmt: skip
    values |= changes
    return {k: v for k, v in values.items() if v is not None or k in ("finished", "stamp")}


def look(status: str, finished: str | None = None) -> dict[str, Any]:
    """A result without a pick."""
    return {
        "status": status, "message": "None.", "finished": finished, "stamp": 13.0, "time_s": {}, "rejected": []
    }  # fmt: skip


def truth(*grips: GripReport, in_tote: tuple[int, ...] = ()) -> TruthReport:
    """An answer of the cell: object 0 a box, object 1 a ring."""
    return truth_of(("box", "ring"), grips, in_tote)


TOP = Judgement((0,), ("box",), True, True, 1)


def sight(stamp: float = 12.5) -> tuple[Frame, Maps]:
    """A frame of a flat table and maps with one peak."""
    color = np.full((72, 96, 3), 120, dtype=np.uint8)
    frame = Frame(color, np.full((72, 96), 0.8, dtype=np.float32), CAMERA, stamp)
    grid = Grid(32, 32, 0.5, (16.0, 4.0))
    y, x = np.mgrid[0:32, 0:32]
    quality = np.exp(-((x - 12) ** 2 + (y - 13) ** 2) / 18.0).astype(np.float32)
    cos2, sin2 = encode_angle(np.full((32, 32), -0.5))
    return frame, Maps(quality, cos2, sin2, np.full((32, 32), 0.1, np.float32), np.ones((32, 32), np.float32), grid)


def make(tmp_path: Path, *picks: RosPick, removed: int | None = None, ended: str = "") -> RunFolder:
    folder = RunFolder.create(tmp_path / "run", "demo of seed 1", 2, {"seed": 1})
    for pick in picks:
        folder.add(pick)
    folder.outcome.removed, folder.outcome.ended = removed, ended
    folder.write()
    return folder


# --- judging by the truth -----------------------------------------------------------------------------------
def test_pick_in_the_tote_is_right_only_if_the_object_was_on_top() -> None:
    assert judge_pick(truth(grip(0), in_tote=(0,)), 0) == TOP
    assert judge_pick(truth(grip(0, top=False), in_tote=(0,)), 0) == Judgement((0,), ("box",), True, False, 1)


def test_object_that_did_not_reach_the_tote_does_not_count() -> None:
    assert not judge_pick(truth(grip(1), in_tote=(0,)), 0).in_tote


def test_grips_of_earlier_picks_are_not_counted_again() -> None:
    both = truth(grip(0), grip(1, top=False), in_tote=(0, 1))
    assert judge_pick(both, 1).objects == (1,)
    assert judge_pick(both, 2) == Judgement(grips=2)


def test_touch_without_lift_took_nothing() -> None:
    assert judge_pick(truth(grip()), 0) == Judgement(grips=1)


def test_pick_that_lifts_two_objects_is_topmost_only_if_both_were() -> None:
    assert judge_pick(truth(grip(0), grip(1, top=False), in_tote=(0, 1)), 0).topmost is False


def test_planner_that_believes_in_a_pick_is_corrected_by_the_truth() -> None:
    believed = RosPick(1, record("picked"), Judgement(), 9.0)
    assert not believed.ok and not believed.topmost
    assert RosPick(1, record("picked"), None, 9.0).ok


def test_look_is_no_pick_even_when_an_object_fell_into_the_tote() -> None:
    assert not RosPick(0, look("nothing_graspable"), TOP, 1.0).ok


def test_lines_name_what_happened_and_why() -> None:
    assert "box in the tote, topmost" in RosPick(1, record(), TOP, 9.0).line()
    failed = RosPick(2, record("collision", message="Contact during the descent."), Judgement(), 9.0).line()
    assert "collision" in failed and "Contact during the descent." in failed and "tote" not in failed
    assert RosPick(3, look("nothing_left", "nothing_left"), None, 1.0).line().startswith("look")


def test_a_cup_is_told_by_its_suction_and_jaws_by_their_opening() -> None:
    cup = RosPick(1, {**record(), "suction": 0.71, "unevenness_m": 0.0004}, TOP, 9.0)
    jaws = RosPick(1, record(), TOP, 9.0)
    assert "suction 0.71" in cup.line() and "opening" not in cup.line() and "opening" in jaws.line()
    assert cup.row()["suction"] == 0.71 and cup.row()["unevenness_m"] == 0.0004 and "suction" not in jaws.row()


# --- tables ---------------------------------------------------------------------------------------------------
def test_tables_hold_every_pick_in_both_forms(tmp_path: Path) -> None:
    folder = make(tmp_path, RosPick(1, record(), TOP, 9.0), RosPick(1, look("nothing_left"), TOP, 1.0), removed=1)
    stored = json.loads((folder.path / JSON).read_text())
    with (folder.path / CSV).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert stored["simulated"] is True
    assert [p["result"] for p in stored["picks"]] == [row["result"] for row in rows] == ["picked", "nothing_left"]
    assert float(rows[0]["pixel_u"]) == stored["picks"][0]["pixel"][0] == 40.25
    assert [float(rows[0][f"base_{a}"]) for a in "xyz"] == pytest.approx(T_TCP[:3, 3])
    assert rows[1]["pixel_u"] == "" and stored["picks"][1]["pixel"] is None
    assert rows[0]["topmost"] == "True"


def test_stored_pose_is_the_pose(tmp_path: Path) -> None:
    stored = pose_values(T_TCP.tolist())
    assert stored is not None
    assert from_xyz_quat(stored["position"], stored["quaternion"]) == pytest.approx(T_TCP, abs=1e-5)
    assert pose_values(None) is None


def test_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(BadInput, match=r"holds a run already.*--out"):
        make(tmp_path)


def test_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        RunFolder.create(tmp_path / "file" / "run", "", 1, {})


def test_settings_are_kept(tmp_path: Path) -> None:
    assert "seed: 1" in (make(tmp_path).path / SETTINGS).read_text()


# --- summary ----------------------------------------------------------------------------------------------------
class Links(HTMLParser):
    """Collects what a page refers to, its text, and whether every element that is opened here is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.refers: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.refers += [str(v) for k, v in attrs if k in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def summary(folder: RunFolder) -> Links:
    return Links((folder.path / SUMMARY).read_text())


def test_summary_says_the_outcome_first_and_that_it_is_simulated(tmp_path: Path) -> None:
    links = summary(make(tmp_path, RosPick(1, record(), TOP, 9.0), removed=1, ended="nothing left"))
    assert "1 of 2 objects are in the tote." in links.text
    assert links.text.index("1 of 2") < links.text.index("opening")
    assert "simulated" in links.text and "nothing left" in links.text


def test_summary_refers_only_to_files_of_its_folder(tmp_path: Path) -> None:
    folder = make(tmp_path, RosPick(1, record(), TOP, 9.0, "pick_01.png"), removed=1, ended="nothing left")
    (folder.path / "pick_01.png").write_bytes(b"")
    (folder.path / VIDEO).write_bytes(b"")
    folder.write()
    refers = [r for r in summary(folder).refers if not r.startswith("#")]
    assert VIDEO in refers and "pick_01.png" in refers
    assert all((folder.path / r).exists() for r in refers)


def test_object_that_was_carried_along_is_told_of(tmp_path: Path) -> None:
    one = RosPick(1, record(), TOP, 9.0)
    assert "1 more came along" in summary(make(tmp_path / "a", one, removed=2, ended="nothing left")).text
    assert "came along" not in summary(make(tmp_path / "b", one, removed=1, ended="nothing left")).text


def test_summary_without_video_shows_none(tmp_path: Path) -> None:
    assert VIDEO not in summary(make(tmp_path)).refers


def test_summary_of_a_run_that_was_cut_short_says_so(tmp_path: Path) -> None:
    assert "Still running" in summary(make(tmp_path, RosPick(1, record(), TOP, 9.0))).text


def test_texts_of_devices_cannot_become_markup(tmp_path: Path) -> None:
    bad = RosPick(1, record("stopped", message="<script>alert(1)</script>"), Judgement(), 9.0)
    assert "<script>" not in (make(tmp_path, bad).path / SUMMARY).read_text()


# --- pictures ---------------------------------------------------------------------------------------------------
def test_picture_names_count_picks_and_looks_apart(tmp_path: Path) -> None:
    folder = make(tmp_path)
    names = []
    for pick in (
        RosPick(1, record(), TOP, 1.0),
        RosPick(1, look("nothing_graspable"), TOP, 1.0),
        RosPick(2, record(), TOP, 1.0),
    ):
        names.append(folder.picture_name(pick))
        folder.add(pick)
    assert names == ["pick_01.png", "look_01.png", "pick_02.png"]


def test_grasp_in_the_picture_has_the_commanded_opening() -> None:
    frame, maps = sight()
    grasp = grasp_of(record(), frame, maps)
    assert grasp is not None and grasp.depth == pytest.approx(0.8)
    # The opening in camera pixels, seen at that depth, is the opening in metres again.
    assert grasp.width_px / maps.grid.scale * 0.8 / CAMERA.fx == pytest.approx(0.05)
    assert grasp_of(look("nothing_left"), frame, maps) is None


def test_drawn_grasp_is_green_and_lies_on_its_pixel(tmp_path: Path) -> None:
    frame, maps = sight()
    draw_decision(tmp_path / "with.png", frame, maps, record(), "simulated: a pick")
    draw_decision(tmp_path / "without.png", frame, maps, look("nothing_graspable"), "simulated: a look")
    green = []
    for name in ("with", "without"):
        b, g, r = cv2.split(cv2.imread(str(tmp_path / f"{name}.png")).astype(int))
        green.append(int(((g > 180) & (r < 90) & (b < 120) & (np.indices(g.shape)[1] < g.shape[1] // 4)).sum()))
    assert green[0] > 50 and green[1] == 0


# --- bag ----------------------------------------------------------------------------------------------------------
def camera_info_bytes(types: Any, stamp: float) -> bytes:
    known = types.types
    seconds = int(stamp)
    time = known["builtin_interfaces/msg/Time"](sec=seconds, nanosec=round((stamp - seconds) * 1e9))
    roi = known["sensor_msgs/msg/RegionOfInterest"](
        x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
    )  # fmt: skip
    message = known["sensor_msgs/msg/CameraInfo"](
        header=known["std_msgs/msg/Header"](stamp=time, frame_id="camera"), height=72, width=96,
        distortion_model="plumb_bob", d=np.zeros(5), k=CAMERA.matrix.reshape(-1), r=np.eye(3).reshape(-1),
        p=np.zeros(12), binning_x=0, binning_y=0, roi=roi,
    )  # fmt: skip
    return bytes(types.serialize_cdr(message, "sensor_msgs/msg/CameraInfo"))


def test_bag_reads_back_as_written_even_if_the_run_broke(tmp_path: Path) -> None:
    types = get_typestore(Stores.ROS2_JAZZY)
    raw = camera_info_bytes(types, 12.5)

    def interrupted_run() -> None:
        with DecisionBag(tmp_path / "bag") as bag:
            bag.add({"color/camera_info": raw}, record())
            bag.add({}, look("nothing_left"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_run()
    with Reader(tmp_path / "bag") as reader:
        found = [(c.topic, stamp, types.deserialize_cdr(data, c.msgtype)) for c, stamp, data in reader.messages()]
    assert [(topic, stamp) for topic, stamp, _ in found] == [
        ("/color/camera_info", 12_500_000_000),
        ("/planner_node/result", 12_500_000_000),
        ("/planner_node/result", 13_000_000_000),
    ]
    assert found[0][2].k == pytest.approx(CAMERA.matrix.reshape(-1))
    assert json.loads(found[1][2].data)["pixel"] == [40.25, 30.5]
    assert json.loads(found[2][2].data)["status"] == "nothing_left"


def test_bag_leaves_out_what_was_decided_on_no_frame(tmp_path: Path) -> None:
    with DecisionBag(tmp_path / "bag") as bag:
        bag.add({}, record(stamp=None))
    with Reader(tmp_path / "bag") as reader:
        assert list(reader.messages()) == []


def test_recorded_topics_have_their_types() -> None:
    assert type_of("color/camera_info").endswith("CameraInfo") and type_of("maps/camera_info").endswith("CameraInfo")
    assert type_of("planner_node/grasp").endswith("PoseStamped") and type_of("maps/angle").endswith("Image")
