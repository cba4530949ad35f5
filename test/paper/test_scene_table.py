"""Multi-task networks compared: one budget of images for all, resumed, and a table that says what was measured how."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torchvision")
pytest.importorskip("faster_coco_eval")

from support.scene_models import tiny_scene_model
from support.tiny_search import write_pictures

from gpnet_ros.cli import main
from gpnet_ros.errors import BadInput
from gpnet_ros.network.card import read_card
from gpnet_ros.paper.paper_figures import SCENE_TABLE
from gpnet_ros.paper.scene_series import networks_of
from gpnet_ros.paper.scene_table import SceneRun, read_latency, read_runs, scene_table
from gpnet_ros.training.graspnext.found_network import sizes_digest


def line(images: int, minutes: float, boxes: float) -> dict[str, object]:
    figures = dict.fromkeys(("visible", "amodal", "occlusion", "mass", "suction"), 0.5)
    return {"images": images, "minutes": minutes, "figures": {"boxes": boxes, **figures}}


def judged(boxes: float) -> dict[str, object]:
    interval = {"value": 0.5, "low": 0.4, "high": 0.6}
    kinds = {kind: {"AP50_interval": interval} for kind in ("visible", "amodal")}
    return {
        **{"parameters_M": 17.0, "GMAC_1200px": 200.0, **kinds, "mass": interval, "boxes": {}},
        "boxes": {"AP50_interval": {"value": boxes, "low": boxes - 0.1, "high": boxes + 0.1}},
        "occlusion": {"rate": 0.7, "low": 0.6, "high": 0.8, "best_constant": 0.55},
        "suction": interval | {"MSE_over_constant": interval},
    }


FAST = SceneRun("fast-graspnext", (line(100, 6, 0.1), line(200, 12, 0.31)), 2, judged(0.32))
SLOW = SceneRun("resnet-graspnext", (line(100, 18, 0.2), line(200, 36, 0.41)), 2, judged(0.42))


def test_networks_stand_on_equal_images_and_at_equal_core_hours_and_beside_the_paper() -> None:
    table = scene_table([FAST, SLOW], {"fast-graspnext": {"ms": 900.0, "ratio": 3.2}})
    rows = list(table.rows)
    equal, hours = rows[:2], rows[2:4]
    assert [row["box AP50"] for row in equal] == ["0.32 [0.22, 0.42]", "0.42 [0.32, 0.52]"]
    assert [row["trained"] for row in equal] == ["200 images"] * 2
    assert [row["core-hours"] for row in equal] == ["0.4", "1.2"]
    assert equal[0]["ms"] == "900.0" and equal[0]["times as fast"] == "3.2"
    assert equal[0]["occlusion"] == "0.70 [0.60, 0.80], constant 0.55"
    assert hours[0]["box AP50"] == "0.31" and hours[0]["trained"] == "200 images"
    assert hours[1]["trained"] == "nothing judged so early", (
        "its first line came after 0.6 core-hours, the other ended at 0.4"
    )
    assert [row["trained"] for row in rows[4:6]] == ["not yet"] * 2
    papers = rows[6:]
    assert [row["network"] for row in papers] == list(SCENE_TABLE) and {r["the paper's"] for r in papers} == {"yes"}
    assert not any(row["the paper's"] for row in rows[:6])
    assert any("Not trained to convergence: 200 images each" in note for note in table.notes)
    assert "| fast-graspnext | 17.8 | 259 |" in table.markdown()


def test_an_unfinished_network_shortens_all_and_has_no_interval() -> None:
    begun = SceneRun("resnet-graspnext", SLOW.lines[:1], 2, {})
    rows = scene_table([FAST, begun], {}).rows
    assert [row["trained"] for row in rows[:2]] == ["100 images"] * 2
    assert [row["box AP50"] for row in rows[:2]] == ["0.10", "0.20"], "where they stood, not where one of them ended"


def test_a_table_of_nothing_is_the_papers() -> None:
    rows = scene_table([], {}).rows
    assert [row["trained"] for row in rows[:4]] == ["not yet"] * 4 and len(rows) == 8


def test_files_that_are_something_else_are_named(tmp_path: Path) -> None:
    (tmp_path / "latency.json").write_text("[1]")
    with pytest.raises(BadInput, match="is not what gpnet bench graspnext writes"):
        read_latency(tmp_path / "latency.json")
    assert read_latency(tmp_path / "none.json") == {} and read_runs(tmp_path / "none") == []
    (tmp_path / "fast" / "run").mkdir(parents=True)
    (tmp_path / "fast" / "run" / "log.jsonl").write_text("{}\n")
    with pytest.raises(BadInput, match="remove it, and train it again"):
        read_runs(tmp_path)
    for words in (["a", "a"], ["../a"], ["b=x", "b=y"]):
        with pytest.raises(BadInput, match="give each network once"):
            networks_of(words)
    assert networks_of(["a", "b=w.json"]) == {"a": "a", "b": "w.json"}


def test_two_networks_are_trained_judged_skipped_and_tabled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = read_card(tiny_scene_model(tmp_path / "tiny")).kwargs["sizes"]
    found = {"architecture": sizes, "architecture_sha256": sizes_digest(sizes), "found_by": {"profile": "none"}}
    (tmp_path / "winner.json").write_text(json.dumps(found))
    data, val = (str(write_pictures(tmp_path / name, 3)) for name in ("data", "val"))
    networks = [f"{name}={tmp_path / 'winner.json'}" for name in ("fast-graspnext", "resnet-graspnext")]
    words = ["ablate", "graspnext", "--out", str(tmp_path / "out"), "--data", data, "--val", val]
    words += ["--networks", *networks]
    words += ["--set", "side=64", "batch=2", "judged=1", "proposals=20", "regions=8", "masks=2", "--device", "cpu"]
    assert main([*words, "--images", "4", "--list"]) == 0
    assert capsys.readouterr().out.splitlines() == ["fast-graspnext to do", "resnet-graspnext to do"]
    assert main([*words, "--images", "4", "--json"]) == 0
    states = {"fast-graspnext": "finished", "resnet-graspnext": "finished"}
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"networks": states, "failed": []}
    weights = tmp_path / "out" / "fast-graspnext" / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    assert main([*words, "--images", "4"]) == 0 and weights.stat().st_mtime_ns == before
    assert main([*words, "--images", "8"]) == 2
    assert "learned from 4 images, not 8" in capsys.readouterr().err
    asked = ["tables", "--tables", "graspnext", "--out", str(tmp_path / "tables"), "--json"]
    asked += ["--graspnext", str(tmp_path / "out"), "--latency", str(tmp_path / "none.json")]
    assert main(asked) == 0
    assert "graspnext" in json.loads(capsys.readouterr().out.splitlines()[-1])["tables"]
    text = (tmp_path / "tables" / "tables.md").read_text()
    assert text.count("| 4 images |") >= 3 and "Not trained to convergence" in text


@pytest.mark.parametrize(("images", "words"), [("0", "--images is 0"), ("4", "--val is missing")])
def test_a_comparison_without_images_or_pictures_to_judge_on_is_refused(
    images: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ablate", "graspnext", "--out", str(tmp_path), "--data", str(tmp_path), "--images", images]) == 2
    assert words in capsys.readouterr().err
