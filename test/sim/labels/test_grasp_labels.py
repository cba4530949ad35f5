"""Dense grasp labels: openings lie across objects, fingers have room, and the label rule of a pixel holds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import look_at, opening_axis, transform
from gpnet_ros.settings import GripperGeometry
from gpnet_ros.sim.camera.meshes import table_mesh
from gpnet_ros.sim.camera.raycast import Mesh, RayScene
from gpnet_ros.sim.labels import jaw_grades
from gpnet_ros.sim.labels.exact import ExactView, Solids
from gpnet_ros.sim.labels.grasps import FRICTION, GraspLabeller, GraspLabels, LabelSettings, grasp_labels
from gpnet_ros.sim.labels.jaw_grades import RAISES, YAWS
from gpnet_ros.sim.labels.pad_contacts import Descents, exits, leaves_at_centre, may_hold, pad_contact
from gpnet_ros.sim.objects import shapes

GRIPPER = GripperGeometry()
CAMERA = Intrinsics(144, 144, 300.0, 300.0, 71.5, 71.5)
TILTED = look_at((0.85, 0.0, 0.85), (0.65, 0.0, 0.0))
ABOVE = look_at((0.65, 0.0, 0.85), (0.65, 0.0, 0.0))


def at(x: float = 0.0, y: float = 0.0, z: float = 0.0, yaw: float = 0.0) -> NDArray[np.float64]:
    """Pose of an object, x and y from the heap's centre [m], yaw [deg]."""
    return transform(Rotation.from_euler("z", yaw, degrees=True).as_matrix(), (0.65 + x, y, z))


def label(
    parts: list[shapes.Part],
    poses: list[NDArray[np.float64]],
    T_base_camera: NDArray[np.float64] = TILTED,
    walls: list[shapes.Part] | None = None,
) -> tuple[GraspLabels, NDArray[np.float32]]:
    """Labels and depth of convex parts at poses on the table; the camera sees through the walls."""
    scene = RayScene([table_mesh(), *(Mesh(p.vertices, p.faces, i + 1) for i, p in enumerate(parts))])
    depth, ids = scene.place([np.eye(4), *poses]).depth(CAMERA, T_base_camera)
    meshes = [(p.vertices, p.faces) for p in parts]
    obstacles = [(p.vertices, p.faces) for p in walls or []]
    view = ExactView(depth, ids, CAMERA, T_base_camera)
    return grasp_labels(Solids(meshes, poses, obstacles=obstacles), view), depth


