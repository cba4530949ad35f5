"""Pictures in memory, augmentation and training views: labels move with the picture."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from support.fake_scenes import fake_members, fake_plan, scene_name

from gpnet_ros.data.augment import PITCH, centred, moved_angles, random_map, strided, warp
from gpnet_ros.data.dataset import Dataset, grasp_targets
from gpnet_ros.data.drawn import drawn_grasps
from gpnet_ros.data.record import (
    ANGLE,
    ANGLE_UNIT,
    DEPTH_UNIT,
    OPENING,
    OPENING_UNIT,
    QUALITY,
    Record,
    compact_grasps,
    record,
)
from gpnet_ros.data.sample import DenseGrasps, Objects, Sample
from gpnet_ros.data.shards.writer import ShardWriter
from gpnet_ros.data.view_settings import ViewSettings
from gpnet_ros.errors import BadInput, SettingsError
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.maps import WIDTH_SCALE
from gpnet_ros.rectangle import Rectangles
from gpnet_ros.training.origin import data_origin
from gpnet_ros.training.recipe import TrainSettings
from gpnet_ros.training.run import refuse_unseen

SIDE = 288
#: So that a pixel of the picture is one of the cell's grid, and the middle view is the picture's middle.
FOCAL = 0.86 / PITCH


def sample(seed: int = 0, scene: int = 0, layer: tuple[int, ...] = (0, 1), stride: int = 1) -> Sample:
    """Two blocks on a table, each with a strip of grasps of its own angle and opening."""
    rng = np.random.default_rng(seed)
    color = rng.integers(60, 200, (SIDE, SIDE, 3)).astype(np.uint8)
    depth = np.full((SIDE, SIDE), 0.86, dtype=np.float32)
    ids = np.zeros((SIDE, SIDE), dtype=np.int32)
    quality, angle, opening = np.zeros((3, SIDE, SIDE), dtype=np.float32)
    for index, (row, column, theta, wide) in enumerate([(120, 120, 0.4, 0.05), (160, 170, -1.2, 0.07)]):
        block = (slice(row - 20, row + 20), slice(column - 15, column + 15))
        ids[block], depth[block] = index + 1, 0.80 - 0.01 * index
        strip = (slice(row - 12, row + 12), slice(column - 4, column + 4))
        quality[strip], angle[strip], opening[strip] = 0.8, theta, wide
    depth[:3] = np.nan
    every = (slice(stride // 2, None, stride),) * 2
    return Sample(
        name=f"{scene}/{seed}",
        scene=str(scene),
        frame=Frame(color, depth, Intrinsics(SIDE, SIDE, FOCAL, FOCAL, 143.5, 143.5)),
        ids=ids,
        objects=Objects(np.array([1, 2]), layer=np.array(layer)),
        grasps=DenseGrasps(quality[every], angle[every], opening[every]),
    )


def picture(seed: int = 0, scene: int = 0, layer: tuple[int, ...] = (0, 1), stride: int = 1) -> Record:
    return record(sample(seed, scene, layer, stride))


def test_units_of_a_record() -> None:
    kept = picture(stride=2)
    assert (kept.stride, kept.layer, kept.scene) == (2, (0, 1), "0")
    assert kept.depth[0, 0] == 0
    assert kept.depth[120, 120] * DEPTH_UNIT == pytest.approx(0.80)
    assert kept.pitch == pytest.approx(PITCH, rel=1e-4)
    r, c = np.argwhere(kept.grasps[..., QUALITY] > 0)[0]
    assert kept.grasps[r, c, ANGLE] * ANGLE_UNIT - np.pi / 2 == pytest.approx(0.4, abs=0.0062)
    assert kept.grasps[r, c, OPENING] * OPENING_UNIT == pytest.approx(0.05, abs=0.00026)
    faint = np.full((4, 4), 1e-4)
    assert (compact_grasps(faint, faint, faint)[..., QUALITY] == 1).all()  # a poor grasp is still a grasp


def test_a_picture_without_anything_to_learn_grasps_from_is_refused() -> None:
    whole = vars(sample())
    with pytest.raises(BadInput, match="neither dense grasps nor rectangles"):
        record(Sample(**{**whole, "grasps": None}))


def rectangle_sample(**absent: None) -> Sample:
    """A picture as a public data set has it: two rectangles, whatever else is left."""
    rectangles = Rectangles(
        [[135.0, 125.0], [185.0, 105.0]], [0.3, -1.3], [60.0, 300.0], [20.0, 30.0], object_id=[7, 300]
    )
    ids = np.zeros((240, 320), dtype=np.int32)
    ids[105:145, 110:155], ids[50:160, 165:205] = 7, 300
    depth = np.full((240, 320), 0.7, dtype=np.float32)
    color = np.full((240, 320, 3), 90, dtype=np.uint8)
    frame = Frame(color, None if "depth" in absent else depth)
    covered = np.array([[False, True], [False, False]])
    objects = Objects(np.array([7, 300]), covered_by=covered, layer=np.array([1, 0]))
    given = {"ids": ids, "objects": objects} | {k: v for k, v in absent.items() if k != "depth"}
    return Sample("a", "a", frame, rectangles, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("absent", [(), ("depth",), ("objects",), ("ids", "objects"), ("depth", "ids", "objects")])
def test_rectangles_of_public_data_become_targets(absent: tuple[str, ...]) -> None:
    """Decoded at its centre, a target is the rectangle it was drawn from, whatever the data set lacks."""
    truth = rectangle_sample(**dict.fromkeys(absent)).rectangles
    assert truth is not None
    data = Dataset([record(rectangle_sample(**dict.fromkeys(absent)))])
    kept = data.records[0]
    matrix = centred(kept, 224)
    target = data.sample(0, np.random.default_rng(0), augment=False)[1]
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    for k in range(2):
        u, v = np.rint(matrix[:, :2] @ truth.center[k] + matrix[:, 2]).astype(int)
        assert target["quality"][v, u] > 0.8
        angle = np.arctan2(target["sin2"][v, u], target["cos2"][v, u]) / 2
        assert np.sin(angle - truth.angle[k]) == pytest.approx(0.0, abs=0.02)
        wanted = min(truth.opening[k] * scale / WIDTH_SCALE, 1.0)
        assert target["width"][v, u] == pytest.approx(wanted, rel=0.03)
        lower = 0.5 if k == 0 and "objects" not in absent else 1.0
        assert target["priority"][v, u] == lower
    corner = matrix[:, :2] @ [5.0, 5.0] + matrix[:, 2]
    far = tuple(np.clip(np.rint(corner[::-1]), 0, 223).astype(int))
    assert target["quality"][far] == 0


def test_better_rectangles_lie_over_worse_ones() -> None:
    camera = Intrinsics(80, 80, 100.0, 100.0, 39.5, 39.5)
    both = [[40.0, 40.0], [40.0, 40.0]]
    for scores, winner in (([0.2, 0.9], 1.0), ([0.9, 0.2], 0.2)):
        found = drawn_grasps(Rectangles(both, [0.2, 1.0], [30.0, 30.0], [10.0, 10.0], scores), None, camera)
        assert found.angle[40, 40] == pytest.approx(winner)
    row = drawn_grasps(Rectangles([[40.0, 40.0]], [0.0], [30.0], [10.0]), None, camera).quality[40]
    assert row.sum() == pytest.approx(11, abs=1), "the middle third of the opening"


def test_angles_move_with_the_picture() -> None:
    """The crop's angle is the direction between the moved ends of the stored opening."""
    rng = np.random.default_rng(3)
    kept = picture()
    for _ in range(20):
        matrix = random_map(rng, kept, 224)
        for step in (0, 17, 100, 200, 255):
            theta = step * ANGLE_UNIT - np.pi / 2
            ends = np.array([[50.0, 60.0], [50 + 9 * np.cos(theta), 60 + 9 * np.sin(theta)]])
            moved = ends @ matrix[:, :2].T + matrix[:, 2]
            dx, dy = moved[1] - moved[0]
            found = float(moved_angles(matrix)[step])
            assert np.sin(found - np.arctan2(dy, dx)) == pytest.approx(0, abs=1e-6)
            assert -np.pi / 2 <= found < np.pi / 2


