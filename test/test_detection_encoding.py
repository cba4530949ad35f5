"""Detections as they travel: back to the last bit, and refused where a message is damaged or of another frame."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.tiny_graspnext import require_same, seen_by_hand

from gpnet_ros.detection_encoding import COLUMNS, FLOAT64, detections_of, object_table, packed_masks
from gpnet_ros.detections import Detections
from gpnet_ros.errors import FrameRefused


def image(values: np.ndarray) -> Any:
    height, width = values.shape
    return SimpleNamespace(
        height=height, width=width, encoding="32FC1", is_bigendian=0, step=4 * width, data=values.tobytes()
    )


def messages(seen: Detections) -> dict[str, Any]:
    table = object_table(seen)
    fields = [SimpleNamespace(name=name, offset=8 * k, datatype=FLOAT64) for k, name in enumerate(COLUMNS)]
    objects = SimpleNamespace(
        height=1, width=len(table), fields=fields, point_step=48, is_bigendian=False, data=table.tobytes()
    )
    masks = SimpleNamespace(format="png", data=packed_masks(seen))
    return {"objects": objects, "masks": masks, "mass": image(seen.mass), "suction": image(seen.suction)}


@pytest.mark.parametrize("count", [0, 1, 9])
@pytest.mark.parametrize("shape", [(48, 75), (33, 64), (4, 7)])
def test_detections_come_back_to_the_last_bit(count: int, shape: tuple[int, int]) -> None:
    seen = seen_by_hand(shape, count)
    require_same(detections_of(**messages(seen), stamp=seen.stamp, frame_id=seen.frame_id), seen)


def test_numbers_that_no_decimal_writes_come_back_too() -> None:
    seen = replace(seen_by_hand(count=2), scores=np.array([1.0 - 2**-53, 2**-60]), occluded=np.array([5e-324, 1 / 3]))
    require_same(detections_of(**messages(seen), stamp=seen.stamp, frame_id=seen.frame_id), seen)


def test_masks_of_one_object_do_not_reach_into_the_next() -> None:
    seen = seen_by_hand((5, 9), 2)
    seen.visible[:], seen.amodal[:] = False, False
    seen.visible[0, :, 8], seen.amodal[1, 0] = True, True
    again = detections_of(**messages(seen), stamp=0.0, frame_id="c")
    assert again.visible.sum() == 5 and again.visible[0, :, 8].all()
    assert again.amodal.sum() == 9 and again.amodal[1, 0].all()


def without(name: str) -> Any:
    return lambda m: m["objects"].fields.pop(COLUMNS.index(name))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (without("score"), "has the columns u0, v0, u1, v1, occluded; needed are"),
        (lambda m: setattr(m["objects"], "fields", []), "has the columns none"),
        (lambda m: setattr(m["objects"].fields[0], "datatype", 7), "in 64 bits each"),
        (lambda m: setattr(m["objects"], "data", m["objects"].data[:-1]), "a table of 3 objects in 143 bytes"),
        (lambda m: m.update(objects=messages(seen_by_hand(count=2))["objects"]), "for 2 objects in 75x48 px"),
        (lambda m: m.update(objects=messages(seen_by_hand(count=0))["objects"]), "masks of no object"),
        (lambda m: setattr(m["masks"], "data", m["masks"].data[:40]), "masks of no picture for 3 objects"),
        (lambda m: setattr(m["masks"], "data", b""), "masks of no picture"),
        (lambda m: m.update(mass=messages(seen_by_hand((40, 75)))["mass"]), "heatmaps of (40, 75) and (48, 75)"),
        (lambda m: setattr(m["suction"], "data", b"\0" * 16), "the message is truncated"),
        (lambda m: setattr(m["suction"], "encoding", "mono8"), "not 32FC1"),
    ],
)  # fmt: skip
def test_what_is_damaged_or_of_another_frame_is_refused(damage: Any, words: str) -> None:
    sent = messages(seen_by_hand())
    damage(sent)
    with pytest.raises(FrameRefused) as refused:
        detections_of(**sent, stamp=0.0, frame_id="c")
    assert words in str(refused.value)


def test_where_nobody_looked_heat_stays_unknown() -> None:
    seen = seen_by_hand()
    seen.mass[:5], seen.suction[:, 70:] = np.nan, np.nan
    again = detections_of(**messages(seen), stamp=seen.stamp, frame_id=seen.frame_id)
    require_same(again, seen)
    assert np.isnan(again.mass[:5]).all() and not np.isnan(again.mass[5:]).any()


@pytest.mark.parametrize(
    ("name", "value"),
    [("boxes", np.nan), ("scores", np.nan), ("occluded", np.inf), ("mass", np.inf), ("suction", -np.inf)],
)
def test_what_no_network_may_say_is_no_detection(name: str, value: float) -> None:
    seen = seen_by_hand()
    getattr(seen, name).flat[0] = value
    with pytest.raises(FrameRefused, match="NaN or infinity"):
        detections_of(**messages(seen), stamp=0.0, frame_id="c")
