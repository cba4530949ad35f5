"""Silencing a quarter of the channels of a component of a network, for the inquisitor's probes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from gpnet_ros.network.graspnext.blocks import AttentionCondenser
from gpnet_ros.network.graspnext.network import GraspNeXt

#: Every fourth channel is silent.
_EVERY = 4
_NORMS = (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)


@contextmanager
def silenced(net: GraspNeXt, component: str) -> Iterator[None]:
    """Within, every fourth channel after each normalisation of a component is zero; after it the net is as before."""

    def silence(_: object, __: object, output: Tensor) -> Tensor:
        output = output.clone()
        output[:, ::_EVERY] = 0.0
        return output

    hooks = [norm.register_forward_hook(silence) for root in _roots(net, component) for norm in _norms(root)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _roots(net: GraspNeXt, component: str) -> list[nn.Module]:
    if component.startswith("stage"):
        return [net.trunk.stages[int(component.removeprefix("stage")) - 1]]  # type: ignore[index,operator,list-item]
    if component == "stem":
        return [net.trunk.stem]  # type: ignore[list-item]
    if component == "masks":
        return [net.regions.visible, net.regions.amodal]
    if component == "occlusion":
        return [net.regions.occlusion]
    return [{"neck": net.neck, "mass": net.mass, "suction": net.suction, "box": net.boxes.box_head}[component]]


def _norms(root: nn.Module) -> list[nn.Module]:
    """Normalisations of a component, without those of the condensers, which are no width of its own."""
    gates = {id(m) for gate in root.modules() if isinstance(gate, AttentionCondenser) for m in gate.modules()}
    return [m for m in root.modules() if isinstance(m, _NORMS) and id(m) not in gates]
