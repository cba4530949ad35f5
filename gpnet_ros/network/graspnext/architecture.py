"""The sizes of a GraspNeXt network: what the architecture search chooses, and what the three references have.

The references carry UOAIS-Net's heads (Back et al. 2022, gist-ailab/uoais) at the widths that give the parameters and
multiply-adds of the paper's Table 1 for all three trunks at once; the paper does not print them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from gpnet_ros.errors import BadInput

#: Trunks of the three references, by the names of torchvision.
REFERENCE_TRUNKS = ("resnet50", "efficientnet_b0", "mobilenet_v3_large")
#: All trunks: `searched` is described by stem and stages, `lite0` may start from ImageNet weights (see `lite`).
TRUNKS = ("searched", *REFERENCE_TRUNKS, "lite0")
#: Blocks of the seven stages of EfficientNet-lite0.
LITE_DEPTHS = (1, 2, 2, 3, 3, 4, 1)


@dataclass(frozen=True)
class TrunkStage:
    """One stage of the searched trunk, between two strides.

    Attributes:
        width: channels. depth: residual blocks, 1 or more. expansion: of their hidden channels.
        kernel: of the convolutions, odd. fused: full 3x3 convolutions in place of depthwise ones.
        condenser_every: an attention condenser follows every n-th block.
    """

    width: int
    depth: int
    expansion: int
    kernel: int = 3
    fused: bool = False
    condenser_every: int = 2

    def __post_init__(self) -> None:
        if min(self.width, self.depth, self.expansion, self.condenser_every) < 1 or self.kernel % 2 == 0:
            raise BadInput(f"{self} is no stage: widths, depths and expansions are 1 or more, kernels odd.")


@dataclass(frozen=True)
class LiteSizes:
    """What may be chosen of the trunk `lite0`; its widths are those of its ImageNet weights.

    Attributes:
        depths: blocks that are kept of each of its seven stages, the first ones.
        condensers: which of the four levels, 0 (stride 4) to 3 (stride 32), end in an attention condenser.
        antialiased: every halving is a convolution that keeps the resolution and a BlurPool.
    """

    depths: tuple[int, ...] = LITE_DEPTHS
    condensers: tuple[int, ...] = ()
    antialiased: bool = False

    def __post_init__(self) -> None:
        kept = len(self.depths) == len(LITE_DEPTHS) and all(
            1 <= depth <= most for depth, most in zip(self.depths, LITE_DEPTHS, strict=True)
        )
        if not kept or not set(self.condensers) <= {0, 1, 2, 3}:
            raise BadInput(f"{self} is no trunk: depths from 1 to {LITE_DEPTHS}, condensers of levels 0 to 3.")


@dataclass(frozen=True)
class HeadSizes:
    """Widths of the neck and the heads, in channels.

    Attributes:
        neck: of the feature pyramid. box: hidden features of the box head.
        shared: of a convolution over the features of a region that all mask heads read too; 0 for none.
        visible, amodal, occlusion: of the convolutions of these heads, one after another.
        mass, suction: of the convolutions of the two dense heads.
    """

    neck: int = 256
    box: int = 1024
    shared: int = 256
    visible: tuple[int, ...] = (512, 512, 256) + (256,) * 7
    amodal: tuple[int, ...] = (768, 512, 256) + (256,) * 7
    occlusion: tuple[int, ...] = (1024, 768, 256) + (256,) * 4
    mass: tuple[int, ...] = (256,) * 4
    suction: tuple[int, ...] = (256,) * 4


@dataclass(frozen=True)
class Architecture:
    """A whole network.

    Attributes:
        trunk: of `TRUNKS`.
        stem: channels at half resolution; stages: at strides 4, 8, 16 and 32; of the searched trunk.
        lite: sizes of the trunk `lite0`.
        heads: their sizes.
    """

    trunk: str = "searched"
    stem: int = 32
    stages: tuple[TrunkStage, ...] = ()
    heads: HeadSizes = field(default_factory=HeadSizes)
    lite: LiteSizes = field(default_factory=LiteSizes)

    def __post_init__(self) -> None:
        if self.trunk not in TRUNKS:
            raise BadInput(f"The trunk {self.trunk!r} is unknown; allowed: {', '.join(TRUNKS)}.")
        if self.trunk == "searched" and len(self.stages) != 4:
            raise BadInput(f"A searched trunk has four stages, at strides 4, 8, 16 and 32, not {len(self.stages)}.")

    def as_json(self) -> dict[str, Any]:
        """The architecture as plain lists, numbers and words, for a card or a search's log."""
        return asdict(self)

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Architecture:
        """The architecture that `as_json` wrote.

        Raises:
            BadInput: a name or a value is unknown.
        """
        try:
            stages = tuple(TrunkStage(**stage) for stage in said["stages"])
            heads, lite = HeadSizes(**_with_tuples(said["heads"])), LiteSizes(**_with_tuples(said.get("lite", {})))
            return cls(said["trunk"], said["stem"], stages, heads, lite)
        except (KeyError, TypeError, AttributeError) as error:
            raise BadInput(
                f"This describes no GraspNeXt network ({error}): use what the search or a card wrote."
            ) from error


def _with_tuples(said: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}


#: Drawn by hand from the paper's totals: the search of the full space starts from it.
SLIM = Architecture(
    stem=32,
    stages=(
        TrunkStage(64, 2, 1, fused=True),
        TrunkStage(128, 3, 2, fused=True),
        TrunkStage(224, 8, 4),
        TrunkStage(320, 4, 4),
    ),
    heads=HeadSizes(
        neck=144,
        box=560,
        shared=0,
        visible=(160,) * 4,
        amodal=(160,) * 4,
        occlusion=(128,) * 4,
        mass=(128,) * 4,
        suction=(128,) * 3,
    ),
)
#: Found by the search in docs/search/imagenet.
FAST = Architecture(
    trunk="lite0",
    heads=HeadSizes(
        neck=96,
        box=384,
        shared=0,
        visible=(128,) * 4,
        amodal=(128,) * 4,
        occlusion=(64,) * 2,
        mass=(160,) * 3,
        suction=(64,) * 4,
    ),
    lite=LiteSizes(depths=(1, 2, 2, 2, 1, 1, 1), condensers=(0, 2, 3), antialiased=True),
)
#: The four networks that the paper compares, and `lite-graspnext`.
NETWORKS: dict[str, Architecture] = {
    "fast-graspnext": FAST,
    "resnet-graspnext": Architecture("resnet50"),
    "efficientnet-graspnext": Architecture("efficientnet_b0"),
    "mobilenet-graspnext": Architecture("mobilenet_v3_large"),
    "lite-graspnext": Architecture("lite0", heads=SLIM.heads),
}
