"""A user's own meshes: true to the file, closed, of a plausible size, or refused in one sentence."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from gpnet_ros.errors import BadInput
from gpnet_ros.sim.objects import mesh_files, user_meshes
from gpnet_ros.sim.objects.mesh_files import read_solid
from gpnet_ros.sim.objects.model import make_object
from gpnet_ros.sim.objects.shapes import box, ellipsoid, union, volume_moments
from gpnet_ros.sim.objects.user_meshes import MESH_CACHE, load_user_meshes

CUBE = (box([0.04, 0.05, 0.06]).vertices, box([0.04, 0.05, 0.06]).faces)
ELL = union([box([0.1, 0.02, 0.03], [0.05, 0, 0]), box([0.02, 0.06, 0.03], [0.01, 0.02, 0])])


@pytest.fixture(autouse=True)
def forget():
    """Folders are remembered per process; tests change them."""
    load_user_meshes.cache_clear()


def write_obj(path: Path, vertices: np.ndarray, faces: np.ndarray, head: str = "") -> Path:
    lines = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in vertices]
    lines += ["f " + " ".join(str(int(i) + 1) for i in face) for face in faces]
    path.write_text(head + "\n".join(lines) + "\n")
    return path


def write_stl(path: Path, vertices: np.ndarray, faces: np.ndarray) -> Path:
    """Binary STL: 80 bytes, count, then normal, three corners and two bytes per face, little endian."""
    body = b"".join(struct.pack("<12fH", 0, 0, 0, *vertices[face].ravel(), 0) for face in faces)
    path.write_bytes(b"part".ljust(80) + struct.pack("<I", len(faces)) + body)
    return path


def write_ply(path: Path, vertices: np.ndarray, faces: np.ndarray) -> Path:
    head = f"ply\nformat ascii 1.0\nelement vertex {len(vertices)}\nproperty float x\nproperty float y\n"
    head += f"property float z\nelement face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    rows = [" ".join(f"{x:.9g}" for x in v) for v in vertices] + ["3 " + " ".join(map(str, f)) for f in faces]
    path.write_text(head + "\n".join(rows) + "\n")
    return path


WRITERS = {"obj": write_obj, "stl": write_stl, "ply": write_ply}


def volume(solid: tuple[np.ndarray, np.ndarray]) -> float:
    return volume_moments(*solid)[0]


def is_closed(faces: np.ndarray) -> bool:
    edges = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return {tuple(e) for e in edges} == {tuple(e[::-1]) for e in edges}


@pytest.mark.parametrize("kind", WRITERS)
def test_each_kind_of_file_gives_the_solid_that_was_written(tmp_path, kind):
    solid = read_solid(WRITERS[kind](tmp_path / f"ell.{kind}", *ELL))
    assert is_closed(solid[1])
    assert volume(solid) == pytest.approx(volume(ELL), rel=1e-4)
    assert solid[0].min(axis=0) == pytest.approx(ELL[0].min(axis=0), abs=1e-6)


def test_an_object_has_the_mass_properties_of_its_mesh_and_convex_parts_that_cover_it(tmp_path):
    write_stl(tmp_path / "ell.stl", *ELL)
    meshes = load_user_meshes(tmp_path)
    assert meshes.families == ("user:ell.stl",)
    model = meshes.make("user:ell.stl", 3)
    assert model.family == "user:ell.stl"
    assert np.abs(volume_moments(model.vertices, model.faces)[1]).max() < 1e-6  # origin at the centre of mass
    assert len(model.parts) > 1  # an L is not convex
    parts = union(model.parts)
    assert volume(parts) == pytest.approx(volume(ELL), rel=0.05)
    assert np.abs(np.sort(parts[0].min(axis=0)) - np.sort(model.vertices.min(axis=0))).max() < 0.001


def test_a_convex_mesh_is_one_part(tmp_path):
    write_obj(tmp_path / "cube.obj", *CUBE)
    assert len(load_user_meshes(tmp_path).make("user:cube.obj", 0).parts) == 1


def test_the_seed_draws_mass_friction_and_texture_but_no_size(tmp_path):
    write_obj(tmp_path / "cube.obj", *CUBE)
    meshes = load_user_meshes(tmp_path)
    a, b, again = (meshes.make("user:cube.obj", seed) for seed in (1, 2, 1))
    assert np.array_equal(a.vertices, b.vertices)
    assert a.mass != b.mass and a.friction != b.friction and a.texture_seed != b.texture_seed
    assert (a.mass, a.friction, a.texture_seed) == (again.mass, again.friction, again.texture_seed)


def test_built_in_families_come_from_the_same_maker_and_unknown_ones_are_refused(tmp_path):
    write_obj(tmp_path / "cube.obj", *CUBE)
    meshes = load_user_meshes(tmp_path)
    assert meshes.make("box", 4) is make_object("box", 4)
    with pytest.raises(BadInput, match=r"gone\.stl.*cube\.obj"):
        meshes.make("user:gone.stl", 0)
    with pytest.raises(BadInput, match="-1"):
        meshes.make("user:cube.obj", -1)
    with pytest.raises(BadInput):
        make_object("user:cube.obj", 0)  # not without the folder


def test_a_hole_is_closed_and_inside_out_is_turned(tmp_path):
    vertices, faces = CUBE
    whole = volume(CUBE)
    assert volume(read_solid(write_obj(tmp_path / "hole.obj", vertices, faces[1:]))) == pytest.approx(whole, rel=1e-6)
    turned = write_obj(tmp_path / "turned.obj", vertices, faces[:, ::-1])
    assert volume(read_solid(turned)) == pytest.approx(whole, rel=1e-6)
    mixed = faces.copy()
    mixed[3] = mixed[3, ::-1]
    assert volume(read_solid(write_obj(tmp_path / "mixed.obj", vertices, mixed))) == pytest.approx(whole, rel=1e-6)


def test_pieces_that_overlap_are_united(tmp_path):
    a, b = box([0.1, 0.02, 0.02]), box([0.02, 0.1, 0.02])
    vertices = np.vstack([a.vertices, b.vertices])
    faces = np.vstack([a.faces[1:], b.faces + len(a.vertices)])  # one with a hole: so the pieces are looked at singly
    solid = read_solid(write_obj(tmp_path / "cross.obj", vertices, faces))
    assert volume(solid) == pytest.approx((2 * 0.1 - 0.02) * 0.02 * 0.02, rel=1e-5)


def test_a_sheet_is_no_solid(tmp_path):
    half = write_obj(tmp_path / "shell.obj", CUBE[0], CUBE[1][: len(CUBE[1]) // 2])
    with pytest.raises(BadInput, match=r"shell\.obj.*open surface"):
        read_solid(half)
    flat = CUBE[0] * [1, 1, 1e-7]
    with pytest.raises(BadInput, match=r"flat\.obj"):
        read_solid(write_obj(tmp_path / "flat.obj", flat, CUBE[1]))


def test_a_fine_mesh_is_simplified_and_keeps_its_shape(tmp_path, monkeypatch):
    fine = ellipsoid([0.05, 0.03, 0.02], corners=60)
    path = write_stl(tmp_path / "fine.stl", fine.vertices, fine.faces)
    monkeypatch.setattr(mesh_files, "FACES_MAX", len(fine.faces) // 2)
    solid = read_solid(path)
    assert len(solid[1]) <= len(fine.faces) // 2 and is_closed(solid[1])
    assert volume(solid) == pytest.approx(volume((fine.vertices, fine.faces)), rel=0.05)
    monkeypatch.setattr(mesh_files, "FACES_MAX", 4)
    with pytest.raises(BadInput, match=r"fine\.stl.*simplify"):
        read_solid(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.stl", b""),
        ("short.stl", b"part".ljust(80) + struct.pack("<I", 50_000_000) + b"\0" * 50),
        ("cut.ply", b"ply\nformat binary_little_endian 1.0\nelement vertex 900000000\nproperty float x\n"
                    b"property float y\nproperty float z\nelement face 1\nproperty list uchar int vertex_indices\n"
                    b"end_header\n\0\0\0"),
        ("nothing.obj", b"# no vertices\n"),
        ("index.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 9\nf 1 2 3\nf 1 3 4\nf 2 3 4\n"),
        ("nan.obj", b"v nan 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\nf 1 2 4\nf 1 3 4\nf 2 3 4\n"),
        ("point.obj", b"v 1 1 1\nv 1 1 1\nv 1 1 1\nv 1 1 1\nf 1 2 3\nf 1 2 4\nf 1 3 4\nf 2 3 4\n"),
        ("noise.stl", bytes(range(256)) * 4),
        ("pickle.ply", b"\x80\x04cposix\nsystem\n"),
        ("mesh.step", b"ISO-10303-21;"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_broken_and_hostile_files_are_one_sentence_that_names_the_file(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadInput, match=name) as refused:
        read_solid(path)
    assert "\n" not in str(refused.value)


def test_files_damaged_at_random_are_a_solid_or_one_sentence(tmp_path):
    rng = np.random.default_rng(5)
    refusals = []
    for number in range(240):
        kind = list(WRITERS)[number % 3]
        path = WRITERS[kind](tmp_path / f"ell.{kind}", *ELL)
        data = bytearray(path.read_bytes())
        a, b = sorted(int(k) for k in rng.integers(0, len(data), 2))
        for k in rng.integers(0, len(data), 6):
            data[k] = int(rng.integers(256))
        path.write_bytes((data[:a], data[:a] + data[b:], data[:b] + data[a:], data)[number % 4])
        try:
            solid = read_solid(path)
        except BadInput as error:
            refusals.append((path.name, str(error)))
        else:
            assert is_closed(solid[1]) and volume(solid) > 0
    assert 100 < len(refusals) < 240
    assert all(name in told and "\n" not in told for name, told in refusals)


def test_what_a_file_refers_to_is_not_opened(tmp_path):
    bait = tmp_path / "secret.mtl"
    os.mkfifo(bait)  # opening it would block for ever
    path = write_obj(tmp_path / "cube.obj", *CUBE, head="mtllib secret.mtl\nusemtl a\n")
    assert volume(read_solid(path)) == pytest.approx(volume(CUBE), rel=1e-6)


def test_too_many_faces_and_bytes_are_refused(tmp_path, monkeypatch):
    path = write_obj(tmp_path / "cube.obj", *CUBE)
    monkeypatch.setattr(mesh_files, "FACES_READ_MAX", 11)
    with pytest.raises(BadInput, match="12 faces"):
        read_solid(path)
    monkeypatch.setattr(mesh_files, "FILE_MAX", 10)
    with pytest.raises(BadInput, match="bytes"):
        read_solid(path)


@pytest.mark.parametrize(
    ("scale", "unit"), [(1.0, "m"), (1e3, "mm")], ids=["metres are plausible", "only millimetres are plausible"]
)
def test_an_unambiguous_unit_is_found(tmp_path, scale, unit):
    write_obj(tmp_path / "cube.obj", CUBE[0] * scale, CUBE[1])
    meshes = load_user_meshes(tmp_path)
    assert meshes.unit == unit
    assert meshes.make("user:cube.obj", 0).extent == pytest.approx([0.04, 0.05, 0.06])


def test_one_large_part_tells_the_unit_of_a_small_one(tmp_path):
    write_obj(tmp_path / "small.obj", CUBE[0] * 200, CUBE[1])  # 12 units: mm, cm or inch
    with pytest.raises(BadInput, match=r"small\.obj.*mm or cm or inch.*--mesh-unit mm"):
        load_user_meshes(tmp_path)
    write_obj(tmp_path / "large.obj", CUBE[0] * 1000, CUBE[1])
    load_user_meshes.cache_clear()
    assert load_user_meshes(tmp_path).unit == "mm"


def test_a_unit_that_is_told_is_taken_and_checked(tmp_path):
    write_obj(tmp_path / "small.obj", CUBE[0] * 200, CUBE[1])
    assert load_user_meshes(tmp_path, "mm").make("user:small.obj", 0).extent.max() == pytest.approx(0.012)
    with pytest.raises(BadInput, match=r"small\.obj is 12 m long"):
        load_user_meshes(tmp_path, "m")
    with pytest.raises(BadInput, match="furlong"):
        load_user_meshes(tmp_path, "furlong")


def test_sizes_without_a_common_unit_are_refused(tmp_path):
    write_obj(tmp_path / "cube.obj", *CUBE)
    write_obj(tmp_path / "giant.obj", CUBE[0] * 1e6, CUBE[1])
    with pytest.raises(BadInput, match=r"giant\.obj.*no unit"):
        load_user_meshes(tmp_path)


def test_folders_without_meshes_are_refused(tmp_path):
    (tmp_path / "readme.txt").write_text("no mesh")
    with pytest.raises(BadInput, match="0 meshes"):
        load_user_meshes(tmp_path)
    with pytest.raises(BadInput, match="is no folder"):
        load_user_meshes(tmp_path / "gone")


def test_decomposition_is_kept_until_the_file_changes(tmp_path, monkeypatch):
    write_stl(tmp_path / "ell.stl", *ELL)
    first = load_user_meshes(tmp_path)
    load_user_meshes.cache_clear()
    monkeypatch.setattr(user_meshes, "read_solid", lambda path: pytest.fail("made again"))
    again = load_user_meshes(tmp_path)
    assert again.sha256 == first.sha256
    a, b = first.make("user:ell.stl", 0), again.make("user:ell.stl", 0)
    assert all(np.array_equal(p.vertices, q.vertices) for p, q in zip(a.parts, b.parts, strict=True))
    monkeypatch.undo()
    write_stl(tmp_path / "ell.stl", ELL[0] * 1.1, ELL[1])
    load_user_meshes.cache_clear()
    changed = load_user_meshes(tmp_path)
    assert changed.sha256 != first.sha256
    assert changed.make("user:ell.stl", 0).extent.max() == pytest.approx(0.11, rel=1e-3)


def test_a_damaged_cache_is_made_again(tmp_path):
    write_stl(tmp_path / "ell.stl", *ELL)
    before = load_user_meshes(tmp_path).make("user:ell.stl", 0)
    for kept in (tmp_path / MESH_CACHE).iterdir():
        kept.write_bytes(kept.read_bytes()[:100])
    load_user_meshes.cache_clear()
    after = load_user_meshes(tmp_path).make("user:ell.stl", 0)
    assert all(np.array_equal(p.vertices, q.vertices) for p, q in zip(before.parts, after.parts, strict=True))


def test_a_folder_that_cannot_be_written_to_is_read(tmp_path):
    write_obj(tmp_path / "cube.obj", *CUBE)
    (tmp_path / MESH_CACHE).write_text("in the way")
    assert load_user_meshes(tmp_path).families == ("user:cube.obj",)
