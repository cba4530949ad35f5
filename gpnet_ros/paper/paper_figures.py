"""The paper's own figures, beside which ours stand; they were measured on other data and another robot.

Source: Yang et al., "GP-Net: a lightweight generative convolutional neural network with grasp priority" (2023),
doi 10.1561/116.00000002. Table 1: REGRAD, overlap above 0.25 and 30 degrees, times on a GTX 1080 Ti. Table 2: VMRD,
colour only, networks trained on REGRAD. Table 3: a UR10 with a D435, 18 rounds for each number of objects; a round
counts when each pick took the topmost object. Fig. 5 gives no table: its text says about 5 % for the loss alone.
What the paper does not state is left out.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PaperFigure:
    """One row: accuracy [%], and time [ms] where it is given."""

    percent: float
    ms: float | None = None


#: Row of the paper -> figure; `AblationRow.paper` names them.
TABLE1 = {
    "GG-CNN": PaperFigure(53.3, 19),
    "GG-CNN2": PaperFigure(56.4, 20),
    "GR-ConvNet": PaperFigure(67.1, 20),
    "ORANGE (depth)": PaperFigure(64.6),
    "GP-Net depth": PaperFigure(75.3, 21),
    "GP-Net RGB": PaperFigure(78.2, 21),
    "GP-Net RGB-D": PaperFigure(82.6, 23),
    "GP-Net RGB-D, no CGC": PaperFigure(74.7, 22),
    "GP-Net RGB-D, no GPP": PaperFigure(69.2, 22),
}
TABLE2 = {
    "GG-CNN RGB": PaperFigure(52.1),
    "GG-CNN2 RGB": PaperFigure(53.7),
    "GR-ConvNet RGB": PaperFigure(62.4),
    "GP-Net RGB, no CGC": PaperFigure(66.9),
    "GP-Net RGB, no GPP": PaperFigure(63.3),
    "GP-Net RGB": PaperFigure(70.2, 21),
}
#: Objects -> rounds in which every pick was right [%].
TABLE3 = {3: 94.4, 4: 83.3, 5: 88.8, 6: 77.8, 7: 72.2}
#: Fig. 5, as its text says it.
FIGURE5 = "The paper says of its Fig. 5 that the priority loss is worth about 5 % over the loss of GG-CNN."

#: Wong et al., "Fast GraspNeXt" (2023): what of its Table 1 is known to us; its words for the columns of `scene_table`.
#: 1106 ms, and 3.15 times as fast as the slowest; average precision there is COCO's AP, not AP50.
SCENE_TABLE: dict[str, dict[str, str]] = {
    "fast-graspnext": {
        **{"M": "17.8", "GMAC": "259", "ms": "1106", "times as fast": "3.15"},
        **{"box AP50": "AP 87.9 %", "occlusion": "0.85", "suction MSE over a constant's": "MSE 0.0095"},
    },
    "resnet-graspnext": {"M": "92.1", "GMAC": "1314", "times as fast": "1.0"},
    "efficientnet-graspnext": {"M": "72.0", "GMAC": "1183"},
    "mobilenet-graspnext": {"M": "70.9", "GMAC": "1189"},
}
#: What they were trained on.
SCENE_TRAINED = "MetaGraspNet"
