"""What the search may choose: one value for each of some variables, and the architecture that a choice stands for.

In any design below 300 billion multiply-adds more than half of them are spent at stride 4, in the pyramid and the dense
heads, so that their widths are variables as much as the trunk's. Two values break a rule of the indicator on purpose
(depth 1 with a condenser after every second block): a rule that nothing can break is not checked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpnet_ros.errors import BadInput
from gpnet_ros.network.graspnext.architecture import Architecture, HeadSizes, LiteSizes, TrunkStage

#: Index of the chosen value of each variable of a space, in its order.
Point = tuple[int, ...]


@dataclass(frozen=True)
class Variable:
    """One thing to choose.

    Attributes:
        name: of the variable. component: the part of the network that it makes larger or smaller.
        values: what may be chosen, smallest first.
    """

    name: str
    component: str
    values: tuple[int, ...]


#: Variables of the trunk of the full space; `every` is `TrunkStage.condenser_every`.
TRUNK_VARIABLES = (
    Variable("stem", "stem", (16, 24, 32)),
    Variable("width1", "stage1", (32, 48, 64)),
    Variable("width2", "stage2", (64, 96, 128)),
    Variable("width3", "stage3", (128, 160, 192, 224, 256)),
    Variable("width4", "stage4", (192, 256, 320, 384)),
    Variable("depth1", "stage1", (1, 2, 3)),
    Variable("depth2", "stage2", (2, 3, 4)),
    Variable("depth3", "stage3", (4, 6, 8, 10, 12)),
    Variable("depth4", "stage4", (2, 3, 4)),
    Variable("expansion2", "stage2", (1, 2, 3)),
    Variable("expansion3", "stage3", (2, 3, 4)),
    Variable("expansion4", "stage4", (2, 3, 4)),
    Variable("kernel3", "stage3", (3, 5)),
    Variable("kernel4", "stage4", (3, 5)),
    Variable("fused2", "stage2", (0, 1)),
    Variable("every", "condensers", (1, 2)),
)
#: Variables of a trunk that starts from ImageNet (`lite0`, with BlurPool): blocks that are kept of five of its stages,
#: and whether a level ends in a condenser.
LITE_VARIABLES = (
    Variable("kept1", "stage1", (1, 2)),
    Variable("kept2", "stage2", (1, 2)),
    Variable("kept3", "stage3", (1, 2, 3)),
    Variable("kept4", "stage3", (1, 2, 3)),
    Variable("kept5", "stage4", (1, 2, 3, 4)),
    *(Variable(f"condenser{level}", "condensers", (0, 1)) for level in range(1, 5)),
)
#: Variables of neck and heads; counts of convolutions are those of a head.
HEAD_VARIABLES = (
    Variable("neck", "neck", (96, 112, 128, 144, 160, 176)),
    Variable("box", "box", (256, 384, 560, 768)),
    Variable("mask_width", "masks", (96, 128, 160, 192, 224)),
    Variable("mask_count", "masks", (2, 3, 4)),
    Variable("occlusion_width", "occlusion", (64, 96, 128)),
    Variable("occlusion_count", "occlusion", (2, 3, 4)),
    Variable("mass_width", "mass", (64, 96, 128, 160)),
    Variable("mass_count", "mass", (2, 3, 4)),
    Variable("suction_width", "suction", (64, 96, 128, 160)),
    Variable("suction_count", "suction", (2, 3, 4)),
)
#: Variables of the full space.
VARIABLES = (*TRUNK_VARIABLES, *HEAD_VARIABLES)


@dataclass(frozen=True)
class Space:
    """The choices of a search.

    Attributes:
        variables: of a trunk and of the heads, each with some of its values.
        imagenet: the trunk is `lite0` and candidates start from its weights; its variables are `LITE_VARIABLES`.
    """

    variables: tuple[Variable, ...] = VARIABLES
    imagenet: bool = False

    @classmethod
    def narrowed(cls, values: Mapping[str, tuple[int, ...]]) -> Space:
        """The full space with only the given values of some variables; other values than the full space's are allowed.

        Raises:
            BadInput: there is no such variable, or no value of one.
        """
        known = {variable.name for variable in VARIABLES}
        for name, allowed in values.items():
            if name not in known or not allowed:
                raise BadInput(f"The search has no variable {name!r} with values {allowed}; known: {sorted(known)}.")
        return cls(tuple(Variable(v.name, v.component, tuple(sorted(values.get(v.name, v.values)))) for v in VARIABLES))

    @property
    def size(self) -> int:
        """Number of points."""
        count = 1
        for variable in self.variables:
            count *= len(variable.values)
        return count

    @property
    def digest(self) -> str:
        """A sum of everything that may be chosen."""
        plain: list[Any] = [[v.name, v.component, list(v.values)] for v in self.variables]
        plain += ["imagenet"] if self.imagenet else []
        return hashlib.sha256(json.dumps(plain).encode()).hexdigest()

    def values(self, point: Point) -> dict[str, int]:
        """The chosen values by the names of the variables.

        Raises:
            BadInput: the point is not of this space.
        """
        fits = len(point) == len(self.variables) and all(
            0 <= index < len(variable.values) for index, variable in zip(point, self.variables, strict=True)
        )
        if not fits:
            raise BadInput(f"{point} is no point of this space: it needs one index of a value for each variable.")
        return {v.name: v.values[index] for v, index in zip(self.variables, point, strict=True)}

    def point(self, values: Mapping[str, int]) -> Point:
        """The point at which the variables have these values.

        Raises:
            BadInput: a variable or a value is missing.
        """
        try:
            return tuple(v.values.index(values[v.name]) for v in self.variables)
        except (KeyError, ValueError) as error:
            raise BadInput(f"These values are not in the space ({error}): {dict(values)}.") from error

    def architecture(self, point: Point) -> Architecture:
        """The architecture of a point."""
        chosen = self.values(point)
        heads = _heads(chosen)
        if self.imagenet:
            depths = (1, *(chosen[f"kept{stage}"] for stage in range(1, 6)), 1)
            condensers = tuple(level - 1 for level in range(1, 5) if chosen[f"condenser{level}"])
            return Architecture("lite0", heads=heads, lite=LiteSizes(depths, condensers, antialiased=True))
        every = chosen["every"]
        stages = (
            TrunkStage(chosen["width1"], chosen["depth1"], 1, 3, True, every),
            TrunkStage(chosen["width2"], chosen["depth2"], chosen["expansion2"], 3, bool(chosen["fused2"]), every),
            TrunkStage(chosen["width3"], chosen["depth3"], chosen["expansion3"], chosen["kernel3"], False, every),
            TrunkStage(chosen["width4"], chosen["depth4"], chosen["expansion4"], chosen["kernel4"], False, every),
        )
        return Architecture("searched", chosen["stem"], stages, heads)


def _heads(chosen: Mapping[str, int]) -> HeadSizes:
    masks = (chosen["mask_width"],) * chosen["mask_count"]
    rows = {name: (chosen[f"{name}_width"],) * chosen[f"{name}_count"] for name in ("occlusion", "mass", "suction")}
    sizes: dict[str, Any] = {"visible": masks, "amodal": masks, **rows}
    return HeadSizes(chosen["neck"], chosen["box"], 0, **sizes)


#: The hand-drawn net (`architecture.SLIM`) as a point's values: the search tries it first, as something to beat.
BY_HAND = {
    "stem": 32,
    **{"width1": 64, "width2": 128, "width3": 224, "width4": 320},
    **{"depth1": 2, "depth2": 3, "depth3": 8, "depth4": 4},
    **{"expansion2": 2, "expansion3": 4, "expansion4": 4, "kernel3": 3, "kernel4": 3, "fused2": 1, "every": 2},
    **{"neck": 144, "box": 560, "mask_width": 160, "mask_count": 4, "occlusion_width": 128, "occlusion_count": 4},
    **{"mass_width": 128, "mass_count": 4, "suction_width": 128, "suction_count": 3},
}
#: Networks around EfficientNet-lite0 with its ImageNet weights, and the one with all of its blocks.
IMAGENET = Space((*LITE_VARIABLES, *HEAD_VARIABLES), imagenet=True)
LITE_WHOLE = {v.name: max(v.values) for v in LITE_VARIABLES}
#: A space of networks so small that tests can train them: the same variables with other values.
TINY = Space.narrowed(
    {
        "stem": (8, 16),
        **{"width1": (8, 16), "width2": (16, 24), "width3": (16, 32), "width4": (32, 48)},
        **{"depth1": (1, 2), "depth2": (1, 2), "depth3": (1, 2), "depth4": (1, 2)},
        **{"expansion2": (1, 2), "expansion3": (1, 2), "expansion4": (1, 2), "kernel3": (3,), "kernel4": (3,)},
        **{"neck": (16, 32), "box": (32, 64), "mask_width": (16, 32), "mask_count": (1, 2)},
        **{"occlusion_width": (16, 32), "occlusion_count": (1, 2), "mass_width": (16, 32), "mass_count": (1, 2)},
        **{"suction_width": (16, 32), "suction_count": (1, 2)},
    }
)
#: Spaces by name, and the network of each by which its latency budget is set.
SPACES: dict[str, tuple[Space, Point]] = {
    "full": (Space(), Space().point(BY_HAND)),
    "imagenet": (IMAGENET, IMAGENET.point(BY_HAND | LITE_WHOLE)),
    "tiny": (TINY, tuple(len(v.values) - 1 for v in TINY.variables)),
}
