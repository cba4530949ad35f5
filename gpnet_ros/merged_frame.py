"""One frame of several exposures of a scene in which nothing moves: what flickers in the depth is averaged away."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import FrameRefused
from gpnet_ros.frame import Frame


def merged(frames: Sequence[Frame]) -> Frame:
    """The newest frame, the last, with the depth of all: see `merged_depth`.

    Args:
        frames: of one camera that stood still, and of a scene in which nothing moved; who asks must know that.

    Raises:
        FrameRefused: there is none, or they are not of one camera and kind.
    """
    if not frames:
        raise FrameRefused("There is no frame to merge: one exposure at least is needed.")
    newest = frames[-1]
    for frame in frames:
        if (frame.shape, frame.intrinsics, frame.frame_id) != (newest.shape, newest.intrinsics, newest.frame_id):
            raise FrameRefused(
                f"Frames of {frame.frame_id} {frame.shape} and {newest.frame_id} {newest.shape}, or of two camera "
                "models, cannot be merged: give exposures of one camera."
            )
    depths = [frame.depth for frame in frames if frame.depth is not None]
    if len(depths) not in (0, len(frames)):
        raise FrameRefused(
            f"{len(depths)} of {len(frames)} exposures have depth: merge frames that all have it, or none."
        )
    return replace(newest, depth=merged_depth(depths)) if len(depths) > 1 else newest


def merged_depth(depths: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The median of the readings of each pixel, NaN where fewer than half of the exposures have one.

    A mean would invent points in the air where a silhouette is read now before and now behind.

    Args:
        depths: (H, W) float32 [m] each, NaN where unknown.
    """
    stack = np.stack(depths)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # pixels without any reading stay NaN
        middle = np.nanmedian(stack, axis=0)
    middle[2 * np.isfinite(stack).sum(axis=0) < len(stack)] = np.nan
    return middle.astype(np.float32)
