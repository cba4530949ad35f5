"""The simulated camera shows the cell as it is at its stamp, and nothing else comes out of it."""

from __future__ import annotations

import dataclasses
import json

import av
import numpy as np
import pytest

from gpnet_ros.cell import HandEye, load_cell, load_hand_eye
from gpnet_ros.errors import BadInput, DeviceError
from gpnet_ros.evaluation.video import write_video
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.kinematics import UrKinematics
from gpnet_ros.pose import invert, lift, to_xyz_quat, transform
from gpnet_ros.sim.cell.arm import FLANGE, calibrated_dh
from gpnet_ros.sim.cell.camera import SimCamera
from gpnet_ros.sim.cell.plant import CellPlant
from gpnet_ros.sim.cell.recording import Recorder
from gpnet_ros.sim.cell.scenery import Scenery, body_pose
from gpnet_ros.sim.cell.state import SceneFile, StateWriter, scene_file
from gpnet_ros.sim.cell.video import Spectator, chosen_states
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.objects.model import make_object

CELL = load_cell()
HOME = np.array(CELL.home)
DH = calibrated_dh(3)
SMALL = Intrinsics(160, 120, 153.75, 153.75, 80.0, 60.0)  # a quarter of the D435's 640x480


def one_object(x=0.65, y=0.0):
    model = make_object("box", 1)
    z = -float(model.vertices[:, 2].min())
    return Heap((model,), transform(np.eye(3), (x, y, z))[None])


def down(x, y, z):
    return transform(np.diag([1.0, -1.0, -1.0]), (x, y, z))


@pytest.fixture
def cell(tmp_path):
    """A plant that publishes after every period, as the process does."""
    plant = CellPlant(one_object(), CELL, DH)
    writer = StateWriter(tmp_path)
    writer.write_scene(1, SceneFile(1, None, plant.world.heap.to_dict()))
    plant.watchers.append(lambda p: writer.write(p.state()))
    plant.step(0.008, HOME, np.zeros(6))
    return plant


def camera(folder, **options):
    options = {"noise": False, "intrinsics": SMALL, "period": 0.0, **options}
    eye = SimCamera(folder, **options)
    eye.open()
    return eye


def height_map(frame, T_base_camera):
    """Points of a frame in base, (H, W, 3)."""
    v, u = np.mgrid[: frame.depth.shape[0], : frame.depth.shape[1]]
    points = frame.intrinsics.deproject(np.stack([u, v], axis=-1), frame.depth)
    return points @ T_base_camera[:3, :3].T + T_base_camera[:3, 3]


def test_depth_is_metric_and_the_object_stands_where_it_stands(cell, tmp_path):
    frame = camera(tmp_path).read()
    points = height_map(frame, load_hand_eye().T_base_camera())
    model, T = cell.world.heap.objects[0], cell.world.heap_now().T_base_object[0]
    top = T[2, 3] + float(model.vertices[:, 2].max())
    high = points[points[..., 2] > 0.5 * top]
    assert high[:, 2].max() == pytest.approx(top, abs=1e-4)
    np.testing.assert_allclose(high[:, :2].mean(axis=0), T[:2, 3], atol=5e-3)
    flat = points[np.abs(points[..., 2]) < 1e-4]
    assert len(flat) > 0.8 * frame.depth.size


def test_frame_carries_the_time_and_the_camera_model(cell, tmp_path):
    eye = camera(tmp_path)
    frame = eye.read()
    assert isinstance(frame, Frame) and frame.intrinsics == SMALL
    assert frame.stamp == cell.time
    assert {f.name for f in dataclasses.fields(frame)} == {
        "color",
        "depth",
        "intrinsics",
        "stamp",
        "frame_id",
        "region",
    }
    cell.step(0.008, HOME, np.zeros(6))
    assert eye.read().stamp == cell.time > frame.stamp


def test_the_arm_is_seen_where_it_is_and_not_when_it_is_away(cell, tmp_path):
    eye, T_base_camera = camera(tmp_path), load_hand_eye().T_base_camera()
    away = height_map(eye.read(), T_base_camera)
    q = UrKinematics(DH).inverse_near(down(0.62, 0.05, 0.30) @ invert(CELL.T_flange_tcp), HOME)
    cell.put_arm(q)
    cell.step(0.008, q, np.zeros(6))
    there = height_map(eye.read(), T_base_camera)
    changed = there[np.nan_to_num(there[..., 2] - away[..., 2]) > 0.25]
    assert len(changed) > 300 and not (away[..., 2] > 0.25).any()
    flange = body_pose(cell.poses_now(), FLANGE)[:3, 3]
    # The palm's top lies 6 cm below the flange; around it the picture must be full of arm.
    near = np.linalg.norm(changed - flange, axis=1)
    assert np.median(near) < 0.35
    assert changed[:, 2].min() > 0.29


def test_noise_makes_holes_and_can_be_switched_off(cell, tmp_path):
    exact = camera(tmp_path).read().depth
    noisy = camera(tmp_path, noise=True, seed=1).read().depth
    assert np.isfinite(exact).all()
    assert 0.0 < np.isnan(noisy).mean() < 0.2
    error = (noisy - exact)[np.isfinite(noisy)]
    assert 2e-4 < np.std(error[np.abs(error) < 0.01]) < 5e-3


