"""A small scene made by hand, photographed and in shards: one box across another, for tests of what judges models."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from gpnet_ros.data.shards.samples import decode_sample
from gpnet_ros.data.shards.writer import ShardPlan, ShardWriter
from gpnet_ros.evaluation.judging.judged_pictures import Picture
from gpnet_ros.frame import Intrinsics
from gpnet_ros.network.card import Card
from gpnet_ros.network.checkpoint import build, save
from gpnet_ros.pose import look_at, transform
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.labels.relations import relations
from gpnet_ros.sim.objects.model import make_object
from gpnet_ros.sim.scenes.arrangement import Arrangement, Shot
from gpnet_ros.sim.scenes.files import scene_files
from gpnet_ros.sim.scenes.recipe import SceneRecipe
from gpnet_ros.sim.scenes.scene import Scene, photograph

SIDE = 160
NAME = "by-hand"
BOX = make_object("box", 0)


def stacked() -> Heap:
    """Two equal boxes, the second upon the first and turned by 90 degrees."""
    low = transform(np.eye(3), (0.65, 0.0, BOX.extent[2] / 2 - 2e-5))
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    high = transform(turn, (0.65, 0.0, 1.5 * BOX.extent[2] - 4e-5))
    return Heap((BOX, BOX), np.array([low, high]))


def arrangement(name: str = NAME) -> Arrangement:
    focal = SIDE * 1.6
    camera = Intrinsics(SIDE, SIDE, focal, focal, (SIDE - 1) / 2, (SIDE - 1) / 2)
    T_base_camera = look_at((0.60, 0.05, 0.60), (0.65, 0.0, 0.03))
    heap = stacked()
    return Arrangement(name, 7, heap, relations(heap), None, 3, (Shot(camera, T_base_camera, 5),))


@lru_cache
def scene(name: str = NAME) -> Scene:
    return photograph(arrangement(name), SceneRecipe(size=(SIDE, SIDE)))


@lru_cache
def picture() -> Picture:
    files = {name.removeprefix("view_0/"): data for name, data in scene_files(scene()).items()}
    return Picture(decode_sample(files, "by hand"), scene().arrangement)


def write_shards(folder: Path, names: tuple[str, ...] = ("scene-0", "scene-1")) -> Path:
    """The scene under several names."""
    plan = ShardPlan("by hand 1", {"scenes": len(names)}, list(names), 1)
    with ShardWriter(folder, plan, False) as writer:
        for number, name in enumerate(names):
            writer.add(number, scene_files(scene(name)))
    return folder


def tiny_model(folder: Path, channels: str = "rgbd") -> Path:
    """A network that says 0 everywhere: its argmax is the first corner of the view, which is table."""
    card = Card("gpnet", {"widths": [8, 16, 32]}, channels)
    net = build(card)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    save(net, card, folder)
    return folder
