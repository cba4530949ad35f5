"""Samples as files and back: every field survives, absent stays absent, damaged files are refused by name."""

from __future__ import annotations

import json
import zlib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpnet_ros.data.sample import DenseGrasps, Objects, Sample
from gpnet_ros.data.shards.encoding import encode_sample
from gpnet_ros.data.shards.samples import decode_sample
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.rectangle import Rectangles

HEIGHT, WIDTH, STRIDE = 48, 64, 2
#: What a file keeps of each number.
DEPTH_STEP, PIXEL_STEP, ANGLE_STEP = 0.5e-4, 0.5e-3, 0.5e-6


def full_sample(seed: int = 0, n: int = 3) -> Sample:
    """A sample that has every field."""
    rng = np.random.default_rng(seed)
    color = cv2.GaussianBlur(rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8), (0, 0), 4)
    depth = rng.uniform(0.4, 1.2, (HEIGHT, WIDTH)).astype(np.float32)
    depth[:5] = np.nan
    camera = Intrinsics(WIDTH, HEIGHT, 300.1, 301.2, 31.5, 24.25)
    ids = rng.integers(0, n + 1, (HEIGHT, WIDTH)).astype(np.int32)
    m = 17
    rectangles = Rectangles(
        rng.uniform(0, 48, (m, 2)),
        rng.uniform(-1.57, 1.57, m),
        rng.uniform(5, 30, m),
        rng.uniform(3, 9, m),
        rng.uniform(0, 1, m),
        rng.integers(1, n + 1, m),
    )
    quality = rng.uniform(0, 1, (HEIGHT // STRIDE, WIDTH // STRIDE)).astype(np.float32)
    quality[:9] = 0
    some = quality > 0
    grasps = DenseGrasps(
        quality,
        np.where(some, rng.uniform(-1.57, 1.57, quality.shape), 0).astype(np.float32),
        np.where(some, rng.uniform(0.01, 0.085, quality.shape), 0).astype(np.float32),
    )
    covered = np.zeros((n, n), dtype=bool)
    covered[0, 2] = covered[1, 2] = True
    objects = Objects(
        ids=np.array([4, 1, 7]),
        category=("mug", "ruler — long", ""),
        boxes=rng.uniform(0, 40, (n, 4)),
        amodal_boxes=rng.uniform(0, 40, (n, 4)),
        amodal_masks=rng.random((n, HEIGHT, WIDTH)) > 0.5,
        occlusion=rng.uniform(0, 1, n),
        center_of_mass=rng.uniform(-5, 60, (n, 2)),
        covered_by=covered,
        layer=np.array([1, 1, 0]),
        graspable=np.array([True, False, True]),
    )
    T = np.eye(4)
    T[:3, 3] = rng.uniform(-1, 1, 3)
    frame = Frame(color, depth, camera, 12.5, "some_frame")
    suction = rng.uniform(0, 1, (HEIGHT, WIDTH)).astype(np.float32)
    return Sample("a/b", "a", frame, rectangles, Rectangles.none(), ids, objects, grasps, suction, T)


def back(sample: Sample) -> Sample:
    return decode_sample(encode_sample(sample), "shard_00000.zip: a/b")


def assert_same_rectangles(a: Rectangles | None, b: Rectangles | None) -> None:
    assert (a is None) == (b is None)
    if a is None or b is None:
        return
    assert len(a) == len(b)
    for name, step in (("center", PIXEL_STEP), ("opening", PIXEL_STEP), ("jaw", PIXEL_STEP), ("angle", ANGLE_STEP)):
        assert np.allclose(getattr(a, name), getattr(b, name), atol=step * 1.01, rtol=0)
    assert (a.score is None) == (b.score is None)
    if a.score is not None and b.score is not None:
        assert np.allclose(a.score, b.score, atol=1e-6)
    assert np.array_equal(a.object_id, b.object_id)  # type: ignore[arg-type]


def assert_same_objects(a: Objects, b: Objects) -> None:
    for f in fields(Objects):
        one, two = getattr(a, f.name), getattr(b, f.name)
        assert (one is None) == (two is None), f.name
        if one is None:
            continue
        if f.name == "category":
            assert one == two
        elif np.asarray(one).dtype.kind == "f":
            assert np.allclose(one, two, atol=1e-3, equal_nan=True), f.name
        else:
            assert np.array_equal(one, two), f.name


def assert_same(a: Sample, b: Sample) -> None:
    """Equal up to the steps of the stored numbers; colour up to JPEG."""
    assert (a.name, a.scene) == (b.name, b.scene)
    assert (a.frame.stamp, a.frame.frame_id, a.frame.intrinsics) == (
        b.frame.stamp,
        b.frame.frame_id,
        b.frame.intrinsics,
    )
    for name in ("color", "depth"):
        assert (getattr(a.frame, name) is None) == (getattr(b.frame, name) is None)
    if a.frame.color is not None and b.frame.color is not None:
        assert np.abs(a.frame.color.astype(int) - b.frame.color).mean() < 3
    if a.frame.depth is not None and b.frame.depth is not None:
        assert np.allclose(a.frame.depth, b.frame.depth, atol=DEPTH_STEP * 1.01, rtol=0, equal_nan=True)
    assert_same_rectangles(a.rectangles, b.rectangles)
    assert_same_rectangles(a.negatives, b.negatives)
    for name in ("ids", "objects", "grasps", "suction", "T_base_camera"):
        assert (getattr(a, name) is None) == (getattr(b, name) is None), name
    if a.ids is not None and b.ids is not None:
        assert np.array_equal(a.ids, b.ids)
        assert b.ids.dtype == np.int32
    if a.objects is not None and b.objects is not None:
        assert_same_objects(a.objects, b.objects)
    if a.grasps is not None and b.grasps is not None:
        assert np.allclose(a.grasps.quality, b.grasps.quality, atol=0.5 / 255 + 1e-6)
        assert np.array_equal(a.grasps.quality > 0, b.grasps.quality > 0)
        assert np.allclose(np.exp(2j * a.grasps.angle), np.exp(2j * b.grasps.angle), atol=np.pi / 256 * 1.01)
        assert np.allclose(a.grasps.opening, b.grasps.opening, atol=2.5e-4 * 1.01)
    if a.suction is not None and b.suction is not None:
        assert np.allclose(a.suction, b.suction, atol=1 / 255)
    if a.T_base_camera is not None and b.T_base_camera is not None:
        assert np.array_equal(a.T_base_camera, b.T_base_camera)


def test_every_field_survives() -> None:
    sample = full_sample()
    assert all(getattr(sample, f.name) is not None for f in fields(Sample))
    assert_same(sample, back(sample))


def test_layers_are_those_of_the_relations_where_they_are_known() -> None:
    ring = np.array([[False, True, False], [True, False, False], [False, False, False]])
    sample = full_sample()
    assert sample.objects is not None
    for covered, layer in ((ring, [0, 0, 0]), (None, [1, 1, 0])):
        read = back(replace(sample, objects=replace(sample.objects, covered_by=covered, layer=np.array([1, 1, 0]))))
        assert read.objects is not None
        assert read.objects.layer is not None
        assert read.objects.layer.tolist() == layer


def test_the_comparison_of_these_tests_sees_a_difference() -> None:
    sample = full_sample()
    assert sample.objects is not None
    for other in (
        replace(sample, negatives=None),
        replace(sample, ids=np.zeros_like(sample.ids)),
        replace(sample, objects=replace(sample.objects, covered_by=None)),
        replace(sample, frame=replace(sample.frame, depth=sample.frame.depth + np.float32(2e-4))),  # type: ignore[operator]
    ):
        with pytest.raises(AssertionError):
            assert_same(sample, other)


OPTIONAL = ("rectangles", "negatives", "ids", "objects", "grasps", "suction", "T_base_camera")
OF_OBJECTS = tuple(f.name for f in fields(Objects) if f.name != "ids")


@settings(max_examples=40, deadline=None)
@given(
    st.sets(st.sampled_from(OPTIONAL)),
    st.sets(st.sampled_from(OF_OBJECTS)),
    st.sampled_from(["both", "color", "depth"]),
    st.booleans(),
)
def test_absent_stays_absent(gone: set[str], gone_of_objects: set[str], kept: str, known_camera: bool) -> None:
    sample = full_sample()
    assert sample.objects is not None
    assert sample.rectangles is not None
    frame = Frame(
        None if kept == "depth" else sample.frame.color,
        None if kept == "color" else sample.frame.depth,
        sample.frame.intrinsics if known_camera else None,
    )
    bare = replace(sample.rectangles, score=None, object_id=None) if known_camera else sample.rectangles
    objects = replace(sample.objects, **dict.fromkeys(gone_of_objects))
    less = replace(sample, frame=frame, rectangles=bare, objects=objects)
    less = replace(less, **dict.fromkeys(gone))  # type: ignore[arg-type]
    files = encode_sample(less)
    assert_same(less, decode_sample(files, "x"))
    assert ("ids.png" in files) == (less.ids is not None)
    assert ("depth.png" in files) == (kept != "color")


def test_no_grasp_and_no_object_differ_from_not_known() -> None:
    none = Rectangles(np.empty((0, 2)), np.empty(0), np.empty(0), np.empty(0), np.empty(0), np.empty(0, dtype=int))
    nothing = Objects(np.empty(0, dtype=np.int64), boxes=np.empty((0, 4)), covered_by=np.zeros((0, 0), dtype=bool))
    sample = replace(full_sample(), rectangles=none, negatives=None, objects=nothing)
    read = back(sample)
    assert read.rectangles is not None
    assert len(read.rectangles) == 0
    assert read.rectangles.score is not None
    assert read.negatives is None
    assert read.objects is not None
    assert read.objects.boxes is not None
    assert read.objects.boxes.shape == (0, 4)
    assert read.objects.category is None


@pytest.mark.parametrize(("deepest", "unit"), [(6.5, 1e-4), (6.6, 1e-3), (64.0, 1e-3), (70.0, 1e-2)])
def test_depth_keeps_what_is_known_in_the_finest_unit_that_fits(deepest: float, unit: float) -> None:
    depth = np.full((8, 8), np.nan, dtype=np.float32)
    depth[0, :3] = deepest, 0.3, 1e-6
    sample = Sample("a", "a", Frame(None, depth))
    files = encode_sample(sample)
    assert json.loads(files["sample.json"])["depth"]["unit_m"] == unit
    read = decode_sample(files, "x").frame.depth
    assert read is not None
    assert np.array_equal(np.isnan(read), np.isnan(depth))
    assert np.allclose(read[0, :2], depth[0, :2], atol=unit / 2 * 1.01)
    assert read[0, 2] == np.float32(unit)  # known, however near; never "unknown"


def test_poor_grasps_stay_grasps_and_unknown_numbers_stay_unknown() -> None:
    sample = full_sample()
    assert sample.objects is not None
    faint = np.full((HEIGHT, WIDTH), 1e-4, dtype=np.float32)
    centre = np.array([[np.nan, np.nan], [1, 2], [3, 4]])
    sample = replace(
        sample,
        grasps=DenseGrasps(faint, faint * 0 + np.float32(np.pi / 2 - 1e-4), faint),
        suction=faint,
        objects=replace(sample.objects, center_of_mass=centre),
    )
    read = back(sample)
    assert read.grasps is not None
    assert read.suction is not None
    assert read.objects is not None
    assert (read.grasps.quality > 0).all()
    assert (read.grasps.opening > 0).all()
    assert (read.grasps.angle >= -np.pi / 2).all()
    assert (read.grasps.angle < np.pi / 2).all()
    assert (read.suction > 0).all()
    assert np.array_equal(read.objects.center_of_mass, centre, equal_nan=True)  # type: ignore[arg-type]


def keys_of(value: Any) -> set[str]:
    if not isinstance(value, dict):
        return set()
    return set(value).union(*(keys_of(inner) for inner in value.values()))


def test_every_key_and_file_is_in_the_document() -> None:
    text = (Path(__file__).parents[3] / "docs" / "data_format.md").read_text("utf-8")
    files = encode_sample(full_sample())
    about = json.loads(files["sample.json"])
    names = keys_of(about) | {name for name in files if not name.startswith("amodal_")}
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_same_sample_same_bytes() -> None:
    assert encode_sample(full_sample()) == encode_sample(full_sample())
    assert encode_sample(full_sample()) != encode_sample(full_sample(1))


def test_many_ids_take_sixteen_bits() -> None:
    ids = np.full((4, 4), 40000, dtype=np.int32)
    read = back(Sample("a", "a", Frame(None, np.ones((4, 4), dtype=np.float32)), ids=ids))
    assert np.array_equal(read.ids, ids)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ids": np.full((HEIGHT, WIDTH), 70000, dtype=np.int32)}, "65535"),
        ({"ids": np.zeros((3, 3), dtype=np.int32)}, "64x48"),
        ({"suction": np.full((HEIGHT, WIDTH), np.nan, dtype=np.float32)}, r"suction must lie in \[0, 1\]"),
        ({"grasps": DenseGrasps(*np.ones((3, 7, 7), dtype=np.float32))}, "divide"),
        ({"grasps": DenseGrasps(*np.ones((3, 48, 64), dtype=np.float32))}, "0.1275"),
        ({"objects": Objects(np.array([1, 1]))}, "differ"),
        ({"objects": Objects(np.array([1, 2]), layer=np.array([0]))}, "1 rows for 2 objects"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_name(change: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        encode_sample(replace(full_sample(), **change))
    assert "a/b" in str(caught.value)


def edited(**changes: Any) -> dict[str, bytes]:
    """Files of a full sample with another value in sample.json, by path of keys joined with two underscores."""
    files = encode_sample(full_sample())
    about = json.loads(files["sample.json"])
    for path, value in changes.items():
        *keys, last = path.split("__")
        place = about
        for key in keys:
            place = place[key]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return files | {"sample.json": json.dumps(about).encode()}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 3}, "version 3"),
        ({"size": [10**9, 10**9]}, "at most"),
        ({"size": [-64, -48]}, "at most"),
        ({"size": [32, 48]}, "color.jpg"),
        ({"size": "big"}, "damaged"),
        ({"name": None}, "name"),
        ({"camera": {"fx": 1}}, "fy"),
        ({"camera__fx": 0}, "Camera model"),
        ({"depth__unit_m": -1}, "unit_m"),
        ({"grasps__stride": 0}, "stride"),
        ({"grasps__stride": 5}, "stride"),
        ({"grasps__stride": 1}, "quality.png"),
        ({"rectangles__opening": [1, 2]}, "sample.json"),
        ({"rectangles__opening": [0.0] * 17}, "area"),
        ({"rectangles__center": [["a", "b"]] * 17}, "damaged"),
        ({"objects__ids": [10**30, 1, 2]}, "sample.json"),
        ({"objects__ids": list(range(10**6))}, "amodal_masks|sample.json"),
        ({"objects__covered_by": [[4, 99]]}, "99"),
        ({"objects__layer": [0]}, "layer"),
        ({"T_base_camera": [[1, 0], [0, 1]]}, "T_base_camera"),
    ],
)
def test_an_edited_description_is_one_sentence(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        decode_sample(edited(**changes), "shard_00000.zip: a/b")
    assert "shard_00000.zip: a/b" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["color.jpg", "depth.png", "ids.png", "quality.png", "suction.png", "amodal_7.png"])
def test_a_damaged_picture_is_named(name: str) -> None:
    whole = encode_sample(full_sample())
    other = cv2.imencode(".png", np.zeros((9, 9), dtype=np.uint8))[1].tobytes()
    huge = bytearray(other)
    huge[16:24] = (2**31 - 1).to_bytes(4, "big") * 2  # width and height
    huge[29:33] = zlib.crc32(huge[12:29]).to_bytes(4, "big")
    for data in (None, b"", whole[name][: len(whole[name]) // 2], other, bytes(huge), b"\x80\x04pickle"):
        files = {k: v for k, v in whole.items() if k != name} | ({} if data is None else {name: data})
        with pytest.raises(BadInput, match=f"shard_00000.zip: a/b/{name}"):
            decode_sample(files, "shard_00000.zip: a/b")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b'{"version": NaN}', b"[" * 100_000])
def test_a_description_that_is_no_json_object_is_named(data: bytes) -> None:
    with pytest.raises(BadInput, match=r"x/sample\.json"):
        decode_sample({"sample.json": data}, "x")
