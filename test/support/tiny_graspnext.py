"""A multi-task network that has learned nothing and costs nothing, as a model on disk; and detections made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.detections import Detections
from gpnet_ros.frame import Frame

SIDE = 96


def save_tiny(folder: Path) -> Path:
    """The folder of a model with random weights, which sees something in whatever it is shown."""
    import torch

    from gpnet_ros.network import checkpoint
    from gpnet_ros.network.card import Card
    from gpnet_ros.network.graspnext.architecture import Architecture, HeadSizes, TrunkStage

    stages = tuple(TrunkStage(width, 1, 1, fused=True, condenser_every=1) for width in (8, 8, 16, 16))
    sizes = Architecture(stem=8, stages=stages, heads=HeadSizes(16, 32, 0, (16,), (16,), (16,), (16,), (16,)))
    card = Card("graspnext", {"sizes": sizes.as_json(), "side": SIDE}, "rgb")
    torch.manual_seed(0)
    checkpoint.save(checkpoint.build(card), card, folder)
    return folder


def seen_by_hand(shape: tuple[int, int] = (48, 75), count: int = 3, stamp: float = 1.5, seed: int = 0) -> Detections:
    """Detections in a picture of this shape (H, W), as no network gives them: no number twice, masks that overlap."""
    rng = np.random.default_rng(seed)
    height, width = shape
    visible, boxes = np.zeros((count, height, width), bool), np.zeros((count, 4))
    for k in range(count):
        u, v = rng.integers(0, width // 2), rng.integers(0, height // 2)
        boxes[k] = np.array([u, v, u + width // 2, v + height // 2]) + rng.random(4)
        visible[k, v : v + height // 2, u : u + width // 2] = True
    amodal = visible | (rng.random(visible.shape) < 0.01)
    heats = rng.random((2, height, width)).astype(np.float32)
    scores = np.sort(rng.uniform(0.5, 1.0, count))[::-1].copy()
    return Detections(boxes, scores, visible, amodal, rng.random(count), heats[0], heats[1], stamp, "camera")


def seen_where(frame: Frame, mask: NDArray[np.bool_], occluded: float) -> Detections:
    """One object of a frame, seen on a mask (H, W) and occluded with this chance; a cup holds on all of it."""
    rows, columns = np.nonzero(mask)
    box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float64)
    chances = [np.array([0.9]), np.array([occluded])]
    heat = mask.astype(np.float32)
    return Detections(box, chances[0], mask[None], mask[None], chances[1], heat, heat, frame.stamp, frame.frame_id)


def require_same(one: Detections, other: Detections) -> None:
    """Both are the same to the last bit, in type and shape too."""
    for name in ("boxes", "scores", "visible", "amodal", "occluded", "mass", "suction"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()), name
    assert (one.stamp, one.frame_id) == (other.stamp, other.frame_id)
