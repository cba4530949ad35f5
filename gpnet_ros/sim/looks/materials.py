"""What things are made of: a surface for each family, and for anything at all."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from gpnet_ros.sim.looks.patterns import Color, Rng
from gpnet_ros.sim.looks.texture import Texture

#: Colours that products come in (sRGB): paints, plastics and print, from reds through greens and blues to greys.
_PRODUCT_COLORS: tuple[Color, ...] = (
    (0.69, 0.12, 0.11), (0.52, 0.09, 0.12), (0.80, 0.22, 0.14), (0.86, 0.42, 0.10), (0.90, 0.55, 0.16),
    (0.91, 0.72, 0.14), (0.93, 0.84, 0.38), (0.55, 0.60, 0.18), (0.20, 0.48, 0.24), (0.10, 0.32, 0.20),
    (0.36, 0.62, 0.42), (0.12, 0.45, 0.44), (0.45, 0.70, 0.70), (0.10, 0.40, 0.62), (0.08, 0.22, 0.48),
    (0.14, 0.16, 0.34), (0.45, 0.62, 0.80), (0.36, 0.26, 0.48), (0.62, 0.24, 0.42), (0.82, 0.58, 0.60),
    (0.40, 0.26, 0.16), (0.66, 0.50, 0.34), (0.84, 0.77, 0.64), (0.93, 0.92, 0.88), (0.92, 0.93, 0.94),
    (0.70, 0.71, 0.71), (0.46, 0.47, 0.48), (0.26, 0.27, 0.28), (0.11, 0.11, 0.12), (0.13, 0.13, 0.13),
)  # fmt: skip

_WOODS: tuple[tuple[Color, Color], ...] = (
    ((0.82, 0.68, 0.49), (0.62, 0.45, 0.28)), ((0.66, 0.46, 0.29), (0.42, 0.27, 0.16)),
    ((0.45, 0.29, 0.19), (0.27, 0.16, 0.10)), ((0.87, 0.79, 0.64), (0.72, 0.60, 0.43)),
)  # fmt: skip
_METALS: tuple[Color, ...] = ((0.71, 0.71, 0.72), (0.60, 0.61, 0.63), (0.78, 0.66, 0.40), (0.74, 0.52, 0.42))
_FRUIT: dict[str, tuple[tuple[Color, Color], ...]] = {
    "banana": (((0.88, 0.72, 0.20), (0.74, 0.66, 0.22)),),
    "apple": (((0.68, 0.14, 0.12), (0.80, 0.66, 0.28)), ((0.60, 0.68, 0.24), (0.72, 0.72, 0.34))),
    "pear": (((0.70, 0.68, 0.26), (0.72, 0.54, 0.24)),),
    "lemon": (((0.92, 0.78, 0.18), (0.88, 0.74, 0.24)), ((0.88, 0.46, 0.10), (0.84, 0.50, 0.14)),
              ((0.40, 0.56, 0.18), (0.52, 0.60, 0.24))),
    "pepper": (((0.70, 0.10, 0.08), (0.60, 0.14, 0.10)), ((0.92, 0.68, 0.10), (0.88, 0.56, 0.10)),
               ((0.20, 0.40, 0.12), (0.28, 0.46, 0.16))),
    "carrot": (((0.88, 0.44, 0.14), (0.82, 0.40, 0.16)),),
}  # fmt: skip

Material = Callable[[Rng, int], Texture]


def product_color(rng: Rng) -> Color:
    """Colour as products have it; now and then any colour at all."""
    if rng.random() < 0.12:
        hue, saturation, value = rng.random(), rng.uniform(0.15, 0.75), rng.uniform(0.25, 0.85)
        return colorsys.hsv_to_rgb(float(hue), float(saturation), float(value))
    color = _PRODUCT_COLORS[int(rng.integers(len(_PRODUCT_COLORS)))]
    return shifted(color, rng.normal(0, 0.025, 3) + rng.normal(0, 0.03))


def shifted(color: Color, shift: ArrayLike) -> Color:
    """Colour (3,) sRGB that is off by `shift` in [0, 1], within what surfaces have."""
    r, g, b = np.clip(np.asarray(color) + np.asarray(shift), 0.03, 0.96)
    return (float(r), float(g), float(b))


def plastic(rng: Rng, seed: int) -> Texture:
    """Moulded part, new or scuffed."""
    kind = "plain" if rng.random() < 0.6 else "scuffed"
    color = product_color(rng)
    accent = shifted(color, 0.25 * rng.choice([-1, 1]))
    detail = "grain" if rng.random() < 0.5 else ""
    return Texture(kind, seed, color, accent, 0.2, float(rng.uniform(0.1, 0.75)), detail=detail)


def rubber(rng: Rng, seed: int) -> Texture:
    """Rubber and soft grips: dark or signal colours, hardly any shine."""
    color = shifted((0.1, 0.1, 0.1), rng.normal(0, 0.02)) if rng.random() < 0.6 else product_color(rng)
    return Texture("plain", seed, color, shifted(color, 0.2), 0.15, float(rng.uniform(0.02, 0.15)), detail="grain")


def two_tone(rng: Rng, seed: int) -> Texture:
    """Plastic or lacquer with bands."""
    return Texture("banded", seed, product_color(rng), product_color(rng), 0.2, float(rng.uniform(0.15, 0.6)))


def timber(rng: Rng, seed: int) -> Texture:
    """Raw or oiled wood."""
    color, accent = _WOODS[int(rng.integers(len(_WOODS)))]
    shift = rng.normal(0, 0.03)
    return Texture(
        "wood", seed, shifted(color, shift), shifted(accent, shift), 0.2, float(rng.uniform(0.03, 0.3)), detail="fibre"
    )


def bare_metal(rng: Rng, seed: int) -> Texture:
    """Turned, rolled or brushed metal: mostly steel, sometimes brass or copper."""
    color = _METALS[int(rng.choice(len(_METALS), p=[0.45, 0.35, 0.12, 0.08]))]
    color = shifted(color, rng.normal(0, 0.02))
    return Texture("brushed", seed, color, color, 0.25, float(rng.uniform(0.4, 0.7)), float(rng.uniform(0.8, 0.95)))


def cast_metal(rng: Rng, seed: int) -> Texture:
    """Cast iron, forged or galvanised steel."""
    dark = rng.random() < 0.6
    color = shifted((0.25, 0.24, 0.24) if dark else (0.58, 0.6, 0.61), rng.normal(0, 0.03))
    accent = shifted(color, rng.choice([-0.06, 0.1]))
    return Texture("mottled", seed, color, accent, 0.15, float(rng.uniform(0.2, 0.45)), 0.6, detail="grain")


def painted_metal(rng: Rng, seed: int) -> Texture:
    """Lacquer on metal, with scratches down to lighter ground."""
    color = product_color(rng)
    return Texture("scuffed", seed, color, (0.75, 0.75, 0.74), 0.2, float(rng.uniform(0.35, 0.7)))


def printed(rng: Rng, seed: int) -> Texture:
    """Printed carton of food, spare parts, medicine."""
    return Texture(
        "package", seed, product_color(rng), product_color(rng), 0.2, float(rng.uniform(0.05, 0.5)), mapping="fit"
    )


def brown_board(rng: Rng, seed: int) -> Texture:
    """Brown board of a shipping carton."""
    color = shifted((0.68, 0.54, 0.38), rng.normal(0, 0.03, 3))
    return Texture("carton", seed, color, shifted(color, -0.12), 0.2, 0.03, mapping="fit", detail="grain")


def tinned(rng: Rng, seed: int) -> Texture:
    """Can with a paper label or printed all around, and bare metal ends."""
    lid = bare_metal(rng, seed)
    kind = "label" if rng.random() < 0.75 else "banded"
    color, accent = product_color(rng), product_color(rng)
    gloss = float(rng.uniform(0.1, 0.6))
    return Texture(kind, seed, color, accent, 0.2, gloss, mapping="wrap", part=lid, where=("z", 0.007))


def capped(where: tuple[str, float]) -> Material:
    """Bottle, jar or tube: plastic or glazed body, often with a label around, and a cap."""

    def body(rng: Rng, seed: int) -> Texture:
        cap, gloss = replace(plastic(rng, seed), kind="plain"), float(rng.uniform(0.3, 0.8))
        color, accent = product_color(rng), product_color(rng)
        if rng.random() < 0.65:
            return Texture("label", seed, color, accent, 0.2, gloss, mapping="wrap", part=cap, where=where)
        return Texture("plain", seed, color, accent, 0.2, gloss, part=cap, where=where)

    return body


def tipped(body: Material, part: Material, where: tuple[str, float]) -> Material:
    """A thing of two materials, see `Texture.where`."""

    def both(rng: Rng, seed: int) -> Texture:
        return replace(body(rng, seed), part=part(rng, seed), where=where)

    return both


def ceramic(rng: Rng, seed: int) -> Texture:
    """Glazed crockery: mostly light."""
    light = rng.random() < 0.6
    color = shifted((0.88, 0.86, 0.8), rng.normal(0, 0.03, 3)) if light else product_color(rng)
    return Texture("glazed", seed, color, product_color(rng), 0.16, float(rng.uniform(0.35, 0.85)))


def recycled(rng: Rng, seed: int) -> Texture:
    """Foam, terrazzo, plastic with chips."""
    color = product_color(rng)
    return Texture("speckled", seed, color, product_color(rng), 0.25, float(rng.uniform(0.02, 0.3)))


def thread(rng: Rng, seed: int) -> Texture:
    """Thread, yarn or cable, wound."""
    return Texture("banded", seed, product_color(rng), product_color(rng), 0.02, 0.1, detail="fibre")


def bristles(rng: Rng, seed: int) -> Texture:
    """Bristles, seen from the side."""
    color = shifted(_WOODS[int(rng.integers(4))][0] if rng.random() < 0.6 else product_color(rng), -0.05)
    return Texture("brushed", seed, color, color, 0.03, 0.05)


def frosted(rng: Rng, seed: int) -> Texture:
    """White glass like that of a lamp."""
    white = shifted((0.88, 0.88, 0.85), rng.normal(0, 0.03, 3))
    return Texture("plain", seed, white, white, 0.2, float(rng.uniform(0.5, 0.9)))


def stalk(rng: Rng, seed: int) -> Texture:
    """Stalk and leaves of vegetables."""
    color = shifted((0.32, 0.42, 0.16), rng.normal(0, 0.03, 3))
    return Texture("mottled", seed, color, shifted(color, -0.08), 0.1, 0.1)


def fruit(name: str) -> Material:
    """Skin of a fruit or vegetable, of one of its colours."""
    colors = _FRUIT[name]

    def skin(rng: Rng, seed: int) -> Texture:
        color, accent = colors[int(rng.integers(len(colors)))]
        shift = rng.normal(0, 0.03, 3)
        return Texture("skin", seed, shifted(color, shift), shifted(accent, shift), 0.14, float(rng.uniform(0.1, 0.4)))

    return skin


#: Anything at all: what 3 in 10 things are made of whatever they are, so that no network learns shapes by colour.
_ANY: tuple[Material, ...] = (
    plastic, plastic, plastic, plastic, two_tone, timber, bare_metal, cast_metal, painted_metal, painted_metal,
    ceramic, recycled, rubber,
)  # fmt: skip
_ANY_SHARE = 0.3
#: What a thing is made of whose shape nobody tells.
_UNKNOWN = (*_ANY, printed, printed, brown_board)

#: Words in family names, and what such things are made of; the first that fits counts.
_BY_FAMILY: tuple[tuple[tuple[str, ...], tuple[Material, ...]], ...] = (
    (("pepper",), (tipped(fruit("pepper"), stalk, ("+z", 0.011)),)),
    (("carrot",), (tipped(fruit("carrot"), stalk, ("-z", 0.02)),)),
    *(((name,), (tipped(fruit(name), timber, ("+z", 0.004)),)) for name in ("apple", "pear")),
    *(((name,), (fruit(name),)) for name in ("banana", "lemon")),
    (("flat_box", "box", "carton"), (printed, printed, printed, printed, brown_board, timber)),
    (("can", "battery"), (tinned,)),
    (("detergent",), (capped(("+z", 0.031)),)),
    (("bottle", "flask", "jar"), (capped(("+z", 0.0155)),)),
    (("tube",), (capped(("-z", 0.019)),)),
    (("mug", "plate", "saucer", "cup"), (ceramic, ceramic, ceramic, ceramic, plastic)),
    (("bowl",), (ceramic, ceramic, ceramic, plastic, timber)),
    (("hammer", "mallet"), (tipped(timber, cast_metal, ("+z", 0.027)), tipped(timber, bare_metal, ("+z", 0.027)),
                            tipped(rubber, bare_metal, ("+z", 0.027)))),
    (("screwdriver",), tuple(tipped(grip, bare_metal, ("core", 0.0055)) for grip in (two_tone, plastic, timber))),
    (("spool", "reel"), (tipped(timber, thread, ("core", 0.0185)), tipped(plastic, thread, ("core", 0.0185)),
                         tipped(plastic, bare_metal, ("core", 0.0185)))),
    (("plier",), (tipped(bare_metal, rubber, ("-x", 0.07)), tipped(cast_metal, plastic, ("-x", 0.07)))),
    (("scissors",), (tipped(bare_metal, plastic, ("-x", 0.046)), bare_metal)),
    (("brush",), (tipped(timber, bristles, ("-z", 0.018)), tipped(plastic, bristles, ("-z", 0.018)))),
    (("bulb",), (tipped(frosted, bare_metal, ("+z", 0.026)),)),
    (("torch",), (tipped(rubber, bare_metal, ("+z", 0.02)), tipped(plastic, rubber, ("+z", 0.02)), bare_metal)),
    (("motor",), tuple(tipped(can, bare_metal, ("+z", 0.012)) for can in (bare_metal, cast_metal, painted_metal))),
    (("padlock",), (bare_metal, bare_metal, painted_metal)),
    (("wrench", "spanner", "spoon", "ladle"), (bare_metal, bare_metal, cast_metal, plastic)),
    (("clamp",), (painted_metal, cast_metal, cast_metal)),
    (("nut", "bolt", "shaft", "gear", "bush", "flange", "washer"), (bare_metal, bare_metal, cast_metal)),
    (("pipe", "elbow", "tee", "fitting"), (plastic, bare_metal, bare_metal, cast_metal)),
    (("bracket", "channel", "profile", "beam", "l_piece"), (bare_metal, painted_metal, cast_metal, plastic)),
    (("t_piece", "cross", "prism", "ring", "cone"), (timber, plastic, painted_metal, two_tone)),
    (("brick", "plug", "connector", "knob", "handle", "dumbbell"), (plastic, plastic, rubber, painted_metal)),
    (("sponge",), (recycled, plastic)),
    (("soap",), (plastic, ceramic)),
    (("cylinder", "superquadric"), (plastic, two_tone, timber, tinned, recycled, ceramic)),
)  # fmt: skip


def material(rng: Rng, seed: int, family: str | None) -> Texture:
    """A surface that suits the family, or, now and then and without a family, any surface."""
    choice = _UNKNOWN if family is None else _ANY
    if family is not None and rng.random() >= _ANY_SHARE:
        fitting = (made for words, made in _BY_FAMILY if any(word in family for word in words))
        choice = next(fitting, _ANY)
    return choice[int(rng.integers(len(choice)))](rng, seed)
