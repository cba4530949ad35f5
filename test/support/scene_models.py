"""A multi-task network that is small and has learned nothing, on disk."""

from __future__ import annotations

from pathlib import Path

import torch

from gpnet_ros.network.card import Card
from gpnet_ros.network.checkpoint import build, save

SIDE = 64


def tiny_scene_model(folder: Path, side: int = SIDE) -> Path:
    """Some 20,000 weights at random; the folder."""
    stage = {"width": 8, "depth": 1, "expansion": 1, "fused": True}
    heads: dict[str, object] = {"neck": 16, "box": 16, "shared": 0}
    heads |= {name: [8] for name in ("visible", "amodal", "occlusion", "mass", "suction")}
    sizes = {"trunk": "searched", "stem": 8, "stages": [stage] * 4, "heads": heads}
    card = Card("graspnext", {"sizes": sizes, "side": side}, "rgb", notes="Not good for anything.")
    torch.manual_seed(0)
    save(build(card), card, folder)
    return folder
