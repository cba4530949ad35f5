"""gpnet data show, check, convert and split, on shards of our own and on a public format."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.labelled_pictures import CAMERA, Z, across, labelled_sample

from gpnet_ros.cli import main
from gpnet_ros.data.loaders.sets import LOADERS, open_data
from gpnet_ros.data.pages.page import (
    OPENING_COLOR,
    PAD_COLOR,
    draw_rectangles,
    page_rows,
    panels_of,
    priority_of,
    save_page,
)
from gpnet_ros.data.pages.relation_graph import draw_relations, node_places
from gpnet_ros.data.sample import Objects, Sample
from gpnet_ros.data.shards.generated import Generated
from gpnet_ros.data.shards.index import read_index, write_index
from gpnet_ros.data.shards.writer import ShardPlan, ShardWriter, scene_members
from gpnet_ros.data.splits import read_split
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.rectangle import Rectangles
from gpnet_ros.rectangle_metric import iou
from gpnet_ros.sim.objects.model import HELD_OUT


def shards(folder: Path, samples: Sequence[Sample], per_shard: int = 2) -> Path:
    """Samples as a folder of shards, scenes in the order of their first sample."""
    scenes = tuple(dict.fromkeys(sample.scene for sample in samples))
    with ShardWriter(folder, ShardPlan("test", {}, scenes, per_shard), resume=False) as writer:
        for number, scene in enumerate(scenes):
            writer.add(number, scene_members(sample for sample in samples if sample.scene == scene))
    return folder


def heaps(count: int = 5, views: int = 1) -> list[Sample]:
    """Samples that keep all laws."""
    return [labelled_sample(f"heap{k}/view_{v}", f"heap{k}") for k in range(count) for v in range(views)]


def cornell(root: Path, count: int = 5) -> Path:
    """A tree of the Cornell format: a wide dark bar, grasped across."""
    for k in range(count):
        folder = root / f"{1 + k // 3:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        image = np.full((480, 640, 3), 200, np.uint8)
        image[190:210, 100 + k : 300 + k] = (40, 60, 160)
        cv2.imwrite(str(folder / f"pcd{100 + k:04d}r.png"), image)
        corners = [(191, 180), (191, 220), (209, 220), (209, 180)]
        text = "".join(f"{u + k}.0 {v}.0 \n" for u, v in corners)
        (folder / f"pcd{100 + k:04d}cpos.txt").write_text(text)
        (folder / f"pcd{100 + k:04d}cneg.txt").write_text(text)
    return root


def gpnet(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict[str, Any], str]:
    """Exit status, the JSON object of the last line, and all text of a command."""
    status = main([*map(str, words), "--json"])
    seen = capsys.readouterr()
    last = seen.out.strip().split("\n")[-1]
    return status, json.loads(last) if status < 2 else {}, seen.out + seen.err


# --- show ---


def test_page_shows_everything_that_is_known(tmp_path: Path) -> None:
    titles = save_page(tmp_path / "page.png", labelled_sample())
    starts = ["colour", "depth", "objects", "relations", "quality", "angle", "opening", "priority", "rectangles"]
    assert [title.split(" ")[0].rstrip(",:") for title in titles] == [*starts, "no", "suction", "boxes"]
    page = cv2.imread(str(tmp_path / "page.png"))
    assert page is not None
    assert page.std() > 20


def test_page_leaves_out_what_is_not_known(tmp_path: Path) -> None:
    full = labelled_sample()
    bare = Sample("a", "a", Frame(full.frame.color, None))
    assert save_page(tmp_path / "a.png", bare) == ("colour",)
    assert save_page(tmp_path / "b.png", replace(bare, rectangles=Rectangles.none()))[1].startswith("rectangles: 0")
    depth_only = Sample("a", "a", Frame(None, np.full((40, 50), np.nan, np.float32)))
    assert save_page(tmp_path / "c.png", depth_only) == ("depth [m], unknown hatched (100.0%)",)
    no_relations = replace(full, objects=Objects(np.array([1, 2, 3])))
    titles = " ".join(title for title, _ in panels_of(no_relations))
    assert "relations" not in titles
    assert "priority" not in titles
    assert "boxes" not in titles


def canvas(draw: Any, side: int = 100) -> np.ndarray:
    """What `draw` draws on axes of one pixel per unit, (side, side, 3) RGB."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 4), dpi=side)
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set_xlim(-0.5, side - 0.5)
    axis.set_ylim(side - 0.5, -0.5)
    axis.axis("off")
    draw(axis)
    drawn = FigureCanvasAgg(figure)
    drawn.draw()
    return np.asarray(drawn.buffer_rgba())[2::4, 2::4, :3]


