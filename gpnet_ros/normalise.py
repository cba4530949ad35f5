"""From colour and depth on the network's grid to the network's input; the same for training and detection.

Depth enters as relief: how far a surface stands out of the plane under the heap. A heap of 5 cm seen
from 0.85 m is 6 % of the depth, and a tilted camera adds a ramp as large as the objects; both vanish
beside colour if depth enters in metres. The inverse depth of any plane is exactly affine in the pixel
(u, v) of a pinhole camera, so the plane is found without knowing the camera model.

Each way to make the input has a name, which the card of a model carries: weights trained with one must not
be used with another. A new way gets a new name; what an old name means never changes.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import fill_nearest

Channels = Literal["rgb", "depth", "rgbd"]
#: `relief-1`: colour without its mean, relief. `relief-valid-1`: the same and, after relief, a plane that is 1
#: where depth was read and 0 where it was filled in. `published-1`: as GG-CNN (Morrison et al. 2018) and
#: GR-ConvNet (Kumra et al. 2020) do it, colour / 255 without its mean and depth [m] without its mean, clipped to
#: one metre. `published-doubled-1`: the same with colour divided by 255 twice, as in ORANGE's public code.
Version = Literal["relief-1", "relief-valid-1", "published-1", "published-doubled-1"]

#: Number of input channels of each kind of input without validity; colour comes first.
CHANNEL_COUNT: dict[str, int] = {"rgb": 3, "depth": 1, "rgbd": 4}
#: Names that a model card may carry, and the one of models whose recipe does not say.
VERSIONS: tuple[str, ...] = get_args(Version)
DEFAULT_VERSION = "relief-1"
#: Relief [m] that becomes 1.0: the height of one or two household objects.
RELIEF_SCALE = 0.1
#: Relief is clipped to this many `RELIEF_SCALE`: beyond is a wall, the arm or a false reading.
RELIEF_LIMIT = 2.0
#: Gain of colour after /255, which brings its spread near that of relief.
COLOR_GAIN = 2.0
#: Distance [m] from the mean depth at which `published-1` clips.
PUBLISHED_DEPTH_LIMIT = 1.0
#: Residual scales [m] of the robust plane fit, from coarse to fine (D435 noise is 2-3 mm at 0.85 m).
PLANE_SCALES = (0.06, 0.03, 0.015, 0.008, 0.008)
#: Every n-th pixel takes part in the plane fit: 3 000 points fix three parameters well enough.
PLANE_STEP = 4
#: A plane steeper than this change of depth across the known pixels (relative) is not a support under a heap.
PLANE_SLOPE_MAX = 4.0


def channel_count(channels: str, version: str = DEFAULT_VERSION) -> int:
    """Number of input planes: 3 of colour, 1 of depth and, in `relief-valid-1`, 1 of validity beside depth.

    Raises:
        BadInput: unknown channels or version.
    """
    if channels not in CHANNEL_COUNT:
        raise BadInput(f"Input {channels!r} is unknown; allowed: {', '.join(CHANNEL_COUNT)}.")
    if version not in VERSIONS:
        raise BadInput(f"Input normalisation {version!r} is unknown; allowed: {', '.join(VERSIONS)}.")
    return CHANNEL_COUNT[channels] + (version == "relief-valid-1" and channels != "rgb")


def normalise(
    color: NDArray[np.uint8] | None,
    depth: NDArray[np.float32] | None,
    channels: str = "rgbd",
    version: str = DEFAULT_VERSION,
) -> NDArray[np.float32]:
    """The network's input of one view.

    Colour is divided by 255 and freed of its mean over all pixels and channels, which takes exposure
    away and leaves hue. Depth becomes relief (`relief`) or, in `published-1`, metres from its mean. For "rgbd" a
    missing modality is zeros, the value that the network was trained with when a modality was dropped.

    Args:
        color: (H, W, 3) uint8 RGB, or None.
        depth: (H, W) float32 [m], NaN where unknown, or None.
        channels: "rgb", "depth" or "rgbd": what the model was made for.
        version: one of `VERSIONS`: what the model was trained with.

    Returns:
        (`channel_count(channels, version)`, H, W) float32, finite; colour first, then depth, then validity.

    Raises:
        BadInput: unknown channels or version, the only modality of the model is missing, or the sizes differ.
    """
    count = channel_count(channels, version)
    if color is not None and depth is not None and color.shape[:2] != depth.shape:
        raise BadInput(f"Colour {color.shape[:2]} and depth {depth.shape} differ in size: align depth to colour first.")
    wanted = [color] if channels == "rgb" else [depth] if channels == "depth" else [color, depth]
    given = [array for array in wanted if array is not None]
    if not given:
        name = {"rgb": "colour", "depth": "depth", "rgbd": "colour or depth"}[channels]
        raise BadInput(f"The model takes {channels}, but the frame has no {name}: choose another model.")
    planes = np.zeros((count, *given[0].shape[:2]), dtype=np.float32)
    if channels != "depth" and color is not None:
        scaled = color.astype(np.float32) * np.float32(color_gain(version) / 255.0)
        planes[:3] = (scaled - scaled.mean()).transpose(2, 0, 1)
    if channels != "rgb" and depth is not None:
        first = 0 if channels == "depth" else 3
        planes[first] = published_depth(depth) if version.startswith("published") else relief(depth)
        if version == "relief-valid-1":
            planes[first + 1] = _known(depth)
    return planes


def color_gain(version: str) -> float:
    """Factor of colour in [0, 1] before its mean is taken away."""
    return {"published-1": 1.0, "published-doubled-1": 1.0 / 255.0}.get(version, COLOR_GAIN)


def published_depth(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Depth without its mean, clipped to `PUBLISHED_DEPTH_LIMIT`, as GG-CNN and GR-ConvNet take it.

    Their code closes holes by inpainting beforehand; here they take the nearest known depth.

    Args:
        depth: (H, W) float32 [m], NaN where unknown.

    Returns:
        (H, W) float32 [m], farther is larger; zeros if nothing is known.
    """
    known = _known(depth)
    if not known.any():
        return np.zeros(depth.shape, dtype=np.float32)
    filled = fill_nearest(np.where(known, depth, np.float32(np.nan)))
    centred = filled - filled.mean(dtype=np.float64)
    return np.clip(centred, -PUBLISHED_DEPTH_LIMIT, PUBLISHED_DEPTH_LIMIT).astype(np.float32)


