"""Detector: frame to maps, by GP-Net or any baseline, behind one call."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from gpnet_ros.errors import ModelRefused
from gpnet_ros.frame import Frame
from gpnet_ros.maps import Grid, Maps
from gpnet_ros.network.baselines.ggcnn import Heads
from gpnet_ros.network.baselines.published import AsPublished, Bugs
from gpnet_ros.network.card import Card
from gpnet_ros.network.checkpoint import GRASP_ARCHITECTURES, load
from gpnet_ros.network.freed_memory import keep_freed_memory
from gpnet_ros.network.graspnext.lite import LiteBlock
from gpnet_ros.network.running import make_runner
from gpnet_ros.normalise import normalise

#: More gain little for networks of this size.
_ENOUGH_THREADS = 4


class Detector:
    """`Detector(model)(frame)` gives the maps of a frame.

    Attributes:
        card: what is known of the model.
        device: where it runs.
        bugs: of the public code that are switched on; none unless asked for.
        time_ms: time of each stage of the last call: grid, normalise, net.
    """

    def __init__(
        self,
        model: str | Path,
        device: str = "auto",
        grid: Callable[[Frame], Grid] | None = None,
        as_published: bool | Bugs = False,
        threads: int | None = None,
        runtime: str = "torch",
        precision: str = "float32",
    ) -> None:
        """Load, test, fold, fuse and test again.

        Args:
            model: name under `models/` or path of a model's folder.
            device: "cpu", "cuda" or "auto" (cuda where there is one).
            grid: the network's grid for a frame; the whole frame if not given.
            as_published: with the bugs of the public code of this architecture, or with those given; the maps are
                then meant for `published.decode`.
            threads: of torch on the CPU, in this process from now on; None leaves them. Their number changes the
                maps in the last digits.
            runtime: of `runtimes.RUNTIME_CHOICES`; those beside torch run on the CPU. The maps of different ones
                differ in the last digits.
            precision: of `runtimes.PRECISIONS`.

        Raises:
            ModelRefused: see `checkpoint.load` and `running.make_runner`; it is no grasp network; or there is no such
                device.
        """
        self.device = find_device("cpu" if device == "auto" and runtime not in ("auto", "torch") else device)
        if threads is not None:
            torch.set_num_threads(threads)
        if self.device.type == "cpu":
            keep_freed_memory()
        net, self.card = load(model, self.device)
        if self.card.architecture not in GRASP_ARCHITECTURES:
            raise ModelRefused(
                f"{model} is a multi-task network ({self.card.architecture}), which gives no maps of grasps: take a "
                "grasp network, such as gpnet, or gripper:=suction."
            )
        self.bugs = as_published if isinstance(as_published, Bugs) else Bugs()
        if as_published is True:
            self.bugs = Bugs.of(self.card.architecture)
        folded = fuse_heads(fold(net)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.bugs != Bugs():  # they reach into the network, which another runtime does not show
            runtime = "torch"
        self._runner = make_runner(folded, self.card, runtime, precision)
        self._net: nn.Module = self._runner
        if self.bugs != Bugs():
            colored = self.card.channels != "depth" and self.card.normalisation != "published-doubled-1"
            self._net = AsPublished(folded, self.bugs, colors=3 if colored else 0)
        self._grid = grid or _whole_frame
        self.time_ms: dict[str, float] = {}

    @property
    def told(self) -> str:
        """By which runtime it runs, in which precision; with runtime "auto" a picture may bring another one."""
        return self._runner.told

    @property
    def note(self) -> str:
        """Why these are not what was asked for, for a person; else empty. With "auto" a picture may add to it."""
        return self._runner.note

    def __call__(self, frame: Frame) -> Maps:
        """The maps of a frame; a network without a priority head gives priority 1 everywhere.

        Raises:
            BadInput: the frame lacks what the model needs, or the maps came out not finite.
        """
        begin = time.perf_counter()
        grid = self._grid(frame)
        color = None if frame.color is None else grid.warp_color(frame.color)
        depth = None if frame.depth is None else grid.warp_depth(frame.depth)
        warped = time.perf_counter()
        planes = normalise(color, depth, self.card.channels, self.card.normalisation)
        normalised = time.perf_counter()
        with torch.inference_mode():
            x = torch.from_numpy(planes)[None].to(self.device)
            output = self._net(x)[0].float()
            if len(output) == 4:
                output = torch.cat([output, torch.ones_like(output[:1])])
            quality, cos2, sin2, width, priority = output.contiguous().cpu().numpy()
        done = time.perf_counter()
        self.time_ms = {
            "grid": 1e3 * (warped - begin),
            "normalise": 1e3 * (normalised - warped),
            "net": 1e3 * (done - normalised),
        }
        return Maps(quality, cos2, sin2, width, priority, grid, frame.stamp, frame.frame_id)


def cell_threads() -> int:
    """Threads of a network beside a camera and a planner: one core stays free for them, and four are enough.

    Two threads on two busy cores take up to twenty times as long as one: each waits for the other at every layer. More
    than torch has now, which follows OMP_NUM_THREADS, are never asked for.
    """
    return max(1, min((os.cpu_count() or 1) - 1, torch.get_num_threads(), _ENOUGH_THREADS))


def gray_note(frame: Frame, card: Card) -> str:
    """One sentence for a person who gives a gray picture to a model that takes colour; empty if it is not so.

    It is no reason to refuse: where depth is given, most of a grasp is read from that.
    """
    if card.channels == "depth" or not frame.is_gray:
        return ""
    return (
        f"The picture is gray, but the model takes {card.channels}: its colours help to tell objects apart; give a "
        "colour picture, or a model that needs none, such as gpnet-depth."
    )


def fold(net: nn.Module, children_in_order: bool = False) -> nn.Module:
    """The network with every batch norm folded into the convolution before it; changed in place.

    Both forms compute the same up to rounding; the folded one is 1.2 to 1.7 times as fast on a CPU.

    Args:
        net: the network.
        children_in_order: every module, not only a sequence or a block of EfficientNet-lite, computes a convolution
            and a batch norm one after the other where they follow each other among its children.
    """
    for module in list(net.modules()):
        if children_in_order or isinstance(module, nn.Sequential | LiteBlock):
            children = list(module.named_children())
            for first, second in zip(children, children[1:], strict=False):
                _fold_pair(module, first, second)
    return net.eval()


def fuse_heads(net: nn.Module) -> nn.Module:
    """The network with one convolution for all maps; changed in place. Up to twice as fast where the maps are large."""
    for module in net.modules():
        if isinstance(module, Heads):
            module.fuse()
    return net


def _fold_pair(parent: nn.Module, first: tuple[str, nn.Module], second: tuple[str, nn.Module]) -> None:
    (conv_name, conv), (norm_name, norm) = first, second
    if not isinstance(conv, (nn.Conv2d, nn.ConvTranspose2d)) or not isinstance(norm, nn.BatchNorm2d):
        return
    fused = fuse_conv_bn_eval(conv.eval(), norm.eval(), transpose=isinstance(conv, nn.ConvTranspose2d))
    setattr(parent, conv_name, fused)
    setattr(parent, norm_name, nn.Identity())


def find_device(name: str) -> torch.device:
    """The device of this name: "cpu", "cuda", or "auto", cuda where there is one.

    Raises:
        ModelRefused: another name, or there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name not in ("cpu", "cuda"):
        raise ModelRefused(f"Device {name!r} is unknown; allowed: cpu, cuda, auto.")
    if name == "cuda" and not torch.cuda.is_available():
        raise ModelRefused("Device cuda is not there (torch finds no GPU): use device cpu or auto.")
    return torch.device(name)


def _whole_frame(frame: Frame) -> Grid:
    height, width = frame.shape
    return Grid.whole_frame(width, height)
