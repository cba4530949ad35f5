"""GraspNeXt: trunk, feature pyramid, region proposals, and the heads of six tasks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import RoIHeads, fastrcnn_loss
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from gpnet_ros.errors import BadInput
from gpnet_ros.network.graspnext.architecture import Architecture
from gpnet_ros.network.graspnext.heads import (
    BOX_SIDE,
    REGION_SIDE,
    Anchors,
    BoxHead,
    DenseHead,
    ProposalHead,
    RegionHeads,
)
from gpnet_ros.network.graspnext.trunk import LEVELS, build_trunk

#: Images are padded to a multiple of the coarsest stride.
STRIDE_MAX = 32
#: Stride of the two heat maps.
HEAT_STRIDE = 4
#: Anchors: one size per level, relative to the longer side of the image, in three shapes. Objects in a heap take a
#: tenth to a quarter of the picture; UOAIS-Net's are 16 to 256 px in pictures of 480 to 640 px.
ANCHOR_SHARES = (0.04, 0.08, 0.16, 0.32, 0.64)
ANCHOR_SHAPES = (0.5, 1.0, 2.0)
#: Mean and deviation of colours in [0, 1]: those of ImageNet, so that a trunk may come from there.
COLOR_MEAN, COLOR_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, eq=False)
class ImageTruth:
    """What is true of one image with n objects, for training; pixels are those of the image as the network gets it.

    Attributes:
        boxes: (n, 4) amodal, float32: u0, v0, u1, v1 [px].
        visible, amodal: (n, H, W) masks, uint8.
        occlusion: (n,) hidden share of the amodal mask, in [0, 1]; NaN if nobody looked, also in what follows.
        centers: (n, 2) centres of mass [px].
        suction: (ceil(H / 4), ceil(W / 4)) quality of a cup, in [0, 1].
        surface: (3, ceil(H / 4), ceil(W / 4)) share of objects, whether one ends there, depth [m], NaN where unknown;
            for `dense`, else None.
    """

    boxes: Tensor
    visible: Tensor
    amodal: Tensor
    occlusion: Tensor
    centers: Tensor
    suction: Tensor
    surface: Tensor | None = None


@dataclass(frozen=True, eq=False)
class SeenObjects:
    """What the network sees in one image: m objects, surest first, and two heat maps.

    Attributes:
        boxes: (m, 4) amodal [px]. scores: (m,) in [0, 1].
        visible, amodal: (m, 28, 28) chances that a cell of the box belongs to the mask.
        occluded: (m,) chance that something hides a part of it.
        mass, suction: (ceil(H / 4), ceil(W / 4)) chance of a centre of mass; quality of a cup; both in [0, 1].
    """

    boxes: Tensor
    scores: Tensor
    visible: Tensor
    amodal: Tensor
    occluded: Tensor
    mass: Tensor
    suction: Tensor


@dataclass(frozen=True, eq=False)
class Regions:
    """What the regional heads say of the positive regions of a batch, and which object each is about.

    Attributes:
        boxes: per image (r, 4) [px]; objects: per image (r,) index of the object.
        visible, amodal: (R, 28, 28) logits of all images together; occluded: (R,) logits.
    """

    boxes: list[Tensor]
    objects: list[Tensor]
    visible: Tensor
    amodal: Tensor
    occluded: Tensor


@dataclass(frozen=True, eq=False)
class TrainingOutput:
    """What `losses.graspnext_losses` needs of one forward pass.

    Attributes:
        proposal_losses: of the proposals and of the box head, by torchvision's definition, each of shape ().
        regions: see `Regions`. mass, suction: (B, h, w) logits at stride 4.
    """

    proposal_losses: dict[str, Tensor]
    regions: Regions
    mass: Tensor
    suction: Tensor


@dataclass(frozen=True)
class Sampling:
    """How many regions each stage works on.

    Attributes:
        proposals: that reach the box head; before: of each level, before the overlapping ones are dropped.
        detections: that reach the mask heads. score_min: of a detection. overlap_max: IoU of two detections.
        anchors, regions: per image that the losses of proposals and boxes are computed on.
        masks: positive regions per image that the mask heads learn from.
    """

    proposals: int = 1000
    before: int = 1000
    detections: int = 100
    score_min: float = 0.05
    overlap_max: float = 0.5
    anchors: int = 256
    regions: int = 128
    masks: int = 16


class GraspNeXt(nn.Module):
    """One RGB image in; boxes, two masks, occlusion, centres of mass and suction out.

    Args:
        architecture: its sizes.
        side: longer side of the images [px]; anchors are chosen for it.
        sampling: how many regions are worked on.
    """

    color_mean: Tensor
    color_deviation: Tensor

    def __init__(self, architecture: Architecture, side: int = 1200, sampling: Sampling | None = None) -> None:
        super().__init__()
        self.architecture, self.sampling = architecture, sampling or Sampling()
        heads = architecture.heads
        self.trunk = build_trunk(architecture)
        self.neck = FeaturePyramidNetwork(
            list(self.trunk.widths), heads.neck, extra_blocks=LastLevelMaxPool(), norm_layer=nn.BatchNorm2d
        )
        self.proposals = _proposals(heads.neck, side, self.sampling)
        self.boxes = _boxes(heads.neck, heads.box, self.sampling)
        self.region_pool = MultiScaleRoIAlign(list(LEVELS), REGION_SIDE, sampling_ratio=2)
        self.regions = RegionHeads(heads.neck, heads)
        self.mass = DenseHead(heads.neck, heads.mass)
        self.suction = DenseHead(heads.neck, heads.suction)
        self.register_buffer("color_mean", torch.tensor(COLOR_MEAN)[:, None, None], persistent=False)
        self.register_buffer("color_deviation", torch.tensor(COLOR_DEVIATION)[:, None, None], persistent=False)

    def work_on(self, sampling: Sampling) -> None:
        """Work on other numbers of regions from now on."""
        self.sampling = sampling
        names = ("training", "testing")
        self.proposals._pre_nms_top_n = dict.fromkeys(names, sampling.before)
        self.proposals._post_nms_top_n = dict.fromkeys(names, sampling.proposals)
        self.proposals.fg_bg_sampler.batch_size_per_image = sampling.anchors
        self.boxes.fg_bg_sampler.batch_size_per_image = sampling.regions
        self.boxes.score_thresh, self.boxes.nms_thresh = sampling.score_min, sampling.overlap_max
        self.boxes.detections_per_img = sampling.detections

    def pyramid(self, images: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Maps of five strides, and the sum (B, C, H / 4, W / 4) of the four finest, of images (B, 3, H, W) in [0, 1].

        Raises:
            BadInput: H or W is no multiple of 32.
        """
        if images.shape[-1] % STRIDE_MAX or images.shape[-2] % STRIDE_MAX:
            raise BadInput(
                f"An image of {images.shape[-1]}x{images.shape[-2]} px is no multiple of {STRIDE_MAX}: pad it."
            )
        return self.joined((images - self.color_mean) / self.color_deviation)

    def joined(self, x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """The same of normalised images (B, 3, H, W) of any size."""
        maps: dict[str, Tensor] = self.neck(self.trunk(x))
        finest = maps[LEVELS[0]]
        total = finest
        for level in LEVELS[1:]:
            total = total + functional.interpolate(maps[level], size=finest.shape[-2:], mode="nearest")
        return maps, total

    def forward(self, images: Tensor, truths: list[ImageTruth]) -> TrainingOutput:
        """One pass for training: images (B, 3, H, W) in [0, 1], H and W multiples of 32, and what is true of each."""
        maps, total = self.pyramid(images)
        listed, sizes = _listed(images)
        boxes = [{"boxes": t.boxes, "labels": t.boxes.new_ones(len(t.boxes), dtype=torch.int64)} for t in truths]
        proposals, losses = self.proposals(listed, maps, boxes)
        proposals, objects, labels, offsets = self.boxes.select_training_samples(proposals, boxes)
        logits, moves = self.boxes.box_predictor(
            self.boxes.box_head(self._pooled(self.boxes.box_roi_pool, maps, proposals, sizes))
        )
        of_boxes = dict(
            zip(("box_class", "box_place"), fastrcnn_loss(logits.float(), moves.float(), labels, offsets), strict=True)
        )
        chosen = [torch.nonzero(of_image > 0).flatten()[: self.sampling.masks] for of_image in labels]
        positive = [of_image[rows] for of_image, rows in zip(proposals, chosen, strict=True)]
        visible, amodal, occluded = self.regions(self._pooled(self.region_pool, maps, positive, sizes))
        about = [of_image[rows] for of_image, rows in zip(objects, chosen, strict=True)]
        regions = Regions(positive, about, visible, amodal, occluded)
        return TrainingOutput(losses | of_boxes, regions, self.mass(total), self.suction(total))

    def proposal_losses(self, images: Tensor, maps: dict[str, Tensor], truths: list[ImageTruth]) -> Tensor:
        """The loss of the proposals, of shape (), for images (B, 3, H, W), their pyramid, and what is true of each."""
        boxes = [{"boxes": t.boxes, "labels": t.boxes.new_ones(len(t.boxes), dtype=torch.int64)} for t in truths]
        _, losses = self.proposals(_listed(images)[0], maps, boxes)
        total: Tensor = losses["loss_objectness"] + losses["loss_rpn_box_reg"]
        return total

    @torch.no_grad()
    def see(self, images: Tensor) -> list[SeenObjects]:
        """What is in images (B, 3, H, W) in [0, 1], H and W multiples of 32; the network must be in `eval` mode."""
        maps, total = self.pyramid(images)
        listed, sizes = _listed(images)
        proposals, _ = self.proposals(listed, maps)
        logits, moves = self.boxes.box_predictor(
            self.boxes.box_head(self._pooled(self.boxes.box_roi_pool, maps, proposals, sizes))
        )
        boxes, scores, _ = self.boxes.postprocess_detections(logits.float(), moves.float(), proposals, sizes)
        regional = self.regions(self._pooled(self.region_pool, maps, boxes, sizes))
        counts = [len(of_image) for of_image in boxes]
        visible, amodal, occluded = (values.float().sigmoid().split(counts) for values in regional)
        mass, suction = self.mass(total).float().sigmoid(), self.suction(total).float().sigmoid()
        rows = zip(boxes, scores, visible, amodal, occluded, mass, suction, strict=True)
        return [SeenObjects(*row) for row in rows]

    def golden_maps(self, x: Tensor) -> Tensor:
        """What every part computes for an image (1, 3, H, W), as maps (1, 7, H, W): for a self test, nothing else.

        Logits of mass, suction and the finest proposals, of both masks of the whole image, of occlusion and object.
        """
        maps, total = self.joined(x)
        size = x.shape[-2:]
        whole = [x.new_tensor([[0.0, 0.0, size[1], size[0]]])]
        dense = [self.mass(total)[0], self.suction(total)[0], self.proposals.head([maps[LEVELS[0]]])[0][0][0, 0]]
        visible, amodal, occluded = self.regions(self._pooled(self.region_pool, maps, whole, [(size[0], size[1])]))
        box = self.boxes.box_head(self._pooled(self.boxes.box_roi_pool, maps, whole, [(size[0], size[1])]))
        numbers = [occluded[0], self.boxes.box_predictor(box)[0][0, 1]]
        planes = [functional.interpolate(m[None, None], size=size)[0, 0] for m in (*dense, visible[0], amodal[0])]
        return torch.stack([*planes, *(n.expand(size) for n in numbers)])[None]

    @staticmethod
    def _pooled(
        pool: MultiScaleRoIAlign, maps: dict[str, Tensor], boxes: list[Tensor], sizes: list[tuple[int, int]]
    ) -> Tensor:
        # On a CPU RoIAlign has no bfloat16 kernel.
        return pool({level: maps[level].float() for level in LEVELS}, boxes, sizes)  # type: ignore[no-any-return]


def _listed(images: Tensor) -> tuple[ImageList, list[tuple[int, int]]]:
    sizes = [(images.shape[-2], images.shape[-1])] * len(images)
    return ImageList(images, sizes), sizes


def _proposals(channels: int, side: int, sampling: Sampling) -> RegionProposalNetwork:
    sizes = tuple((max(1, round(side * share)),) for share in ANCHOR_SHARES)
    anchors = Anchors(sizes, (ANCHOR_SHAPES,) * len(sizes))
    return RegionProposalNetwork(
        anchors,
        ProposalHead(channels, anchors.num_anchors_per_location()[0]),
        fg_iou_thresh=0.7,
        bg_iou_thresh=0.3,
        batch_size_per_image=sampling.anchors,
        positive_fraction=0.5,
        pre_nms_top_n={"training": sampling.before, "testing": sampling.before},
        post_nms_top_n={"training": sampling.proposals, "testing": sampling.proposals},
        nms_thresh=0.7,
    )


def _boxes(channels: int, hidden: int, sampling: Sampling) -> RoIHeads:
    return RoIHeads(
        box_roi_pool=MultiScaleRoIAlign(list(LEVELS), BOX_SIDE, sampling_ratio=2),
        box_head=BoxHead(channels, hidden),
        box_predictor=FastRCNNPredictor(hidden, 2),
        fg_iou_thresh=0.5,
        bg_iou_thresh=0.5,
        batch_size_per_image=sampling.regions,
        positive_fraction=0.25,
        bbox_reg_weights=None,
        score_thresh=sampling.score_min,
        nms_thresh=sampling.overlap_max,
        detections_per_img=sampling.detections,
    )
