"""Shards, augmentation and training samples: nothing is lost on disk, and labels move with the picture."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gpnet_ros.commands import generate
from gpnet_ros.data import shards
from gpnet_ros.data.augment import centred, moved_angles, random_map, warp
from gpnet_ros.data.dataset import Dataset, grasp_targets
from gpnet_ros.errors import BadInput
from gpnet_ros.maps import WIDTH_SCALE

SIDE = 288
FOCAL = 600.0


def picture(seed: int = 0, heap: int = 0, layer: tuple[int, ...] = (0, 1)) -> shards.Record:
    """A synthetic record: two blocks on a table, each with a strip of grasps of its own angle and opening."""
    rng = np.random.default_rng(seed)
    color = rng.integers(60, 200, (SIDE, SIDE, 3)).astype(np.uint8)
    depth = np.full((SIDE, SIDE), 0.86)
    ids, quality, angle, opening = np.zeros((4, SIDE, SIDE))
    for index, (row, column, theta, wide) in enumerate([(120, 120, 0.4, 0.05), (160, 170, -1.2, 0.07)]):
        block = (slice(row - 20, row + 20), slice(column - 15, column + 15))
        ids[block], depth[block] = index + 1, 0.80 - 0.01 * index
        strip = (slice(row - 12, row + 12), slice(column - 4, column + 4))
        quality[strip], angle[strip], opening[strip] = 0.8, theta, wide
    depth[:3] = np.nan
    meta = {"heap_seed": heap, "view": seed, "layer": list(layer), "camera": {"fx": FOCAL}}
    return shards.record(color, depth, ids, quality, angle, opening, meta)


def test_records_survive_the_disk(tmp_path: Path) -> None:
    records = [picture(k, heap=k // 2) for k in range(3)]
    shards.write_shard(tmp_path / "shard_00000.npz", records)
    assert [p.name for p in tmp_path.iterdir()] == ["shard_00000.npz"]  # no half-written rest
    back = shards.read_shard(tmp_path / "shard_00000.npz")
    assert len(back) == 3
    for a, b in zip(records, back, strict=True):
        assert np.array_equal(a.labels, b.labels)
        assert np.array_equal(a.depth, b.depth)
        assert a.meta == b.meta
        assert a.color.shape == b.color.shape
        assert abs(float(a.color.mean()) - float(b.color.mean())) < 1.5
    # RGB stays RGB.
    red = np.zeros((64, 64, 3), dtype=np.uint8)
    red[..., 0] = 200
    plain = np.zeros((64, 64))
    shards.write_shard(tmp_path / "red.npz", [shards.record(red, plain, plain, plain, plain, plain, {})])
    assert shards.read_shard(tmp_path / "red.npz")[0].color[32, 32].argmax() == 0


def test_units_of_a_record() -> None:
    record = picture()
    assert record.depth[0, 0] == 0
    assert record.depth[100, 100] * shards.DEPTH_UNIT in (pytest.approx(0.86), pytest.approx(0.80))
    v, u = np.argwhere(record.labels[..., shards.QUALITY] > 0)[0]
    assert record.labels[v, u, shards.ANGLE] * shards.ANGLE_UNIT - np.pi / 2 == pytest.approx(0.4, abs=0.0062)
    assert record.labels[v, u, shards.OPENING] * shards.OPENING_UNIT == pytest.approx(0.05, abs=0.00026)
    faint = np.full((4, 4), 1e-4)
    kept = shards.record(np.zeros((4, 4, 3), dtype=np.uint8), faint, faint, faint, faint, faint, {})
    assert (kept.labels[..., shards.QUALITY] == 1).all()  # a poor grasp is still a grasp


def test_a_crash_leaves_the_old_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shard_00000.npz"
    shards.write_shard(path, [picture()])
    before = path.read_bytes()

    def full_disk(*args: object, **kwargs: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space"):
        shards.write_shard(path, [picture(1)])
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_damaged_shards_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "shard_00000.npz"
    shards.write_shard(path, [picture()])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="cannot be read"):
        shards.read_shard(path)
    np.savez(path, meta=np.array([{"a": 1}], dtype=object))  # would need pickle
    with pytest.raises(BadInput, match="cannot be read"):
        shards.read_shard(path)
    path.unlink()
    with pytest.raises(BadInput, match="no training data"):
        Dataset.load(tmp_path)


def test_angles_move_with_the_picture() -> None:
    """The crop's angle is the direction between the moved ends of the stored opening."""
    rng = np.random.default_rng(3)
    record = picture()
    for _ in range(20):
        matrix = random_map(rng, record.labels[..., shards.IDS], 224)
        for step in (0, 17, 100, 200, 255):
            theta = step * shards.ANGLE_UNIT - np.pi / 2
            ends = np.array([[50.0, 60.0], [50 + 9 * np.cos(theta), 60 + 9 * np.sin(theta)]])
            moved = ends @ matrix[:, :2].T + matrix[:, 2]
            dx, dy = moved[1] - moved[0]
            found = float(moved_angles(np.array([step], dtype=np.uint8), matrix)[0])
            assert np.sin(found - np.arctan2(dy, dx)) == pytest.approx(0, abs=1e-6)
            assert -np.pi / 2 <= found < np.pi / 2