def grasps_in_base(
    labels: GraspLabels, depth: NDArray[np.float32], T_base_camera: NDArray[np.float64] = TILTED
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Surface points (n, 3) and yaw in base modulo pi (n,) of all labelled pixels, as a planner reads the maps."""
    R = T_base_camera[:3, :3]
    points, yaws = [], []
    for v, u in np.argwhere(labels.quality > 0):
        points.append(R @ CAMERA.deproject((u, v), depth[v, u]) + T_base_camera[:3, 3])
        x = R @ opening_axis((u, v), float(labels.angle[v, u]), CAMERA, R.T @ [0, 0, -1])
        yaws.append(np.arctan2(x[1], x[0]) % np.pi)
    return np.array(points), np.array(yaws)


def turn_between(a: NDArray[np.float64], b: float) -> NDArray[np.float64]:
    """Angle [rad] between opening axes."""
    return np.abs((a - b + np.pi / 2) % np.pi - np.pi / 2)


@pytest.mark.parametrize("yaw", [0.0, 35.0, 90.0, -50.0])
def test_the_opening_lies_across_a_bar_and_leaves_room(yaw: float) -> None:
    bar = shapes.box((0.12, 0.03, 0.05))
    labels, depth = label([bar], [at(yaw=yaw, z=0.025)])
    points, yaws = grasps_in_base(labels, depth)
    assert len(points) > 50
    assert np.degrees(turn_between(yaws, np.radians(yaw + 90)).max()) < 31  # the friction cone
    best = labels.quality[labels.quality > 0] > 0.8 * labels.quality.max()
    assert np.degrees(np.median(turn_between(yaws, np.radians(yaw + 90))[best])) <= 5.1  # half a step
    across = Rotation.from_euler("z", -yaw, degrees=True).apply(points - [0.65, 0, 0])[:, 1]
    assert np.abs(across)[best].max() < 0.0075  # 0.2 of the width and a pixel
    assert np.abs(across).max() < 0.011  # turned jaws meet the bar at its far edges, which is wider
    openings = labels.opening[labels.quality > 0]
    assert openings.min() > 0.03 + 2 * 0.003 - 1e-4
    assert openings.max() <= GRIPPER.stroke + 1e-6


def test_what_is_wider_than_the_stroke_has_no_grasp() -> None:
    labels, _ = label([shapes.box((0.1, 0.1, 0.05))], [at(z=0.025)])
    assert (labels.ids > 0).any()
    assert not labels.quality.any()
    assert labels.grasps == ()
    assert np.isnan(labels.tip).all()
    labels, _ = label([shapes.box((0.1, 0.07, 0.05))], [at(z=0.025)])
    assert labels.quality.max() > 0.3


def test_what_lies_flat_has_no_grasp() -> None:
    assert not label([shapes.box((0.1, 0.04, 0.007))], [at(z=0.0035)])[0].quality.any()
    assert label([shapes.box((0.1, 0.04, 0.015))], [at(z=0.0075)])[0].quality.any()


@pytest.mark.parametrize(("gap", "free"), [(0.006, False), (0.04, True)])
def test_a_finger_needs_room_between_two_bars(gap: float, free: bool) -> None:
    bar = shapes.box((0.12, 0.03, 0.05))
    poses = [at(y=-(0.03 + gap) / 2, z=0.025), at(y=(0.03 + gap) / 2, z=0.025)]
    labels, depth = label([bar, bar], poses)
    points, _ = grasps_in_base(labels, depth)
    centre = np.abs(points[:, 0] - 0.65) < 0.03 if len(points) else np.zeros(0, dtype=bool)
    assert bool(centre.any()) == free


def test_slanted_faces_slip() -> None:
    def ridge(slope: float) -> shapes.Part:
        """A long roof; its faces lean by `slope` [deg] from the vertical."""
        half = 0.004 + 0.04 * np.tan(np.radians(slope))
        outline = [(-0.05, 0.0), (0.05, 0.0)]
        points = [(x, y, z) for x, _ in outline for y, z in ((-half, 0), (half, 0), (-0.004, 0.04), (0.004, 0.04))]
        return shapes.hull(points)

    cone = np.degrees(np.arctan(FRICTION))
    assert label([ridge(cone - 12)], [at()])[0].quality.max() > 0.2
    assert not (label([ridge(cone + 6)], [at()])[0].quality > 0.05).any()


def test_what_leans_at_half_a_right_angle_is_known_only_with_more_friction() -> None:
    lean = at(z=0.03)
    lean[:3, :3] = Rotation.from_euler("x", 45, degrees=True).as_matrix()
    scene = RayScene([table_mesh(), Mesh((bar := shapes.box((0.12, 0.05, 0.02))).vertices, bar.faces, 1)])
    depth, ids = scene.place([np.eye(4), lean]).depth(CAMERA, TILTED)
    solids, view = Solids([(bar.vertices, bar.faces)], [lean]), ExactView(depth, ids, CAMERA, TILTED)
    assert not grasp_labels(solids, view).quality.any()
    assert grasp_labels(solids, view, LabelSettings(friction=3.0)).quality.any()


def test_image_angles_are_exact_under_tilt() -> None:
    labels, depth = label([shapes.frustum(0.025, 0.025, 0.0, 0.06)], [at(x=0.06, y=0.1)])
    points, yaws = grasps_in_base(labels, depth)
    assert len(points) > 20
    step = YAWS[1] - YAWS[0]
    assert np.abs(yaws / step - np.round(yaws / step)).max() < 1e-3  # float32 maps


def test_turning_the_object_turns_the_grasps() -> None:
    bar = shapes.box((0.12, 0.03, 0.05))
    first, _ = label([bar], [at(z=0.025, yaw=20)], ABOVE)
    second, _ = label([bar], [at(z=0.025, yaw=110)], ABOVE)
    # From straight above, 90 degrees about z in base are 90 degrees in the picture (x down there, y right).
    turned = min((np.rot90(first.quality, k) for k in (1, 3)), key=lambda q: float(np.abs(q - second.quality).sum()))
    both = (turned > 0) & (second.quality > 0)
    assert both.sum() > 0.9 * (turned > 0).sum()
    assert np.median(np.abs(turned - second.quality)[both]) < 0.02
    k = 1 if np.array_equal(turned, np.rot90(first.quality, 1)) else 3
    difference = np.rot90(first.angle, k)[both] - second.angle[both]
    assert np.degrees(np.median(turn_between(difference, np.pi / 2))) < 1e-2


def test_the_tips_follow_the_rule_of_the_pixel() -> None:
    labels, depth = label([shapes.box((0.12, 0.03, 0.05))], [at(z=0.025)])
    points, _ = grasps_in_base(labels, depth)
    assert np.allclose(labels.tip[labels.quality > 0], points[:, 2] - GRIPPER.finger_depth, atol=1e-5)
    labels, _ = label([shapes.box((0.12, 0.03, 0.02))], [at(z=0.01)])
    assert np.allclose(labels.tip[labels.quality > 0], 0.004, atol=1e-5)


def test_the_tips_stay_above_what_the_object_lies_on() -> None:
    bar, slab = shapes.box((0.12, 0.03, 0.02)), shapes.box((0.2, 0.2, 0.03))
    labels, depth = label([slab, bar], [at(z=0.015), at(z=0.04)])
    points, _ = grasps_in_base(labels, depth)
    assert len(points) > 50
    raise_ = RAISES[-1][0]  # 5 mm more would still touch the slab
    assert np.allclose(labels.tip[labels.quality > 0], points[:, 2] - GRIPPER.finger_depth + raise_, atol=1e-5)
    assert labels.tip[labels.quality > 0].min() > 0.03
    assert {g.object for g in labels.grasps} == {1}
    assert min(g.T_base_tcp[2, 3] for g in labels.grasps) > 0.03


def test_the_listed_grasps_are_distinct_poses_on_their_objects() -> None:
    bar = shapes.box((0.12, 0.03, 0.05))
    labels, _ = label([bar, bar], [at(y=-0.08, z=0.025), at(y=0.08, z=0.025, yaw=30)])
    assert {g.object for g in labels.grasps} == {0, 1}
    scores = [g.score for g in labels.grasps]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(float(labels.quality.max()))
    for g in labels.grasps:
        assert np.allclose(g.T_base_tcp[:3, :3] @ g.T_base_tcp[:3, :3].T, np.eye(3), atol=1e-12)
        assert np.allclose(g.T_base_tcp[:3, 2], [0, 0, -1])
        assert np.linalg.det(g.T_base_tcp[:3, :3]) > 0
        assert np.sign(g.T_base_tcp[1, 3]) == (-1 if g.object == 0 else 1)
    for a, b in zip(labels.grasps[:-1], labels.grasps[1:], strict=True):
        assert np.linalg.norm(a.T_base_tcp[:3, 3] - b.T_base_tcp[:3, 3]) > 0.005


@pytest.mark.parametrize(("gap", "free"), [(0.008, False), (0.05, True)])
def test_walls_take_room_from_fingers_and_palm(gap: float, free: bool) -> None:
    bar = shapes.box((0.12, 0.03, 0.05))
    walls = [shapes.box((0.3, 0.01, 0.06), (0.65, side * (0.015 + gap + 0.005), 0.03)) for side in (-1, 1)]
    labels = label([bar], [at(z=0.025)], walls=walls)[0]
    across = labels.opening[labels.quality > 0]
    assert bool(len(across)) == free
    # Taller than the fingers are long: the palm meets the walls although the fingers have room beside them.
    tall = [shapes.box((0.3, 0.01, 0.12), (0.65, side * (0.015 + gap + 0.005), 0.06)) for side in (-1, 1)]
    assert not label([bar], [at(z=0.025)], walls=tall)[0].quality.any()


@pytest.mark.parametrize(
    ("gap", "free"), [(0.0126, False), (0.013, False), (0.0134, False), (0.0138, False), (0.0142, False), (0.02, True)]
)
def test_no_finger_comes_down_on_a_thin_edge_wherever_it_lies(gap: float, free: bool) -> None:
    bar, plate = shapes.box((0.12, 0.03, 0.05)), shapes.box((0.3, 0.0011, 0.05))
    beside = 0.015 + gap  # of the plate's middle from the bar's; a finger needs 3 mm and its own 12
    labels, depth = label([bar, plate, plate], [at(z=0.025), at(y=beside, z=0.025), at(y=-beside, z=0.025)])
    mine = (labels.quality > 0) & (labels.ids == 1)
    points, yaws = grasps_in_base(labels, depth)
    keep = labels.ids[labels.quality > 0] == 1
    points, yaws, opening = points[keep], yaws[keep], labels.opening[mine]
    straight = turn_between(yaws, np.pi / 2) < 1e-3
    assert straight.any() == free
    for side in (-1, 1):
        inner = side * (points[straight, 1]) + opening[straight] / 2  # of the finger on this side
        clear = (inner + GRIPPER.finger_thickness < beside - 0.0005) | (inner > beside + 0.0005)
        assert clear.all()


@pytest.mark.parametrize(("below", "lowest"), [(0.064, 0.05), (0.05, 0.04)])
def test_pads_do_not_close_on_what_lies_below(below: float, lowest: float) -> None:
    slab, block = shapes.box((0.1, 0.06, 0.02)), shapes.box((0.1, below, 0.05))
    labels, _ = label([slab, block], [at(z=0.06), at(z=0.025)])
    tips = labels.tip[(labels.quality > 0) & (labels.ids == 1)]
    assert len(tips) > 20
    assert lowest < tips.min() < lowest + 0.01  # else they would take both


def test_walls_far_away_change_nothing() -> None:
    bar = shapes.box((0.12, 0.03, 0.05))
    walls = [shapes.box((0.6, 0.01, 0.2), (0.65, side * 0.3, 0.1)) for side in (-1, 1)]
    without, within = label([bar], [at(z=0.025)])[0], label([bar], [at(z=0.025)], walls=walls)[0]
    assert np.abs(without.quality - within.quality).max() < 0.1  # the lattice of heights lies elsewhere
    assert np.array_equal(without.ids, within.ids)
    assert {g.object for g in within.grasps} == {0}


def test_an_empty_table_has_no_labels() -> None:
    depth, ids = np.full((144, 144), 0.85, dtype=np.float32), np.zeros((144, 144), dtype=np.int32)
    labels = grasp_labels(Solids([], np.empty((0, 4, 4))), ExactView(depth, ids, CAMERA, ABOVE))
    assert not labels.quality.any()
    assert labels.grasps == ()


def test_inputs_that_do_not_fit_are_refused() -> None:
    bar = shapes.box((0.12, 0.03, 0.05))
    mesh = (bar.vertices, bar.faces)
    depth, ids = np.full((144, 144), 0.85, dtype=np.float32), np.ones((144, 144), dtype=np.int32)
    with pytest.raises(BadInput, match="one pose per mesh"):
        grasp_labels(Solids([mesh], []), ExactView(depth, ids, CAMERA, ABOVE))
    with pytest.raises(BadInput, match="ids up to 2"):
        grasp_labels(Solids([mesh], [at()]), ExactView(depth, ids * 2, CAMERA, ABOVE))
    with pytest.raises(BadInput, match="differ in size"):
        grasp_labels(Solids([mesh], [at()]), ExactView(depth[:100], ids, CAMERA, ABOVE))


CROWD = (
    [shapes.box((0.10, 0.03, 0.05)), shapes.box((0.04, 0.04, 0.04)), shapes.box((0.06, 0.02, 0.03))],
    [at(yaw=20.0, z=0.025), at(y=0.06, z=0.02), at(y=-0.03, yaw=70.0, z=0.065)],
)


def crowd_view(T_base_camera: NDArray[np.float64]) -> tuple[Solids, ExactView]:
    """Three boxes, one of them on another, as a camera sees them."""
    parts, poses = CROWD
    scene = RayScene([table_mesh(), *(Mesh(p.vertices, p.faces, i + 1) for i, p in enumerate(parts))])
    depth, ids = scene.place([np.eye(4), *poses]).depth(CAMERA, T_base_camera)
    return Solids([(p.vertices, p.faces) for p in parts], poses), ExactView(depth, ids, CAMERA, T_base_camera)


def same(a: GraspLabels, b: GraspLabels) -> bool:
    """Whether two labels are equal to the last bit, and hold grasps at all."""
    maps = [(getattr(a, name), getattr(b, name)) for name in ("quality", "angle", "opening", "tip")]
    grasps = [np.array([(g.score, g.opening, *g.T_base_tcp.ravel()) for g in labels.grasps]) for labels in (a, b)]
    return a.quality.max() > 0 and all(np.array_equal(x, y, equal_nan=True) for x, y in [*maps, grasps])


def test_one_labeller_gives_every_view_the_labels_it_has_alone() -> None:
    solids, _ = crowd_view(ABOVE)
    labeller = GraspLabeller(solids)
    shared = [labeller.labels(crowd_view(T)[1]) for T in (ABOVE, TILTED)]
    alone = [grasp_labels(*crowd_view(T)) for T in (ABOVE, TILTED)]
    assert same(shared[0], alone[0]) and same(shared[1], alone[1])
    assert not same(shared[0], shared[1])


@pytest.mark.parametrize("at_once", [1, 97, 100_000])
def test_how_many_jaws_are_looked_at_together_changes_nothing(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    solids, view = crowd_view(TILTED)
    before = grasp_labels(solids, view)
    if at_once == 1:  # one by one takes long: a corner of the picture is enough
        keep = np.arange(view.ids.size).reshape(view.ids.shape) % 41 == 0
        view = ExactView(view.depth, np.where(keep, view.ids, 0), view.intrinsics, view.T_base_camera)
        before = grasp_labels(solids, view)
    monkeypatch.setattr(jaw_grades, "_AT_ONCE", at_once)
    assert same(grasp_labels(solids, view), before)


def test_no_jaw_is_ruled_out_early_that_the_last_test_would_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no face looks towards a pad, or one pad does not hold, no ray is cast; casting them changes nothing."""
    solids, view = crowd_view(TILTED)
    before = grasp_labels(solids, view)
    asked: list[int] = []

    def every_jaw(self: jaw_grades.JawGrades, jaws: Descents) -> tuple:
        sides = [exits(self._scene, jaws, side, GRIPPER.stroke) for side in (1, -1)]
        pads = [pad_contact(*side, FRICTION) for side in sides]
        holds = np.logical_and.reduce([leaves_at_centre(d) & (p[1] > 0) for (d, _), p in zip(sides, pads, strict=True)])
        asked.append(len(holds))
        return np.flatnonzero(holds), [tuple(part[holds] for part in pad) for pad in pads]

    monkeypatch.setattr(jaw_grades.JawGrades, "_contacts", every_jaw)
    assert same(grasp_labels(solids, view), before)
    assert sum(asked) > (before.quality > 0).sum()  # there were such that lost later


def test_a_box_may_be_held_across_its_faces_alone_and_a_cylinder_anywhere() -> None:
    axes = np.column_stack([np.cos(YAWS), np.sin(YAWS)]).astype(np.float32)

    def yaws_of(part: shapes.Part) -> NDArray[np.bool_]:
        return may_hold(part.vertices[part.faces].astype(np.float32), axes, FRICTION)

    off = np.abs((np.degrees(YAWS) + 45) % 90 - 45)  # from the nearest face of a box
    cone = np.degrees(np.arctan(FRICTION))
    box = yaws_of(shapes.box((0.05, 0.03, 0.04)))
    assert box[off < cone].all() and not box[off > cone + 2].any()
    assert yaws_of(shapes.frustum(0.02, 0.02, 0.0, 0.1)).all()
    assert not yaws_of(shapes.frustum(0.06, 0.0, 0.0, 0.02)).any()  # too flat a cone: pads slip up
