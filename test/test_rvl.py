"""Depth in run lengths: what was packed number by number comes back, a damaged stream is one sentence."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bag_files import pack_rvl

from gpnet_ros.errors import FrameRefused
from gpnet_ros.rvl import unpack_rvl

values = st.lists(st.one_of(st.just(0), st.integers(0, 65535), st.integers(700, 705)), min_size=1, max_size=80)


@given(values)
def test_what_was_packed_comes_back(picture: list[int]) -> None:
    np.testing.assert_array_equal(unpack_rvl(pack_rvl(np.array(picture, np.uint16)), len(picture)), picture)


@given(values, st.integers(1, 4))
def test_a_stream_that_is_too_short_or_of_another_size_is_refused(picture: list[int], missing: int) -> None:
    packed = pack_rvl(np.array([*picture, 7, 60000, 7, 60000], np.uint16))
    with pytest.raises(FrameRefused, match="RVL is damaged"):
        unpack_rvl(packed[: -4 * missing], len(picture) + 4)
    with pytest.raises(FrameRefused, match="RVL is damaged"):
        unpack_rvl(packed, len(picture) + 4 + 8 + missing)


@given(st.binary(max_size=200), st.integers(1, 60))
def test_any_bytes_are_a_picture_or_refused(data: bytes, count: int) -> None:
    with contextlib.suppress(FrameRefused):
        assert unpack_rvl(data, count).shape == (count,)
