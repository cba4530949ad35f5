"""The Fast DDS profile is set where it is of use and nobody has chosen otherwise, and what is in force is told."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gpnet_ros.nodes.processes.table import environment
from gpnet_ros.nodes.processes.transport import (
    PROFILE_VARIABLES,
    RANGE_VARIABLE,
    find_transport,
    loopback_environment,
    loopback_profile,
    profile_environment,
    profile_file,
)

NEW, OLD = PROFILE_VARIABLES


@pytest.fixture(autouse=True)
def _nobody_chose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*PROFILE_VARIABLES, "FASTDDS_BUILTIN_TRANSPORTS", "RMW_IMPLEMENTATION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_who_has_chosen_nothing_gets_our_profile_for_both_generations() -> None:
    assert find_transport().loses_images
    assert profile_environment() == {NEW: str(profile_file()), OLD: str(profile_file())}
    assert profile_environment().items() <= environment().items()


@pytest.mark.parametrize("rmw", ["rmw_fastrtps_cpp", "rmw_fastrtps_dynamic_cpp", ""])
def test_what_we_have_set_is_ours_and_is_told(monkeypatch: pytest.MonkeyPatch, rmw: str) -> None:
    monkeypatch.setenv("RMW_IMPLEMENTATION", rmw)
    for name, value in profile_environment().items():
        monkeypatch.setenv(name, value)
    found = find_transport()
    assert found.has_ours and not found.loses_images
    assert str(profile_file()) in found.describe()
    assert profile_environment()  # for processes of a second run


@pytest.mark.parametrize("name", [NEW, OLD, "FASTDDS_BUILTIN_TRANSPORTS"])
def test_what_a_person_has_chosen_stays(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "mine.xml")
    assert profile_environment() == {}
    assert not set(PROFILE_VARIABLES) & environment().keys()
    found = find_transport()
    assert not found.has_ours and not found.loses_images
    assert f"{name}=mine.xml" in found.describe() and f"{name}=mine.xml" in found.remedy()


@pytest.mark.parametrize("name", ["DEFAULT_FASTDDS_PROFILES.xml", "DEFAULT_FASTRTPS_PROFILES.xml"])
def test_a_profile_in_the_working_folder_is_a_persons_choice_too(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert profile_environment() == {}
    assert name in find_transport().describe()


def test_another_middleware_gets_no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp")
    assert profile_environment() == {}
    found = find_transport()
    assert not found.loses_images
    assert "rmw_cyclonedds_cpp" in found.describe() and "fastdds.xml" not in found.remedy()


def test_an_empty_variable_is_no_choice() -> None:
    assert find_transport({NEW: "", OLD: ""}).loses_images
    assert "fastdds.xml" in find_transport({NEW: "", OLD: ""}).remedy()
    assert os.environ.get(NEW) is None


def test_what_is_started_on_loopback_has_our_closed_profile_and_a_range_that_adds_nothing() -> None:
    variables = loopback_environment()
    assert variables == {NEW: str(loopback_profile()), OLD: str(loopback_profile()), RANGE_VARIABLE: "SYSTEM_DEFAULT"}
    assert find_transport(variables).has_ours and not find_transport(variables).loses_images
    tags = [e.tag.rpartition("}")[2] for e in ElementTree.parse(profile_file()).iter()]
    closed = ElementTree.parse(loopback_profile())
    assert not set(tags) - {e.tag.rpartition("}")[2] for e in closed.iter()}
    assert {e.text for e in closed.iter() if e.tag.endswith("}address")} == {"127.0.0.1"}


@pytest.mark.parametrize(("name", "value"), [(NEW, "mine.xml"), ("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp")])
def test_with_a_persons_profile_or_another_middleware_only_the_range_is_left(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert loopback_environment() == {RANGE_VARIABLE: "LOCALHOST"}


def test_a_launch_keeps_the_closed_profile_that_it_was_started_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OLD, str(loopback_profile()))
    assert profile_environment() == {NEW: str(loopback_profile()), OLD: str(loopback_profile())}
    monkeypatch.setenv(OLD, str(profile_file()))
    assert loopback_environment()[NEW] == str(loopback_profile())  # not the other way