def _known(depth: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.isfinite(depth) & (depth > 0)


def relief(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Height of the surface over the plane under it, along the optical axis, in `RELIEF_SCALE`.

    Holes take the value of the nearest known pixel. Zero would carve the plane's level into an object
    with a dark patch, an edge where there is none; nearest keeps occlusion shadows as steps and costs 1 ms.

    Args:
        depth: (H, W) float32 [m], NaN where unknown.

    Returns:
        (H, W) float32 in [-RELIEF_LIMIT, RELIEF_LIMIT]; zeros if nothing is known.
    """
    known = _known(depth)
    if not known.any():
        return np.zeros(depth.shape, dtype=np.float32)
    heights = (_support_depth(depth, known) - np.where(known, depth, 1.0)) / np.float32(RELIEF_SCALE)
    clipped = np.clip(heights, -RELIEF_LIMIT, RELIEF_LIMIT).astype(np.float32)
    return fill_nearest(np.where(known, clipped, np.float32(np.nan)))


def _support_depth(depth: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Depth (H, W) [m] of the plane under the heap; constant (median) where no plane can be fitted."""
    coarse = (slice(PLANE_STEP // 2, None, PLANE_STEP),) * 2
    v, u = np.nonzero(known[coarse])
    constant = np.full(depth.shape, np.median(depth[known]), dtype=np.float32)
    if u.size < 50:
        return constant
    height, width = depth.shape
    x, y = PLANE_STEP * u / width, PLANE_STEP * v / height
    z = depth[coarse][v, u].astype(np.float64)
    plane = _fit_plane(np.stack([x, y, np.ones(u.size)], axis=1), z)
    offset = PLANE_STEP // 2  # the coarse lattice begins here
    columns, rows = (np.arange(width) - offset) / width, (np.arange(height) - offset) / height
    inverse = plane[0] * columns[None, :] + plane[1] * rows[:, None] + plane[2]
    # Judged where depth was read: of a table seen from its edge, the horizon may lie in the picture.
    low, high = inverse[known].min(), inverse[known].max()
    if low <= 0 or high / low > 1 + PLANE_SLOPE_MAX:
        return constant
    return (1.0 / np.maximum(inverse, low)).astype(np.float32)


def _fit_plane(points: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients (3,) of 1/z = points @ plane by reweighted least squares that favours the lower surface.

    Surfaces above the plane lose weight twice as fast as surfaces below: things lie on the table, not under it.
    """
    inverse = 1.0 / z
    weights = np.ones_like(z)
    plane = np.array([0.0, 0.0, float(np.median(inverse))])
    for scale in PLANE_SCALES:
        weighted = points * weights[:, None]
        try:
            plane = np.linalg.solve(weighted.T @ points + 1e-9 * np.eye(3), weighted.T @ inverse)
        except np.linalg.LinAlgError:
            return plane
        residual = z - 1.0 / np.maximum(points @ plane, 1e-3)
        limit = np.where(residual < 0, 0.5 * scale, scale)
        weights = 1.0 / (1.0 + (residual / limit) ** 2) ** 2
    return plane
