"""Views for the multi-task network: labels go where the pixels go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gpnet_ros.data.sample import Objects, Sample
from gpnet_ros.data.scene_record import scene_record
from gpnet_ros.data.scene_views import SceneViews, cut_view, middle_square, random_square
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame

SIZE = (96, 128)


def picture() -> Sample:
    """A bright square with its centre of mass and its best suction in the middle, half hidden by a dark bar."""
    amodal = np.zeros((2, *SIZE), bool)
    amodal[0, 30:60, 50:80] = True
    amodal[1, 20:70, 65:75] = True
    ids = np.where(amodal[0], 1, 0)
    ids[amodal[1]] = 2
    color = np.zeros((*SIZE, 3), np.uint8)
    color[ids == 1], color[ids == 2] = (250, 40, 40), (40, 40, 250)
    suction = np.zeros(SIZE, np.float32)
    suction[44:47, 56:59] = 0.8
    hidden = 1 - (ids == 1).sum() / amodal[0].sum()
    objects = Objects(
        np.array([1, 2]),
        amodal_masks=amodal,
        amodal_boxes=np.array([[50, 30, 80, 60], [65, 20, 75, 70]], float),
        occlusion=np.array([hidden, 0.0]),
        center_of_mass=np.array([[57.0, 45.0], [70.0, 45.0]]),
    )
    return Sample(
        "a", "a", Frame(color, None, None, 0.0, "camera"), ids=ids.astype(np.int32), objects=objects, suction=suction
    )


class OnePicture:
    """A data set of one picture."""

    names = scenes = ("a",)

    def __init__(self, sample: Sample) -> None:
        self._sample, self.read = sample, 0

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Sample:
        self.read += 1
        return self._sample

    def files(self, index: int) -> list[Path]:
        return []


@pytest.mark.parametrize("seed", range(8))
def test_boxes_masks_centres_and_suction_follow_the_colours(seed: int) -> None:
    rng = np.random.default_rng(seed)
    view = cut_view(scene_record(picture()), random_square(SIZE, 128, rng), 128)
    red = (view.color[..., 0] > 150) & (view.color[..., 2] < 100)
    for k in range(len(view.boxes)):
        u0, v0, u1, v1 = view.boxes[k].astype(int)
        assert view.amodal[k, v0:v1, u0:u1].sum() == view.amodal[k].sum()
        assert np.all(view.amodal[k] >= view.visible[k])
    first = next(
        (k for k in range(len(view.boxes)) if (view.visible[k].astype(bool) & red).sum() > 0.5 * red.sum()), None
    )
    if first is None:  # the square lies outside of this view
        return
    visible = view.visible[first].astype(bool)
    assert (visible & red).sum() >= 0.9 * visible.sum()
    u, v = np.round(view.centers[first]).astype(int)
    if 4 <= u < 124 and 4 <= v < 124:
        assert red[v, u]
        peak = np.unravel_index(int(view.suction.argmax()), view.suction.shape)
        assert np.hypot(peak[1] * 4 + 1.5 - u, peak[0] * 4 + 1.5 - v) <= 6.0


def test_the_middle_of_a_picture_at_its_own_size_is_the_picture() -> None:
    sample = picture()
    view = cut_view(scene_record(sample), middle_square(SIZE, 96), 96)
    assert sample.frame.color is not None
    assert np.array_equal(view.color, sample.frame.color[:, 16:112])
    assert view.boxes[0].tolist() == [34, 30, 64, 60]
    assert view.occlusion[0] == pytest.approx(1 / 3)


def test_what_a_view_hardly_shows_is_not_asked_for() -> None:
    matrix = middle_square(SIZE, 96) + np.array([[0, 0, -58.0], [0, 0, 0]])  # only the right rim of the square is left
    view = cut_view(scene_record(picture()), matrix, 96)
    assert view.boxes[:, 2].max(initial=0) <= 20
    assert len(view.boxes) < 2


def test_views_are_the_same_for_the_same_draw_and_others_for_another() -> None:
    views = SceneViews([OnePicture(picture())])
    one, same, other = (views.drawn(0, 64, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.color, same.color)
    assert not np.array_equal(one.color, other.color)


def test_a_picture_without_amodal_masks_is_refused() -> None:
    sample = picture()
    bare = Sample("bare", "bare", sample.frame, ids=sample.ids, suction=sample.suction)
    with pytest.raises(
        BadInput, match="bare lacks colour or masks: make the pictures with gpnet generate --labels all"
    ):
        SceneViews([OnePicture(bare)]).whole(0, 64)
    with pytest.raises(BadInput, match="0 pictures"):
        SceneViews([])


def test_a_picture_is_read_once_as_long_as_memory_allows_and_gives_the_same_views_when_it_does_not() -> None:
    kept, anew = OnePicture(picture()), OnePicture(picture())
    drawn = [
        [views.drawn(0, 64, np.random.default_rng(seed)) for seed in range(4)]
        for views in (SceneViews([kept]), SceneViews([anew], kept_bytes=1000))
    ]
    assert (kept.read, anew.read) == (1, 4)
    for one, other in zip(*drawn, strict=True):
        for name in ("color", "boxes", "visible", "amodal", "occlusion", "centers", "suction", "surface"):
            assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name == "surface"), name


def test_a_record_says_what_its_picture_says() -> None:
    sample = picture()
    kept = scene_record(sample)
    assert sample.objects is not None and sample.objects.amodal_masks is not None
    for whole, cut, (u, v) in zip(sample.objects.amodal_masks, kept.amodal, kept.corners.astype(int), strict=True):
        height, width = cut.shape
        assert np.array_equal(whole[v : v + height, u : u + width], cut)
        assert whole.sum() == cut.sum()
    assert np.array_equal(kept.ids, sample.ids)
    assert kept.suction[45, 57] / 255 == pytest.approx(0.8)
    assert kept.pixels.tolist() == [(sample.ids == 1).sum(), (sample.ids == 2).sum()]  # type: ignore[union-attr]


def test_a_view_of_a_larger_picture_averages_what_lies_between_its_pixels() -> None:
    sample = picture()
    striped = np.zeros((*SIZE, 3), np.uint8)
    striped[:, ::2] = 200  # as fine as pixels: what skips pixels sees white or black, what averages sees gray
    record = scene_record(replace(sample, frame=replace(sample.frame, color=striped)))
    view = cut_view(record, middle_square(SIZE, 32), 32)
    assert np.all(np.abs(view.color.astype(int) - 100) <= 40)
    marked = np.zeros((*SIZE, 3), np.uint8)
    marked[30:36, 52:58] = 255  # six pixels wide, so two of the view, which is three times as coarse
    view = cut_view(replace(record, color=marked), middle_square(SIZE, 32), 32)
    light = view.color[..., 0].astype(float)
    rows, columns = np.indices(light.shape)
    middle = [(light * along).sum() / light.sum() for along in (rows, columns)]
    assert middle == pytest.approx([10.5, 12.5], abs=0.05)
    assert light.sum() == pytest.approx(4 * 255, rel=0.05)


def test_judged_pictures_come_evenly_from_all_sets() -> None:
    sets = [OnePicture(picture()) for _ in range(10)]
    views = SceneViews(sets)
    assert views.spread(100) == list(range(10))
    assert views.spread(4) == [0, 2, 5, 7]
    assert views.spread(0) == []


def test_a_view_without_objects_has_no_boxes() -> None:
    sample = picture()
    empty = Objects(
        np.zeros(0, int),
        amodal_masks=np.zeros((0, *SIZE), bool),
        occlusion=np.zeros(0),
        center_of_mass=np.zeros((0, 2)),
    )
    bare = replace(sample, ids=np.zeros(SIZE, np.int32), objects=empty)
    view = cut_view(scene_record(bare), middle_square(SIZE, 64), 64)
    assert view.boxes.shape == (0, 4) and view.visible.shape == (0, 64, 64) == view.amodal.shape


def test_surfaces_say_share_ends_and_depth_of_each_cell() -> None:
    sample = picture()
    depth = np.where(sample.ids == 0, 0.8, 0.7).astype(np.float32)  # type: ignore[operator]
    depth[:8] = np.nan
    whole = replace(sample, frame=replace(sample.frame, depth=depth))
    share, ends, deep = cut_view(scene_record(whole), middle_square(SIZE, 96), 96).surface
    assert share.shape == (24, 24) and np.isnan(deep[:2]).all() and not np.isnan(deep[2:]).any()
    # The square covers rows 30..59 and columns 34..63 of the view: cells 8..14 by 9..15, and halves beside them.
    assert np.all(share[8:14, 9:15] == 1) and share[7, 10] == pytest.approx(0.5) and share[2, 2] == 0
    assert np.all(deep[8:14, 9:15] == pytest.approx(0.7, abs=1e-4)) and deep[20, 2] == pytest.approx(0.8, abs=1e-4)
    assert ends[7, 10] == 1 and ends[10, 8] == 1 and ends[10, 10] == 0 and ends[20, 2] == 0
    blind = cut_view(scene_record(sample), middle_square(SIZE, 96), 96).surface
    assert np.isnan(blind[2]).all() and np.array_equal(blind[:2], [share, ends])


def test_labels_that_a_set_lacks_are_unknown_in_its_views_and_told() -> None:
    sample = picture()
    assert sample.objects is not None and sample.objects.center_of_mass is not None
    centers = sample.objects.center_of_mass.copy()
    centers[1] = np.nan
    partly = replace(sample, suction=None, objects=replace(sample.objects, occlusion=None, center_of_mass=centers))
    views = SceneViews([OnePicture(sample), OnePicture(partly)])
    assert views.missing() == {"centres of mass": "1 of 2", "occlusion": "1 of 2", "suction": "1 of 2"}
    assert SceneViews([OnePicture(sample)]).missing() == {}
    view = views.whole(1, 96)
    assert np.isnan(view.suction).all() and np.isnan(view.occlusion).all()
    assert np.isnan(view.centers).any(axis=1).tolist() == [False, True]
    assert np.array_equal(view.amodal, views.whole(0, 96).amodal)


def test_pictures_without_masks_are_passed_over_unless_there_are_no_others() -> None:
    sample = picture()
    bare = replace(sample, ids=None)
    views = SceneViews([OnePicture(bare), OnePicture(sample), OnePicture(bare)])
    assert [views.has_masks(row) for row in range(3)] == [False, True, False]
    rng = np.random.default_rng(0)
    assert all(len(views.any_drawn(96, rng).color) == 96 for _ in range(5))
    with pytest.raises(BadInput, match="lacks colour or masks"):
        SceneViews([OnePicture(bare)]).any_drawn(96, rng)