@pytest.mark.parametrize("stride", [1, 2])
def test_labels_land_where_the_colour_lands(stride: int) -> None:
    kept = picture(stride=stride)
    grey = np.repeat((kept.ids * 100)[..., None], 3, axis=2)
    painted = Record(kept.scene, grey, kept.depth, kept.ids, kept.grasps, kept.layer, kept.focal)
    rng = np.random.default_rng(4)
    scales = []
    for _ in range(20):
        crop = warp(painted, random_map(rng, painted, 224), 224)
        agree = np.abs(crop.color[..., 0].astype(int) - crop.ids * 100) < 30
        assert agree.mean() > 0.97  # all but the interpolated edges
        assert set(np.round(np.unique(crop.depth[np.isfinite(crop.depth)]), 4)) <= {
            np.float32(z) for z in (0.79, 0.8, 0.86)
        }
        grasped = crop.quality > 0
        assert (crop.ids[grasped] > 0).all()
        opening = np.where(crop.ids == 1, 0.05, 0.07)
        assert np.abs(crop.opening - opening)[grasped].max() < 3e-4, "each strip stays on its own block"
        scales.append(crop.scale)
    assert min(scales) < 0.8, "now and then from farther away"
    assert np.mean((np.array(scales) > 0.85) & (np.array(scales) < 1.15)) > 0.5, "mostly at the scale of the cell"
    same = warp(painted, centred(painted, 224), 224)
    assert (same.ids == kept.ids[32:-32, 32:-32]).mean() > 0.995
    assert same.scale == pytest.approx(1.0, abs=1e-3)


