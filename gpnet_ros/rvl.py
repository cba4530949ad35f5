"""Depth packed by run lengths and differences (RVL): unpacked without a loop over pixels.

A. D. Wilson, Fast lossless depth image compression, ISS 2017. The stream is of numbers: how many pixels are 0, how many
are not, then the differences of these to the pixel before, and again. A number is in pieces of 3 bits, the least first,
each in a nibble whose highest bit says that another follows; a word of 32 bits, little-endian, holds its eight nibbles
from the highest to the lowest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import FrameRefused

#: More pieces than these no number of a picture has.
_PIECES_MAX = 11


def unpack_rvl(data: bytes, count: int) -> NDArray[np.uint16]:
    """The (count,) values of a picture, row by row.

    Args:
        data: the stream.
        count: pixels of the picture.

    Raises:
        FrameRefused: the stream ends before the picture, or has more.
    """
    numbers = _numbers(data)
    lengths, first = _runs(numbers, count)
    values = np.zeros(count, np.int64)
    filled = np.zeros(count, np.bool_)
    at = 0
    taken = []
    for (empty, full), start in zip(lengths, first):
        at += empty
        filled[at : at + full] = True
        at += full
        taken.append(numbers[start : start + full])
    folded = np.concatenate(taken) if taken else np.zeros(0, np.int64)
    # Signs are folded: 0, -1, 1, -2, 2 are 0, 1, 2, 3, 4. Differences go on over the pixels between that are 0.
    values[filled] = np.cumsum((folded >> 1) ^ -(folded & 1))
    return values.astype(np.uint16)


def _numbers(data: bytes) -> NDArray[np.int64]:
    words = np.frombuffer(data[: len(data) // 4 * 4], "<u4")
    nibbles = (words[:, None] >> np.arange(28, -4, -4, dtype=np.uint32)).reshape(-1) & 15
    ends = np.flatnonzero(nibbles < 8)
    starts = np.concatenate([[0], ends[:-1] + 1]) if ends.size else ends
    place = np.arange(ends[-1] + 1 if ends.size else 0) - np.repeat(starts, ends - starts + 1)
    if place.size and place.max() >= _PIECES_MAX:
        raise FrameRefused("Compressed depth as RVL is damaged: it holds a number that no picture has.")
    pieces = (nibbles[: place.size].astype(np.int64) & 7) << (3 * place)
    return np.add.reduceat(pieces, starts) if ends.size else np.zeros(0, np.int64)


def _runs(numbers: NDArray[np.int64], count: int) -> tuple[list[tuple[int, int]], list[int]]:
    """How many pixels are 0 and are not, again and again, and where the differences of these begin."""
    lengths, first = [], []
    done = at = 0
    while done < count:
        if at + 1 >= len(numbers):
            raise _unfit(done, count)
        empty, full = int(numbers[at]), int(numbers[at + 1])
        done += empty + full
        lengths.append((empty, full))
        first.append(at + 2)
        at += 2 + full
        if done > count or at > len(numbers) or not empty + full:
            raise _unfit(done, count)
    return lengths, first


def _unfit(done: int, count: int) -> FrameRefused:
    return FrameRefused(
        f"Compressed depth as RVL is damaged: it holds not the {count} pixels of its size (to pixel {done}); "
        "record it again."
    )