def near(pixel: np.ndarray, color: str) -> bool:
    from matplotlib.colors import to_rgb

    return bool(np.abs(pixel / 255.0 - to_rgb(color)).max() < 0.25)


def test_openings_and_pads_are_told_apart() -> None:
    """Openings run along the angle, pads across it, and both where the rectangle is."""
    one = Rectangles(np.array([[50.0, 40.0]]), np.zeros(1), np.array([60.0]), np.array([20.0]))
    image = canvas(lambda axis: draw_rectangles(axis, one))
    assert near(image[30, 50], OPENING_COLOR)
    assert near(image[50, 50], OPENING_COLOR)
    assert near(image[40, 20], PAD_COLOR)
    assert near(image[40, 80], PAD_COLOR)
    turned = Rectangles(one.center, np.array([np.pi / 2]), one.opening, one.jaw)
    image = canvas(lambda axis: draw_rectangles(axis, turned))
    assert near(image[40, 40], OPENING_COLOR)
    assert near(image[10, 50], PAD_COLOR)


def test_unknown_depth_is_hatched_and_not_a_colour_of_the_scale() -> None:
    depth = np.tile(np.linspace(0.5, 0.9, 100, dtype=np.float32), (100, 1))
    depth[40:60, 40:60] = np.nan
    sample = Sample("a", "a", Frame(None, depth))
    draw = dict(panels_of(sample))["depth [m], unknown hatched (4.0%)"]
    image = canvas(lambda axis: (draw(axis), axis.figure.axes[1].remove(), axis.set_position((0, 0, 1, 1))))
    inside, outside = image[43:57, 43:57].astype(int), image[70:90, 10:90].astype(int)
    assert np.ptp(inside, axis=-1).max() < 12  # grey,
    assert inside.std() > 2  # with a pattern
    assert np.ptp(outside, axis=-1).mean() > 60


def test_arrows_point_from_what_lies_above_to_what_lies_below() -> None:
    objects = labelled_sample().objects
    assert objects is not None
    places = node_places(objects)
    assert places[1, 1] == places[2, 1] > places[0, 1]
    arrows: list[tuple[Any, Any]] = []

    class Axis:
        def annotate(self, _: str, xy: Any, xytext: Any, **__: Any) -> None:
            arrows.append((tuple(xytext), tuple(xy)))

        def __getattr__(self, name: str) -> Any:
            return lambda *_, **__: None

    draw_relations(Axis(), objects)
    assert arrows == [(tuple(places[1]), tuple(places[0]))]  # 2 lies on 1


def test_priority_is_one_on_top_and_halves_below() -> None:
    sample = labelled_sample()
    assert sample.objects is not None
    assert sample.ids is not None
    values = priority_of(sample.ids, sample.objects)
    assert [float(values[sample.ids == k].mean()) for k in (0, 1, 2, 3)] == [0.0, 0.5, 1.0, 1.0]
    binary = priority_of(sample.ids, replace(sample.objects, layer=None))
    assert [float(binary[sample.ids == k].mean()) for k in (0, 1, 2, 3)] == [0.0, 0.0, 1.0, 1.0]


def test_few_rectangles_are_drawn_the_best_of_each_object() -> None:
    rng = np.random.default_rng(0)
    n = 400
    many = Rectangles(
        rng.uniform(0, 100, (n, 2)), rng.uniform(-1, 1, n), np.full(n, 30.0), np.full(n, 10.0), rng.random(n),
        rng.integers(1, 4, n),
    )  # fmt: skip
    drawn = many.take(page_rows(many))
    assert drawn.object_id is not None
    assert many.object_id is not None
    for number in (1, 2, 3):
        mine, all_of_it = drawn.take(drawn.object_id == number), many.take(many.object_id == number)
        assert mine.score is not None
        assert all_of_it.score is not None
        assert 1 < len(mine) <= 6
        assert mine.score.max() == all_of_it.score.max()
        assert (iou(mine, mine) - np.eye(len(mine))).max() <= 0.15
    nameless = Rectangles(many.center, many.angle, many.opening, many.jaw)
    assert len(set(page_rows(nameless).tolist())) == 30
    assert page_rows(across()).tolist() == [0, 1, 3, 2]
    assert len(page_rows(Rectangles.none())) == 0


