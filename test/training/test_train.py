"""Training: it learns, it ends when told, it survives being killed, and what it writes can be used."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.bars import TINY, Bars

from gpnet_ros import cli
from gpnet_ros import settings as setting_files
from gpnet_ros.data.batches import Batches, BatchSettings, drop_modality
from gpnet_ros.data.dataset import Dataset
from gpnet_ros.errors import BadInput, GpnetError, SettingsError
from gpnet_ros.network import trainer as trainer_module
from gpnet_ros.network.card import Card, read_card
from gpnet_ros.network.checkpoint import build, find, load, save
from gpnet_ros.network.loss import Targets
from gpnet_ros.network.ranks import Ranks
from gpnet_ros.network.trainer import STATE, Method, Trainer, one_cycle, rate_share
from gpnet_ros.normalise import Channels
from gpnet_ros.training.origin import first_weights
from gpnet_ros.training.recipe import Budget, TrainSettings, load_recipe, overrides
from gpnet_ros.training.run import RunOptions, ViewSource, refuse_unseen, train
from gpnet_ros.training.runs import RUN_FILE, enter_run
from gpnet_ros.training.validation import judge_views, views_summary

METHOD = Method(rate=0.001, weight_decay=0.0, ema_decay=0.9, warmup=0.1)
SMALL_BATCH = BatchSettings(TINY.seed, TINY.batch, 64, TINY.channels, TINY.modality_dropout)


@pytest.mark.slow
def test_a_short_run_learns_and_writes_a_usable_model(tmp_path: Path) -> None:
    recipe = TrainSettings(size="s", batch=8, small_crop=80, small_share=1.0, threads=1, modality_dropout=0.0)
    untrained = judge_views(build(recipe.blank_card()).eval(), Bars(12), "rgbd")
    card = train(Bars(50), Bars(12), recipe, Budget(1e9, 200), RunOptions(tmp_path / "m", tmp_path / "run"))
    # The place is learned first, the angle needs more steps than a test has.
    assert views_summary(untrained)["score_median"] < 0.1
    assert card is not None
    assert card.metric["score_median"] > 0.5 and card.metric["on_object"] > 0.9
    assert card.recipe["steps"] == 200 and card.metric["n"] == 12 and card.data["views"] == 50
    net, again = load(tmp_path / "m")
    assert again == card and not net.training


def test_the_loss_of_one_batch_falls_to_half_and_its_mean_follows() -> None:
    trainer = _trainer()
    x, planes = Batches(Bars(4), SMALL_BATCH)[0]
    start = [v.clone() for v in trainer.ema.parameters()]
    losses = [float(trainer.update(x, Targets(*planes), 0.3)) for _ in range(25)]
    assert losses[-1] < 0.5 * losses[0]
    assert all((a != b).any() for a, b in zip(start, trainer.ema.parameters(), strict=True) if a.any())


def test_both_precisions_learn_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer_module, "quick_in_bfloat16", lambda _: True)  # on a machine that is not, too
    x, planes = Batches(Bars(4), SMALL_BATCH)[0]
    found = []
    for mixed in (False, True):
        trainer = _trainer(dataclasses.replace(METHOD, mixed=mixed))
        with trainer.computing(x.device):
            output = trainer.net(x)
        assert output.dtype == (torch.bfloat16 if mixed else torch.float32)
        found.append([float(trainer.update(x, Targets(*planes), 0.3)) for _ in range(25)])
        assert next(trainer.net.parameters()).dtype == torch.float32
    plain, rounded = found
    assert max(plain[-1], rounded[-1]) < 0.6 * plain[0]
    assert rounded[-1] == pytest.approx(plain[-1], rel=0.15)


@pytest.mark.parametrize(
    ("flags", "quick"), [("fpu avx512f amx_bf16", True), ("fpu avx512_bf16", True), ("fpu avx2", False)]
)
def test_a_processor_is_quick_in_bfloat16_by_its_flags(
    flags: str, quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: f"flags : {flags}\n")
    assert trainer_module.quick_in_bfloat16(torch.device("cpu")) is quick
    assert trainer_module.quick_in_bfloat16(torch.device("cuda"))


def test_both_sizes_of_crops_are_used_and_logged(tmp_path: Path) -> None:
    train(Bars(4), None, TINY, Budget(1e9, 4), RunOptions(tmp_path / "m", tmp_path / "run"))
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["crop"] for line in lines] == [64, 224]
    assert [line["step"] for line in lines] == [2, 4] and lines[-1]["progress"] == 1.0


def test_a_budget_of_time_ends_the_run_with_the_schedule_at_its_end(tmp_path: Path) -> None:
    trainer = _trainer()
    budget = Budget(10.0, float("inf"))
    assert budget.progress(trainer) == 0.0
    trainer.elapsed = 5.0
    assert budget.progress(trainer) == 0.5
    trainer.elapsed = 11.0
    assert budget.progress(trainer) == 1.0
    assert one_cycle(0.0, 0.1) < 0.1 and one_cycle(0.1, 0.1) == pytest.approx(1.0) and one_cycle(1.0, 0.1) < 0.01


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    batches = Batches(Bars(5), SMALL_BATCH)
    straight = _steps(_trainer(), batches, 0, 4)
    first = _steps(_trainer(), batches, 0, 2)
    first.save(tmp_path)
    resumed = _trainer()
    resumed.restore(tmp_path)
    assert resumed.step == 2
    _steps(resumed, batches, 2, 4)
    for a, b in ((straight.net, resumed.net), (straight.ema, resumed.ema)):
        for name, value in a.state_dict().items():
            torch.testing.assert_close(value, b.state_dict()[name], rtol=1e-4, atol=1e-6, msg=name)


def test_resuming_nothing_or_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="without --resume"):
        _trainer().restore(tmp_path)
    _trainer().save(tmp_path)
    with pytest.raises(BadInput, match="another network"):
        Trainer(torch.nn.Conv2d(4, 5, 1), METHOD).restore(tmp_path)


def test_a_damaged_state_is_refused_with_the_way_on(tmp_path: Path) -> None:
    _trainer().save(tmp_path)
    state = tmp_path / "state.safetensors"
    for data in (state.read_bytes()[:1000], b""):
        state.write_bytes(data)
        with pytest.raises(BadInput, match=r"is damaged.*--init"):
            _trainer().restore(tmp_path)


def test_a_run_that_was_killed_before_its_first_state_starts_from_its_beginning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadInput, match="no run in"):
        enter_run(tmp_path, TINY, {}, resume=True)
    enter_run(tmp_path, TINY, {"views": 4}, resume=False)
    enter_run(tmp_path, dataclasses.replace(TINY, threads=7, minutes=3.0), {"views": 4}, resume=True)
    card = train(Bars(4), None, TINY, Budget(1e9, 2), RunOptions(tmp_path / "m", tmp_path, resume=True))
    assert card is not None and card.recipe["steps"] == 2
    assert "no state yet" in capsys.readouterr().out


def test_another_recipe_cannot_resume_a_run_and_a_new_run_keeps_the_state_before_it(tmp_path: Path) -> None:
    enter_run(tmp_path, TINY, {}, resume=False)
    with pytest.raises(BadInput, match=r"rate 0\.\d+, now 0\.5"):
        enter_run(tmp_path, dataclasses.replace(TINY, rate=0.5), {}, resume=True)
    _trainer().save(tmp_path)
    enter_run(tmp_path, dataclasses.replace(TINY, rate=0.5), {}, resume=False)
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["run.json", "state.earlier.safetensors"]
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(BadInput, match="cannot be read"):
        enter_run(tmp_path, TINY, {}, resume=True)


def test_a_start_that_is_refused_leaves_the_run_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dataset, "load", lambda *_: Bars(4))
    run = tmp_path / "run"
    run.mkdir()
    enter_run(run, TINY, {}, resume=False)
    _trainer().save(run)
    before = {p.name: p.read_bytes() for p in run.iterdir()}
    words = ["train", "--data", "x", "--epochs", "1", "--out", str(tmp_path / "m"), "--run", str(run)]
    for more in (["--init", "nobody"], ["--resume"], ["--set", "batch=1"]):
        assert cli.main([*words, *more]) == 2
        assert {p.name: p.read_bytes() for p in run.iterdir()} == before, more


def test_a_run_goes_on_with_its_own_data_only(tmp_path: Path) -> None:
    train(Bars(4), None, TINY, Budget(1e9, 2), RunOptions(tmp_path / "m", tmp_path / "run"))
    with pytest.raises(BadInput, match=r"other data .*views 4, now 5"):
        train(Bars(5), None, TINY, Budget(1e9, 4), RunOptions(tmp_path / "m", tmp_path / "run", resume=True))
    assert (tmp_path / "run" / STATE).is_file()


@pytest.mark.parametrize("channels", ["rgbd", "depth", "rgb"])
@pytest.mark.parametrize("seen", [[0.0, 0.0], [0.0, 0.8]])
def test_data_without_depth_are_refused_for_a_network_that_sees_it(channels: Channels, seen: list[float]) -> None:
    training = Bars(2)
    training.records = [SimpleNamespace(depth=np.full((4, 4), z)) for z in seen]  # type: ignore[attr-defined]
    recipe = dataclasses.replace(TrainSettings(), channels=channels)
    if channels != "rgb" and not any(seen):
        with pytest.raises(BadInput, match=f"channels is '{channels}', but no picture .* add --channels rgb"):
            refuse_unseen(training, recipe)
    else:
        refuse_unseen(training, recipe)


def test_the_command_refuses_data_without_depth_before_a_run_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    training = Bars(2)
    training.records = [SimpleNamespace(depth=np.zeros((4, 4)))]  # type: ignore[attr-defined]
    monkeypatch.setattr(Dataset, "load", lambda *_: training)
    out = ["--out", str(tmp_path / "m"), "--run", str(tmp_path / "run"), "--data", str(tmp_path), "--epochs", "1"]
    assert cli.main(["train", *out]) == 2
    assert "add --channels rgb" in capsys.readouterr().err and not list((tmp_path / "run").iterdir())


@pytest.mark.parametrize(("world", "batch"), [(2, 3), (4, 4), (3, 16)])
def test_processes_share_a_batch_evenly_or_not_at_all(world: int, batch: int) -> None:
    ranks = dataclasses.replace(Ranks.join(torch.device("cpu")), world=world)
    with pytest.raises(BadInput, match=f"batch is {batch}, which {world} processes"):
        ViewSource(Bars(4), dataclasses.replace(TINY, batch=batch), ranks)
    ViewSource(Bars(4), dataclasses.replace(TINY, batch=2 * world), ranks)


def test_a_killed_run_resumes_from_its_last_state(tmp_path: Path) -> None:
    state = tmp_path / "run" / "state.safetensors"
    script = (
        "import sys; sys.path[:0] = [sys.argv[2], sys.argv[3]]\n"
        "from pathlib import Path\nfrom dataclasses import replace\n"
        "from support.bars import Bars, TINY\n"
        "from gpnet_ros.training.recipe import Budget\nfrom gpnet_ros.training.run import RunOptions, train\n"
        "folder = Path(sys.argv[1])\n"
        "if __name__ == '__main__':\n"
        "    train(Bars(4), None, replace(TINY, checkpoint_seconds=1.0), Budget(1e9, 1e6),"
        " RunOptions(folder / 'm', folder / 'run'))\n"
    )
    here = Path(__file__).parents[1]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path), str(here), str(here.parent)],
        env=environment,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not state.is_file() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
    assert state.is_file(), "no state was written before the deadline"
    trainer = _trainer()
    trainer.restore(tmp_path / "run")
    done = trainer.step
    assert done > 0
    budget = Budget(1e9, done + 2)
    card = train(Bars(4), None, TINY, budget, RunOptions(tmp_path / "m", tmp_path / "run", resume=True))
    assert card is not None and card.recipe["steps"] == done + 2


def test_a_loss_that_is_not_finite_stops_the_run_before_it_is_saved(tmp_path: Path) -> None:
    class Poisoned(Bars):
        def sample(self, index, rng, *, crop, augment, channels):  # type: ignore[no-untyped-def]
            x, target = super().sample(index, rng, crop=crop, augment=augment, channels=channels)
            return x * np.float32("nan"), target

    with pytest.raises(GpnetError, match="learning rate"):
        train(Poisoned(4), None, TINY, Budget(1e9, 2), RunOptions(tmp_path / "m", tmp_path / "run"))
    assert not list(tmp_path.rglob("*.safetensors"))


def test_modalities_are_dropped_as_often_as_said() -> None:
    x = np.ones((4, 2, 2), np.float32)
    kinds = [drop_modality(x, chance, 0.2)[[0, 3], 0, 0].tolist() for chance in np.linspace(0.005, 0.995, 100)]
    assert [kinds.count(k) for k in ([0.0, 1.0], [1.0, 1.0], [1.0, 0.0])] == [20, 60, 20]
    assert x.all(), "the input itself is left alone"
    with_validity = drop_modality(np.ones((5, 2, 2), np.float32), 0.99, 0.2)
    assert with_validity[:, 0, 0].tolist() == [1.0, 1.0, 1.0, 0.0, 0.0], "validity goes with depth"
    assert drop_modality(np.ones((1, 2, 2), np.float32), 0.0, 0.2).all(), "a single modality is never dropped"


def test_bad_recipes_are_refused() -> None:
    for values in ({"batch": 1}, {"rate": float("nan")}, {"loss": "best"}, {"epoch": 5}):
        with pytest.raises(SettingsError):
            setting_files.from_dict(TrainSettings, values)
    with pytest.raises(BadInput, match="multiple of 4"):
        TrainSettings(small_crop=130)
    wrong: tuple[tuple[dict[str, object], str], ...] = (
        ({"architecture": "ggcnn"}, "priority_head to false"),
        ({"architecture": "grconvnet", "context": "none"}, "context to full"),
        ({"architecture": "orange", "priority_head": False}, "for orange, and no other"),
        ({"loss": "orange"}, "for orange, and no other"),
    )
    for arguments, sentence in wrong:
        with pytest.raises(BadInput, match=sentence):
            TrainSettings(**arguments)  # type: ignore[arg-type]


def test_a_recipe_is_found_by_name_or_path_and_what_the_command_says_replaces_it(tmp_path: Path) -> None:
    assert load_recipe() == load_recipe("best")
    mine = tmp_path / "mine.yaml"
    mine.write_text("batch: 6\nrate: 0.002\n")
    assert load_recipe(str(mine), **overrides(["rate=0.01", "context=plain"])) == TrainSettings(
        batch=6, rate=0.01, context="plain"
    )
    with pytest.raises(BadInput, match="best, ggcnn, ggcnn2, grconvnet, joined, orange, paper, small"):
        load_recipe("bets")
    for words in (["rate"], ["rats=1"], ["rate=fast"], ["rate: 1"], ["rate=[1"]):
        with pytest.raises(BadInput, match="--set"):
            overrides(words)


def test_recipe_paper_says_what_the_paper_says() -> None:
    paper = load_recipe("paper")
    said = (paper.architecture, paper.loss, paper.channels, paper.batch, paper.epochs, paper.optimiser, paper.rate)
    assert said == ("gpnet", "literal", "rgbd", 16, 50, "adam", 1e-3)
    assert paper.rate * rate_share(paper.schedule, 1.0, paper.warmup) == pytest.approx(1e-4)
    assert paper.rate * rate_share(paper.schedule, 0.5, paper.warmup) == pytest.approx(10**-3.5)


def test_the_shipped_weights_can_be_trained_again_from_their_card() -> None:
    card = read_card(find("gpnet"))
    known = {f.name for f in dataclasses.fields(TrainSettings)}
    recipe = setting_files.from_dict(TrainSettings, {k: v for k, v in card.recipe.items() if k in known - {"minutes"}})
    blank = recipe.blank_card()
    assert (blank.architecture, blank.kwargs, blank.channels) == (card.architecture, card.kwargs, card.channels)


def test_a_run_starts_from_a_mirrored_network_as_from_one_that_looks_once(tmp_path: Path) -> None:
    mirrored = Card("gpnet", {"widths": [4, 8, 16], "mirrored": True}, "depth")
    save(build(mirrored), mirrored, tmp_path)
    net, _ = first_weights(dataclasses.replace(mirrored, kwargs={"widths": [4, 8, 16]}), str(tmp_path))
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), load(tmp_path)[0].parameters(), strict=True))
    with pytest.raises(BadInput, match="--init"):
        first_weights(dataclasses.replace(mirrored, kwargs={"widths": [8, 8, 16]}), str(tmp_path))


def test_a_card_that_names_settings_which_are_gone_loads_and_a_run_can_start_from_it() -> None:
    card = read_card(find("gpnet-depth"))
    known = {f.name for f in dataclasses.fields(TrainSettings)}
    assert {"copy_paste", "contact"} <= set(card.recipe) - known
    recipe = TrainSettings(**{name: value for name, value in card.recipe.items() if name in known})
    net, origin = first_weights(recipe.blank_card(), "gpnet-depth")
    assert origin["init"]["sha256"] == card.sha256
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), load("gpnet-depth")[0].parameters(), strict=True))


def test_a_run_of_an_earlier_version_is_resumed_unless_it_used_what_is_gone(tmp_path: Path) -> None:
    recipe = dataclasses.asdict(TINY)
    for gone, fits in (({"copy_paste": 0.0, "contact": False}, True), ({"copy_paste": 0.3}, False)):
        (tmp_path / RUN_FILE).write_text(json.dumps({"recipe": recipe | gone, "data": {}}))
        with contextlib.nullcontext() if fits else pytest.raises(BadInput, match=r"copy_paste 0\.3, now None"):
            enter_run(tmp_path, TINY, {}, resume=True)


RECIPES = sorted(p.stem for p in (Path(__file__).parents[2] / "config" / "train").glob("*.yaml"))


@pytest.mark.parametrize("name", RECIPES)
def test_each_recipe_trains_and_what_it_writes_is_a_model(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name, small_crop=64, small_share=1.0, threads=1, batch=2)
    recipe = dataclasses.replace(recipe, backbone="ggcnn2", trunk="random")  # the U-Net takes seconds per step
    card = train(Bars(4, views=recipe.views()), None, recipe, Budget(1e9, 2), RunOptions(tmp_path, tmp_path / "run"))
    assert card is not None
    net, again = load(tmp_path)
    assert again.normalisation == recipe.normalisation
    assert again.recipe["steps"] == 2
    maps = net(torch.zeros(1, again.planes, 64, 64))
    assert maps.shape == (1, 5 if recipe.priority_head else 4, 64, 64)
    assert load(tmp_path / "run" / "last")[1].recipe == again.recipe


def test_a_budget_comes_from_the_command_or_else_from_the_recipe() -> None:
    recipe = TrainSettings(batch=10, epochs=3)
    assert Budget.of(recipe, 100, None, None) == Budget(float("inf"), 30)
    assert Budget.of(recipe, 100, 2.0, None) == Budget(120.0, float("inf"))
    with pytest.raises(BadInput, match="--minutes"):
        Budget.of(dataclasses.replace(recipe, epochs=0.0), 100, None, None)
    with pytest.raises(BadInput, match="positive"):
        Budget.of(recipe, 100, -1.0, None)


def test_schedules_and_mean_of_weights_do_what_they_are_called() -> None:
    assert [rate_share("constant", p, 0.1) for p in (0.0, 0.5, 1.0)] == [1.0, 1.0, 1.0]
    batches = Batches(Bars(5), SMALL_BATCH)
    torch.manual_seed(0)
    without = _steps(Trainer(build(TINY.blank_card()), dataclasses.replace(METHOD, ema_decay=0.0)), batches, 0, 2)
    for name, value in without.net.state_dict().items():
        assert torch.equal(value, without.ema.state_dict()[name]), name
    assert any((a != b).any() for a, b in zip(*(m.parameters() for m in _both(_steps(_trainer(), batches, 0, 2)))))
    torch.manual_seed(0)
    adam = dataclasses.replace(METHOD, optimiser="adam", weight_decay=0.5)
    decayed = _steps(Trainer(build(TINY.blank_card()), adam), batches, 0, 2)
    torch.manual_seed(0)
    decoupled = _steps(Trainer(build(TINY.blank_card()), dataclasses.replace(adam, optimiser="adamw")), batches, 0, 2)
    assert any((a != b).any() for a, b in zip(decayed.net.parameters(), decoupled.net.parameters(), strict=True))


def _both(trainer: Trainer) -> tuple[torch.nn.Module, torch.nn.Module]:
    return trainer.net, trainer.ema


def _trainer(method: Method = METHOD) -> Trainer:
    torch.manual_seed(0)
    return Trainer(build(TINY.blank_card()), method)


def _steps(trainer: Trainer, batches: Batches, first: int, last: int) -> Trainer:
    for step in range(first, last):
        x, planes = batches[step]
        trainer.update(x, Targets(*planes), step / 10)
    return trainer


def test_a_run_starts_from_the_weights_of_a_model_and_says_so(tmp_path: Path) -> None:
    first = train(Bars(4), None, TINY, Budget(1e9, 3), RunOptions(tmp_path / "a", tmp_path / "run_a"))
    frozen = dataclasses.replace(TINY, rate=1e-6, ema_decay=0.0)
    second = train(
        Bars(4), None, frozen, Budget(1e9, 1), RunOptions(tmp_path / "b", tmp_path / "run_b", init=tmp_path / "a")
    )
    assert first is not None and second is not None
    assert second.data["init"]["sha256"] == first.sha256
    a, b = (load(tmp_path / name)[0] for name in "ab")
    fresh = train(Bars(4), None, frozen, Budget(1e9, 1), RunOptions(tmp_path / "c", tmp_path / "run_c"))
    c = load(tmp_path / "c")[0]
    assert fresh is not None and "init" not in fresh.data

    def apart(one: torch.nn.Module, other: torch.nn.Module) -> float:
        pairs = zip(one.parameters(), other.parameters(), strict=True)
        return sum(float((x - y).abs().sum()) for x, y in pairs)

    assert apart(a, b) < 0.05 * apart(a, c)
    other = dataclasses.replace(TINY, channels="depth")
    with pytest.raises(BadInput, match="same --architecture"):
        train(Bars(4), None, other, Budget(1e9, 1), RunOptions(tmp_path / "d", tmp_path / "run_d", init=tmp_path / "a"))
