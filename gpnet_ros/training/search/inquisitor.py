"""The inquisitor: questions the networks that were tried, and tells the generator where to look.

Two questions. A surrogate (ridge regression on the chosen values) asks which values go with a high score over all
points that were tried. Probes ask the best networks themselves: a quarter of the channels of each component is
silenced, and what the score loses in accuracy is set against what a component narrower by a quarter would save. Where
the score would gain, the component is too large.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.network.graspnext.architecture import Architecture
from gpnet_ros.training.search.cost import component_cost
from gpnet_ros.training.search.score import net_score
from gpnet_ros.training.search.space import Point, Space

Advice = dict[str, NDArray[np.float64]]
#: Prior precision of the surrogate's weights, in units of the noise.
_RIDGE = 1.0
#: Share of the work that is left in a component whose channels are three quarters: width counts twice.
_LEFT = 0.75**2


@dataclass(frozen=True)
class Surrogate:
    """Ridge regression from the values of a point to its score.

    Attributes:
        space: of the points. mean, deviation: of the scores. weights: (features,); covariance: of the weights.
    """

    space: Space
    mean: float
    deviation: float
    weights: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @classmethod
    def fit(cls, space: Space, points: Sequence[Point], scores: Sequence[float]) -> Surrogate:
        """Fit points and their scores, both of length N, without unit."""
        x = np.stack([_one_hot(space, point) for point in points])
        y = np.asarray(scores, dtype=float)
        mean, deviation = float(y.mean()), max(float(y.std()), 1e-9)
        covariance = np.asarray(np.linalg.inv(x.T @ x + _RIDGE * np.eye(x.shape[1])), dtype=np.float64)
        weights = covariance @ x.T @ ((y - mean) / deviation)
        return cls(space, mean, deviation, weights, covariance)

    def predict(self, point: Point) -> tuple[float, float]:
        """Expected score of a point and its uncertainty (standard deviation), both in units of the score."""
        x = _one_hot(self.space, point)
        return (
            self.mean + self.deviation * float(x @ self.weights),
            self.deviation * float(np.sqrt(x @ self.covariance @ x)),
        )

    def advice(self) -> Advice:
        """For each variable, (values,) in [-1, 1]: what a value does for the score, less where that is uncertain."""
        found, start = {}, 0
        for variable in self.space.variables:
            rows = slice(start, start + len(variable.values))
            effect = self.weights[rows] - self.weights[rows].mean()
            doubt = np.sqrt(np.diag(self.covariance)[rows])
            found[variable.name] = np.tanh(effect / doubt)
            start = rows.stop
        return found


def _one_hot(space: Space, point: Point) -> NDArray[np.float64]:
    return np.concatenate([np.eye(len(v.values))[index] for v, index in zip(space.variables, point, strict=True)])


def gains(architecture: Architecture, accuracy: float, silenced: Mapping[str, float]) -> dict[str, float]:
    """What the score gains per billion multiply-adds if a component were narrower by a quarter, by component.

    Args:
        architecture: of the network. accuracy: its own, as a share.
        silenced: its accuracy with a quarter of a component's channels silent, as a share, by component.
    """
    cost = component_cost(architecture)
    whole = net_score(accuracy, cost.millions, cost.gmac)
    found = {}
    for component, left in silenced.items():
        saved = (1.0 - _LEFT) * cost.multiply_adds[component] / 1e9
        millions = cost.millions - (1.0 - _LEFT) * cost.parameters[component] / 1e6
        found[component] = (net_score(left, millions, cost.gmac - saved) - whole) / saved
    return found


def probe_advice(space: Space, found: Sequence[Mapping[str, float]]) -> Advice:
    """For each variable of a probed component, (values,) in [-1, 1]: small values where the gain is positive.

    Args:
        space: of the search. found: what `gains` says of each probed network.
    """
    components = {component for each in found for component in each}
    mean = {c: float(np.mean([each[c] for each in found if c in each])) for c in components}
    largest = max((abs(gain) for gain in mean.values()), default=0.0)
    advice: Advice = {}
    for variable in space.variables:
        if largest > 0 and variable.component in mean and len(variable.values) > 1:
            order = np.linspace(1.0, -1.0, len(variable.values))
            advice[variable.name] = np.tanh(2.0 * mean[variable.component] / largest) * order
    return advice
