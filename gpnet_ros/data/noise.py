"""Noise of a RealSense D435: what the camera makes of exact depth and of a clean picture.

The model works where the sensor works, in disparity (Barron and Malik 2013; Handa et al. 2014,
"A benchmark for RGB-D visual odometry"), re-parameterised for the D435's stereo pair. The
defaults were fitted to the opaque D435 frames of ClearGrasp (Sajjan et al. 2020, real-val set);
`gpnet noise` prints both sides of that comparison.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from gpnet_ros.arrays import Floats
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics

#: Focal length of the D435's stereo pair in its best mode, 848x480 with 90 degrees of view [px]
#: (Intel, "Best-Known-Methods for Tuning Intel RealSense D400 Depth Cameras").
STEREO_FOCAL = 424.0

#: Distance of its two infrared imagers, and of the colour imager from the left one [m]
#: (Intel RealSense D400 series data sheet). The colour imager sits on the far side.
BASELINE, COLOR_OFFSET = 0.050, 0.015


@dataclass(frozen=True)
class DepthNoise:
    """Parameters of the depth sensor; "px" are pixels of its stereo pair (see `STEREO_FOCAL`).

    Attributes:
        subpixel: deviation of the disparity [px]; Intel quotes 0.05 to 0.1 for good texture.
        correlation: radius over which that error is the same [px].
        wave: deviation of a broad, wavy error [px], 12 px long.
        window: blur of the matching window [px]; it rounds what is sharp.
        ragged: deviation of the sideways error at silhouettes [px].
        step: resolution of the disparity [px].
        edge_band: width of the band without reading along silhouettes [px]; 0 leaves flying pixels.
        edge_jump: jump of the disparity within the window that breaks the match [px].
        blobs: share of a surface lost to spots where no match was found.
        bland: share that is lost in addition where the picture shows no texture.
        dazzled: share that is lost in addition where the picture is burnt out or black.
        spot: radius of such a spot [px].
        specks: share of single pixels without reading.
        flicker: share of the variance of the `subpixel` error that is another one in each exposure of a scene at rest;
            the rest, the wavy error, silhouettes and spots come from what is looked at and its pattern, and stay.
        unit: depth unit of the camera [m].
        z_min, z_max: range in which there are readings [m].
    """

    subpixel: float = 0.08
    correlation: float = 3.0
    wave: float = 0.05
    window: float = 1.0
    ragged: float = 0.45
    step: float = 1 / 32
    edge_band: float = 8.5
    edge_jump: float = 2.0
    blobs: float = 0.004
    bland: float = 0.01
    dazzled: float = 0.15
    spot: float = 3.0
    specks: float = 0.0005
    flicker: float = 0.5
    unit: float = 0.001
    z_min: float = 0.17
    z_max: float = 10.0

    def __post_init__(self) -> None:
        values = np.array([getattr(self, name) for name in self.__dataclass_fields__])
        if (
            not np.isfinite(values).all()
            or values.min() < 0
            or max(self.blobs, self.bland, self.dazzled, self.flicker) > 1
        ):
            raise BadInput(f"Depth noise {self} is not usable: no negative values, and shares in [0, 1].")


def random_depth_noise(rng: np.random.Generator) -> DepthNoise:
    """Another D435, preset and room: from careful presets with wide holes to eager ones with none."""
    eager = rng.random() < 0.25
    return DepthNoise(
        subpixel=float(rng.uniform(0.04, 0.14)),
        correlation=float(rng.uniform(1.5, 3.5)),
        wave=float(rng.uniform(0.0, 0.08)),
        window=float(rng.uniform(0.6, 1.5)),
        ragged=float(rng.uniform(0.2, 0.8)),
        edge_band=float(rng.uniform(0.0, 3.0) if eager else rng.uniform(4.0, 9.0)),
        edge_jump=float(rng.uniform(1.2, 4.0)),
        blobs=0.0 if eager else float(rng.uniform(0.0, 0.02)),
        bland=float(rng.uniform(0.05, 0.35)) if rng.random() < 0.2 else float(rng.uniform(0.0, 0.03)),
        dazzled=float(rng.uniform(0.0, 0.5)),
        spot=float(rng.uniform(2.0, 4.0)),
        specks=float(rng.uniform(0.0, 0.002)),
    )


def d435_depth(
    depth: NDArray[np.floating],
    intrinsics: Intrinsics,
    noise: DepthNoise,
    rng: np.random.Generator,
    color: NDArray[np.uint8] | None = None,
) -> Floats:
    """Depth as a D435 aligned to its colour camera would report it.

    Args:
        depth: (H, W) exact depth [m], NaN where there is nothing.
        intrinsics: of the colour camera.
        noise: of the sensor.
        rng: every call is another exposure, whose errors have nothing in common with those of another one.
        color: (H, W, 3) uint8, RGB; with it, bland, burnt out and black places lose more.

    Returns:
        (H, W) float32 [m], NaN in holes.

    Raises:
        BadInput: shapes that do not fit each other.
    """
    (only,) = d435_exposures(depth, intrinsics, noise, rng, 1, color)
    return only


def d435_exposures(
    depth: NDArray[np.floating],
    intrinsics: Intrinsics,
    noise: DepthNoise,
    rng: np.random.Generator,
    count: int,
    color: NDArray[np.uint8] | None = None,
) -> list[Floats]:
    """Depth as a D435 would report it again and again while nothing moves; of one exposure what `d435_depth` gives.

    Args:
        depth, intrinsics, noise, rng, color: see `d435_depth`.
        count: of exposures, 1 or more; `noise.flicker` says what is another one in each.

    Returns:
        (H, W) float32 [m] each, NaN in holes.

    Raises:
        BadInput: shapes that do not fit each other.
    """
    if depth.shape != (intrinsics.height, intrinsics.width) or (color is not None and color.shape[:2] != depth.shape):
        raise BadInput(
            f"Depth {depth.shape} does not fit the camera model {intrinsics.width}x{intrinsics.height} "
            "and its colour: give images of one stream."
        )
    scale = intrinsics.fx / STEREO_FOCAL  # image pixels per stereo pixel
    known = np.isfinite(depth) & (depth > noise.z_min) & (depth < noise.z_max)
    exact = np.where(known, STEREO_FOCAL * BASELINE / np.where(known, depth, 1.0), 0.0).astype(np.float32)
    matched = _ragged(exact, noise, scale, rng)
    lost = _unmatched(matched, noise, scale, rng) | _occluded(matched, intrinsics.fx)
    lost |= _spots(color, exact.shape, noise, scale, rng) | ~known
    matched = _blurred(matched, noise.window * scale)
    return [_reported(matched + error, lost, noise) for error in _errors(exact.shape, noise, scale, rng, count)]


def _reported(measured: NDArray[np.floating], lost: NDArray[np.bool_], noise: DepthNoise) -> Floats:
    """Depth (H, W) [m] of a disparity [px] in the steps in which the camera reports it, NaN where it was lost."""
    if noise.step > 0:
        measured = np.round(measured / noise.step) * noise.step
    lost = lost | (measured <= STEREO_FOCAL * BASELINE / noise.z_max)
    z = STEREO_FOCAL * BASELINE / np.where(lost, 1.0, measured)
    if noise.unit > 0:
        z = np.round(z / noise.unit) * noise.unit
    return np.where(lost, np.nan, z).astype(np.float32)


def color_noise(color: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A picture (H, W, 3) RGB as another colour camera shows it: exposure, white balance, gamma, noise, JPEG."""
    curve = (np.arange(256, dtype=np.float32) / 255.0) ** np.float32(rng.uniform(0.75, 1.3))
    light = curve[color]
    light *= rng.uniform(0.75, 1.15) * (1.0 + rng.normal(0.0, 0.05, 3)).astype(np.float32)
    grey = (light[..., :1] + light[..., 1:2] + light[..., 2:]) / np.float32(3.0)  # mean(axis=2) takes thrice as long
    light = grey + (light - grey) * np.float32(rng.uniform(0.7, 1.25))
    if rng.random() < 0.5:
        light = _blurred(light, float(rng.uniform(0.3, 1.0)))
    light += rng.standard_normal(light.shape, dtype=np.float32) * np.float32(rng.uniform(0.0, 0.03))
    out = np.clip(light * 255.0 + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        _, jpeg = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 96))])
        out = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_UNCHANGED), dtype=np.uint8)
    return out


