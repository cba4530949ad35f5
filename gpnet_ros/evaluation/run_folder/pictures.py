"""One picture per decision: colour, depth, Q, P, Q*, angle, width, the chosen grasp, what was rejected and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.frame import Frame
from gpnet_ros.grasp import Grasp, Rejected
from gpnet_ros.maps import WIDTH_SCALE, Maps
from gpnet_ros.overlay import draw_overlay


def save_overview(
    path: Path, frame: Frame, maps: Maps, grasp: Grasp | None, rejected: list[Rejected], title: str = ""
) -> None:
    """Write the page of one decision as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 4, figsize=(15, 7.2), layout="constrained")
    axes[0, 0].imshow(draw_overlay(frame, maps, grasp, rejected))
    axes[0, 0].set_title("chosen (green), rejected (red)")
    if frame.depth is None:
        axes[0, 1].text(0.5, 0.5, "no depth", ha="center")
        axes[0, 1].set_title("depth")
    else:
        (left, right), (top, bottom) = _seen(frame, maps)
        near = frame.depth[top : bottom + 1, left : right + 1]
        near = near if np.isfinite(near).any() else frame.depth
        _show(figure, axes[0, 1], frame.depth, "depth [m]", "viridis_r", np.nanpercentile(near, [1, 99]))
    _zoom(axes[0, :2], frame, maps)
    # Angle and opening mean nothing where no grasp is: most losses ask for them at grasps only.
    shown = maps.q_star > 0.05
    panels = [
        (np.clip(maps.quality, 0, 1), "quality Q", "magma", (0, 1)),
        (np.clip(maps.priority, 0, 1), "priority P", "magma", (0, 1)),
        (maps.q_star, "Q* = blur(Q·P)", "magma", (0, 1)),
        (np.where(shown, np.degrees(maps.angle), np.nan), "angle θ [deg], where Q* > 0.05", "twilight", (-90, 90)),
        (
            np.where(shown, np.clip(maps.width, 0, 1) * WIDTH_SCALE, np.nan),
            "opening [network px], where Q* > 0.05", "viridis", (0, 70),
        ),
    ]  # fmt: skip
    for axis, (values, name, colors, limits) in zip([*axes[0, 2:], *axes[1, :3]], panels, strict=True):
        _show(figure, axis, values, name, colors, limits)
    axes[1, 3].axis("off")
    axes[1, 3].text(0, 1, _words(grasp, rejected), va="top", family="monospace", fontsize=9, wrap=True)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    if title:
        figure.suptitle(title)
    figure.savefig(path, dpi=70)
    plt.close(figure)


def _seen(frame: Frame, maps: Maps) -> NDArray[np.int64]:
    """The part of the camera image that the network sees: [[left, right], [top, bottom]] in pixels, inclusive."""
    corners = maps.grid.to_image([[0, 0], [maps.grid.width - 1, maps.grid.height - 1]])
    height, width = frame.shape
    return np.clip(np.round(corners).astype(np.int64), 0, [width - 1, height - 1]).T


def _zoom(axes: Any, frame: Frame, maps: Maps) -> None:
    """Let the pictures in camera pixels show the same square as the maps."""
    (left, right), (top, bottom) = _seen(frame, maps)
    for axis in axes:
        axis.set_xlim(left - 0.5, right + 0.5)
        axis.set_ylim(bottom + 0.5, top - 0.5)


def _show(figure: Any, axis: Any, values: NDArray, title: str, colors: str, limits: Any) -> None:
    picture = axis.imshow(values, cmap=colors, vmin=float(limits[0]), vmax=float(limits[1]))
    axis.set_title(title)
    figure.colorbar(picture, ax=axis, shrink=0.8)


def _words(grasp: Grasp | None, rejected: list[Rejected]) -> str:
    lines = ["no grasp"]
    if grasp is not None:
        width = "-" if grasp.width is None else f"{grasp.width * 1e3:.0f} mm"
        depth = "-" if grasp.depth is None else f"{grasp.depth:.3f} m"
        lines = [
            f"pixel    {grasp.pixel[0]:.0f}, {grasp.pixel[1]:.0f}",
            f"angle    {grasp.angle_deg:.1f} deg",
            f"opening  {width}",
            f"depth    {depth}",
            f"Q {grasp.quality:.2f}  P {grasp.priority:.2f}  Q* {grasp.score:.2f}",
        ]
    lines += ["", f"rejected: {len(rejected)}"]
    lines += [f"{r.reason:13}({r.pixel[0]:.0f}, {r.pixel[1]:.0f})" for r in rejected[:14]]
    return "\n".join(lines)
