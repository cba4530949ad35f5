"""What a training run says of itself, and what a profile of it says."""

from __future__ import annotations

import dataclasses
import json
import sys
import types
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from support.bars import TINY, Bars
from support.records import picture

from gpnet_ros.cli import main
from gpnet_ros.data.batches import TARGETS, Batches, BatchSettings
from gpnet_ros.data.dataset import Dataset
from gpnet_ros.errors import BadInput
from gpnet_ros.network.checkpoint import build, load
from gpnet_ros.network.loss import Targets
from gpnet_ros.network.trainer import Trainer
from gpnet_ros.training import curves
from gpnet_ros.training import profile as train_profile
from gpnet_ros.training.curves import draw_curves, draw_examples, read_log
from gpnet_ros.training.recipe import Budget, TrainSettings
from gpnet_ros.training.run import RunOptions, train
from gpnet_ros.training.validation import judge_views, map_errors, mean_map_errors


def perfect(index: int) -> torch.nn.Module:
    """A network that knows the answer to one view of `Bars`."""
    target = Bars(8).sample(index, np.random.default_rng(0), crop=224, augment=False, channels="rgbd")[1]

    class Oracle(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.maps = torch.nn.Parameter(torch.from_numpy(np.stack([target[name] for name in TARGETS]))[None])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.maps

    return Oracle()


def test_errors_are_those_of_each_map_and_none_for_the_truth() -> None:
    judged = judge_views(perfect(0), Bars(8), "rgbd", count=2)
    assert len(judged) == 2
    assert set(judged[0].errors) == set(TARGETS)
    assert max(judged[0].errors.values()) == 0.0 and judged[0].scored.top
    assert judged[1].errors["quality"] > 0.0, "the answer to another view"
    assert mean_map_errors(judged)["error_quality"] == pytest.approx(judged[1].errors["quality"] / 2)
    target = judged[0].target
    turned = target.copy()
    turned[1] += 0.5
    off = map_errors(turned, target)
    assert off["cos2"] == pytest.approx(0.25) and off["quality"] == 0.0
    assert set(map_errors(target[:4], target)) == set(TARGETS) - {"priority"}
    assert set(map_errors(np.zeros_like(target), np.zeros_like(target))) == {"quality", "priority"}


def test_a_run_leaves_curves_examples_and_a_model_of_its_last_state(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    recipe = dataclasses.replace(TINY, small_share=1.0)
    card = train(Bars(4), Bars(3), recipe, Budget(1e9, 2), RunOptions(tmp_path / "m", folder))
    assert card is not None
    lines = read_log(folder / "log.jsonl")
    assert {"step", "loss", "rate", "top1_top_level", "error_quality", "error_width"} <= set(lines[-1])
    parts = {name: value for name, value in lines[-1].items() if name.startswith("loss_")}
    assert {"loss_quality", "loss_width", "loss_priority"} <= set(parts)
    assert sum(parts.values()) == pytest.approx(lines[-1]["loss"], rel=1e-2)
    for name in ("curves.png", "examples.png"):
        image = cv2.imread(str(folder / name))
        assert image is not None and image.std() > 5
    last = load(folder / "last")[1]
    assert last.sha256 == card.sha256 and last.recipe["steps"] == 2


def test_curves_are_drawn_of_whole_lines_only(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps({"step": 5, "loss": 0.5, "rate": 1e-3}) + '\n{"step": 10, "lo')
    assert [line["step"] for line in read_log(log)] == [5]
    draw_curves(read_log(log), tmp_path / "one.png")
    lines = [{"step": k, "loss": 1.0 / k, "top1_any": 0.1 * k, "error_quality": 0.1} for k in range(1, 9)]
    draw_curves(lines, tmp_path / "many.png")
    one, many = (cv2.imread(str(tmp_path / f"{name}.png")) for name in ("one", "many"))
    assert one is not None and many is not None
    assert one.shape == many.shape and np.abs(one.astype(int) - many).sum() > 0


def test_examples_show_the_right_rectangle_in_green_and_a_wrong_one_in_red(tmp_path: Path) -> None:
    right, wrong = judge_views(perfect(0), Bars(8), "depth", count=2)  # drawn in colours that are neither
    assert right.scored.top and not wrong.scored.any

    def colours(judged: Any) -> tuple[int, int]:
        draw_examples([judged], tmp_path / "e.png")
        image = cv2.imread(str(tmp_path / "e.png"))
        assert image is not None
        blue, green, red = (image[..., k].astype(int) for k in range(3))
        return int(((green > 220) & (red < 60) & (blue < 60)).sum()), int(((red > 220) & (green + blue < 60)).sum())

    green, red = colours(right)
    assert green > 20 and red == 0
    green, red = colours(wrong)
    assert red > 20 and green == 0


def test_tensorboard_gets_the_lines_where_it_is_installed_and_is_missed_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written: list[tuple[str, float, int]] = []

    class Writer:
        def __init__(self, folder: str) -> None:
            assert folder == str(tmp_path / "tensorboard")

        def add_scalar(self, name: str, value: float, step: int) -> None:
            written.append((name, value, step))

        def flush(self) -> None: ...

        def close(self) -> None: ...

    board = types.ModuleType("torch.utils.tensorboard")
    board.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", board)
    monkeypatch.setattr(curves, "draw_curves", lambda *_: None)
    trainer = Trainer(build(TINY.blank_card()), TINY.method())
    trainer.step = 7
    log = curves.TrainingLog(tmp_path, None, "rgbd", resume=False)
    log.report(trainer, 0.5, 64, 0.25)
    log.close()
    assert ("loss", 0.25, 7) in written
    assert "not installed" not in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # as if it were not there
    log = curves.TrainingLog(tmp_path, None, "rgbd", resume=True)
    log.report(trainer, 0.6, 64, 0.2)
    assert len(read_log(tmp_path / "log.jsonl")) == 2, "a resumed run keeps its lines"
    capsys.readouterr()
    curves.TrainingLog(tmp_path, None, "rgbd", resume=False)
    assert capsys.readouterr().out.count("not installed") == 1
    assert not (tmp_path / "log.jsonl").exists(), "a new run begins its own"


PROFILED = TrainSettings(size="s", batch=2, small_crop=64, threads=1)


def test_a_profile_says_where_the_time_of_a_step_goes() -> None:
    data = Dataset([picture(0), picture(1)], PROFILED.views())
    found, whole = train_profile.step_times(data, PROFILED, torch.device("cpu"), 2)
    assert (found.crop, whole.crop) == (64, 224)
    assert tuple(found.seconds) == train_profile.STAGES and min(found.seconds.values()) > 0.0
    lines = found.table()
    shares = [float(line.split()[-2]) for line in lines[1:-1]]
    assert sum(shares) == pytest.approx(100.0, abs=1.0)
    assert "bound by" in lines[-1] and "views per minute" in lines[-1]
    slow = dataclasses.replace(found, seconds={"views": 9.0, "network: forward": 1.0})
    assert "bound by making views: 90 %" in slow.table()[-1]
    assert slow.answer()["ms_per_step"] == {"views": 4500.0, "network: forward": 500.0}
    with pytest.raises(BadInput, match="1 or more"):
        train_profile.step_times(data, PROFILED, torch.device("cpu"), 0)


def test_a_profiled_step_is_a_step_of_a_run() -> None:
    torch.manual_seed(0)
    profiled, trained = (Trainer(build(PROFILED.blank_card()), PROFILED.method()) for _ in range(2))
    trained.net.load_state_dict(profiled.net.state_dict())
    batch = Batches(Bars(4), BatchSettings(0, 2, 64, "rgbd", 0.0))[0]
    profiled.set_rate(0.5)
    train_profile.step(profiled, iter([batch]), torch.device("cpu"))
    trained.update(batch[0], Targets(*batch[1]), 0.5)
    for ours, theirs in zip(profiled.net.parameters(), trained.net.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_profile_on_the_command_line_trains_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(Dataset, "load", lambda folder, views: Dataset([picture(0)], views))
    monkeypatch.chdir(tmp_path)
    words = ["--set", "size=s", "batch=2", "threads=1", "small_crop=64", "small_share=1.0"]
    assert main(["train", "--data", "x", "--profile", "1", *words]) == 0
    assert "network: backward" in capsys.readouterr().out
    assert main(["train", "--data", "x", "--profile", "1", "--json", *words]) == 0
    (profiled,) = json.loads(capsys.readouterr().out.splitlines()[-1])["profile"]
    assert profiled["crop"] == 64 and profiled["bound_by"] in ("the network", "making views")
    assert not list(tmp_path.iterdir())
    assert main(["train", "--data", "x", "--minutes", "1"]) == 2
    assert "--out" in capsys.readouterr().err
