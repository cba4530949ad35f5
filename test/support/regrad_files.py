"""REGRAD V1 and V2: small trees in the published formats, written from their description."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

SIZE = (120, 160)  # height, width
#: One object per name, with its pixels: table-1 carries book-2, which carries mug-12; lamp-3 stands alone.
PLACES = {
    "table-1": (slice(60, 110), slice(10, 90)),
    "book-2": (slice(70, 80), slice(20, 80)),
    "mug-12": (slice(72, 78), slice(40, 50)),
    "lamp-3": (slice(20, 40), slice(120, 130)),
}
PARENTS = {"table-1": [], "book-2": ["table-1"], "mug-12": ["book-2"], "lamp-3": []}
#: Centre, opening and jaw [px] and the angle of the opening [degrees] of a grasp across the long side of book-2.
GRASP = ((50.0, 75.0), 30.0, 6.0, 80.0)
SCORES = [0.9, 0.4, 0.7, 2.0]  # vertical, center, antipodal, their sum


def painted() -> np.ndarray:
    ids = np.zeros(SIZE, np.int32)
    for name, place in PLACES.items():
        ids[place] = int(name.split("-")[1])
    return ids


def info(parents: dict[str, list[str]] | None = None) -> list[dict[str, Any]]:
    ids = painted()
    items = []
    for name in PLACES:
        rows, columns = np.nonzero(ids == int(name.split("-")[1]))
        items.append(
            {
                "model_name": name.split("-")[0],
                "category": "04379243",
                "model_id": "abc",
                "obj_id": 10 * int(name.split("-")[1]) + 1,
                "parent_list": (parents or PARENTS)[name],
                "6D_pose": [0, 0, 0.5, 1, 0, 0, 0],
                "bbox": [int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())],
                "segmentation": [rows.tolist(), columns.tolist()],
                "source": "ShapeNetCore.v2",
            }
        )
    return items


def write_pictures(rgb: Path, depth: Path, size: tuple[int, int] = SIZE) -> None:
    for path in (rgb, depth):
        path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(rgb), np.full((*size, 3), (0, 0, 250), np.uint8))  # BGR: red
    millimetres = np.full(size, 1600, np.uint16)
    millimetres[0, 0], millimetres[0, 1] = 0, 65000  # nothing seen; background, overflowed
    assert cv2.imwrite(str(depth), millimetres)


def write_v1(part: Path, scene: str = "00001", views: tuple[int, ...] = (1,), size: tuple[int, int] = SIZE) -> Path:
    folder = part / scene
    for view in views:
        place = folder / str(view)
        write_pictures(place / "rgb.jpg", place / "depth.png", size)
        noise = np.random.default_rng(0).integers(0, 40, SIZE)
        cv2.imwrite(str(place / "segment.jpg"), (10 * painted() + 1 + noise).astype(np.uint8))  # what JPEG leaves of it
        camera = {"intrinisic": [900.0, 0.0, 80.0, 0.0, 901.0, 60.0, 0.0, 0.0, 1.0], "extrinsic": np.eye(4).tolist()}
        (place / "camera_info.json").write_text(json.dumps(camera))
        (place / "info.json").write_text(json.dumps(info()))
    (folder / "mrt.json").write_text(json.dumps(PARENTS))
    (folder / "final_state.json").write_text("[]")
    return folder


def write_v2(part: Path, scene: str = "00001", views: tuple[int, ...] = (1,)) -> Path:
    for view in views:
        stem = f"{scene}_{view}"
        write_pictures(part / "RGBImages" / f"{stem}.jpg", part / "DepthImages" / f"{stem}.png")
        ids = painted().astype(np.uint8)
        ids[100:] = np.where(ids[100:] == 0, 255, ids[100:])  # the table top; 0 is the background
        (part / "SegmentationImages").mkdir(exist_ok=True)
        cv2.imwrite(str(part / "SegmentationImages" / f"{stem}.png"), ids)
    (part / "mrts.json").write_text(json.dumps({scene: PARENTS}))
    (part / "objects.json").write_text("not even JSON: gigabytes that nobody needs")
    return part


def item(rect: object, obj_id: float = 2.0, scores: list[float] = SCORES) -> list[object]:
    return [obj_id, rect, scores]


def write_grasps(path: Path, items: list[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(items))


def wide(rect: tuple[tuple[float, float], float, float, float] = GRASP) -> list[Any]:
    """[[cx, cy], [w, h], theta]: w along theta, x right, y down."""
    center, opening, jaw, angle = rect
    return [list(center), [opening, jaw], angle]
