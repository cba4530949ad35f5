"""Batches made on a device are the views that `Dataset` makes one by one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from support.records import SIDE, picture

from gpnet_ros.data import augment, dataset, device_set
from gpnet_ros.data.batches import TARGETS, BatchSettings, DeviceBatches, batches
from gpnet_ros.data.dataset import Dataset
from gpnet_ros.data.device_set import DeviceSet
from gpnet_ros.data.noise import DepthNoise
from gpnet_ros.data.normalise_batch import fill_nearest_batch, relief_batch
from gpnet_ros.data.view_settings import ViewSettings
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import fill_nearest
from gpnet_ros.normalise import relief

PERFECT = DepthNoise(
    subpixel=0, wave=0, window=0, ragged=0, step=0, edge_band=0, blobs=0, bland=0, dazzled=0, specks=0, unit=0
)


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A camera without noise for both versions."""
    for module in (dataset, device_set):
        monkeypatch.setattr(module, "DepthNoise", lambda: PERFECT)
    return None


@pytest.mark.usefixtures("quiet")
def test_views_agree_with_those_of_the_single_version() -> None:
    data = Dataset([picture(0), picture(1)])
    made = DeviceSet(data, "cpu")
    x, planes = made.batch(np.array([1, 0]), np.random.default_rng(0), torch.Generator(), augment=False)
    assert x.shape == (2, 4, 224, 224)
    assert planes.shape == (5, 2, 224, 224)
    for row, index in enumerate((1, 0)):
        one, target = data.sample(index, np.random.default_rng(0), augment=False)
        assert np.abs(one[:3] - x[row, :3].numpy()).mean() < 0.02
        assert np.abs(one[3] - x[row, 3].numpy()).mean() < 0.01
        for k, name in enumerate(TARGETS):
            near = np.abs(target[name] - planes[k, row].numpy()) < 0.02
            assert near.mean() > 0.995, name  # but for a pixel here and there along edges
            assert planes[k, row].abs().max() > 0.1, "not empty"


@pytest.mark.usefixtures("quiet")
def test_labels_move_with_the_picture_under_any_map() -> None:
    """A strip of grasps stays on its block and its angle turns with the map, whatever the map."""
    data = Dataset([picture()])
    made = DeviceSet(data, "cpu")
    for seed in range(4):
        matrix = augment.random_map(np.random.default_rng(seed), data.records[0], 224)
        crop = augment.warp(data.records[0], matrix, 224)
        at = device_set._sources(matrix[None], 224)
        ids = made._read(made._ids, torch.tensor([0]), at, outside=0)[0].numpy()
        assert (ids == crop.ids).mean() > 0.99
    x, planes = made.batch(np.array([0] * 6), np.random.default_rng(5), torch.Generator().manual_seed(0))
    assert torch.isfinite(x).all()
    assert torch.isfinite(planes).all()
    assert len({round(float(planes[1, b].abs().sum()), 3) for b in range(6)}) == 6, "each view is another one"


def test_relief_agrees_with_the_original() -> None:
    rng = np.random.default_rng(0)
    depths = []
    for slope in (0.0, 4e-4, -3e-4):
        depth = (0.85 + slope * np.indices((224, 224))[1]).astype(np.float32)
        depth[60:120, 80:150] -= 0.05
        depth += rng.normal(0, 0.001, depth.shape).astype(np.float32)
        depth[150:160, 30:60] = np.nan
        depths.append(depth)
    depths.append(np.full((224, 224), np.nan, dtype=np.float32))
    inverse = 2.4 * np.indices((224, 224))[0] / 224 - 0.3  # a table with its horizon in the picture
    depths.append(np.where(inverse > 0.75, 1.0 / np.maximum(inverse, 0.1), np.nan).astype(np.float32))
    made = relief_batch(torch.from_numpy(np.stack(depths))).numpy()
    for depth, one in zip(depths, made, strict=True):
        difference = np.abs(relief(depth) - one)
        assert np.percentile(difference, 99.5) < 1e-3
    assert not made[3].any()
    assert made[0, 90, 100] == pytest.approx(0.5, abs=0.05)


