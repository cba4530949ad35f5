"""One picture per decision: colour, depth, Q, P, Q*, angle, width, the chosen grasp, what was rejected and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.frame import Frame
from gpnet_ros.grasp import Grasp, Rejected
from gpnet_ros.maps import WIDTH_SCALE, Maps

CHOSEN, REFUSED = (30, 220, 60), (235, 60, 40)


def draw_overlay(frame: Frame, maps: Maps, grasp: Grasp | None, rejected: list[Rejected]) -> NDArray[np.uint8]:
    """The camera image with the chosen grasp (green) and the rejected candidates (red), (H, W, 3) RGB."""
    image = base_image(frame)
    thick = max(1, round(image.shape[1] / 400))
    for r in rejected:
        centre = (round(r.pixel[0]), round(r.pixel[1]))
        cv2.drawMarker(image, centre, REFUSED, cv2.MARKER_TILTED_CROSS, 8 * thick, thick, cv2.LINE_AA)
        cv2.putText(image, r.reason, (centre[0] + 5 * thick, centre[1]), 0, 0.4 * thick, REFUSED, thick, cv2.LINE_AA)
    if grasp is not None:
        draw_grasp(image, grasp, maps.grid.scale, thick)
    return image


def draw_grasp(image: NDArray[np.uint8], grasp: Grasp, grid_scale: float, thick: int = 2) -> None:
    """The jaw as two plates joined by the opening, drawn into an RGB image."""
    opening = grasp.width_px / grid_scale
    along = np.array([np.cos(grasp.angle), np.sin(grasp.angle)])
    across = np.array([-along[1], along[0]]) * max(opening * 0.22, 4.0 * thick)
    centre = np.array(grasp.pixel)
    left, right = centre - along * opening / 2, centre + along * opening / 2
    segments = [(left, right, 1), (left - across, left + across, 3), (right - across, right + across, 3)]
    for color, grow in (((0, 0, 0), 2), (CHOSEN, 0)):
        for a, b, weight in segments:
            p, q = (tuple(int(x) for x in np.round(point)) for point in (a, b))
            cv2.line(image, p, q, color, weight * thick + grow, cv2.LINE_AA)
    cv2.circle(image, tuple(int(x) for x in np.round(centre)), 2 * thick, CHOSEN, -1, cv2.LINE_AA)


def base_image(frame: Frame) -> NDArray[np.uint8]:
    """A writable RGB copy of the colour image, or the depth image in false colours."""
    if frame.color is not None:
        return frame.color.copy()
    assert frame.depth is not None
    known = np.isfinite(frame.depth)
    low, high = np.percentile(frame.depth[known], [1, 99]) if known.any() else (0.0, 1.0)
    scaled = np.clip((high - np.nan_to_num(frame.depth, nan=high)) / max(high - low, 1e-6), 0, 1)
    return cv2.cvtColor(cv2.applyColorMap((scaled * 255).astype(np.uint8), cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)


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
        _show(figure, axes[0, 1], frame.depth, "depth [m]", "viridis_r", np.nanpercentile(frame.depth, [1, 99]))
    panels = [
        (np.clip(maps.quality, 0, 1), "quality Q", "magma", (0, 1)),
        (np.clip(maps.priority, 0, 1), "priority P", "magma", (0, 1)),
        (maps.q_star, "Q* = blur(Q·P)", "magma", (0, 1)),
        (np.degrees(maps.angle), "angle θ [deg], where Q* > 0.05", "twilight", (-90, 90)),
        (np.clip(maps.width, 0, 1) * WIDTH_SCALE, "opening [network px]", "viridis", (0, 70)),
    ]
    shown = maps.q_star > 0.05
    for axis, (values, name, colors, limits) in zip([*axes[0, 2:], *axes[1, :3]], panels, strict=True):
        _show(figure, axis, np.where(shown, values, np.nan) if "θ" in name else values, name, colors, limits)
    axes[1, 3].axis("off")
    axes[1, 3].text(0, 1, _words(grasp, rejected), va="top", family="monospace", fontsize=9, wrap=True)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    if title:
        figure.suptitle(title)
    figure.savefig(path, dpi=70)
    plt.close(figure)


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
