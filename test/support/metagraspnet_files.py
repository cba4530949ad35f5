"""MetaGraspNet: small scenes in the published format, simulated and real, written from its description."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np

HEIGHT, WIDTH, FOCAL = 120, 160, 200.0
BAR = (slice(50, 60), slice(30, 110))  # object 1, along u: a jaw must close along v
LID = (slice(46, 70), slice(80, 90))  # object 2, lies on the bar
FLOOR, BAR_TOP, LID_TOP = 100.0, 95.0, 92.0  # distances [cm]
ALONG_V = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # columns: x to the other pad, y, z approach
JAW = "non_colliding_grasps/paralleljaw/"


def masks() -> tuple[np.ndarray, np.ndarray]:
    """Visible ids (H, W), whole objects (2, H, W)."""
    whole = np.zeros((2, HEIGHT, WIDTH), bool)
    whole[0][BAR], whole[1][LID] = True, True
    ids = np.zeros((HEIGHT, WIDTH))
    ids[BAR], ids[LID] = 1, 2
    return ids, whole


def depth() -> np.ndarray:
    image = np.full((HEIGHT, WIDTH), FLOOR, np.float32)
    image[BAR], image[LID] = BAR_TOP, LID_TOP
    image[0, 0], image[0, 1] = np.nan, 0.0
    return image


def point(u: float, v: float, z: float) -> np.ndarray:
    """Point [cm] in the camera whose principal point is the middle of the picture, as the renderer's."""
    return np.array([(u - (WIDTH - 1) / 2) * z / FOCAL, (v - (HEIGHT - 1) / 2) * z / FOCAL, z])


def contact(u: float, v0: float, v1: float, z: float, R: np.ndarray = ALONG_V) -> tuple[np.ndarray, float]:
    """Contact pose and width [cm] of a jaw that closes along v."""
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = R, point(u, v0, z)
    return pose, (v1 - v0) * z / FOCAL


#: The file counts all objects of the scene from 0, the invisible ones too: 4 is the bar, 2 is the lid.
BAR_NUMBER, LID_NUMBER = 4, 2
ON_BAR = contact(50, 49.8, 59.2, BAR_TOP + 0.3)
ON_LID = contact(85, 45.8, 69.2, LID_TOP + 0.3)
GRASPS: list[tuple[tuple[np.ndarray, float], int, float]] = [(ON_BAR, BAR_NUMBER, 0.9), (ON_LID, LID_NUMBER, 0.8)]
ORDER = {
    "1": {"id": 1, "occlusion": 0.125, "children": [], "parents": [{"id": 2, "depth_diff": 3.0}], "layer": 1},
    "2": {"id": 2, "occlusion": 0.0, "children": [{"id": 1}], "parents": [{"id": 0, "depth_diff": 0.0}], "layer": 0},
}


def write_hdf5(path: Path, grasps: list[Any], look_down: bool = True) -> None:
    pose = np.diag([1.0, -1.0, -1.0, 1.0]) if look_down else np.eye(4)
    pose[:3, 3] = (10.0, 20.0, 75.0)  # [cm]
    with h5py.File(path, "w") as file:
        file["camera/pose_relative_to_world"] = pose[None].astype(np.float32)
        file["objects/categories"] = np.array([64.0, 8.0], np.float32)
        n = len(grasps)
        file[JAW + "contact_poses_relative_to_camera"] = np.array([g[0][0] for g in grasps], "f4").reshape(n, 4, 4)
        file[JAW + "contact_width"] = np.array([g[0][1] for g in grasps], "f4")
        file[JAW + "object_id"] = np.array([g[1] for g in grasps], "f4")
        file[JAW + "score_simulation"] = np.array([g[2] for g in grasps], "f4")
        file[JAW + "score_analytical"] = np.ones(n, "f4")
        file["keypts/com/keypts_relative_to_camera"] = np.array([[1.0, *point(70, 55, 96)]], "f4")
        file["keypts/com/object_id"] = np.array([BAR_NUMBER], "f4")


def write_pictures(folder: Path, view: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    color = np.full((HEIGHT, WIDTH, 3), (0, 0, 250), np.uint8)  # BGR: red
    assert cv2.imwrite(str(folder / f"{view}_rgb.png"), color)
    assert cv2.imwrite(str(folder / f"{view}_depth.png"), np.full((HEIGHT, WIDTH), 77, np.uint8))  # a preview


def write_sim(root: Path, scene: str = "scene1557", view: int = 0, grasps: list[Any] = GRASPS) -> Path:
    folder = root / scene
    write_pictures(folder, view)
    ids, whole = masks()
    semantic = np.zeros_like(ids)
    semantic[ids == 1], semantic[ids == 2] = 64, 8
    painted = np.where(ids == 1, 0.125, 0.0)
    np.savez_compressed(
        folder / f"{view}.npz",
        depth=depth(),
        instances_objects=ids,
        instances_semantic=semantic,
        occlusion=painted,
        seg_masks_single=whole,
    )
    write_hdf5(folder / f"{view}_scene.hdf5", grasps)
    camera = {"fx": FOCAL, "fy": FOCAL, "focal_length": 35.0, "resolution": {"height": HEIGHT, "width": WIDTH}}
    (folder / f"{view}_camera_params.json").write_text(json.dumps(camera))
    (folder / f"{view}_order.json").write_text(json.dumps(ORDER))
    np.savetxt(folder / f"{view}_order.csv", np.array([[0.0, -1.0], [0.0, 0.0]]), delimiter=",")
    return folder


def write_real(root: Path, scene: str = "scene46", view: int = 3, lines: object = (((50, 47), (50, 63)),)) -> Path:
    folder = root / scene
    write_pictures(folder, view)
    ids, whole = masks()
    np.savez_compressed(folder / f"{view}.npz", depth=depth(), instances_objects=ids, instances_semantic=ids)
    bitmaps = np.stack([np.stack([ids == 1, whole[0]]), np.stack([ids == 2, whole[1]])])
    np.savez_compressed(folder / f"{view}_amodal.npz", amodal_bitmaps_full_size_instances=bitmaps)
    suction = np.zeros((HEIGHT, WIDTH), np.uint8)
    suction[52:58, 60:70] = 255
    np.savez_compressed(folder / f"{view}_grasps.npz", suction_bitmap=suction, parallel_jaw_2d=np.array(lines))
    camera = {"fx": FOCAL, "fy": FOCAL, "cx": 81.5, "cy": 58.25, "width": WIDTH, "height": HEIGHT}
    (folder / f"{view}_camera_params.json").write_text(json.dumps(camera))
    (folder / f"{view}_order.csv").write_text("00,-1\n01,00\n")  # real files say it twice
    (folder / f"{view}_bin_rel.json").write_text('{"1": "no_rel", "2": "corner"}')
    with h5py.File(folder / f"{view}_scene.hdf5", "w") as file:
        file["camera/pose_relative_to_world"] = np.diag([1.0, -1.0, -1.0, 1.0])[None]
        file["objects/categories"] = np.array([64.0, 8.0])
    return folder
