"""Light on surfaces: what lights and surroundings send to the eye, and a camera that exposes itself."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Floats
from gpnet_ros.sim.camera.raycast import Hits
from gpnet_ros.sim.camera.vectors import dot
from gpnet_ros.sim.looks.style import Light, Style

#: Reflectance of plastics, paint and varnish at normal incidence (refractive index 1.5).
F0_DIELECTRIC = 0.04

_AT_ONCE = 1 << 13  # points that are lit together: all that is known of them stays in the processor's cache

#: The automatic exposure brings the mean of the picture here, and its 99th percentile to the
#: start of the shoulder at most (linear, full scale 1).
MEAN_TARGET, BRIGHT_TARGET = 0.22, 0.80


def radiance(hits: Hits, albedo: Floats, finish: Floats, seen: Floats, eye: Floats, style: Style) -> Floats:
    """Linear light (n, 3) that flat hits send to the eye.

    Args:
        hits: flat. Normals shorter than 1 are means over a curved spot, which shines less sharply (Toksvig 2005).
        albedo: (n, 3) linear.
        finish: (n, 2) gloss and metallic.
        seen: (n, lights + 1) of `visibility`.
        eye: (3,) in base [m].
        style: lights and surroundings.
    """
    light = np.empty((len(hits.mesh), 3), dtype=np.float32)
    for k in range(0, len(light), _AT_ONCE):
        rows = slice(k, k + _AT_ONCE)
        # Vectors as three planes (3, n): loops over the points are long, those over x, y, z would be short.
        points, normals, colors, shine, reaches = (
            np.ascontiguousarray(v[rows].T) for v in (hits.points, hits.normals, albedo, finish, seen)
        )
        light[rows] = _radiance(points, normals, colors, shine, reaches, eye, style).T
    return light


def _radiance(
    points: Floats, normals: Floats, albedo: Floats, finish: Floats, seen: Floats, eye: Floats, style: Style
) -> Floats:
    """As `radiance`, of planes: (3, n), (3, n), (3, n), (2, n) and (lights + 1, n) to (3, n)."""
    length = np.sqrt(dot(normals, normals)) + np.float32(1e-6)
    n = normals / length
    gloss, metallic = finish[0] * length**4, finish[1]
    to_eye = eye[:, None] - points
    to_eye /= np.sqrt(dot(to_eye, to_eye))
    cosine = np.clip(dot(n, to_eye), 0.0, 1.0)
    base = F0_DIELECTRIC + (albedo - F0_DIELECTRIC) * metallic
    fresnel = base + (1.0 - base) * ((1.0 - cosine) ** 5) * gloss  # Schlick; rough surfaces lack the rim
    diffuse = albedo * (1.0 - metallic)
    up = 0.5 + 0.5 * n[2]
    sky, ground = _f32(style.sky), _f32(style.ground)
    # Light that a corner keeps from the sky comes back from its bright walls (Jimenez et al. 2016).
    open_sky: Floats = np.divide(seen[-1], 1.0 - albedo * (1.0 - seen[-1]), dtype=np.float32)
    out = diffuse * (ground + (sky - ground) * up) * (style.ambient * open_sky)
    mirror = 2.0 * cosine * n - to_eye
    out += fresnel * _surroundings(mirror, gloss, style) * (0.35 + 0.65 * seen[-1])
    shininess = 4.0 + 400.0 * gloss**2.5
    for light, reaches in zip(style.lights, seen, strict=False):
        out += _from_light(light, points, n, to_eye, diffuse, fresnel, shininess, reaches)
    return np.asarray(out)


def _from_light(
    light: Light,
    points: Floats,
    normals: Floats,
    to_eye: Floats,
    diffuse: Floats,
    fresnel: Floats,
    shininess: Floats,
    seen: Floats,
) -> Floats:
    """Diffuse and Blinn-Phong reflection of one light, (3, n)."""
    to_light = _f32(light.position) - points
    distance2 = dot(to_light, to_light)
    to_light /= np.sqrt(distance2)
    incidence = np.clip(dot(normals, to_light), 0.0, None)
    half = to_light + to_eye
    half /= np.sqrt(np.maximum(dot(half, half), 1e-9))
    lobe = np.clip(dot(normals, half), 0.0, 1.0)
    # The lamp's own size blurs its reflection: variances of lobe and lamp add up.
    sharp = 1.0 / (1.0 / shininess + 0.25 * np.float32(light.radius) ** 2 / distance2)
    gleam = np.exp(sharp * np.log(np.maximum(lobe, 1e-6))) * (sharp + 8.0) / 8.0
    strength = np.float32(light.power / np.pi) * incidence * seen / distance2
    return np.asarray((diffuse + fresnel * gleam) * strength * _f32(light.color))


def _surroundings(direction: Floats, gloss: Floats, style: Style) -> Floats:
    """Radiance (3, n) of the room as reflections (3, n) meet it: dim below, bright above, a window to one side."""
    up = np.clip(0.5 + (direction[2] * (0.6 + 1.4 * gloss)), 0.0, 1.0)
    sky, ground = _f32(style.sky), _f32(style.ground)
    room = (0.45 * ground + (sky - 0.45 * ground) * up) * np.float32(style.ambient)
    x, y, _ = style.lights[0].position
    side = _f32((x - 0.65, y, 0.8)) / np.float32(np.linalg.norm((x - 0.65, y, 0.8)))
    facing = np.clip(dot(direction, side), 0.0, 1.0)
    return room + np.float32(1.6 * style.ambient) * facing ** (4.0 + 30.0 * gloss)


def _f32(values: Sequence[float]) -> Floats:
    """A vector or colour (3, 1), beside planes (3, n)."""
    return np.asarray(values, dtype=np.float32)[:, None]


def expose(linear: Floats, style: Style, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The picture (H, W, 3) that a camera with automatic exposure makes of linear light."""
    height, width = linear.shape[:2]
    scale = width / 640.0
    light = cv2.GaussianBlur(linear, (0, 0), max(style.blur * scale, 0.3))
    light *= _vignette(height, width, style.vignette) * np.asarray(style.white_balance, dtype=np.float32)
    luminance = light[::2, ::2] @ np.asarray((0.2126, 0.7152, 0.0722), dtype=np.float32)
    bright = float(np.percentile(luminance, 99.0))
    gain = min(MEAN_TARGET / max(float(luminance.mean()), 1e-6), BRIGHT_TARGET / max(bright, 1e-6))
    light *= np.float32(gain * 2.0**style.exposure)
    picture = np.empty(light.shape, dtype=np.uint8)
    for rows in range(0, height, 64):
        picture[rows : rows + 64] = _develop(light[rows : rows + 64], style, rng)
    return picture


def _develop(light: Floats, style: Style, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Sensor noise and tone curve of exposed light (rows, W, 3)."""
    noise = rng.standard_normal(light.shape, dtype=np.float32)
    light = np.maximum(light, np.float32(0.0))
    light = light + noise * (np.float32(style.read_noise) + np.float32(style.shot_noise) * np.sqrt(light))
    curve = _shoulder(np.maximum(light, np.float32(0.0))) ** np.float32(style.gamma / 2.2)
    return np.clip(curve * np.float32(255.0) + np.float32(0.5), 0.0, 255.0).astype(np.uint8)


def _shoulder(light: Floats) -> Floats:
    """Straight up to 0.6, then bending so that full scale is approached, never reached."""
    knee, room = np.float32(0.6), np.float32(0.38)
    over = np.maximum(light - knee, 0.0)
    return np.minimum(light, knee) + room * (over / (over + room))


def _vignette(height: int, width: int, loss: float) -> Floats:
    """(H, W, 1) share of light left, 1 in the centre and 1 - loss in the corners."""
    y, x = np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32)
    return (1.0 - np.float32(loss / 2.0) * (x[None, :] ** 2 + y[:, None] ** 2))[..., None]
