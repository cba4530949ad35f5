"""The rectangle metric on a picture, in the three views in which grasping papers report it."""

from __future__ import annotations

from typing import Literal

from gpnet_ros.data.sample import Sample
from gpnet_ros.rectangle import Rectangles
from gpnet_ros.rectangle_metric import ANGLE_MAX, IOU_MIN, matches

#: Against the true grasps of any object; of the objects on which nothing lies; of the object that was predicted.
View = Literal["any", "top", "object"]


def true_rectangles(sample: Sample, view: View) -> Rectangles | None:
    """The true grasps that count in a view; None if the data set does not know them."""
    if view == "top":
        return sample.top_rectangles()
    if view == "object" and sample.rectangles is not None and sample.rectangles.object_id is None:
        return None
    return sample.rectangles


def success(
    predicted: Rectangles,
    sample: Sample,
    view: View = "any",
    iou_min: float = IOU_MIN,
    angle_max: float = ANGLE_MAX,
    rasterised: bool = False,
) -> bool | None:
    """Whether one of the predictions agrees with one of the true grasps; see `rectangle_metric.matches`.

    Args:
        predicted: in pixels of the sample's frame, in any order; give one rectangle for the usual top-1 figure. In the
            view "object" each needs the id of its object, and counts only on that object.
        sample: with the true grasps.
        view: whose true grasps count.
        iou_min: least overlap, as a share of the union.
        angle_max: greatest difference of the angles [rad].
        rasterised: overlap is counted in whole pixels, as public code does.

    Returns:
        None if the data set has no true grasps in this view: such a picture must not be counted. No prediction, or
        an annotated picture without a grasp in this view, is a failure.

    Raises:
        BadInput: a threshold out of range, or predictions without object ids in the view "object".
    """
    truth = true_rectangles(sample, view)
    if truth is None:
        return None
    return bool(matches(predicted, truth, iou_min, angle_max, view == "object", rasterised).any())