def test_show_draws_scenes_of_shards_by_number_and_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shards(tmp_path / "data", heaps(3, views=2))
    out = tmp_path / "page.png"
    status, answer, _ = gpnet(capsys, "data", "show", folder, "--scene", 2, "--view", 1, "--out", out)
    assert status == 0
    assert answer["pages"][0]["picture"] == "heap2/view_1"
    assert (answer["scenes"], answer["pictures"]) == (3, 6)
    assert out.stat().st_size > 20_000
    _, answer, _ = gpnet(capsys, "data", "show", folder, "--scene", "heap1", "--out", tmp_path / "b.jpg")
    assert answer["pages"][0]["scene"] == "heap1"
    _, answer, _ = gpnet(capsys, "data", "show", folder, "--scene", 1, "--count", 9, "--out", tmp_path / "pages")
    assert [page["scene"] for page in answer["pages"]] == ["heap1", "heap2"]
    assert all(Path(page["file"]).is_file() for page in answer["pages"])


def test_show_draws_a_public_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = cornell(tmp_path / "cornell")
    status, answer, _ = gpnet(capsys, "data", "show", root, "--from", "cornell", "--out", tmp_path / "c.png")
    assert status == 0
    panels = answer["pages"][0]["panels"]
    assert [panel.split(":")[0] for panel in panels] == ["colour", "rectangles", "no grasps"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--scene", "7"], "from 0 to 2"),
        (["--scene", "nobody"], "heap0"),
        (["--view", "1"], "--view is 1"),
        (["--count", "0"], "--count is 0"),
        (["--out", "page.exe"], ".png"),
        (["--count", "2", "--out", "page.png"], "folder"),
    ],
)
def test_show_refuses_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    folder = shards(tmp_path / "data", heaps(3))
    status, _, text = gpnet(capsys, "data", "show", folder, *words)
    assert status == 2
    assert said in text
    assert text.strip().count("\n") == 0


@pytest.mark.parametrize("command", ["show", "check", "split"])
def test_a_folder_without_shards_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    more = ["--out", tmp_path / "x"] if command == "split" else []
    for folder in (tmp_path, tmp_path / "nowhere"):
        status, _, text = gpnet(capsys, "data", command, folder, *more)
        assert status == 2
        assert str(folder) in text


def test_every_name_of_a_data_set_has_a_loader(tmp_path: Path) -> None:
    for name in LOADERS:
        with pytest.raises(BadInput, match=str(tmp_path)):
            open_data(name, tmp_path)


# --- check ---


def test_check_passes_true_data_and_counts_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shards(tmp_path / "data", heaps(5, views=2))
    status, answer, _ = gpnet(capsys, "data", "check", folder)
    assert status == 0
    assert answer["violations"] == 0
    assert (answer["complete"], answer["shards"]) == (True, 3)
    assert answer["bytes"] == sum(p.stat().st_size for p in folder.glob("*.zip"))
    seen = answer["looked_at"]
    assert (seen["scenes"], seen["pictures"]) == (5, 10)
    assert seen["sizes"] == {"160x120": 10}
    assert seen["objects"] == {"total": 30, "mean": 3.0, "min": 3, "max": 3}
    assert seen["related_pairs"]["total"] == 10
    assert seen["top_level_share"] == pytest.approx(2 / 3, abs=1e-3)
    assert seen["graspable_share"] == pytest.approx(2 / 3, abs=1e-3)
    assert seen["rectangles"]["mean"] == 4
    assert seen["unknown_depth_share"] == pytest.approx(35 / (120 * 160), abs=1e-5)
    assert seen["categories"] == {"box": 10, "flat_box": 10, "pipe": 10}


def test_check_looks_at_some_scenes_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shards(tmp_path / "data", heaps(6))
    status, answer, _ = gpnet(capsys, "data", "check", folder, "--scenes", 2)
    assert (status, answer["looked_at"]["scenes"]) == (0, 2)
    assert gpnet(capsys, "data", "check", folder, "--scenes", 0)[0] == 2


def broken(sample: Sample) -> Sample:
    """The same with a grasp on the bare table."""
    assert sample.rectangles is not None
    return replace(sample, rectangles=sample.rectangles.moved(np.array([[1.0, 0, 40], [0, 1.0, 0]])))


