"""Training pictures made by hand: two blocks on a table."""

from __future__ import annotations

import numpy as np

from gpnet_ros.data.record import Record, compact_grasps

SIDE = 320


def picture(seed: int = 0, side: int = SIDE) -> Record:
    """Two blocks on a table, each with a strip of grasps, labels at half resolution."""
    rng = np.random.default_rng(seed)
    color = np.repeat(np.repeat(rng.integers(40, 220, (side // 16, side // 16, 3)), 16, 0), 16, 1).astype(np.uint8)
    depth, ids = np.full((side, side), 8600, dtype=np.uint16), np.zeros((side, side), dtype=np.uint8)
    quality, angle, opening = np.zeros((3, side // 2, side // 2))
    for index, (row, column, theta, wide) in enumerate([(120, 130, 0.4, 0.05), (190, 180, -1.2, 0.07)]):
        block = (slice(row - 24, row + 24), slice(column - 20, column + 20))
        ids[block], depth[block] = index + 1, 8000 - 100 * index
        strip = (slice(row // 2 - 8, row // 2 + 8), slice(column // 2 - 3, column // 2 + 3))
        quality[strip], angle[strip], opening[strip] = 0.8, theta, wide
    return Record(f"s{seed}", color, depth, ids, compact_grasps(quality, angle, opening), (0, 1), 600.0)
