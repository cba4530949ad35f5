"""Writing the expectation of a bag from what comes of it now."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from gpnet_ros.data.bags.summary import evenly
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.replay_testing.expectation import (
    Expectation,
    read_expectation,
    write_expectation,
)
from gpnet_ros.evaluation.replay_testing.judged_bag import BagJudge, camera_values, frame_count, judge_bag
from gpnet_ros.settings import from_dict


def update_expectation(bag: Path, file: Path, given: dict[str, Any], most: int) -> str:
    """Judge a bag and write its expectation.

    Args:
        bag: that is judged.
        file: of the expectation; what it says of settings and tolerances is kept, and its frames are judged again.
        given: fields of `ReplaySetup` that are new; files become relative to that of the expectation.
        most: frames of a new expectation, evenly spread.

    Returns:
        One sentence that says what was written.

    Raises:
        BadInput: the bag or a file cannot be used.
    """
    if most < 1:
        raise BadInput(f"--bag-frames is {most}; at least one frame is needed.")
    before = read_expectation(file) if file.is_file() else Expectation()
    relative = {n: os.path.relpath(v, file.parent) if n.endswith("_file") and v else v for n, v in given.items()}
    how = from_dict(type(before.how), {**vars(before.how), **relative}, "--bag-update")
    count = frame_count(bag, how)
    numbers = [frame.number for frame in before.frames if frame.number < count] or evenly(count, most)
    judged = list(judge_bag(BagJudge(how, file.parent), bag, numbers))
    frames = tuple(one.answer for one in judged)
    camera = next((camera_values(one.frame.intrinsics) for one in judged if one.frame is not None), {})
    write_expectation(file, replace(before, how=how, camera=camera, frames=frames))
    grasps = sum(answer.status == "grasp" for answer in frames)
    return f"{file}: {len(frames)} of {count} frames, {grasps} with a grasp"