def test_check_names_ten_violations_and_counts_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shards(tmp_path / "data", [broken(s) if k != 1 else s for k, s in enumerate(heaps(5))])
    status, answer, text = gpnet(capsys, "data", "check", folder)
    assert status == 1
    assert answer["violations"] == 4 * 4
    assert len(answer["named"]) == 10
    assert answer["named"][0].startswith("heap0/view_0: a rectangle of object 1")
    assert not any("heap1" in sentence for sentence in answer["named"])
    assert "and 6 more" in text


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), "shard_00001.zip is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-7]), "bytes, the index says"),
        (lambda path: path.write_bytes(path.read_bytes()[:900] + b"!" + path.read_bytes()[901:]), "was changed"),
    ],
)
def test_check_finds_damaged_shards(tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Any, said: str) -> None:
    folder = shards(tmp_path / "data", heaps(5))
    damage(folder / "shard_00001.zip")
    status, answer, _ = gpnet(capsys, "data", "check", folder)
    assert status == 1
    assert answer["violations"] == 1
    assert said in answer["named"][0]


def test_check_finds_pictures_that_the_index_does_not_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shards(tmp_path / "data", heaps(4))
    index = read_index(folder)
    hidden = replace(index.scenes["heap3"], samples={})
    views = tuple(replace(shard, views=shard.views - (shard.file == "shard_00001.zip")) for shard in index.shards)
    write_index(folder, replace(index, scenes={**index.scenes, "heap3": hidden}, shards=views))
    status, answer, _ = gpnet(capsys, "data", "check", folder)
    assert status == 1
    assert "heap3" in answer["named"][0]
    write_index(folder, replace(index, shards=views))
    status, answer, _ = gpnet(capsys, "data", "check", folder)
    assert "the index lists" in answer["named"][0]


