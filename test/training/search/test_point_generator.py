"""Generator and inquisitor: they learn what is planted, and nothing where nothing is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("torchvision")

from gpnet_ros.network.graspnext.network import GraspNeXt
from gpnet_ros.training.search.cost import component_cost
from gpnet_ros.training.search.generator import ENTROPY_MIN, PointGenerator, entropy, uncertain
from gpnet_ros.training.search.inquisitor import Surrogate, gains, probe_advice
from gpnet_ros.training.search.proxy import PROBED
from gpnet_ros.training.search.silence import silenced
from gpnet_ros.training.search.space import TINY, Point

NECK = next(row for row, v in enumerate(TINY.variables) if v.name == "neck")
LARGEST = TINY.architecture(tuple(len(v.values) - 1 for v in TINY.variables))


def points(count: int, seed: int = 0) -> list[Point]:
    rng, generator = np.random.default_rng(seed), PointGenerator(TINY)
    return [generator.draw(rng) for _ in range(count)]


def test_the_same_seed_draws_the_same() -> None:
    assert points(20, 1) == points(20, 1)
    assert points(20, 1) != points(20, 2)


def test_learning_makes_the_best_likelier_and_leaves_others_a_chance() -> None:
    generator, best = PointGenerator(TINY), points(1)[0]
    for _ in range(50):
        generator.learn([best])
    for chances, index, variable in zip(generator.chances, best, TINY.variables, strict=True):
        assert chances.sum() == pytest.approx(1.0)
        if len(variable.values) > 1:
            assert chances[index] == chances.max() > 0.9
            assert entropy(chances) >= ENTROPY_MIN * 0.999
    unmoved = PointGenerator(TINY)
    unmoved.learn([])
    assert unmoved.as_json() == PointGenerator(TINY).as_json()


def test_the_floor_of_entropy_moves_only_what_is_below_it() -> None:
    even = np.array([0.5, 0.5])
    assert uncertain(even) is even
    raised = uncertain(np.array([1.0, 0.0, 0.0]))
    assert entropy(raised) == pytest.approx(ENTROPY_MIN, rel=1e-3) and raised.argmax() == 0


def test_advice_moves_the_chances_its_way() -> None:
    generator = PointGenerator(TINY)
    generator.heed({"neck": np.array([1.0, -1.0])})
    assert generator.chances[NECK][0] > 0.6
    generator.heed({"neck": np.array([-1.0, 1.0])})
    assert generator.chances[NECK] == pytest.approx([0.5, 0.5])


def test_the_surrogate_finds_the_value_that_counts() -> None:
    tried = points(60)
    scores = [60.0 + 3.0 * point[NECK] for point in tried]
    surrogate = Surrogate.fit(TINY, tried, scores)
    advice = surrogate.advice()["neck"]
    assert advice[1] > 0.8 and advice[0] < -0.8
    assert max(abs(values).max() for name, values in surrogate.advice().items() if name != "neck") < advice[1]
    expected, doubt = surrogate.predict(tried[0])
    assert expected == pytest.approx(scores[0], abs=1.0) and doubt > 0
    shuffled = np.random.default_rng(0).permutation(scores).tolist()
    assert abs(Surrogate.fit(TINY, tried, shuffled).advice()["neck"][1]) < advice[1]


def test_a_component_that_is_not_missed_should_shrink_and_one_that_is_should_not() -> None:
    found = gains(LARGEST, 0.5, {"mass": 0.5, "neck": 0.1})
    assert found["mass"] > 0 > found["neck"]
    advice = probe_advice(TINY, [found])
    assert advice["neck"][0] < 0 < advice["neck"][1]
    assert advice["mass_width"][0] > 0 > advice["mass_width"][1]
    assert "suction_width" not in advice and "kernel3" not in advice
    assert probe_advice(TINY, []) == {}


def test_what_is_probed_has_a_cost_and_a_variable() -> None:
    components = {c for kind in PROBED.values() for c in kind}
    assert components <= set(component_cost(LARGEST).parameters)
    assert components <= {v.component for v in TINY.variables}


@pytest.mark.parametrize("component", sorted({c for kind in PROBED.values() for c in kind}))
def test_a_silenced_component_changes_what_hangs_on_it_and_is_itself_again(component: str) -> None:
    torch.manual_seed(0)
    net, image = GraspNeXt(LARGEST, 64).eval(), torch.rand(1, 3, 64, 64)
    parts = {"mass": [0], "suction": [1], "box": [6], "masks": [3, 4, 5], "occlusion": [5]}
    with torch.no_grad():
        before = net.golden_maps(image)
        with silenced(net, component):
            within = net.golden_maps(image)
        after = net.golden_maps(image)
    changed = [plane for plane in range(7) if not torch.equal(before[0, plane], within[0, plane])]
    assert changed == parts.get(component, list(range(7)))
    assert torch.equal(before, after)
