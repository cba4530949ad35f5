"""What an architecture is made of: layers that recur from point to point, so that each is counted and timed once.

A whole network takes a second to count and more to time; its pieces are a few hundred for billions of points, and both
counts and times add up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign

from gpnet_ros.network.graspnext.architecture import Architecture, TrunkStage
from gpnet_ros.network.graspnext.blocks import AttentionCondenser, BlurPool, ResidualBlock, conv_norm
from gpnet_ros.network.graspnext.heads import BOX_SIDE, REGION_SIDE, BoxHead, DenseHead, MaskHead, OcclusionHead
from gpnet_ros.network.graspnext.lite import WIDTHS, BlockSizes, LiteBlock, lite_blocks, lite_stem
from gpnet_ros.network.graspnext.network import ANCHOR_SHAPES
from gpnet_ros.network.graspnext.trunk import LEVELS, SearchedTrunk


@dataclass(frozen=True, order=True)
class Piece:
    """A layer or a few, at its place in the network.

    Attributes:
        kind: which layers; sizes: what `built` needs of them.
        stride: of the map that it reads; 0 for what reads boxes of the first stage, -1 for what reads detections.
    """

    kind: str
    sizes: tuple[int, ...]
    stride: int


@dataclass(frozen=True)
class Protocol:
    """How large the input is.

    Attributes:
        side: of the square image [px]. proposals: regions that the box head reads; detections: that the masks' read.
    """

    side: int = 1200
    proposals: int = 1000
    detections: int = 100

    def map_side(self, stride: int) -> int:
        """Side of a map at a stride [cells]: each halving rounds up."""
        return -(-self.side // stride)


def pieces(architecture: Architecture) -> dict[str, Counter[Piece]]:
    """How often each piece stands in each component of a searched architecture.

    Components are stem, stage1 to stage4, condensers, neck, proposals, box, masks, occlusion, mass and suction.
    """
    heads, neck = architecture.heads, architecture.heads.neck
    trunk, widths = _lite_pieces(architecture) if architecture.trunk == "lite0" else _searched_pieces(architecture)
    levels = Counter(Piece("level", (width, neck), 2 ** (number + 2)) for number, width in enumerate(widths))
    found = dict(trunk)
    seen, both = neck + heads.visible[-1], neck + heads.visible[-1] + heads.amodal[-1]
    found["neck"] = levels + Counter({Piece("sum", (neck,), 4): 1})
    found["proposals"] = Counter({Piece("proposals", (neck,), 4): 1})
    found["box"] = Counter({Piece("box", (neck, heads.box), 0): 1, Piece("pool", (neck, BOX_SIDE), 0): 1})
    found["masks"] = Counter({Piece("mask", (neck, *heads.visible), -1): 1, Piece("pool", (neck, REGION_SIDE), -1): 1})
    found["masks"][Piece("mask", (seen, *heads.amodal), -1)] += 1
    found["occlusion"] = Counter({Piece("occlusion", (both, *heads.occlusion), -1): 1})
    found["mass"] = Counter({Piece("dense", (neck, *heads.mass), 4): 1})
    found["suction"] = Counter({Piece("dense", (neck, *heads.suction), 4): 1})
    return found


def _searched_pieces(architecture: Architecture) -> tuple[dict[str, Counter[Piece]], tuple[int, ...]]:
    """Pieces of the searched trunk by component, and the channels of its four levels."""
    found = {"stem": Counter({Piece("stem", (architecture.stem,), 1): 1}), "condensers": Counter[Piece]()}
    before = architecture.stem
    for number, stage in enumerate(architecture.stages, 1):
        stride = 2 ** (number + 1)
        found[f"stage{number}"] = Counter({Piece("transition", (before, stage.width), stride // 2): 1})
        found[f"stage{number}"][_block(stage, stride)] += stage.depth
        found["condensers"][Piece("condenser", (stage.width,), stride)] += stage.depth // stage.condenser_every
        before = stage.width
    return found, tuple(stage.width for stage in architecture.stages)


def _lite_pieces(architecture: Architecture) -> tuple[dict[str, Counter[Piece]], tuple[int, ...]]:
    """The same of the trunk that starts from ImageNet."""
    sizes = architecture.lite
    found = {"stem": Counter({Piece("lite_stem", (int(sizes.antialiased),), 1): 1})}
    stride = 2
    for level, rows in enumerate(lite_blocks(sizes.depths)):
        blocks = Counter[Piece]()
        for _, block in rows:
            plain = (block.before, block.kernel, block.stride, block.expansion, block.after, int(sizes.antialiased))
            blocks[Piece("lite_block", plain, stride)] += 1
            stride *= block.stride
        found[f"stage{level + 1}"] = blocks
    found["condensers"] = Counter(Piece("condenser", (WIDTHS[level],), 2 ** (level + 2)) for level in sizes.condensers)
    return found, WIDTHS


def _block(stage: TrunkStage, stride: int) -> Piece:
    return Piece("block", (stage.width, stage.expansion, stage.kernel, int(stage.fused)), stride)


def built(piece: Piece, protocol: Protocol) -> tuple[nn.Module, tuple[object, ...]]:
    """The layers of a piece, and what to call them with; on the device that torch's default says."""
    first = piece.sizes[0]
    if piece.stride <= 0:
        return _regional(piece, protocol)
    side = protocol.map_side(piece.stride)
    image = torch.empty(1, 3 if "stem" in piece.kind else first, side, side).fill_(0.5)
    if piece.kind == "lite_stem":
        return lite_stem(bool(first)), (image,)
    if piece.kind == "lite_block":
        before, kernel, stride, expansion, after, antialiased = piece.sizes
        return LiteBlock(BlockSizes(kernel, stride, expansion, before, after), bool(antialiased)), (image,)
    if piece.kind == "stem":
        return SearchedTrunk(first, ()).stem, (image,)
    if piece.kind == "transition":
        return nn.Sequential(BlurPool(first), conv_norm(first, piece.sizes[1], 1)), (image,)
    if piece.kind == "block":
        return ResidualBlock(first, piece.sizes[1], piece.sizes[2], bool(piece.sizes[3])), (image,)
    if piece.kind == "condenser":
        return AttentionCondenser(first), (image,)
    if piece.kind == "level":
        return FeaturePyramidNetwork([first], piece.sizes[1], norm_layer=nn.BatchNorm2d), ({"0": image},)
    maps = _pyramid(first, protocol, 5)
    if piece.kind == "proposals":
        return RPNHead(first, len(ANCHOR_SHAPES)), (maps,)
    if piece.kind == "sum":
        return _Sum(), (maps[:4],)
    return DenseHead(first, piece.sizes[1:]), (image,)


