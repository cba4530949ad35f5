"""One page of pictures per class of failure: what was chosen, what would have been right, Q* and depth."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.evaluation.judging.evaluation import Results
from gpnet_ros.evaluation.judging.failures import FAILURES, nearest_true
from gpnet_ros.evaluation.judging.judge import Judge, as_rectangle, seen
from gpnet_ros.evaluation.judging.judged_pictures import Picture, Pictures
from gpnet_ros.evaluation.judging.judgement import Decode, JudgedPicture
from gpnet_ros.maps import Maps
from gpnet_ros.overlay import base_image
from gpnet_ros.rectangle import Rectangles

#: Most failures on a page: those that the model was surest of, which is where it has most to learn.
MOST = 8
PREDICTED, TRUE = (235, 40, 40), (40, 220, 60)


def save_pages(folder: Path, results: Results, pictures: Pictures, decode: Decode = "cell") -> list[Path]:
    """Write `failure_<class>.png` for every class that came; the command chooses the pictures, nobody else.

    Args:
        folder: made if missing; pages of an earlier call are removed.
        results: of these pictures.
        pictures: that were judged.
        decode: whose failures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("failure_*.png"):
        old.unlink()
    judge = Judge(results.model, results.settings)
    counts = results.failures(decode)
    pages = []
    for name, count in counts.items():
        rows = [row for row in results.rows if row.verdicts[decode].failure == name]
        rows.sort(key=lambda row: -(row.verdicts[decode].score or 0.0))
        path = folder / f"failure_{name.replace(' ', '_')}.png"
        title = f"{results.model} on {results.pictures}, {decode}: {name}, {count} of {len(results.rows)} pictures"
        _page(path, f"{title}\n{FAILURES[name]}", rows[:MOST], judge, pictures, decode)
        pages.append(path)
    return pages


def _page(
    path: Path, title: str, rows: Sequence[JudgedPicture], judge: Judge, pictures: Pictures, decode: Decode
) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    lines = -(-len(rows) // 2)
    figure, axes = plt.subplots(lines, 6, figsize=(15, 0.7 + 2.95 * lines), layout="constrained", squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for k, row in enumerate(rows):
        place = 3 * (k % 2)
        _cell(axes[k // 2, place : place + 3], row, judge, pictures[row.index], decode)
    figure.suptitle(f"{title}\nchosen red, nearest true grasp of a topmost object green", fontsize=10)
    figure.savefig(path, dpi=75)
    plt.close(figure)


def _cell(axes: Any, row: JudgedPicture, judge: Judge, picture: Picture, decode: Decode) -> None:
    """Colour with the grasps, Q*, and depth as the camera saw it, of the part that the network sees."""
    verdict, sample = row.verdicts[decode], picture.sample
    frame = seen(sample, picture.arrangement, judge.settings)
    maps = judge.maps(picture, frame)
    color = base_image(frame)
    best = nearest_true(verdict, sample)
    if best is not None and sample.rectangles is not None:
        draw_grasps(color, sample.rectangles.take(np.array([best])), TRUE)
    chosen = as_rectangle(verdict, sample, picture.arrangement is not None)
    if chosen is not None:
        draw_grasps(color, chosen, PREDICTED)
    axes[0].imshow(color)
    axes[1].imshow(_on_picture(maps, maps.q_star, frame.shape), cmap="magma", vmin=0, vmax=1)
    if frame.depth is not None:
        axes[2].imshow(frame.depth, cmap="viridis_r")
    left, top = maps.grid.to_image((0, 0))
    right, bottom = maps.grid.to_image((maps.grid.width - 1, maps.grid.height - 1))
    for axis in axes:
        axis.set_xlim(max(left, 0), min(right, frame.shape[1]))
        axis.set_ylim(min(bottom, frame.shape[0]), max(top, 0))
    score, priority = verdict.score or 0.0, verdict.priority or 0.0
    axes[0].set_title(f"{row.name.split('/')[0]}   {verdict.lift or ''}", fontsize=8)
    axes[1].set_title(f"Q* {score:.2f}, P {priority:.2f}", fontsize=8)
    axes[2].set_title("\n".join(textwrap.wrap(verdict.reason, 44)), fontsize=8)


def draw_grasps(image: NDArray[np.uint8], rectangles: Rectangles, color: tuple[int, int, int]) -> None:
    """Draw rectangles [px] into an image (h, w, 3), RGB: pads thick, opening thin."""
    for corners in rectangles.corners():
        p = [tuple(int(x) for x in np.rint(corner)) for corner in corners]
        for a, b, thick in ((0, 1, 1), (2, 3, 1), (1, 2, 3), (3, 0, 3)):
            cv2.line(image, p[a], p[b], (0, 0, 0), thick + 2, cv2.LINE_AA)
            cv2.line(image, p[a], p[b], color, thick, cv2.LINE_AA)
    for center in rectangles.center:
        cv2.circle(image, tuple(int(x) for x in np.rint(center)), 3, color, -1, cv2.LINE_AA)


def _on_picture(maps: Maps, plane: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """A map of the grid on the pixels of its picture (h, w)."""
    v, u = np.mgrid[0 : shape[0], 0 : shape[1]]
    at = maps.grid.to_grid(np.stack([u, v], axis=-1)).astype(np.float32)
    return np.asarray(cv2.remap(plane, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderValue=0), dtype=np.float32)
