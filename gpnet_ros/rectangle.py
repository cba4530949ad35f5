"""Grasp rectangles in an image: one convention for all data sets, the metric and the drawings.

A rectangle is where a parallel jaw closes, seen by the camera: its opening is the distance between the pads, its
jaw is the width of a pad. Jiang, Moseson and Saxena (ICRA 2011) introduced it; data sets differ in which edge comes
first, in the sign of the angle and in units, and are converted here and in their loaders, nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.arrays import Doubles
from gpnet_ros.errors import BadInput
from gpnet_ros.pose import wrap_half_turn


@dataclass(frozen=True, eq=False)
class Rectangles:
    """n grasp rectangles of one image; n may be 0.

    Attributes:
        center: (n, 2) pixel (u, v); integer pixels are pixel centres [px].
        angle: (n,) of the opening axis, from +u towards +v, in [-pi/2, pi/2) [rad].
        opening: (n,) between the pads, positive [px].
        jaw: (n,) width of a pad, across the opening, positive [px].
        score: (n,), larger is better; None if the data set has none.
        object_id: (n,) id of the object in `Sample.ids`; None if the data set does not say.
        left_out: number of rectangles of the same annotation that are not among these, by the reason why; it is of
            what was read from a file, a choice or a copy of the rectangles has none.
    """

    center: Doubles
    angle: Doubles
    opening: Doubles
    jaw: Doubles
    score: Doubles | None = None
    object_id: NDArray[np.int64] | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.opening)
        object.__setattr__(self, "center", np.asarray(self.center, dtype=np.float64).reshape(-1, 2))
        for name in ("angle", "opening", "jaw", "score"):
            values = getattr(self, name)
            if values is not None:
                object.__setattr__(self, name, np.asarray(values, dtype=np.float64).ravel())
        if self.object_id is not None:
            object.__setattr__(self, "object_id", np.asarray(self.object_id, dtype=np.int64).ravel())
        object.__setattr__(self, "angle", wrap_half_turn(self.angle))
        parts = (self.center, self.angle, self.opening, self.jaw, self.score, self.object_id)
        lengths = {len(part) for part in parts if part is not None}
        if lengths != {n}:
            raise BadInput(
                f"Rectangles with parts of different lengths {sorted(lengths)}: give one value per rectangle."
            )
        for name in ("center", "angle", "opening", "jaw"):
            if not np.isfinite(getattr(self, name)).all():
                raise BadInput(f"A rectangle has a {name} that is not finite: leave rectangles with NaN corners out.")
        if n and min(self.opening.min(), self.jaw.min()) <= 0:
            raise BadInput("A rectangle has no area: opening and jaw must be positive; leave it out.")

    def __len__(self) -> int:
        return len(self.opening)

    @classmethod
    def none(cls) -> Rectangles:
        """An empty set of rectangles."""
        return cls(np.empty((0, 2)), np.empty(0), np.empty(0), np.empty(0))

    @classmethod
    def from_corners(
        cls,
        corners: ArrayLike,
        opening_edge: int = 0,
        object_id: ArrayLike | None = None,
        left_out: Mapping[str, int] | None = None,
    ) -> Rectangles:
        """Rectangles through corner points.

        Annotated corners are not exactly rectangular: opposite edges are averaged.

        Args:
            corners: (n, 4, 2) points p0..p3 in order around each rectangle [px].
            opening_edge: 0 if p0 -> p1 runs along the opening (Cornell), 1 if p1 -> p2 does (OCID-Grasp).
            object_id, left_out: see the class.

        Raises:
            BadInput: a corner is not finite, or a rectangle has no area.
        """
        p = np.asarray(corners, dtype=np.float64).reshape(-1, 4, 2)
        edges = [(p[:, 1] - p[:, 0] + p[:, 2] - p[:, 3]) / 2, (p[:, 2] - p[:, 1] + p[:, 3] - p[:, 0]) / 2]
        along, across = edges[opening_edge], edges[1 - opening_edge]
        return cls(
            p.mean(axis=1),
            np.arctan2(along[:, 1], along[:, 0]),
            np.hypot(*along.T),
            np.hypot(*across.T),
            object_id=None if object_id is None else np.asarray(object_id, dtype=np.int64),
            left_out=left_out or {},
        )

    def corners(self) -> Doubles:
        """Corner points (n, 4, 2) in order; p0 -> p1 and p3 -> p2 run along the opening, p1 -> p2 is a pad."""
        along = np.stack([np.cos(self.angle), np.sin(self.angle)], axis=-1) * self.opening[:, None] / 2
        across = np.stack([-np.sin(self.angle), np.cos(self.angle)], axis=-1) * self.jaw[:, None] / 2
        signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
        return np.stack([self.center + s * along + t * across for s, t in signs], axis=1)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Rectangles:
        """The rectangles of some rows, (k,) indices or an (n,) mask, in the order given."""
        parts = (self.center, self.angle, self.opening, self.jaw, self.score, self.object_id)
        return Rectangles(*(None if part is None else part[rows] for part in parts))  # type: ignore[arg-type]

    def moved(self, matrix: NDArray[np.float64]) -> Rectangles:
        """The rectangles under a map (2, 3) of pixels, a similarity; mirrors are allowed."""
        center = self.center @ matrix[:, :2].T + matrix[:, 2]
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        x, y = matrix[:, :2] @ np.stack([np.cos(self.angle), np.sin(self.angle)])
        return Rectangles(center, np.arctan2(y, x), self.opening * scale, self.jaw * scale, self.score, self.object_id)
