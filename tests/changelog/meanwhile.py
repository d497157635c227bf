"""Something that happens exactly between two steps of a sync: before its n-th call of the database's side or of the upstream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Points:
    """Counts the steps of whatever it watches, and does `work` once: before step `at` (1 is the first), or before the first of that name."""

    def __init__(self, work: Callable[[], object], at: int | str) -> None:
        self.passed: list[str] = []
        self.done = False
        self._work, self._at = work, at

    def watch(self, name: str, watched: Any) -> Any:
        """Give what behaves as `watched` does, with a point before each of its calls and pages."""
        return _Watched(name, watched, self)

    def pass_by(self, name: str) -> None:
        """Take a step."""
        self.passed.append(name)
        if not self.done and self._at in (name, len(self.passed)):
            self.done = True
            self._work()


class _Watched:
    def __init__(self, name: str, watched: Any, points: Points) -> None:
        self._name, self._watched, self._points = name, watched, points

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._watched, name)
        is_step = callable(found) and name != "close"
        return self._watching(name, found) if is_step else found

    def _watching(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        step = f"{self._name}.{name}"

        def called(*args: object, **options: object) -> Any:
            self._points.pass_by(step)
            answer = call(*args, **options)
            return self._paged(answer) if name == "pull" else answer

        return called

    def _paged(self, pages: Iterator[Any]) -> Iterator[Any]:
        for page in pages:
            self._points.pass_by(f"{self._name}.page")
            yield page