def _field(shape: tuple[int, int], length: float, rng: np.random.Generator) -> Floats:
    """Smooth noise (H, W) of deviation 1 whose values are alike over `length` [px]."""
    if length < 0.5:
        return rng.standard_normal(shape, dtype=np.float32)
    # Drawn on a coarse grid and enlarged: a broad blur of fine noise costs ten times as much.
    cell = max(length / 1.5, 1.0)
    grid = tuple(int(np.ceil(n / cell)) + 4 for n in shape)
    coarse = _blurred(rng.standard_normal(grid, dtype=np.float32), length / cell)
    coarse /= coarse.std() + 1e-9
    big = cv2.resize(coarse, None, fx=cell, fy=cell, interpolation=cv2.INTER_CUBIC)
    return np.asarray(big[: shape[0], : shape[1]], dtype=np.float32)


def _blurred(image: Floats, radius: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), radius), dtype=np.float32) if radius > 0.2 else image


def _ragged(disparity: Floats, noise: DepthNoise, scale: float, rng: np.random.Generator) -> Floats:
    """Disparity read a little beside each pixel, so that silhouettes are ragged as matching leaves them."""
    if noise.ragged == 0:
        return disparity
    rows, cols = np.indices(disparity.shape, dtype=np.float32)
    aside = [_field(disparity.shape, 2.0 * scale, rng) * np.float32(noise.ragged * scale) for _ in range(2)]
    read = cv2.remap(disparity, cols + aside[0], rows + aside[1], cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    # On a slanted surface the small difference is not an error of the silhouette.
    return np.where(np.abs(read - disparity) > 0.3, read, disparity).astype(np.float32)


def _unmatched(disparity: Floats, noise: DepthNoise, scale: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Where the matching window sees two disparities at once: silhouettes and surfaces seen edge-on."""
    size = round(noise.edge_band * scale)
    if size < 2:
        return np.zeros(disparity.shape, dtype=bool)
    window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size + 1, size + 1))
    span = cv2.dilate(disparity, window) - cv2.erode(disparity, window)
    limit = noise.edge_jump * np.exp(0.3 * _field(disparity.shape, 6.0 * scale, rng))
    return np.asarray(span > limit, dtype=bool)


def _occluded(disparity: Floats, focal: float) -> NDArray[np.bool_]:
    """What the colour camera sees but the right infrared imager does not: a band left of near things."""
    shift = disparity * np.float32((BASELINE + COLOR_OFFSET) / BASELINE * focal / STEREO_FOCAL)
    column = np.arange(disparity.shape[1], dtype=np.float32) - shift  # where the far imager has the point
    nearest = np.minimum.accumulate(column[:, ::-1], axis=1)[:, ::-1]
    # Slanted surfaces fold by less than a pixel; one and a half is a real occlusion.
    return np.asarray(column - nearest > 1.5, dtype=bool)


def _spots(
    color: NDArray[np.uint8] | None, shape: tuple[int, int], noise: DepthNoise, scale: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Spots and specks where no match was found."""
    share = np.full(shape, noise.blobs, dtype=np.float32)
    if color is not None:
        grey = cv2.cvtColor(color, cv2.COLOR_RGB2GRAY).astype(np.float32)
        mean = _blurred(grey, 2.0 * scale)
        texture = np.sqrt(np.maximum(_blurred(grey**2, 2.0 * scale) - mean**2, 0.0))
        share += np.float32(noise.bland) * np.clip(2.0 - texture / 2.5, 0.0, 1.0)
        share += np.float32(noise.dazzled) * ((mean > 245) | (mean < 12))
    missing = rng.random(shape, dtype=np.float32) < noise.specks
    if share.max() > 0:
        missing |= _field(shape, noise.spot * scale, rng) > -ndtri(np.clip(share, 1e-9, 1.0))
    return np.asarray(missing, dtype=bool)


def _errors(
    shape: tuple[int, int], noise: DepthNoise, scale: float, rng: np.random.Generator, count: int
) -> list[Floats]:
    """Error of the disparity (H, W) [px] of each exposure: fine, of which a share flickers, and broad."""
    fine = _field(shape, noise.correlation * scale, rng)
    broad = _field(shape, 6.0 * scale, rng) * np.float32(noise.wave)
    if count == 1:
        return [fine * np.float32(noise.subpixel) + broad]
    stays, flickers = (np.float32(noise.subpixel * share**0.5) for share in (1.0 - noise.flicker, noise.flicker))
    new = (_field(shape, noise.correlation * scale, rng) for _ in range(count))
    return [fine * stays + each * flickers + broad for each in new]
