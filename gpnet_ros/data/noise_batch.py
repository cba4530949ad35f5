"""The noise of `data/noise.py` for whole batches, on whatever device they live.

The same model in the same order with the same parameters, one draw of them per picture. Two steps are simpler than
for one picture: the window of the stereo matcher is a square of equal area in place of a disc, and colour is not
compressed as JPEG. `test_noise_batch.py` holds both versions against each other.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gpnet_ros.data.noise import BASELINE, COLOR_OFFSET, STEREO_FOCAL, DepthNoise, random_depth_noise

#: Numbers of the noise model are per picture, shape (B, 1, 1).
_FB = STEREO_FOCAL * BASELINE


@dataclass(frozen=True, eq=False)
class BatchNoise:
    """Parameters of `DepthNoise`, one (B, 1, 1) tensor each."""

    values: dict[str, Tensor]

    def __getattr__(self, name: str) -> Tensor:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None

    @classmethod
    def of(cls, noises: list[DepthNoise], device: torch.device) -> BatchNoise:
        """One camera per picture."""
        table = np.array([[getattr(noise, f.name) for f in fields(DepthNoise)] for noise in noises], dtype=np.float32)
        columns = torch.from_numpy(table).to(device)
        return cls({f.name: columns[:, k].reshape(-1, 1, 1) for k, f in enumerate(fields(DepthNoise))})


def random_cameras(rng: np.random.Generator, count: int) -> list[DepthNoise]:
    """Another D435, preset and room for each of `count` pictures."""
    return [random_depth_noise(rng) for _ in range(count)]


def d435_depth_batch(
    depth: Tensor, focal: Tensor, noise: BatchNoise, generator: torch.Generator, color: Tensor | None = None
) -> Tensor:
    """Depth of a batch as D435 cameras aligned to their colour cameras would report it.

    Args:
        depth: (B, H, W) float32 exact depth [m], NaN where there is nothing.
        focal: (B,) of the colour cameras [px].
        noise: of each camera.
        generator: on the device of depth; every call is another exposure.
        color: (B, 3, H, W) float32 in [0, 1], or None; with it bland, burnt out and black places lose more.

    Returns:
        (B, H, W) float32 [m], NaN in holes.
    """
    focal = focal.reshape(-1, 1, 1)
    scale = focal / STEREO_FOCAL  # image pixels per stereo pixel
    known = torch.isfinite(depth) & (depth > noise.z_min) & (depth < noise.z_max)
    exact = torch.where(known, _FB / torch.where(known, depth, torch.ones_like(depth)), torch.zeros_like(depth))
    matched = _ragged(exact, noise, scale, generator)
    lost = _unmatched(matched, noise, scale, generator) | _occluded(matched, focal)
    lost |= _spots(color, exact, noise, scale, generator) | ~known
    measured = blurred(matched, noise.window * scale)
    measured = measured + field(exact, noise.correlation * scale, generator) * noise.subpixel
    measured = measured + field(exact, 6.0 * scale, generator) * noise.wave
    measured = _stepped(measured, noise.step)
    lost |= measured <= _FB / noise.z_max
    z = _stepped(_FB / torch.where(lost, torch.ones_like(measured), measured), noise.unit)
    return torch.where(lost, torch.full_like(z, float("nan")), z)


def color_noise_batch(color: Tensor, rng: np.random.Generator, generator: torch.Generator) -> Tensor:
    """The same pictures (B, 3, H, W), float32 in [0, 1], through other colour cameras, each its own."""
    count, device = len(color), color.device

    def draw(low: float, high: float, *shape: int) -> Tensor:
        values = rng.uniform(low, high, (count, *shape)).astype(np.float32)
        return torch.from_numpy(values).to(device).reshape(count, *(shape or (1,)), 1, 1)

    light = color ** draw(0.75, 1.3)
    balance = torch.from_numpy(1.0 + rng.normal(0.0, 0.05, (count, 3)).astype(np.float32)).to(device)
    light = light * draw(0.75, 1.15) * balance.reshape(count, 3, 1, 1)
    grey = light.mean(dim=1, keepdim=True)
    light = grey + (light - grey) * draw(0.7, 1.25)
    radius = np.where(rng.random(count) < 0.5, rng.uniform(0.3, 1.0, count), 0.0).astype(np.float32)
    spread = torch.from_numpy(np.repeat(radius, 3)).to(device).reshape(-1, 1, 1)
    light = blurred(light.flatten(0, 1), spread).reshape(light.shape)
    light = light + _normal(light, generator) * draw(0.0, 0.03)
    return light.clamp(0.0, 1.0)


def field(like: Tensor, length: Tensor, generator: torch.Generator) -> Tensor:
    """Smooth noise (B, H, W) of deviation 1 whose values are alike over `length` (B, 1, 1) [px].

    Drawn on a coarse lattice of 1.5 cells per length and read from it with a bicubic filter, so that each picture of
    a batch can have a length of its own.
    """
    count, height, width = like.shape
    cell = (length.reshape(-1) / 1.5).clamp(min=1.0)
    size = [int(np.ceil(n / float(cell.min()))) + 4 for n in (height, width)]
    coarse = torch.randn((count, *size), generator=generator, device=like.device)
    coarse = blurred(coarse, torch.full((count, 1, 1), 1.5, device=like.device))
    coarse = coarse / coarse.std(dim=(1, 2), keepdim=True).clamp(min=1e-9)
    rows, columns = _pixels(like)
    cell = cell.reshape(-1, 1, 1)
    at = torch.stack(
        [
            (1.5 + columns / cell).expand(count, height, width) * 2.0 / (size[1] - 1) - 1.0,
            (1.5 + rows / cell).expand(count, height, width) * 2.0 / (size[0] - 1) - 1.0,
        ],
        dim=-1,
    )
    return F.grid_sample(coarse[:, None], at, mode="bicubic", padding_mode="border", align_corners=True)[:, 0]


def blurred(images: Tensor, radius: Tensor) -> Tensor:
    """Images (B, H, W) blurred by Gaussians of the deviations `radius` (B, 1, 1) [px], each its own."""
    reach = max(1, int(np.ceil(3.0 * float(radius.max()))))
    at = torch.arange(-reach, reach + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (at / radius.reshape(-1, 1).clamp(min=1e-3)) ** 2)
    kernel = kernel / kernel.sum(dim=1, keepdim=True)
    count = len(images)
    out = F.pad(images[None], (reach, reach, reach, reach), mode="replicate")
    out = F.conv2d(out, kernel.reshape(count, 1, 1, -1), groups=count)
    return F.conv2d(out, kernel.reshape(count, 1, -1, 1), groups=count)[0]


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, device=like.device)


def _pixels(like: Tensor) -> tuple[Tensor, Tensor]:
    """Row (1, H, 1) and column (1, 1, W) of each pixel."""
    rows = torch.arange(like.shape[1], device=like.device, dtype=torch.float32).reshape(1, -1, 1)
    columns = torch.arange(like.shape[2], device=like.device, dtype=torch.float32).reshape(1, 1, -1)
    return rows, columns


def _stepped(values: Tensor, step: Tensor) -> Tensor:
    """Values rounded to whole steps; untouched where the step is 0."""
    size = torch.where(step > 0, step, torch.ones_like(step))
    return torch.where(step > 0, torch.round(values / size) * size, values)


def _ragged(disparity: Tensor, noise: BatchNoise, scale: Tensor, generator: torch.Generator) -> Tensor:
    """Disparity read a little beside each pixel, so that silhouettes are ragged as matching leaves them."""
    rows, columns = _pixels(disparity)
    aside = [field(disparity, 2.0 * scale, generator) * (noise.ragged * scale) for _ in range(2)]
    height, width = disparity.shape[1:]
    at = torch.stack(
        [(columns + aside[0]) * 2.0 / (width - 1) - 1.0, (rows + aside[1]) * 2.0 / (height - 1) - 1.0], dim=-1
    )
    read = F.grid_sample(disparity[:, None], at, mode="nearest", padding_mode="border", align_corners=True)[:, 0]
    # On a slanted surface the small difference is not an error of the silhouette.
    return torch.where((read - disparity).abs() > 0.3, read, disparity)


def _unmatched(disparity: Tensor, noise: BatchNoise, scale: Tensor, generator: torch.Generator) -> Tensor:
    """Where the matching window sees two disparities at once: silhouettes and surfaces seen edge-on."""
    limit = noise.edge_jump * torch.exp(0.3 * field(disparity, 6.0 * scale, generator))
    # A square that reaches, on average over all directions, as far as the disc.
    reach = torch.round(noise.edge_band * scale * 0.47).long().reshape(-1)
    span = torch.zeros_like(disparity)
    for size in torch.unique(reach).tolist():
        if size >= 1:
            chosen = reach == size
            some = disparity[chosen][:, None]
            high = F.max_pool2d(some, 2 * size + 1, 1, size)
            low = -F.max_pool2d(-some, 2 * size + 1, 1, size)
            span[chosen] = (high - low)[:, 0]
    return span > limit


def _occluded(disparity: Tensor, focal: Tensor) -> Tensor:
    """What the colour camera sees but the right infrared imager does not: a band left of near things."""
    shift = disparity * ((BASELINE + COLOR_OFFSET) / BASELINE * focal / STEREO_FOCAL)
    column = _pixels(disparity)[1] - shift  # where the far imager has the point
    nearest = column.flip(2).cummin(dim=2).values.flip(2)
    # Slanted surfaces fold by less than a pixel; one and a half is a real occlusion.
    return column - nearest > 1.5


def _spots(color: Tensor | None, like: Tensor, noise: BatchNoise, scale: Tensor, generator: torch.Generator) -> Tensor:
    """Spots and specks where no match was found."""
    share = noise.blobs.expand_as(like)
    if color is not None:
        weights = torch.tensor([0.299, 0.587, 0.114], device=like.device).reshape(1, 3, 1, 1)
        grey = (color * weights).sum(dim=1) * 255.0
        mean = blurred(grey, 2.0 * scale)
        texture = (blurred(grey**2, 2.0 * scale) - mean**2).clamp(min=0.0).sqrt()
        share = share + noise.bland * (2.0 - texture / 2.5).clamp(0.0, 1.0)
        share = share + noise.dazzled * ((mean > 245) | (mean < 12))
    specks = torch.rand(like.shape, generator=generator, device=like.device) < noise.specks
    level = -torch.special.ndtri(share.clamp(1e-9, 1.0 - 1e-7))
    return specks | ((field(like, noise.spot * scale, generator) > level) & (share > 0))
