"""The project fixture itself: what it says of hosts is what the service there says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.project import Project


def test_a_project_deploys_and_its_helpers_tell_what_is_live(project: Project) -> None:
    assert set(project.versions().values()) == {""}
    project.opskit("deploy", "shop", "v1", "-y")
    project.commit("v2", good=False)
    project.opskit("deploy", "shop", "v2", "-y", expect=5)
    assert set(project.versions().values()) == {"v1"}
    assert project.page("web01", "/health") == "ok v1\n"
    assert project.release("web01")
    project.configure(require_why=True, batches="[4]")
    project.opskit("deploy", "shop", "v1", "-y", expect=2)


def test_the_next_test_finds_nothing_of_it(project: Project) -> None:
    assert set(project.versions().values()) == {""}
    assert project.release("web01") == ""