def test_labels_land_where_the_colour_lands() -> None:
    record = picture()
    ids = record.labels[..., shards.IDS]
    painted = shards.Record(np.repeat((ids * 100)[..., None], 3, axis=2), record.depth, record.labels, record.meta)
    rng = np.random.default_rng(4)
    scales = []
    for _ in range(10):
        matrix = random_map(rng, ids, 224)
        crop = warp(painted, matrix, 224)
        agree = np.abs(crop.color[..., 0].astype(int) - crop.ids * 100) < 30
        assert agree.mean() > 0.98  # all but the interpolated edges
        assert set(np.round(np.unique(crop.depth[np.isfinite(crop.depth)]), 4)) <= {
            np.float32(z) for z in (0.79, 0.8, 0.86)
        }
        scales.append(crop.scale)
    assert 0.85 <= min(scales) < max(scales) <= 1.15
    same = warp(painted, centred(SIDE, 224), 224)
    assert np.array_equal(same.ids, ids[32:-32, 32:-32])
    assert same.scale == 1.0


def test_small_crops_follow_the_objects() -> None:
    record, rng = picture(), np.random.default_rng(5)
    ids = record.labels[..., shards.IDS]
    share = np.mean([(warp(record, random_map(rng, ids, 96), 96).ids > 0).any() for _ in range(40)])
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
    assert set(np.unique(targets(Dataset([picture()], "binary"), False)["priority"])) == {0.0, 1.0}
    assert set(np.unique(targets(Dataset([picture(layer=(2, 0))]), False)["priority"])) == {0.0, 0.25, 1.0}


def test_a_scaled_view_keeps_the_opening_in_metres() -> None:
    dataset = Dataset([picture()])
    widths = set()
    for seed in range(5):
        rng = np.random.default_rng(seed)
        matrix = random_map(rng, dataset.records[0].labels[..., shards.IDS], 224)
        scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
        target = targets(dataset, augment=True, seed=seed)
        first = (target["quality"] > 0.75) & (target["priority"] == 1.0)
        width = np.median(target["width"][first])
        assert width * WIDTH_SCALE * 0.80 / (FOCAL * scale) == pytest.approx(0.05, abs=4e-4)
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


def test_all_views_of_a_heap_are_on_one_side_of_a_split() -> None:
    dataset = Dataset([picture(k, heap=k // 2) for k in range(20)])
    train, val = dataset.split(0.3, seed=1)
    heaps = [{r.meta["heap_seed"] for r in part.records} for part in (train, val)]
    assert heaps[0].isdisjoint(heaps[1])
    assert (len(train), len(val)) == (14, 6)
    for share in (0.0, 1.0):
        with pytest.raises(BadInput, match="one part empty"):
            dataset.split(share)


def test_datasets_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(BadInput, match="one picture or more"):
        Dataset([])
    with pytest.raises(BadInput, match="graded or binary"):
        Dataset([picture()], "height")  # type: ignore[arg-type]


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    generate.add_arguments(parser)
    return parser.parse_args(list(words))


def test_generate_writes_resumes_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "--out",
        str(tmp_path / "d"),
        "--scenes",
        "3",
        "--shard",
        "2",
        "--workers",
        "1",
        "--kind",
        "drop",
        "--json",
    )
    assert generate.run(arguments(*words)) == 0
    report = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert (report["scenes"], report["made"]) == (3, 3)
    paths = shards.shard_paths(tmp_path / "d")
    dataset = Dataset.load(tmp_path / "d")
    assert [r.meta["view"] for r in dataset.records] == [0, 1, 0]
    assert dataset.records[0].meta["heap_seed"] == dataset.records[1].meta["heap_seed"]
    with pytest.raises(BadInput, match="--resume"):
        generate.run(arguments(*words))
    kept, lost = paths[0].read_bytes(), shards.read_shard(paths[1])[0]
    paths[1].unlink()
    assert generate.run(arguments(*words, "--resume")) == 0
    assert json.loads(capsys.readouterr().out.strip().splitlines()[-1])["made"] == 1
    assert paths[0].read_bytes() == kept
    assert np.array_equal(shards.read_shard(paths[1])[0].labels, lost.labels)


@pytest.mark.parametrize("option", ["--scenes", "--workers", "--shard"])
def test_generate_refuses_nonsense(tmp_path: Path, option: str) -> None:
    with pytest.raises(BadInput, match=option):
        generate.run(arguments("--out", str(tmp_path), option, "0"))