def test_check_says_that_a_folder_is_not_finished(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = heaps(5)
    with ShardWriter(tmp_path / "data", ShardPlan("test", {}, [s.scene for s in samples], 2), resume=False) as writer:
        for number in (0, 1, 2):  # the second shard lacks a scene
            writer.add(number, scene_members([samples[number]]))
    status, answer, text = gpnet(capsys, "data", "check", tmp_path / "data")
    assert status == 0
    assert (answer["complete"], answer["planned_scenes"], answer["looked_at"]["scenes"]) == (False, 5, 2)
    assert "UNFINISHED" in text


def test_check_wants_disjoint_splits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shards(tmp_path / "data", heaps(4))
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("heap0\nheap1\n")
    two.write_text("heap2\n")
    assert gpnet(capsys, "data", "check", folder, "--splits", one, two)[0] == 0
    two.write_text("heap1\nheap9\n")
    status, answer, _ = gpnet(capsys, "data", "check", folder, "--splits", one, two)
    assert status == 1
    assert answer["violations"] == 2
    assert {"heap1", "heap9"} == {word for s in answer["named"] for word in ("heap1", "heap9") if word in s}


def test_check_reads_public_sets_and_names_what_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = cornell(tmp_path / "cornell")
    assert gpnet(capsys, "data", "check", root, "--from", "cornell")[0] == 0
    picture = root / "01" / "pcd0101r.png"
    picture.write_bytes(picture.read_bytes()[:-200])
    status, answer, _ = gpnet(capsys, "data", "check", root, "--from", "cornell")
    assert (status, answer["violations"]) == (1, 1)
    assert "pcd0101r.png" in answer["named"][0]


# --- check: whole scenes of our own ---


def scene_json(**changes: Any) -> dict[str, Any]:
    """The scene of `labelled_sample`: 2 rests on 1, and its rectangles' grasps 20 mm below the tops."""
    objects = [{"family": family, "seed": 5 + k} for k, family in enumerate(("box", "flat_box", "pipe"))]
    tips = CAMERA.deproject(across().center, np.full(4, Z - 0.01)) * [1, -1, -1] + [0.6, 0, Z]
    grasps = {"position": tips.tolist(), "quaternion": [[1.0, 0, 0, 0]] * 4, "opening": [0.08] * 4}
    view = {"name": "view_0", "grasps": {**grasps, "object_id": [1, 1, 3, 3]}}
    about = {"objects": objects, "supports": [[2, 1, 0.7]], "covered_by": [[1, 2]], "views": [view]}
    return {**about, "recipe": {"split": "train"}, **changes}


def generated(folder: Path, about: dict[str, Any], sample: Sample, arguments: dict[str, Any]) -> Path:
    """One scene as `gpnet generate` writes it."""
    with ShardWriter(folder, ShardPlan("test", arguments, [sample.scene]), resume=False) as writer:
        writer.add(0, {"scene.json": json.dumps(about).encode(), **scene_members([sample])})
    return folder


def test_check_passes_a_true_scene_and_looks_through_the_sensor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = generated(tmp_path / "data", scene_json(), labelled_sample(), {"split": "train"})
    status, answer, _ = gpnet(capsys, "data", "check", folder)
    assert (status, answer["named"]) == (0, [])
    assert answer["looked_at"]["unknown_depth_share_d435"] > answer["looked_at"]["unknown_depth_share"]


def grasps_in_space(**changes: Any) -> dict[str, Any]:
    about = scene_json()
    about["views"][0]["grasps"] |= changes
    return about


def other_family(family: str, seed: int = 5) -> dict[str, Any]:
    about = scene_json()
    about["objects"][2] = {"family": family, "seed": seed}
    return about


@pytest.mark.parametrize(
    ("about", "arguments", "said"),
    [
        (other_family(HELD_OUT[0]), {"split": "train"}, f"a {HELD_OUT[0]} is in a scene"),
        (other_family("pipe", 900_000), {"split": "train"}, "pipe 900000 is in a scene"),
        (scene_json(), {"split": "unseen"}, "a box is in a scene"),
        (scene_json(), {"split": "train", "test_set": "table-test"}, "'seen', whose objects"),
        (scene_json(recipe={"split": "seen"}), {}, "'seen', whose objects"),
        (scene_json(supports=[[2, 1, 0.7], [1, 3, 0.1]]), {}, "disagree about whether object 1 lies on object 3"),
        (scene_json(covered_by=[[1, 2], [2, 3]]), {}, "disagree about whether object 3 lies on object 2"),
        (scene_json(supports=[], covered_by=[]), {}, "disagree about whether object 2 lies on object 1"),
        (scene_json(covered_by=[[1, 2], [1, 3]]), {}, "disagree about whether object 3 lies on object 1"),
        (
            scene_json(objects=scene_json()["objects"][:1], supports=[], covered_by=[]),
            {},
            "list the 1 objects",
        ),
        (scene_json(supports=[[2, 9, 0.7]]), {}, "scene.json cannot be used"),
        (scene_json(views=[]), {}, "does not list this picture"),
        (grasps_in_space(opening=[0.08, 0.09, 0.08, 0.08]), {}, "an opening is 90.0 mm"),
        (grasps_in_space(opening=[0.08, None, 0.08, 0.08]), {}, "an opening is nan mm"),
        (grasps_in_space(opening=[0.08]), {}, "not on the same objects"),
        (grasps_in_space(position=[[0.6, 0.0, 0.01]] * 3), {}, "in space cannot be used"),
        (grasps_in_space(position=[[0.6, None, 0.01]] * 4), {}, "in space cannot be used"),
        (grasps_in_space(object_id=[1, 3, 1, 3]), {}, "not on the same objects"),
        (grasps_in_space(object_id=[1, 1, 3]), {}, "not on the same objects"),
        (grasps_in_space(position=[[0.6, 0.0, 0.01]] * 4), {}, "px from its rectangle"),
        ({"seed": 3}, {}, "scene.json cannot be used"),
        (other_family("spoon"), {}, "the objects are"),
    ],
)
def test_check_holds_pictures_against_their_scene(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], about: dict[str, Any], arguments: dict[str, Any], said: str
) -> None:
    folder = generated(tmp_path / "data", about, labelled_sample(), arguments)
    status, answer, _ = gpnet(capsys, "data", "check", folder)
    assert status == 1
    assert any(said in sentence for sentence in answer["named"])


def test_check_misses_dense_grasps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = replace(labelled_sample(), grasps=None)
    status, answer, _ = gpnet(capsys, "data", "check", generated(tmp_path / "data", scene_json(), bare, {}))
    assert (status, answer["violations"]) == (1, 1)
    assert "lacks dense grasps" in answer["named"][0]


# --- convert ---


def test_converted_pictures_are_the_loaders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, folder = cornell(tmp_path / "cornell"), tmp_path / "shards"
    status, answer, _ = gpnet(capsys, "data", "convert", root, "--from", "cornell", "--to", folder)
    assert status == 0
    assert (answer["pictures"], answer["made"]) == (5, 5)
    before, after = open_data("cornell", root), Generated(folder)
    assert after.names == before.names
    assert after.scenes == before.scenes
    for k in range(5):
        a, b = before[k], after[k]
        assert a.rectangles is not None
        assert b.rectangles is not None
        assert np.allclose(a.rectangles.corners(), b.rectangles.corners(), atol=1e-2)
        assert b.negatives is not None
        assert (b.ids, b.objects, b.grasps, b.suction, b.frame.depth) == (None,) * 5
        assert a.frame.color is not None
        assert b.frame.color is not None
        assert np.abs(a.frame.color.astype(int) - b.frame.color).mean() < 2
    assert gpnet(capsys, "data", "check", folder)[0] == 0
    assert gpnet(capsys, "data", "show", folder, "--out", tmp_path / "p.png")[0] == 0


