"""A small picture whose labels are all known and keep every law, for tests of laws, pages and shards."""

from __future__ import annotations

import numpy as np

from gpnet_ros.data.sample import DenseGrasps, Objects, Sample
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.rectangle import Rectangles

HEIGHT, WIDTH, Z = 120, 160, 0.8
CAMERA = Intrinsics(WIDTH, HEIGHT, 200.0, 200.0, (WIDTH - 1) / 2, (HEIGHT - 1) / 2)
#: Rows and columns of three upright bars: 2 lies on 1, 3 stands alone.
BARS = {1: (slice(30, 90), slice(30, 42)), 2: (slice(50, 62), slice(24, 48)), 3: (slice(20, 80), slice(110, 120))}


def labelled_sample(name: str = "000000000001/view_0", scene: str = "000000000001") -> Sample:
    """Everything that `gpnet generate --labels all` knows of a picture, made by hand."""
    ids = np.zeros((HEIGHT, WIDTH), dtype=np.int32)
    whole = np.zeros((3, HEIGHT, WIDTH), dtype=bool)
    for number, bar in BARS.items():
        ids[bar] = number
        whole[(number - 1, *bar)] = True
    color = np.full((HEIGHT, WIDTH, 3), 90, dtype=np.uint8)
    color[ids > 0] = (200, 60, 60)
    depth = np.where(ids > 0, Z - 0.03, Z).astype(np.float32)
    depth[:5, :7] = np.nan
    stride = 2
    quality = np.zeros((HEIGHT // stride, WIDTH // stride), dtype=np.float32)
    quality[20:40, 16:20] = quality[12:38, 56:59] = 0.75
    covered = np.zeros((3, 3), dtype=bool)
    covered[0, 1] = True
    boxes = np.array([[30, 30, 42, 90], [24, 50, 48, 62], [110, 20, 120, 80]], dtype=np.float64)
    objects = Objects(
        ids=np.array([1, 2, 3]),
        category=("box", "flat_box", "pipe"),
        boxes=boxes,
        amodal_boxes=boxes,
        amodal_masks=whole,
        occlusion=np.array([0.2, 0.0, 0.0]),
        center_of_mass=np.array([[35.5, 59.5], [35.5, 55.5], [114.5, 49.5]]),
        covered_by=covered,
        layer=np.array([1, 0, 0]),
        graspable=np.array([True, False, True]),
    )
    return Sample(
        name,
        scene,
        Frame(color, depth, CAMERA),
        rectangles=across(),
        negatives=Rectangles(np.array([[80.0, 60.0]]), np.zeros(1), np.full(1, 15.0), np.full(1, 6.0)),
        ids=ids,
        objects=objects,
        grasps=DenseGrasps(quality, np.zeros_like(quality), np.where(quality > 0, 0.05, 0).astype(np.float32)),
        suction=(ids > 0).astype(np.float32),
        T_base_camera=np.diag([1.0, -1.0, -1.0, 1.0]) + np.array([[0, 0, 0, 0.6], [0] * 4, [0, 0, 0, Z], [0] * 4]),
    )


def across() -> Rectangles:
    """True grasps: their openings lie across the upright bars 1 and 3."""
    center = np.array([[36.0, 40.0], [36.0, 75.0], [115.0, 30.0], [115.0, 60.0]])
    score = np.array([0.9, 0.6, 0.7, 0.8])
    return Rectangles(center, np.zeros(4), np.full(4, 20.0), np.full(4, 6.0), score, np.array([1, 1, 3, 3]))