def test_holes_take_the_nearest_value() -> None:
    rng = np.random.default_rng(1)
    values = rng.random((64, 80)).astype(np.float32)
    known = rng.random((64, 80)) < 0.05
    filled = fill_nearest_batch(torch.from_numpy(values)[None], torch.from_numpy(known)[None])[0].numpy()
    assert np.array_equal(filled[known], values[known])
    expected = fill_nearest(np.where(known, values, np.float32(np.nan)))
    assert (filled == expected).mean() > 0.9  # ties, and the original's distance is an approximation
    nothing = fill_nearest_batch(torch.ones(1, 8, 8), torch.zeros(1, 8, 8, dtype=torch.bool))
    assert not nothing.any()


def test_pictures_of_different_sizes_are_refused() -> None:
    with pytest.raises(BadInput, match="one --size"):
        DeviceSet(Dataset([picture(), picture(1, side=288)]), "cpu")


def test_batches_continue_where_a_run_was_interrupted() -> None:
    data = Dataset([picture(0), picture(1)])
    settings = BatchSettings(seed=3, size=6, crop=64, channels="rgbd", dropout=0.3)
    source = batches(data, DeviceSet(data, "cpu"), settings, start=0)
    straight = [next(source) for _ in range(3)]
    later = next(DeviceBatches(DeviceSet(data, "cpu"), settings, start=2))
    for a, b in zip(straight[2], later, strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(straight[0][0], straight[1][0])
    blind = [int((~x.flatten(2).any(dim=2)).any(dim=1).sum()) for x, _ in straight]
    assert 0 < sum(blind) < 18, "some views go without colour or depth"


OPTIONS = [
    ViewSettings(quality="gaussian"),
    ViewSettings(quality="binary", priority="binary", augmentation="public"),
    ViewSettings(objects="top", normalisation="published-1"),
    ViewSettings(normalisation="relief-valid-1"),
    ViewSettings(noise=False, normalisation="published-doubled-1"),
]


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("views", OPTIONS, ids=lambda v: f"{v.quality}-{v.objects}-{v.normalisation}")
def test_each_option_of_views_means_the_same_on_a_device(views: ViewSettings) -> None:
    bells = np.zeros((SIDE // 2, SIDE // 2), dtype=np.uint8)
    bells[55:66, 62:68] = 128
    data = Dataset([dataclasses.replace(picture(0), centred=bells)], views)
    x, planes = DeviceSet(data, "cpu").batch(np.array([0]), np.random.default_rng(0), torch.Generator(), augment=False)
    one, target = data.sample(0, np.random.default_rng(0), augment=False)
    assert x.shape[1:] == one.shape
    for ours, theirs in zip(one, x[0].numpy(), strict=True):
        assert np.abs(ours - theirs).mean() < 0.02 * max(float(np.ptp(ours)), 1e-6)
    for k, name in enumerate(TARGETS):
        near = np.abs(target[name] - planes[k, 0].numpy()) < 0.02
        assert near.mean() > 0.995, name
    plain = Dataset([picture(0)]).sample(0, np.random.default_rng(0), augment=False)
    same = one.shape == plain[0].shape and np.array_equal(one, plain[0])
    assert not same or any(not np.array_equal(target[name], plain[1][name]) for name in TARGETS), "it does something"


def test_augmentation_of_the_public_kind_is_drawn_alike() -> None:
    data = Dataset([picture(0)], ViewSettings(augmentation="public", noise=False))
    x, planes = DeviceSet(data, "cpu").batch(np.array([0]), np.random.default_rng(4), torch.Generator())
    one, target = data.sample(0, np.random.default_rng(4))
    assert np.abs(one - x[0].numpy()).mean() < 0.02
    assert np.abs(target["priority"] - planes[4, 0].numpy()).mean() < 0.01


def test_pasting_is_refused_on_a_device() -> None:
    with pytest.raises(BadInput, match="CPU only"):
        DeviceSet(Dataset([picture()], ViewSettings(copy_paste=0.3)), "cpu")
