"""A whole data set in the memory of a GPU, and batches of views that are drawn, warped and made noisy there.

The same views as `Dataset.sample` makes one by one, with the same random maps; moving pictures to the GPU once and
working in batches is what keeps it from waiting. On a CPU `Dataset` is about four times as fast.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gpnet_ros.data.augment import centred, moved_angles, random_map, strided
from gpnet_ros.data.contacts import REACH
from gpnet_ros.data.dataset import QUALITY_MIN, SOFTNESS, Dataset, priorities
from gpnet_ros.data.noise import DepthNoise
from gpnet_ros.data.noise_batch import BatchNoise, blurred, color_noise_batch, d435_depth_batch, random_cameras
from gpnet_ros.data.normalise_batch import normalise_batch
from gpnet_ros.data.record import ANGLE, DEPTH_UNIT, OPENING, QUALITY, QUALITY_UNIT
from gpnet_ros.errors import BadInput
from gpnet_ros.maps import NETWORK_SIDE, WIDTH_SCALE

#: Layer that stands for the table: below all.
NO_LAYER = 255.0
#: Offsets [px] of the four readings that make one pixel of colour where a picture is shrunk.
_QUARTERS = (-0.25, 0.25)


class DeviceSet:
    """Pictures of one size on one device."""

    def __init__(self, dataset: Dataset, device: torch.device | str) -> None:
        """Move a data set.

        Raises:
            BadInput: its pictures differ in size, or objects are to be pasted, which is done on a CPU only.
        """
        self._records, self.views = dataset.records, dataset.views
        self.device = torch.device(device)
        if self.views.copy_paste > 0:
            raise BadInput("copy_paste is done on a CPU only: set copy_paste to 0, or give --device cpu.")
        shapes = {(r.ids.shape, r.grasps.shape) for r in self._records}
        if len(shapes) != 1:
            raise BadInput(f"Pictures of {len(shapes)} sizes cannot be held as one batch: generate with one --size.")
        self._color = self._moved([r.color for r in self._records])
        # torch knows no arithmetic on uint16; the bits are read back as such in _read.
        self._depth = self._moved([r.depth.view(np.int16) for r in self._records])
        self._ids = self._moved([r.ids for r in self._records])
        self._grasps = self._moved([r.grasps for r in self._records])
        self._centred = None
        if self.views.quality == "gaussian":
            self._centred = self._moved([r.centred for r in self._records if r.centred is not None])
        table = np.zeros((len(self._records), max(len(r.layer) for r in self._records) + 1), dtype=np.float32)
        for row, r in zip(table, self._records, strict=True):
            row[: len(r.layer) + 1] = priorities(r.layer, self.views.priority)
        self._priority = torch.from_numpy(table).to(self.device)
        layers = np.full(table.shape, NO_LAYER, dtype=np.float32)
        for row, r in zip(layers, self._records, strict=True):
            row[1 : len(r.layer) + 1] = r.layer
        self._layer = torch.from_numpy(layers).to(self.device)
        self._opening_unit = torch.tensor([r.opening_unit for r in self._records], device=self.device)

    def __len__(self) -> int:
        return len(self._records)

    def _moved(self, arrays: list[NDArray]) -> Tensor:
        return torch.from_numpy(np.stack(arrays)).to(self.device)

    def batch(
        self,
        indices: NDArray[np.integer],
        rng: np.random.Generator,
        generator: torch.Generator,
        *,
        crop: int = NETWORK_SIDE,
        augment: bool = True,
        channels: str = "rgbd",
    ) -> tuple[Tensor, Tensor]:
        """Views as the network sees them, and what it should say.

        Args:
            indices: (B,) of the pictures.
            rng: of maps and camera parameters.
            generator: of the noise, on this device.
            crop, augment, channels: as of `Dataset.sample`.

        Returns:
            Input (B, C, crop, crop) and targets (5, B, crop, crop): quality, cos2, sin2, width, priority; a sixth,
            contact, if the views ask for it.
        """
        records = [self._records[int(k)] for k in indices]
        kind = self.views.augmentation
        maps = np.stack([random_map(rng, r, crop, kind) if augment else centred(r, crop) for r in records])
        scale = np.sqrt(np.abs(np.linalg.det(maps[:, :, :2])))
        rows = torch.as_tensor(np.asarray(indices), device=self.device)
        focal = torch.tensor([r.focal for r in records] * scale, dtype=torch.float32, device=self.device)
        at = _sources(maps, crop, device=self.device)
        color = self._colors(rows, maps, crop, shrunk=bool((scale < 0.9).any()))
        depth = self._read(self._depth, rows, at).long().bitwise_and(0xFFFF).float() * DEPTH_UNIT
        depth = torch.where(depth > 0, depth, torch.full_like(depth, float("nan")))
        color = color_noise_batch(color, rng, generator) if augment and kind == "full" else color
        seen = None if channels == "rgb" else depth
        if channels != "rgb" and self.views.noise:
            cameras = random_cameras(rng, len(records)) if augment else [DepthNoise()] * len(records)
            seen = d435_depth_batch(depth, focal, BatchNoise.of(cameras, self.device), generator, color)
        return normalise_batch(color, seen, channels, self.views.normalisation), self._targets(
            rows, maps, at, depth, focal, crop
        )

    def _targets(
        self, rows: Tensor, maps: NDArray[np.float64], at: Tensor, depth: Tensor, focal: Tensor, crop: int
    ) -> Tensor:
        ids = self._read(self._ids, rows, at, outside=0).long()
        stride = self._records[0].stride
        coarse = np.stack([strided(m, stride) for m in maps])
        read_at = _sources(coarse, crop, device=self.device)
        grasps = self._read(self._grasps, rows, read_at, outside=0)
        priority = self._priority[rows].gather(1, ids.flatten(1)).reshape(depth.shape)
        quality = grasps[..., QUALITY].float() * QUALITY_UNIT
        if self._centred is not None:
            quality = quality * (self._read(self._centred, rows, read_at, outside=0).float() / 255.0)
        elif self.views.quality == "binary":
            quality = (quality > 0).float()
        labelled = priority >= 1.0 if self.views.objects == "top" else ids > 0
        quality = torch.where(labelled, quality, torch.zeros_like(depth))
        table = torch.from_numpy(np.stack([moved_angles(m) for m in maps])).to(self.device)
        angle = table.gather(1, grasps[..., ANGLE].long().flatten(1)).reshape(depth.shape)
        z = torch.where(torch.isfinite(depth), depth, torch.ones_like(depth))
        wide = (
            grasps[..., OPENING].float()
            * self._opening_unit[rows].reshape(-1, 1, 1)
            * focal.reshape(-1, 1, 1)
            / z
            / WIDTH_SCALE
        )
        wide = wide.clamp(0.0, 1.0)
        softness = 0.0 if self.views.quality == "binary" else SOFTNESS
        planes = [_soft(quality, angle, wide, softness), priority[None]]
        if self.views.contact:
            planes.append(_contacts(self._layer[rows].gather(1, ids.flatten(1)).reshape(depth.shape))[None])
        return torch.cat(planes)

    def _colors(self, rows: Tensor, maps: NDArray[np.float64], crop: int, shrunk: bool) -> Tensor:
        """Colour (B, 3, crop, crop) in [0, 1]; the mean of four readings where a picture is shrunk."""
        picture = self._color[rows].permute(0, 3, 1, 2).float() / 255.0
        height, width = picture.shape[2:]
        size = torch.tensor([width - 1, height - 1], device=self.device, dtype=torch.float32)
        total = torch.zeros((len(rows), 3, crop, crop), device=self.device)
        offsets = [(x, y) for x in _QUARTERS for y in _QUARTERS] if shrunk else [(0.0, 0.0)]
        for offset in offsets:
            grid = _sources(maps, crop, offset, self.device) * 2.0 / size - 1.0
            sampled = torch.nn.functional.grid_sample(
                picture, grid, mode="bilinear", padding_mode="border", align_corners=True
            )
            total += sampled / len(offsets)
        return total

    def _read(self, images: Tensor, rows: Tensor, at: Tensor, outside: int | None = None) -> Tensor:
        """Nearest entry of images[rows] at source pixels (B, h, w, 2); beyond them the edge, or `outside`."""
        height, width = images.shape[1:3]
        u, v = torch.round(at[..., 0]).long(), torch.round(at[..., 1]).long()
        found = images[rows[:, None, None], v.clamp(0, height - 1), u.clamp(0, width - 1)]
        if outside is None:
            return found
        inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
        inside = inside if found.ndim == inside.ndim else inside[..., None]
        return torch.where(inside, found, torch.full_like(found, outside))


def _sources(
    maps: NDArray[np.float64],
    crop: int,
    offset: tuple[float, float] = (0.0, 0.0),
    device: torch.device | str = "cpu",
) -> Tensor:
    """Stored pixel (B, crop, crop, 2) of each crop pixel under maps (B, 2, 3) from stored to crop pixels.

    Only the inverse maps travel to the device: made on the CPU, the pixels would take longer than a training step.
    """
    inverse = np.linalg.inv(maps[:, :, :2])
    start = (inverse @ (np.array(offset) - maps[:, :, 2])[..., None])[..., 0]
    linear = torch.from_numpy(inverse.astype(np.float32)).to(device)
    first = torch.from_numpy(start.astype(np.float32)).to(device)
    along = torch.arange(crop, dtype=torch.float32, device=device).reshape(1, -1, 1)
    columns, rows = (along * linear[:, None, :, k] for k in (0, 1))  # (B, crop, 2) each
    return columns[:, None] + rows[:, :, None] + first[:, None, None]


def _contacts(layer: Tensor) -> Tensor:
    """1 where a pixel's layer (B, h, w) is above the least one around it, but for the table; see `contacts`."""
    padded = torch.nn.functional.pad(layer, (REACH, REACH, REACH, REACH), value=NO_LAYER)
    height, width = layer.shape[1:]
    offsets = range(-REACH, REACH + 1)
    least = layer
    for down in offsets:  # a disc: its rows are as long as they are in a circle
        half = int((REACH**2 - down**2) ** 0.5)
        row = padded[:, REACH + down : REACH + down + height, REACH - half : REACH + half + width]
        least = torch.minimum(least, -torch.nn.functional.max_pool1d(-row, 2 * half + 1, stride=1))
    return ((least < layer) & (layer < NO_LAYER)).float()


def _soft(quality: Tensor, angle: Tensor, width: Tensor, softness: float) -> Tensor:
    """Quality, cos2, sin2 and width (4, B, h, w) of hard labels; see `dataset.grasp_targets`."""
    ones = torch.ones_like(quality)
    planes = torch.stack([ones, torch.cos(2 * angle), torch.sin(2 * angle), width]) * quality
    soft = planes
    if softness > 0:
        radius = torch.full((4 * len(quality), 1, 1), softness, device=quality.device)
        soft = blurred(planes.flatten(0, 1), radius).reshape(planes.shape)
    length = torch.hypot(soft[1], soft[2]).clamp(min=1e-6)
    found = soft[0] > QUALITY_MIN
    values = torch.stack([soft[0], soft[1] / length, soft[2] / length, soft[3] / soft[0].clamp(min=1e-6)])
    return torch.where(found, values, torch.zeros_like(values))
