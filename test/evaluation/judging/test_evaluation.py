"""Judging a model: a perfect one wins, a spoilt one loses for what spoilt it, and nothing is judged twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.grasp_files import Bar, corner_lines, write_cornell, write_text
from support.judged_scene import picture, tiny_model, write_shards

from gpnet_ros.cell import Cell
from gpnet_ros.cli import main
from gpnet_ros.commands import evaluate as evaluate_command
from gpnet_ros.data.sample import Sample
from gpnet_ros.errors import BadInput, ModelRefused
from gpnet_ros.evaluation.judging import evaluation, judge, judged_pictures
from gpnet_ros.evaluation.judging.choice import Choice, in_cell
from gpnet_ros.evaluation.judging.evaluation import Results, evaluate
from gpnet_ros.evaluation.judging.judge import Judge, JudgeSettings, as_rectangle, seen
from gpnet_ros.evaluation.judging.judged_pictures import MadeTestSet, Picture, Shards, open_pictures
from gpnet_ros.evaluation.judging.judgement import JudgedPicture, Verdict
from gpnet_ros.frame import Frame
from gpnet_ros.look_again import LOOKS
from gpnet_ros.maps import Maps
from gpnet_ros.network.card import read_card
from gpnet_ros.network.checkpoint import find
from gpnet_ros.pose import Transform
from gpnet_ros.settings import GripperGeometry

PERFECT = JudgeSettings(substitute="all")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def perfect(model: str) -> JudgedPicture:
    return Judge(model, PERFECT).row(0, picture())


def waiting() -> Picture:
    """The scene with its relation turned round: what lies on top must wait."""
    made = picture()
    assert made.arrangement is not None and made.sample.objects is not None
    objects = replace(made.sample.objects, covered_by=made.arrangement.relations.before.T.copy())
    related = made.arrangement.relations
    turned = replace(related, supports=related.supports.T.copy(), covered_by=related.covered_by.T.copy())
    return Picture(replace(made.sample, objects=objects), replace(made.arrangement, relations=turned))


def spoilt(monkeypatch: pytest.MonkeyPatch, model: str, spoil: Any) -> Verdict:
    """The argmax of perfect maps that are spoilt on their way."""
    monkeypatch.setattr(judge, "prioritise", lambda maps, *_: maps)
    perfect_maps = judge.substituted
    monkeypatch.setattr(judge, "substituted", lambda maps, sample, which: spoil(perfect_maps(maps, sample, which)))
    return Judge(model, PERFECT).row(0, picture()).verdicts["argmax"]


def test_true_maps_win_by_every_measure_in_both_decodes(perfect: JudgedPicture) -> None:
    assert set(perfect.verdicts) == {"argmax", "cell"} and perfect.possible
    for verdict in perfect.verdicts.values():
        assert all(
            verdict.won(m) for m in ("lift", "lift_clean", "lift_any", "top", "any", "object", "top50", "on_top")
        )
        assert verdict.failure is None and verdict.object == 2
    assert set(perfect.time_ms) == {"grid", "normalise", "net", "path"}
    assert perfect.time_ms["path"] > perfect.time_ms["net"]


def test_a_network_that_says_nothing_loses(model: str) -> None:
    row = Judge(model, JudgeSettings()).row(0, picture())
    for verdict in row.verdicts.values():
        assert [verdict.won(metric) for metric in ("lift", "top", "on_top")] == [False, False, False]
    assert row.verdicts["argmax"].failure == "edge" and row.verdicts["argmax"].object == 0
    assert row.verdicts["cell"].failure == "refused" and row.verdicts["cell"].pixel is None


def test_maps_turned_by_a_right_angle_fail_for_the_angle(monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    verdict = spoilt(monkeypatch, model, lambda m: replace(m, cos2=-m.cos2, sin2=-m.sin2))
    assert verdict.on_top and not verdict.any and not verdict.lift_top
    assert verdict.failure == "wrong angle"


def test_maps_with_closed_jaws_fail_for_the_width(monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    verdict = spoilt(monkeypatch, model, lambda m: replace(m, width=0.3 * m.width))
    assert not verdict.lift_top and not verdict.top50
    assert verdict.failure == "width"


def test_maps_shifted_off_the_objects_fail_at_the_edge(monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    def shifted(maps: Maps) -> Maps:
        quality = np.zeros_like(maps.quality)
        quality[40:50, 40:50] = 1.0
        return replace(maps, quality=quality, priority=np.ones_like(quality))

    verdict = spoilt(monkeypatch, model, shifted)
    assert verdict.object == 0 and verdict.failure == "edge" and not verdict.any


def test_an_object_that_must_wait_does_not_count(model: str) -> None:
    verdict = Judge(model, replace(PERFECT, priority="none")).row(0, waiting()).verdicts["cell"]
    assert verdict.lift_any and verdict.any and verdict.object_level
    assert not verdict.lift_top and not verdict.top and not verdict.on_top
    assert verdict.failure == "stacked twin"  # both are the same box


def test_without_physics_the_rule_is_judged_and_nothing_is_lifted(model: str) -> None:
    verdict = Judge(model, replace(PERFECT, lift=False)).row(0, picture()).verdicts["cell"]
    assert verdict.top and verdict.lift is None and verdict.won("lift") is None


def test_pictures_of_others_are_judged_by_what_they_have(model: str) -> None:
    made = picture().sample
    rgbd = Sample("x", "x", replace(made.frame, intrinsics=None), made.rectangles)
    row = Judge(model, JudgeSettings()).row(0, Picture(rgbd, None))
    assert set(row.verdicts) == {"argmax"} and row.possible is None
    verdict = row.verdicts["argmax"]
    assert (verdict.top, verdict.object, verdict.object_level, verdict.lift) == (None, None, None, None)
    assert verdict.any is False


def test_the_view_does_not_follow_the_objects(model: str) -> None:
    found = Judge(model, JudgeSettings())
    made = picture()
    whole = found.maps(made, made.sample.frame).grid
    assert made.sample.ids is not None
    elsewhere = replace(made.sample, ids=np.roll(made.sample.ids, 40, axis=1))
    assert found.maps(replace(made, sample=elsewhere), made.sample.frame).grid == whole
    assert 224 / whole.scale != made.sample.ids.shape[0]  # it is the cell's square, not the picture
    assert found.maps(Picture(made.sample, None), made.sample.frame).grid.scale == 224 / made.sample.ids.shape[0]


def test_the_camera_sees_the_same_noise_each_time_and_another_for_another_seed() -> None:
    made = picture()
    one, again = (seen(made.sample, made.arrangement, JudgeSettings()).depth for _ in range(2))
    other = seen(made.sample, made.arrangement, JudgeSettings(seed=1)).depth
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other, equal_nan=True)
    assert seen(made.sample, made.arrangement, JudgeSettings(noise=False)) is made.sample.frame
    assert seen(made.sample, None, JudgeSettings()) is made.sample.frame


def test_the_jaw_is_the_pad_at_its_depth_or_half_the_opening() -> None:
    made = picture().sample
    assert made.frame.intrinsics is not None
    verdict = Verdict("grasp", (80.0, 80.0), 0.1, 40.0, 0.06, 0.5)
    pad, public = as_rectangle(verdict, made, True), as_rectangle(verdict, made, False)
    assert pad is not None and public is not None
    assert pad.jaw[0] == pytest.approx(GripperGeometry().pad_width * made.frame.intrinsics.fx / 0.5)
    assert public.jaw[0] == pytest.approx(20.0)
    assert as_rectangle(Verdict("nothing_left"), made, True) is None


def test_rows_come_back_from_json_as_they_were(perfect: JudgedPicture) -> None:
    assert JudgedPicture.from_dict(json.loads(json.dumps(perfect.to_dict()))) == perfect


def test_nothing_is_judged_twice_and_a_torn_file_goes_on(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures, cache = Shards(write_shards(tmp_path / "data")), tmp_path / "cache"
    first = evaluate(model, pictures, PERFECT, most=1, workers=1, cache=cache)
    (file,) = cache.iterdir()
    file.write_bytes(file.read_bytes() + b'{"index": 1, "name": "torn')
    both = evaluate(model, pictures, PERFECT, workers=1, cache=cache)
    assert [row.name for row in both.rows] == ["scene-0/view_0", "scene-1/view_0"] and both.rows[0] == first.rows[0]
    assert both.rate("lift") == {"rate": 1.0, "low": pytest.approx(0.342, abs=1e-3), "high": 1.0, "n": 2}

    def nobody(*_: object) -> None:
        raise AssertionError("judged again")

    monkeypatch.setattr(evaluation, "_row", nobody)
    assert evaluate(model, pictures, PERFECT, workers=1, cache=cache).rows == both.rows
    without = replace(PERFECT, lift=False)  # what was executed, too, will do
    assert evaluate(model, pictures, without, workers=1, cache=cache).rows == both.rows
    for other in (JudgeSettings(), replace(PERFECT, seed=1)):
        with pytest.raises(AssertionError, match="judged again"):
            evaluate(model, pictures, other, workers=1, cache=cache)
    monkeypatch.setattr(evaluation, "code_sum", lambda *_: "changed")
    with pytest.raises(AssertionError, match="judged again"):
        evaluate(model, pictures, PERFECT, workers=1, cache=cache)


def test_a_public_set_with_the_same_names_and_other_grasps_is_judged_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind, cache = tiny_model(tmp_path / "model", "rgb"), tmp_path / "cache"
    reasons = {}
    for name, u in (("a", 300.0), ("b", 200.0), ("copy of a", 300.0)):
        write_cornell(tmp_path / name, Bar(25.0))
        corners = Bar(25.0, u=u).corners(first_along_opening=True)
        write_text(tmp_path / name / "01" / "pcd0100cpos.txt", corner_lines(corners))
        if name == "copy of a":
            monkeypatch.setattr(evaluation, "_row", lambda index: pytest.fail("judged again"))
        found = evaluate(blind, open_pictures(str(tmp_path / name), "cornell"), workers=1, cache=cache)
        reasons[name] = found.rows[0].verdicts["argmax"].reason
    assert reasons["a"] != reasons["b"], "the nearest true grasp lies elsewhere"
    assert reasons["a"] == reasons["copy of a"]
    monkeypatch.setattr(judged_pictures, "code_sum", lambda *modules: f"another {modules}")
    with pytest.raises(pytest.fail.Exception, match="judged again"):
        evaluate(blind, open_pictures(str(tmp_path / "a"), "cornell"), workers=1, cache=cache)


def results(model: str, *verdicts: Verdict) -> Results:
    rows = tuple(
        JudgedPicture(k, f"p{k}", True, {"argmax": v, "cell": v}, {"net": k + 1.0}) for k, v in enumerate(verdicts)
    )
    return Results(model, read_card(find(model)), "made up", JudgeSettings(), rows)


def test_rates_times_and_failures_are_counted(model: str) -> None:
    won, lost = Verdict("grasp", lift_top=True), Verdict("grasp", lift_top=False, failure="hole")
    found = results(model, won, lost, lost, replace(lost, failure="edge"))
    assert found.rate("lift")["rate"] == 0.25 and found.won("lift") == [True, False, False, False]
    assert list(found.failures().items()) == [("hole", 2), ("edge", 1)]
    assert found.time_ms() == {"net": 2.5}
    with pytest.raises(BadInput, match="cannot tell top"):
        found.rate("top")


def test_the_command_says_rate_interval_and_n(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_shards(tmp_path / "data")
    common = ["evaluate", "--model", model, "--data", str(folder), "--workers", "1", "--cache", str(tmp_path / "c")]
    perfect = [*common, "--substitute", "all"]
    assert main([*perfect, "--metric", "lift", "--against", model, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (answer["metric"], answer["decode"], answer["rate"], answer["n"]) == ("lift", "cell", 1.0, 2)
    assert answer["low"] < 1 == answer["high"]
    assert answer["against"]["difference"] == 0 and answer["against"]["n"] == 2
    assert main([*perfect, "--metric", "top", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["decode"] == "argmax"
    assert main([*common, "--out", str(tmp_path / "pages")]) == 0
    page = capsys.readouterr().out
    assert "lift_clean" in page and "0.0%" in page and "failures of cell: refused 2" in page
    names = {path.name for path in (tmp_path / "pages").iterdir()}
    assert names == {"failure_refused.png", "reliability.png"}


def test_what_pictures_cannot_tell_is_refused_before_they_are_judged(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(write_shards(tmp_path / "data"))
    words = ["evaluate", "--model", model, "--data", folder, "--workers", "1", "--cache", str(tmp_path / "c"), "--json"]
    assert main([*words, "--as-published"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["decode"] == "argmax"
    simulated = Shards.__getitem__
    monkeypatch.setattr(Shards, "__getitem__", lambda self, k: Picture(simulated(self, k).sample, None))
    assert main(words) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (answer["metric"], answer["decode"], answer["failures_by"]) == ("top", "argmax", "top")
    assert 0.0 <= answer["calibration_error"] <= 1.0

    def nobody(*_: object) -> None:
        raise AssertionError("judged")

    monkeypatch.setattr(evaluate_command, "evaluate", nobody)
    for more, said in (
        (["--metric", "lift"], "cannot tell it; what it can tell is top, any"),
        (["--metric", "top", "--decode", "cell"], "pose of the camera"),
        (["--metric", "top", "--decode", "cell", "--as-published"], "argmax only"),
    ):
        assert main([*words, *more]) == 2 and said in capsys.readouterr().err


def test_an_edited_model_is_refused_though_its_results_are_kept(tmp_path: Path) -> None:
    folder, cache = tiny_model(tmp_path / "edited"), tmp_path / "cache"
    pictures = Shards(write_shards(tmp_path / "data"))
    evaluate(folder, pictures, PERFECT, workers=1, cache=cache)
    data = bytearray((folder / "weights.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(data)
    with pytest.raises(ModelRefused, match="sha256 differs"):
        evaluate(folder, pictures, PERFECT, workers=1, cache=cache)


@pytest.mark.parametrize("bad", [["--scenes", "0"], ["--data", "nowhere"], ["--split", "x.txt"], ["--seed", "-1"]])
def test_bad_arguments_are_refused(
    bad: list[str], model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "--model", model, "--data", str(tmp_path), *bad]
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("gpnet evaluate: ")


def test_a_test_set_is_made_where_it_is_not_kept_and_a_wrong_folder_is_not_taken_for_it(tmp_path: Path) -> None:
    made = open_pictures("stack-test", root=tmp_path)
    assert (
        isinstance(made, MadeTestSet) and len(made.names) == 500 and "gpnet generate --test-set stack-test" in made.note
    )
    write_shards(tmp_path / "stack-test")
    with pytest.raises(BadInput, match="does not hold the test set stack-test"):
        open_pictures("stack-test", root=tmp_path)
    assert open_pictures(str(tmp_path / "stack-test")).names == ("scene-0/view_0", "scene-1/view_0")


@pytest.mark.slow
def test_a_picture_made_on_the_way_is_that_of_the_shards(tmp_path: Path) -> None:
    folder = tmp_path / "unseen-test"
    assert main(["generate", "--test-set", "unseen-test", "--scenes", "1", "--out", str(folder), "--workers", "1"]) == 0
    with pytest.raises(BadInput, match="1 of the 500 scenes"):
        open_pictures("unseen-test", root=tmp_path)
    kept, made = Shards(folder)[0], MadeTestSet("unseen-test")[0]
    assert made.sample.name == kept.sample.name
    np.testing.assert_array_equal(made.sample.frame.color, kept.sample.frame.color)
    np.testing.assert_array_equal(made.sample.frame.depth, kept.sample.frame.depth)
    assert made.arrangement is not None and kept.arrangement is not None
    assert np.abs(made.arrangement.heap.T_base_object - kept.arrangement.heap.T_base_object).max() < 1e-6
    assert Shards(folder).told() == MadeTestSet("unseen-test").told(), "known without making a picture"


@pytest.mark.parametrize(("looks", "status"), [(LOOKS - 1, "grasp"), (LOOKS, "nothing_graspable")])
def test_the_cell_looks_again_where_nothing_is_graspable(
    looks: int, status: str, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind, frames = [Choice("nothing_graspable")] * looks, []

    def choose(maps: Maps, frame: Frame, T_base_camera: Transform, cell: Cell) -> Choice:
        frames.append(frame)
        return blind.pop() if blind else in_cell(maps, frame, T_base_camera, cell)

    monkeypatch.setattr(judge, "in_cell", choose)
    verdict = Judge(model, PERFECT).row(0, picture()).verdicts["cell"]
    assert verdict.status == status
    assert len(frames) == LOOKS
    assert not np.array_equal(frames[0].depth, frames[1].depth, equal_nan=True)  # each look has noise of its own
