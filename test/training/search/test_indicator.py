"""The indicator and its latency table: each bar refuses what passes it by little, and lets pass what does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torchvision")

from support.tiny_search import flat_table

from gpnet_ros.errors import BadInput
from gpnet_ros.network.graspnext.architecture import NETWORKS
from gpnet_ros.training.search.indicator import Indicator
from gpnet_ros.training.search.latency import LatencyTable, checked, measure, space_pieces
from gpnet_ros.training.search.pieces import Protocol, pieces
from gpnet_ros.training.search.space import BY_HAND, IMAGENET, LITE_WHOLE, TINY, Space

LARGEST = TINY.architecture(tuple(len(v.values) - 1 for v in TINY.variables))
TABLE = flat_table()
PRICE = Indicator(TABLE, 1e9).price(LARGEST)


def refusal(**bars: float) -> str:
    allowed = {"budget": PRICE.milliseconds, "millions_max": PRICE.millions, "gmac_max": PRICE.gmac * 1.001}
    return Indicator(TABLE, **(allowed | bars)).refusal(LARGEST)


def test_what_meets_every_bar_is_allowed() -> None:
    assert refusal() == ""


@pytest.mark.parametrize(
    ("bar", "value", "reason"),
    [
        ("budget", PRICE.milliseconds * 0.999, "ms"),
        ("millions_max", PRICE.millions * 0.999, "million parameters"),
        ("gmac_max", PRICE.gmac, "multiply-adds"),
    ],
)
def test_each_bar_refuses(bar: str, value: float, reason: str) -> None:
    assert reason in refusal(**{bar: value})


def test_a_stage_without_condenser_and_a_trunk_without_blurpool_are_refused() -> None:
    stages = list(LARGEST.stages)
    stages[2] = replace(stages[2], depth=1, condenser_every=2)
    indicator = Indicator(TABLE, 1e9)
    assert indicator.refusal(replace(LARGEST, stages=tuple(stages))) == "stage 3 has no condenser"
    assert "without BlurPool" in indicator.refusal(NETWORKS["resnet-graspnext"])


def test_an_estimate_is_the_sum_of_its_pieces_and_the_rest() -> None:
    count = sum(sum(of.values()) for of in pieces(LARGEST).values())
    assert TABLE.estimate(LARGEST) == pytest.approx(count * 1.0 + 0.5)
    assert flat_table(milliseconds=2.0).estimate(LARGEST) == pytest.approx(count * 2.0 + 0.5)
    with pytest.raises(BadInput, match="knows no Piece"):
        TABLE.estimate(replace(LARGEST, stem=18))


def test_a_table_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "latency.json"
    path.write_text(json.dumps(TABLE.as_json()))
    assert LatencyTable.load(path) == TABLE and LatencyTable.load(path).digest == TABLE.digest
    path.write_text(json.dumps(TABLE.as_json() | {"rest": 0.6}))
    assert LatencyTable.load(path).digest != TABLE.digest
    for damaged in ("{", "[]", '{"milliseconds": []}'):
        path.write_text(damaged)
        with pytest.raises(BadInput, match="no latency table"):
            LatencyTable.load(path)


def test_a_measured_table_knows_its_space_and_is_checked_on_whole_networks() -> None:
    narrow = Space.narrowed({v.name: v.values[:1] for v in TINY.variables})
    net = narrow.architecture((0,) * len(narrow.variables))
    table = measure(narrow, Protocol(64, 4, 2), "here", net, 1)
    assert all(ms > 0 for ms in table.milliseconds.values()) and table.rest >= 0
    check = checked(table, [net], 1)
    assert check.estimated == (table.estimate(net),) and check.measured[0] > 0 and check.off >= 0


def test_a_trunk_from_imagenet_needs_blurs_and_a_condenser() -> None:
    whole = IMAGENET.architecture(IMAGENET.point(BY_HAND | LITE_WHOLE))
    table = LatencyTable(Protocol(), dict.fromkeys(space_pieces(IMAGENET), 0.01), 0.0, "a test's")
    indicator = Indicator(table, 100.0)
    assert indicator.refusal(whole) == ""
    assert "no stage has a condenser" in indicator.refusal(replace(whole, lite=replace(whole.lite, condensers=())))
    assert "without BlurPool" in indicator.refusal(replace(whole, lite=replace(whole.lite, antialiased=False)))
