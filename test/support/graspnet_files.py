"""GraspNet-1Billion's planar half: small trees in the published format, written from its description."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

SIZE = (64, 96)  # height, width
BAR = (slice(30, 40), slice(20, 80))  # lies along u: a jaw must open along v
K = np.array([[80.0, 0.0, 47.0], [0.0, 81.0, 31.0], [0.0, 0.0, 1.0]])
#: center_x, center_y, open_x, open_y, height, score, object id: the open point is the middle of the far pad
ACROSS = (50.0, 34.5, 50.0, 45.5, 8.0, 0.9, 13.0)


def write_picture(folder: Path, kind: str, number: int, image: np.ndarray) -> None:
    (folder / kind).mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(folder / kind / f"{number:04d}.png"), image)


def write_view(camera: Path, number: int, rows: object = (ACROSS,), size: tuple[int, int] = SIZE) -> None:
    color = np.zeros((*size, 3), np.uint8)
    color[BAR] = (10, 20, 200)  # OpenCV writes BGR: the bar is red
    label = np.zeros(size, np.uint8)
    label[BAR] = 14  # object 13
    depth = np.full(size, 700, np.uint16)
    depth[BAR], depth[0, 0] = 650, 0
    write_picture(camera, "rgb", number, color)
    write_picture(camera, "depth", number, depth)
    write_picture(camera, "label", number, label)
    (camera / "rect").mkdir(exist_ok=True)
    np.save(camera / "rect" / f"{number:04d}.npy", np.asarray(rows, np.float32).reshape(-1, 7))


def write_scene(root: Path, number: int = 0, cameras: tuple[str, ...] = ("realsense",), views: int = 1) -> Path:
    scene = root / "scenes" / f"scene_{number:04d}"
    for name in cameras:
        for view in range(views):
            write_view(scene / name, view)
        np.save(scene / name / "camK.npy", K)
    (scene / "object_id_list.txt").write_text("13\n")
    return scene