def test_a_camera_on_the_flange_rides_on_the_true_arm(cell, tmp_path):
    T_flange_camera = transform(np.eye(3), (0.0, -0.09, 0.02))
    position, quaternion = to_xyz_quat(T_flange_camera)
    mount = HandEye("flange", tuple(position.tolist()), tuple(quaternion.tolist()))
    q = UrKinematics(DH).inverse_near(down(0.65, 0.0, 0.30) @ invert(CELL.T_flange_tcp), HOME)
    cell.put_arm(q)
    cell.step(0.008, q, np.zeros(6))
    frame = camera(tmp_path, hand_eye=mount).read()
    truth = mount.T_base_camera(UrKinematics(DH).forward(cell.q))
    table = height_map(frame, truth)
    assert np.median(np.abs(table[table[..., 2] < 0.05, 2])) < 1e-4
    nominal = mount.T_base_camera(UrKinematics(DH.closest_nominal).forward(cell.q + 0.01))
    wrong = height_map(frame, nominal)
    assert np.median(np.abs(wrong[table[..., 2] < 0.05, 2])) > 1e-4


def test_a_new_heap_is_seen(cell, tmp_path):
    eye = camera(tmp_path)
    assert (height_map(eye.read(), load_hand_eye().T_base_camera())[..., 2] > 0.01).any()
    cell.load_heap(Heap((), np.zeros((0, 4, 4))))
    scene_file(tmp_path, 2).write_text(json.dumps({"seed": 1, "style": 5, "heap": cell.world.heap.to_dict()}))
    cell.step(0.008, HOME, np.zeros(6))
    assert not (height_map(eye.read(), load_hand_eye().T_base_camera())[..., 2] > 0.01).any()


def test_a_cell_that_stands_still_is_an_error_not_an_old_frame(cell, tmp_path):
    eye = camera(tmp_path)
    eye.read()
    with pytest.raises(DeviceError, match="gpnet sim"):
        eye.read(timeout=0.2)


def test_reading_needs_an_open_camera_and_a_cell(tmp_path):
    with pytest.raises(DeviceError, match="open"):
        SimCamera(tmp_path).read()
    with pytest.raises(DeviceError, match="gpnet sim"):
        SimCamera(tmp_path / "nobody").open()


def test_poses_of_another_heap_are_refused():
    with pytest.raises(BadInput, match="belong"):
        Scenery(one_object(), CELL).place(np.zeros((3, 7)))


def test_video_shows_what_moves_and_leaves_out_what_does_not(cell, tmp_path):
    recorder = Recorder(tmp_path, 20.0)
    cell.watchers.append(lambda p: recorder.add(p.state()))
    mover_q = np.array(HOME)
    for k in range(700):
        mover_q = HOME + [0.3 * min(k, 200) / 200, 0, 0, 0, 0, 0]
        cell.step(0.008, mover_q, np.zeros(6))
    recorder.flush()
    chosen = list(chosen_states(tmp_path, 0.2))
    since = np.array([t for t, _ in chosen])
    assert since[0] == 0.0 and np.diff(since).min() > 0.19
    assert 1.5 < since[-1] < 3.5 < 700 * 0.008  # moves for 1.6 s, then stands
    spectator = Spectator(tmp_path, (160, 90))
    first, last = spectator.image(chosen[0][1]), spectator.image(chosen[-1][1])
    assert first.shape == (90, 160, 3) and first.std() > 20
    changed = np.abs(first.astype(int) - last).max(axis=2) > 40
    assert 0.005 < changed.mean() < 0.4


def test_tool_meets_the_point_of_a_pixel_in_spite_of_the_hidden_calibration(cell, tmp_path):
    frame, T_base_camera = camera(tmp_path).read(), load_hand_eye().T_base_camera()
    heights = height_map(frame, T_base_camera)[..., 2]
    v, u = np.argwhere(heights > 0.9 * np.nanmax(heights))[3]
    T_camera_grasp = lift((u, v), 0.3, float(frame.depth[v, u]), frame.intrinsics, T_base_camera)
    goal = T_base_camera @ T_camera_grasp
    q = cell.inverse(goal @ invert(CELL.T_flange_tcp), HOME)
    cell.load_heap(Heap((), np.zeros((0, 4, 4))))  # only the place is asked for
    cell.watchers.clear()
    cell.put_arm(q)
    for _ in range(60):
        cell.step(0.008, q, np.zeros(6))
    tip = (body_pose(cell.poses_now(), FLANGE) @ CELL.T_flange_tcp)[:3, 3]
    point = height_map(frame, T_base_camera)[v, u]
    assert np.linalg.norm(tip - point) < 1e-3
    by_data_sheet = CELL.kinematics.inverse_near(goal @ invert(CELL.T_flange_tcp), HOME)
    missed = (UrKinematics(DH).forward(by_data_sheet) @ CELL.T_flange_tcp)[:3, 3]
    assert np.linalg.norm(missed - point) > 1e-3


def test_video_file_plays(cell, tmp_path):
    recorder = Recorder(tmp_path, 20.0)
    cell.watchers.append(lambda p: recorder.add(p.state()))
    for k in range(100):
        cell.step(0.008, HOME + [0.3 * k / 100, 0, 0, 0, 0, 0], np.zeros(6))
    recorder.flush()
    count = write_video(tmp_path, tmp_path / "cell.mp4", fps=10, speed=2.0, width=160)
    with av.open(str(tmp_path / "cell.mp4")) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
        assert video.streams.video[0].codec_context.name == "h264"
    assert len(frames) == count >= 4 and frames[0].shape == (90, 160, 3)
    assert frames[0].std() > 20
    with pytest.raises(BadInput, match="states_"):
        write_video(tmp_path / "nothing", tmp_path / "no.mp4")
    assert not (tmp_path / "no.mp4").exists()
