"""The five words put together for a suction cup: frame → detections → cup grasp → pose → motion; see `pick`."""

from __future__ import annotations

from collections.abc import Iterator

from numpy.typing import ArrayLike

from gpnet_ros.cell import Cell
from gpnet_ros.cup import CupSelect, cup_candidates
from gpnet_ros.cup_fit import CupFit, cup_in_cell
from gpnet_ros.cup_order import failures_on, likeliest_first
from gpnet_ros.detections import Detections
from gpnet_ros.errors import FrameRefused, SettingsError
from gpnet_ros.fit import Memory
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import Rejected
from gpnet_ros.height_map import HeightMap
from gpnet_ros.pick import Decision, first_planned
from gpnet_ros.pose import Transform


def decide_cup(
    frame: Frame,
    detections: Detections,
    T_base_camera: Transform,
    cell: Cell,
    q_start: ArrayLike | None,
    *,
    memory: Memory | None = None,
    select: CupSelect | None = None,
    hover: bool = False,
    spot: int = 0,
) -> Decision:
    """The best place for the suction cup on an object that lies free, if the tool can be there and is safe.

    Args:
        frame: colour, depth and camera model of one exposure.
        detections: of this very frame.
        T_base_camera: hand-eye at the exposure.
        cell: with the tool `suction`.
        q_start: joints from which the arm starts, (6,) [rad]; None plans for the tool alone.
        memory: grasps that failed before.
        select: how places are selected.
        hover: plan to stay above the place and never touch.
        spot: which of the tote's spots.

    Raises:
        FrameRefused: the frame has no depth or no camera model, or detections of another size.
        HandEyeRefused: the camera cannot be where T_base_camera says; nothing can be said of the table then.
        SettingsError: the cell has no cup.
    """
    if cell.tool != "suction":
        raise SettingsError(f"tool is {cell.tool!r}; a cup is decided on with 'suction' only: set it in cell.yaml.")
    if detections.suction.shape != frame.shape:
        raise FrameRefused(
            f"Detections of a picture of {detections.suction.shape[::-1]} px do not belong to a frame of "
            f"{frame.shape[::-1]}: take those of this very frame."
        )

    settings = select or CupSelect()

    def fits(heights: HeightMap) -> Iterator[CupFit | Rejected]:
        found: list[CupFit] = []
        for each in cup_candidates(detections, frame, cell.cup, settings, T_base_camera[2, :3]):
            if isinstance(each, Rejected):
                yield each
                continue
            fit = cup_in_cell(each, frame, heights, T_base_camera, cell, memory, settings)
            if isinstance(fit, Rejected):
                yield fit
            else:
                found.append(fit)
        failures = failures_on(detections, frame, T_base_camera, cell, memory or Memory())
        yield from likeliest_first(found, detections, failures, settings)

    return first_planned(frame, fits, T_base_camera, cell, q_start, hover, spot)