def test_converting_takes_only_the_scenes_of_a_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, split = cornell(tmp_path / "cornell"), tmp_path / "split.txt"
    wanted = open_data("cornell", root).scenes[1:3]
    split.write_text("\n".join(wanted))
    words = ("data", "convert", root, "--from", "cornell", "--to", tmp_path / "shards", "--split", split)
    assert gpnet(capsys, *words)[0] == 0
    assert Generated(tmp_path / "shards").scenes == wanted
    split.write_text("\n".join(open_data("cornell", root).scenes[2:4]))
    status, _, text = gpnet(capsys, *words, "--resume")
    assert status == 2
    assert "pictures" in text


def test_interrupted_conversion_goes_on_to_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = cornell(tmp_path / "cornell")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    words = ("data", "convert", root, "--from", "cornell", "--to")
    assert gpnet(capsys, *words, whole)[0] == 0
    picture = root / "02" / "pcd0103r.png"
    content = picture.read_bytes()
    picture.write_bytes(content[: len(content) // 2])
    status, _, text = gpnet(capsys, *words, cut)
    assert status == 2
    assert "pcd0103r.png" in text
    picture.write_bytes(content)
    status, _, text = gpnet(capsys, *words, cut)
    assert status == 2
    assert "--resume" in text
    status, answer, _ = gpnet(capsys, *words, cut, "--resume")
    assert (status, answer["made"]) == (0, 2)
    files = sorted(p.name for p in whole.iterdir())
    assert files == sorted(p.name for p in cut.iterdir())
    assert all((whole / name).read_bytes() == (cut / name).read_bytes() for name in files)


def test_own_shards_keep_their_scene_files_when_they_are_split(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = heaps(3)
    with ShardWriter(tmp_path / "data", ShardPlan("test", {}, [s.scene for s in samples], 2), resume=False) as writer:
        for number, sample in enumerate(samples):
            about = json.dumps({"seed": number}).encode()
            writer.add(number, {"scene.json": about, **scene_members([sample])})
    split = tmp_path / "some.txt"
    split.write_text("heap2\n")
    out = tmp_path / "part"
    words = ("data", "convert", tmp_path / "data", "--from", "own", "--to", out, "--split", split)
    assert gpnet(capsys, *words)[0] == 0
    assert Generated(out).scenes == ("heap2",)
    assert Generated(out).scene("heap2") == {"seed": 2}


# --- split ---


def test_split_files_are_disjoint_and_by_scene(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shards(tmp_path / "data", heaps(10, views=2))
    status, answer, _ = gpnet(capsys, "data", "split", folder, "--share", 0.2, "--out", tmp_path / "splits")
    assert status == 0
    train, test = (read_split(Path(file)) for file in answer["files"])
    assert (len(train), len(test)) == (8, 2)
    assert not train & test
    assert train | test == {f"heap{k}" for k in range(10)}
    assert gpnet(capsys, "data", "check", folder, "--splits", *answer["files"])[0] == 0
    for file, scenes in zip(answer["files"], (train, test), strict=True):
        part = Generated(folder, Path(file))
        assert set(part.scenes) == scenes
        assert len(part) == 2 * len(scenes)


@pytest.mark.parametrize("share", ["0", "1", "-0.5", "0.01"])
def test_split_refuses_empty_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str], share: str) -> None:
    folder = shards(tmp_path / "data", heaps(4))
    assert gpnet(capsys, "data", "split", folder, f"--share={share}", "--out", tmp_path / "splits")[0] == 2
    assert not (tmp_path / "splits" / "test.txt").exists()


def test_a_split_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shards(tmp_path / "data", heaps(4))
    words = ("data", "split", folder, "--share", 0.5, "--out", tmp_path / "splits")
    assert gpnet(capsys, *words)[0] == 0
    before = (tmp_path / "splits" / "test.txt").read_text()
    status, _, text = gpnet(capsys, *words, "--seed", 3)
    assert status == 2
    assert "already" in text
    assert (tmp_path / "splits" / "test.txt").read_text() == before
