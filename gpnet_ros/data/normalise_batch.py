"""`normalise.py` for whole batches, on whatever device they live: the same input for the same picture.

Training on a GPU prepares its views there; detection and training on a CPU use the original.
`test_device_set.py` holds both against each other.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gpnet_ros.normalise import (
    DEFAULT_VERSION,
    PLANE_SCALES,
    PLANE_SLOPE_MAX,
    PLANE_STEP,
    PUBLISHED_DEPTH_LIMIT,
    RELIEF_LIMIT,
    RELIEF_SCALE,
    color_gain,
)


def normalise_batch(color: Tensor, depth: Tensor | None, channels: str, version: str = DEFAULT_VERSION) -> Tensor:
    """The network's input of a batch; see `normalise.normalise`.

    Args:
        color: (B, 3, H, W) float32 in [0, 1].
        depth: (B, H, W) float32 [m], NaN where unknown; None for "rgb".
        channels: "rgb", "depth" or "rgbd".
        version: one of `normalise.VERSIONS`.

    Returns:
        (B, C, H, W) float32, finite.
    """
    scaled = color * color_gain(version)
    planes = [] if channels == "depth" else [scaled - scaled.mean(dim=(1, 2, 3), keepdim=True)]
    if channels != "rgb" and depth is not None:
        published = version.startswith("published")
        planes.append((published_depth_batch(depth) if published else relief_batch(depth))[:, None])
        if version == "relief-valid-1":
            planes.append((torch.isfinite(depth) & (depth > 0)).float()[:, None])
    return torch.cat(planes, dim=1)


def published_depth_batch(depth: Tensor) -> Tensor:
    """Depth (B, H, W) without its mean, holes filled from the nearest known pixel; see `normalise.published_depth`."""
    known = torch.isfinite(depth) & (depth > 0)
    filled = fill_nearest_batch(torch.where(known, depth, torch.zeros_like(depth)), known)
    centred = filled - filled.double().mean(dim=(1, 2), keepdim=True).float()
    return centred.clamp(-PUBLISHED_DEPTH_LIMIT, PUBLISHED_DEPTH_LIMIT)


def relief_batch(depth: Tensor) -> Tensor:
    """Height over the plane under the heap (B, H, W), holes filled from the nearest known pixel; zeros if none."""
    known = torch.isfinite(depth) & (depth > 0)
    z = torch.where(known, depth, torch.ones_like(depth))
    heights = ((_support_depth(z, known) - z) / RELIEF_SCALE).clamp(-RELIEF_LIMIT, RELIEF_LIMIT)
    return fill_nearest_batch(heights, known)


def _support_depth(z: Tensor, known: Tensor) -> Tensor:
    """Depth (B, H, W) [m] of the plane under each heap; constant (median) where no plane can be fitted."""
    height, width = z.shape[1:]
    coarse = (slice(None), slice(PLANE_STEP // 2, None, PLANE_STEP), slice(PLANE_STEP // 2, None, PLANE_STEP))
    z_coarse, weight = z[coarse].double(), known[coarse].double()
    rows = torch.arange(z_coarse.shape[1], device=z.device, dtype=torch.float64) * PLANE_STEP / height
    columns = torch.arange(z_coarse.shape[2], device=z.device, dtype=torch.float64) * PLANE_STEP / width
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], dim=-1).reshape(-1, 3)
    plane = _fit_plane(points, z_coarse.flatten(1), weight.flatten(1))
    offset = PLANE_STEP // 2  # the coarse lattice begins here
    v = (torch.arange(height, device=z.device, dtype=torch.float64) - offset) / height
    u = (torch.arange(width, device=z.device, dtype=torch.float64) - offset) / width
    inverse = plane[:, 0, None, None] * u + plane[:, 1, None, None] * v[:, None] + plane[:, 2, None, None]
    low = torch.where(known, inverse, torch.full_like(inverse, float("inf"))).amin(dim=(1, 2))
    high = torch.where(known, inverse, torch.full_like(inverse, -float("inf"))).amax(dim=(1, 2))
    usable = (low > 0) & (high / low <= 1 + PLANE_SLOPE_MAX) & (weight.sum(dim=(1, 2)) >= 50)
    middle = torch.where(known, z, torch.full_like(z, float("nan"))).flatten(1).nanmedian(dim=1).values
    constant = middle.nan_to_num(1.0).double()[:, None, None].expand_as(inverse)
    bounded = torch.maximum(inverse, low.clamp(min=1e-6)[:, None, None])
    return torch.where(usable[:, None, None], 1.0 / bounded, constant).float()


def _fit_plane(points: Tensor, z: Tensor, known: Tensor) -> Tensor:
    """Coefficients (B, 3) of 1/z = points @ plane, as `normalise._fit_plane`; points (n, 3), z and known (B, n)."""
    inverse, weights = 1.0 / z, known
    plane = torch.zeros((len(z), 3), dtype=z.dtype, device=z.device)
    small = 1e-9 * torch.eye(3, dtype=z.dtype, device=z.device)
    for scale in PLANE_SCALES:
        weighted = points[None] * weights[..., None]
        plane = torch.linalg.solve(
            weighted.transpose(1, 2) @ points + small, (weighted * inverse[..., None]).sum(dim=1)
        )
        residual = z - 1.0 / (plane @ points.T).clamp(min=1e-3)
        limit = torch.where(residual < 0, 0.5 * scale, scale)
        weights = known / (1.0 + (residual / limit) ** 2) ** 2
    return plane


def fill_nearest_batch(values: Tensor, known: Tensor) -> Tensor:
    """Values (B, H, W) with the unknown ones taken from the nearest known pixel; zeros where nothing is known.

    Jump flooding (Rong and Tan 2006): in ever shorter steps each pixel asks eight others for their nearest pixel.
    """
    count, height, width = values.shape
    far = 4 * (height + width)
    rows = torch.arange(height, device=values.device).reshape(1, -1, 1).expand(count, height, width)
    columns = torch.arange(width, device=values.device).reshape(1, 1, -1).expand(count, height, width)
    seed = torch.stack([torch.where(known, rows, far), torch.where(known, columns, far)], dim=1)
    step = 1 << (max(height, width) - 1).bit_length() - 1
    steps = []
    while step:
        steps.append(step)
        step //= 2
    here = torch.stack([rows, columns], dim=1)
    for step in [*steps, 1]:
        padded = torch.nn.functional.pad(seed, (step, step, step, step), value=far)
        places = [(dy, dx) for dy in (0, step, 2 * step) for dx in (0, step, 2 * step)]
        # All nine at once: a GPU is kept busy by few large steps, not by many small ones.
        asked = torch.stack([seed] + [padded[:, :, dy : dy + height, dx : dx + width] for dy, dx in places])
        best = (asked - here).square().sum(dim=2).argmin(dim=0)
        seed = asked.gather(0, best[None, :, None].expand(1, -1, 2, -1, -1))[0]
    flat = seed[:, 0].clamp(max=height - 1) * width + seed[:, 1].clamp(max=width - 1)
    filled = values.flatten(1).gather(1, flat.flatten(1)).reshape(values.shape)
    return torch.where(known.flatten(1).any(dim=1)[:, None, None], filled, torch.zeros_like(filled))
