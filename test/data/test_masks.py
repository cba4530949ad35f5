"""Ids and boxes of instance masks."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gpnet_ros.data.masks import mask_boxes, shown_ids, visible_boxes


@settings(max_examples=100, deadline=None)
@given(arrays(np.int32, (6, 7), elements=st.integers(-1, 4)))
def test_a_box_holds_its_object_and_is_tight(ids: np.ndarray) -> None:
    assert shown_ids(ids).tolist() == sorted(set(ids[ids > 0].tolist()))
    for k, box in zip(range(1, 5), visible_boxes(ids, range(1, 5))):
        if k not in ids:
            assert np.isnan(box).all()
            continue
        u0, v0, u1, v1 = box.astype(int)
        inside = ids[v0:v1, u0:u1] == k
        assert inside.sum() == (ids == k).sum()
        assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()
    assert np.array_equal(mask_boxes(np.stack([ids == k for k in range(1, 5)])), visible_boxes(ids, range(1, 5)), True)


def test_no_object_has_no_box() -> None:
    assert visible_boxes(np.zeros((3, 3), np.int32), []).shape == (0, 4)
    assert mask_boxes(np.zeros((0, 3, 3), bool)).shape == (0, 4)
    assert np.isnan(visible_boxes(np.ones((3, 3), np.int32), [0, -1, 2])).all()