def test_an_entry_of_the_labels_belongs_to_the_pixel_in_the_middle_of_its_cell() -> None:
    matrix = random_map(np.random.default_rng(0), picture(), 224)
    for stride in (1, 2, 3):
        entry = np.array([10.0, 20.0])
        pixel = stride * entry + stride // 2
        expected = matrix[:, :2] @ pixel + matrix[:, 2]
        found = strided(matrix, stride)
        np.testing.assert_allclose(found[:, :2] @ entry + found[:, 2], expected, atol=1e-9)


def test_small_crops_follow_the_objects() -> None:
    kept, rng = picture(), np.random.default_rng(5)
    share = np.mean([(warp(kept, random_map(rng, kept, 96), 96).ids > 0).any() for _ in range(40)])
    assert share > 0.7


def targets(dataset: Dataset, augment: bool, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    return dataset.sample(0, np.random.default_rng(seed), crop=224, augment=augment, channels="rgbd")[1]


def test_targets_tell_opening_angle_and_order() -> None:
    target = targets(Dataset([picture()]), augment=False)
    assert set(target) == {"quality", "cos2", "sin2", "width", "priority"}
    assert all(t.shape == (224, 224) and t.dtype == np.float32 and np.isfinite(t).all() for t in target.values())
    row, column = 120 - 32, 120 - 32
    assert target["quality"][row, column] == pytest.approx(0.8, abs=0.01)
    assert np.arctan2(target["sin2"], target["cos2"])[row, column] / 2 == pytest.approx(0.4, abs=0.01)
    assert target["width"][row, column] * WIDTH_SCALE * 0.80 / FOCAL == pytest.approx(0.05, abs=3e-4)
    assert target["priority"][row, column] == 1.0
    assert target["priority"][160 - 32, 170 - 32] == 0.5
    assert target["priority"][5, 5] == 0.0
    nowhere = target["quality"] == 0
    assert nowhere.mean() > 0.9
    for name in ("cos2", "sin2", "width"):
        assert not target[name][nowhere].any()
    assert np.allclose(np.hypot(target["cos2"], target["sin2"])[~nowhere], 1.0, atol=1e-5)


def test_binary_priority_knows_only_the_top() -> None:
    binary = Dataset([picture()], ViewSettings(priority="binary"))
    assert set(np.unique(targets(binary, False)["priority"])) == {0.0, 1.0}
    assert set(np.unique(targets(Dataset([picture(layer=(2, 0))]), False)["priority"])) == {0.0, 0.25, 1.0}


def test_a_scaled_view_keeps_the_opening_in_metres() -> None:
    dataset = Dataset([picture()])
    widths = set()
    for seed in range(5):
        rng = np.random.default_rng(seed)
        matrix = random_map(rng, dataset.records[0], 224)
        scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
        target = targets(dataset, augment=True, seed=seed)
        first = (target["quality"] > 0.75) & (target["priority"] == 1.0)
        width = np.median(target["width"][first])
        assert width * WIDTH_SCALE * 0.80 / (FOCAL * scale) == pytest.approx(0.05, abs=8e-4)
        widths.add(round(float(width), 4))
    assert len(widths) > 1


def test_soft_quality_carries_angle_and_width_over_the_edge() -> None:
    quality, angle, width = np.zeros((3, 40, 40), dtype=np.float32)
    quality[10:30, 18:22], angle[10:30, 18:22], width[10:30, 18:22] = 0.9, np.pi / 2 - 0.01, 0.4
    quality[10:30, 20:22], angle[10:30, 20:22] = 0.9, -np.pi / 2 + 0.01  # the same axis across the wrap
    target = grasp_targets(quality, angle, width)
    edge = (quality == 0) & (target["quality"] > 0)
    assert edge.any()
    found = np.arctan2(target["sin2"], target["cos2"])[target["quality"] > 0] / 2
    assert np.abs(np.abs(found) - np.pi / 2).max() < 0.011
    assert np.allclose(target["width"][edge], 0.4, atol=1e-4)
    nothing = grasp_targets(np.zeros_like(quality), angle, width)
    assert not any(plane.any() for plane in nothing.values())


def test_samples_are_fresh_but_repeatable() -> None:
    dataset = Dataset([picture()])
    x, y = dataset.sample(0, np.random.default_rng(1))
    again, _ = dataset.sample(0, np.random.default_rng(1))
    other, _ = dataset.sample(0, np.random.default_rng(2))
    assert x.shape == (4, 224, 224)
    assert x.dtype == np.float32
    assert np.isfinite(x).all()
    assert np.array_equal(x, again)
    assert not np.array_equal(x, other)
    seen = [dataset.sample(0, np.random.default_rng(k), augment=False) for k in (1, 2)]
    assert not np.array_equal(seen[0][0][3], seen[1][0][3])  # another exposure of the depth sensor
    assert all(np.array_equal(seen[0][1][name], seen[1][1][name]) for name in y)
    assert dataset.sample(0, np.random.default_rng(1), channels="depth", crop=128)[0].shape == (1, 128, 128)
    assert dataset.sample(0, np.random.default_rng(1), channels="rgb", crop=128)[0].shape == (3, 128, 128)


def test_all_views_of_a_scene_are_on_one_side_of_a_split() -> None:
    dataset = Dataset([picture(k, scene=k // 2) for k in range(20)])
    train, val = dataset.split(0.3, seed=1)
    scenes = [{r.scene for r in part.records} for part in (train, val)]
    assert scenes[0].isdisjoint(scenes[1])
    assert (len(train), len(val)) == (14, 6)
    for share in (0.0, 1.0):
        with pytest.raises(BadInput, match="one part empty"):
            dataset.split(share)


def test_datasets_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(BadInput, match="one picture or more"):
        Dataset([])
    with pytest.raises(SettingsError, match="graded, binary"):
        ViewSettings(priority="height")


def with_rectangles(layer: tuple[int, ...] = (0, 1)) -> Sample:
    """The two blocks with one rectangle at the centre of each strip."""
    whole = sample(layer=layer)
    rectangles = Rectangles(
        np.array([[120.0, 120.0], [170.0, 160.0]]),
        np.array([0.4, -1.2]),
        np.array([36.0, 50.0]),
        np.array([20.0, 20.0]),
        object_id=np.array([1, 2]),
    )
    return dataclasses.replace(whole, rectangles=rectangles)


def changed(one: dict[str, NDArray[np.float32]], other: dict[str, NDArray[np.float32]]) -> set[str]:
    return {name for name, plane in one.items() if not np.array_equal(plane, other[name])}


def test_gaussian_quality_peaks_at_centres_and_falls_along_the_opening_first() -> None:
    kept = record(with_rectangles(), centred=True)
    assert kept.centred is not None
    bell = kept.centred.astype(float) / 255
    assert bell[120, 120] == 1.0 and bell[160, 170] == 1.0
    along, across = (np.array([np.sin(t), np.cos(t)]) * 6.0 for t in (0.4, 0.4 + np.pi / 2))
    at_along, at_across = (bell[tuple(np.rint(np.array([120, 120]) + d).astype(int))] for d in (along, across))
    assert at_along == pytest.approx(np.exp(-0.5), abs=0.08)  # 6 px of an opening of 36 are one deviation
    assert at_across == pytest.approx(np.exp(-0.5 * 1.2**2), abs=0.08)  # and 6 of a jaw of 20 are 1.2
    assert not bell[kept.ids == 0].any(), "a bell stays on its object"
    analytic = targets(Dataset([kept]), False)
    gaussian = targets(Dataset([kept], ViewSettings(quality="gaussian")), False)
    assert "priority" not in changed(analytic, gaussian)
    assert gaussian["quality"].max() <= analytic["quality"].max() + 1e-6
    assert gaussian["quality"].sum() < 0.9 * analytic["quality"].sum()
    row, column = np.unravel_index(int(np.argmax(gaussian["quality"])), (224, 224))
    assert min(np.hypot(row - r, column - c) for r, c in ((88, 88), (128, 138))) <= 1.5


def test_pictures_with_other_views_are_what_they_would_be_if_they_were_read_for_them() -> None:
    pictures = [picture(number) for number in range(3)]
    binary = ViewSettings(quality="binary", normalisation="published-1")
    mixed = Dataset(pictures).mixed([1.0]).with_views(binary)
    views, chances = mixed.views, mixed.chances
    assert views == binary and chances is not None and np.allclose(chances, 1 / 3)
    x, target = mixed.sample(1, np.random.default_rng(5))
    expected, wanted = Dataset(pictures, binary).sample(1, np.random.default_rng(5))
    assert np.array_equal(x, expected) and all(np.array_equal(target[name], wanted[name]) for name in wanted)
    with pytest.raises(BadInput, match="gaussian"):
        mixed.with_views(ViewSettings(quality="gaussian"))


def test_gaussian_quality_without_rectangles_is_refused() -> None:
    with pytest.raises(BadInput, match="needs rectangles"):
        record(sample(), centred=True)
    with pytest.raises(BadInput, match="read with it"):
        Dataset([picture()], ViewSettings(quality="gaussian"))


def test_binary_quality_is_one_where_a_grasp_is_and_hard() -> None:
    analytic = targets(Dataset([picture()]), False)
    binary = targets(Dataset([picture()], ViewSettings(quality="binary")), False)
    assert set(np.unique(binary["quality"])) == {0.0, 1.0}
    assert binary["quality"].sum() == pytest.approx(2 * 24 * 8, rel=0.02)
    assert changed(analytic, binary) >= {"quality"} and "priority" not in changed(analytic, binary)
    assert (analytic["quality"][binary["quality"] > 0] > 0).all()


def test_grasps_of_the_top_level_alone_leave_those_below_out() -> None:
    everything = targets(Dataset([picture()]), False)
    top = targets(Dataset([picture()], ViewSettings(objects="top")), False)
    assert np.array_equal(top["priority"], everything["priority"])
    assert not top["quality"][everything["priority"] == 0.5].max() > 0.05  # but for what the blur carries over
    first = everything["priority"] == 1.0
    assert np.array_equal(top["quality"][first], everything["quality"][first])
    all_free = Dataset([picture(layer=(0, 0))], ViewSettings(objects="top"))
    assert not changed(targets(all_free, False), targets(Dataset([picture(layer=(0, 0))]), False))


def test_public_augmentation_turns_by_quarters_and_enlarges_up_to_twice() -> None:
    kept, rng = picture(), np.random.default_rng(0)
    maps = [random_map(rng, kept, 224, "public") for _ in range(40)]
    scales = np.array([np.sqrt(np.linalg.det(m[:, :2])) for m in maps])  # a mirror would have a negative one
    assert scales.min() >= 0.999 and scales.max() <= 2.001 and np.ptp(scales) > 0.5
    turns = {round(float(np.degrees(np.arctan2(m[1, 0], m[0, 0]))) % 360, 3) for m in maps}
    assert turns == {0.0, 90.0, 180.0, 270.0}
    full = {
        round(float(np.degrees(np.arctan2(m[1, 0], m[0, 0]))), 1) for m in (random_map(rng, kept, 224) for _ in maps)
    }
    assert len(full) > 30
    views = ViewSettings(augmentation="public", noise=False)
    x, _ = Dataset([picture()], views).sample(0, np.random.default_rng(3), channels="rgb")
    assert len(np.unique(x[:, 100:120, 100:120])) > 1


def test_without_noise_depth_is_exact() -> None:
    exact = Dataset([picture()], ViewSettings(noise=False, normalisation="published-1"))
    noisy = Dataset([picture()], ViewSettings(normalisation="published-1"))
    x, y = (d.sample(0, np.random.default_rng(1), augment=False, channels="depth")[0] for d in (exact, noisy))
    assert len(np.unique(x[0])) <= 8, "table and two blocks"
    assert len(np.unique(y[0])) > 8
    assert not np.array_equal(x, y)


def test_the_input_has_the_planes_of_its_normalisation() -> None:
    valid = Dataset([picture()], ViewSettings(normalisation="relief-valid-1"))
    x, _ = valid.sample(0, np.random.default_rng(1), augment=False)
    plain, _ = Dataset([picture()]).sample(0, np.random.default_rng(1), augment=False)
    assert len(x) == 5
    assert np.array_equal(x[:4], plain)
    assert set(np.unique(x[4])) == {0.0, 1.0}


def test_nothing_is_learned_of_depth_from_pictures_without_any() -> None:
    flat = dataclasses.replace(picture(0), depth=np.zeros_like(picture(0).depth))
    for channels in ("rgbd", "depth"):
        with pytest.raises(BadInput, match="no picture of --data has depth"):
            refuse_unseen(Dataset([flat]), TrainSettings(channels=channels))
        refuse_unseen(Dataset([flat, picture(1)]), TrainSettings(channels=channels))
    refuse_unseen(Dataset([flat]), TrainSettings(channels="rgb"))


def test_a_card_tells_what_made_the_data(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, fake_plan(4), False) as writer:
        for number in range(4):
            writer.add(number, fake_members(number))
    dataset = Dataset.load(tmp_path)
    told = data_origin(dataset)
    assert told["generator"] == "fake 1" and told["arguments"]["seed"] == 0
    assert (told["scenes"], told["first_scene"]) == (4, scene_name(0))
    assert data_origin(dataset.split(0.5)[1])["generator"] == "fake 1"
    assert "generator" not in data_origin(Dataset([picture(0)]))


def test_several_folders_are_one_data_set_and_a_card_names_them_all(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for count, folder in zip((4, 3), folders, strict=True):
        with ShardWriter(folder, fake_plan(count), False) as writer:
            for number in range(count):
                writer.add(number, fake_members(number))
    dataset = Dataset.load(folders)
    alone = [Dataset.load(folder) for folder in folders]
    assert [r.scene for r in dataset.records] == [r.scene for one in alone for r in one.records]
    told = data_origin(dataset)
    assert told["generator"] == "fake 1" and [a["scenes"] for a in told["arguments"]] == [4, 3]
    with pytest.raises(BadInput, match="nothing"):
        Dataset.load([folders[0], tmp_path / "nothing"])