def _regional(piece: Piece, protocol: Protocol) -> tuple[nn.Module, tuple[object, ...]]:
    first, count = piece.sizes[0], protocol.proposals if piece.stride == 0 else protocol.detections
    if piece.kind == "box":
        net = nn.Sequential(BoxHead(first, piece.sizes[1]), FastRCNNPredictor(piece.sizes[1], 2))
        return net, (torch.empty(count, first, BOX_SIDE, BOX_SIDE).fill_(0.5),)
    if piece.kind == "pool":
        maps = dict(zip(LEVELS, _pyramid(first, protocol, 4), strict=True))
        low = torch.arange(count, dtype=torch.float32) / count * protocol.side * 0.75
        boxes = torch.stack([low, low, low + protocol.side * 0.2, low + protocol.side * 0.2], dim=1)
        pool = MultiScaleRoIAlign(list(LEVELS), piece.sizes[1], sampling_ratio=2)
        return pool, (maps, [boxes], [(protocol.side, protocol.side)])
    features = torch.empty(count, first, REGION_SIDE, REGION_SIDE).fill_(0.5)
    head = MaskHead if piece.kind == "mask" else OcclusionHead
    return head(first, piece.sizes[1:]), (features,)


def _pyramid(channels: int, protocol: Protocol, levels: int) -> list[Tensor]:
    sides = [protocol.map_side(4 * 2**level) for level in range(levels)]
    return [torch.empty(1, channels, side, side).fill_(0.5) for side in sides]


class _Sum(nn.Module):
    def forward(self, maps: list[Tensor]) -> Tensor:
        size = maps[0].shape[-2:]
        rest = [nn.functional.interpolate(each, size=size, mode="nearest") for each in maps[1:]]
        return maps[0] + torch.stack(rest).sum(0)
