"""How pictures become training views: what of augmentation and labels may be chosen."""

from __future__ import annotations

from dataclasses import dataclass

from gpnet_ros import normalise
from gpnet_ros.settings import setting, validate

#: Targets of P: 1 on top-level objects and 1/2, 1/4, ... on the layers below, so that also a heap without visible
#: top-level grasps has an order; or a mask of the topmost objects (GP-Net, section 3).
PRIORITIES = ("graded", "binary")
#: Targets of Q. analytic: the label's own quality. binary: 1 where a grasp is, with hard edges, as GG-CNN draws
#: rectangles (Morrison et al. 2018, section IV-A). gaussian: the label's quality times the largest of the elliptic
#: bells of the object's rectangles (`record.centredness`).
QUALITIES = ("analytic", "gaussian", "binary")
#: Whose grasps are labelled: those of all objects, or those of objects that may be taken first.
OBJECTS = ("all", "top")
#: full: any turn, mirror, scale, shift, and another colour camera. public: quarter turns and a zoom by 1 to 2, as
#: the public code of GG-CNN and GR-ConvNet does.
AUGMENTATIONS = ("full", "public")


@dataclass(frozen=True)
class ViewSettings:
    """What a view shows and what its targets say; see the constants above."""

    priority: str = setting("graded", "Target of P.", choices=PRIORITIES)
    quality: str = setting("analytic", "Target of Q.", choices=QUALITIES)
    objects: str = setting("all", "Whose grasps are labelled.", choices=OBJECTS)
    augmentation: str = setting("full", "How pictures are moved.", choices=AUGMENTATIONS)
    noise: bool = setting(True, "Depth as a D435 would report it, in place of exact depth.")
    normalisation: str = setting(
        normalise.DEFAULT_VERSION, "Form of the network's input, see normalise.py.", choices=normalise.VERSIONS
    )

    def __post_init__(self) -> None:
        validate(self)
