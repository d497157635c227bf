"""The house keeps its shape: layers, sizes, one family of errors, dependencies that are used."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import opskit
from opskit import errors
from opskit.cli.crash import CrashError
from opskit.cli.exits import EXITS
from opskit.errors import OpskitError

ROOT = Path(__file__).parents[1]
TOP = {"pyproject.toml", "README.md", "opskit", "tasks.py", "runbooks", "tests"}
LONGEST_FILE = 300
LONGEST_TEST_FILE = 400
LONGEST_FUNCTION = 50
IMPORT_NAMES = {"clustershell": "ClusterShell", "markdown-it-py": "markdown_it", "pyyaml": "yaml"}
NOT_IMPORTED = {"tzdata"}  # zoneinfo reads it where the system has no time zones
LATER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")
UNNAMED = re.compile(r"#\s*(type:\s*ignore(?!\[)|noqa(?!:))")


@dataclass(frozen=True)
class Module:
    """A Python file of the house, read and parsed once."""

    name: str
    source: str
    tree: ast.Module

    @property
    def ours(self) -> bool:
        return self.name.startswith("opskit/")


@cache
def modules() -> list[Module]:
    files = sorted([*(ROOT / "opskit").rglob("*.py"), *(ROOT / "tests").rglob("*.py")])
    read = [(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")) for file in files]
    return [Module(name, source, ast.parse(source)) for name, source in read]


def kept_files() -> list[str]:
    """Give the files that are, or would be, under version control."""
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-co", "--exclude-standard"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in ran.stdout.splitlines() if (ROOT / name).exists()]


def family(root: type[OpskitError] = OpskitError) -> list[type[OpskitError]]:
    """Give the class and all below it, in the order in which they are defined."""
    children = [child for child in root.__subclasses__() if child is not CrashError]
    return [root, *(below for child in children for below in family(child))]


def drawn_tree() -> list[tuple[int, str]]:
    """Give (depth, name) for each line of the tree in the docstring of `errors`."""
    lines = (errors.__doc__ or "").splitlines()
    found = (re.match(r"    ([│├└─ ]*)(\w+Error)\b", line) for line in lines)
    return [(len(line[1]) // 4, line[2]) for line in found if line]


def test_every_error_is_defined_in_one_module() -> None:
    for module in pkgutil.walk_packages(opskit.__path__, "opskit."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    assert {cls.__module__ for cls in family()} == {"opskit.errors"}


def test_the_drawn_tree_of_errors_is_the_tree_of_classes() -> None:
    real = [(len(cls.__mro__) - len(OpskitError.__mro__), cls.__name__) for cls in family()]
    assert drawn_tree() == real


def test_the_drawn_exit_codes_are_those_of_the_classes() -> None:
    drawn = re.findall(r"(\w+Error) \[(\d+)\]", errors.__doc__ or "")
    assert drawn
    for name, code in drawn:
        assert getattr(errors, name).exit_code == int(code)


@pytest.mark.parametrize("cls", [*family(), CrashError], ids=lambda cls: cls.__name__)
def test_every_error_explains_itself_and_has_a_documented_exit_code(
    cls: type[OpskitError],
) -> None:
    assert inspect.cleandoc(cls.__doc__ or "").partition("\n")[0].endswith(".")
    assert cls.exit_code in EXITS
    assert cls.exit_code != 0
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cls.kind)


def test_every_error_has_a_kind_of_its_own() -> None:
    kinds = [cls.kind for cls in [*family(), CrashError]]
    assert sorted(kinds) == sorted(set(kinds))


def test_the_layers_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    command = [str(linter if linter.exists() else shutil.which("lint-imports"))]
    ran = subprocess.run(
        [*command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_only_what_belongs_there_lies_at_the_top() -> None:
    top = {name.partition("/")[0] for name in kept_files()}
    assert {name for name in top if not name.startswith(".")} <= TOP


def test_a_file_fits_on_a_few_screens() -> None:
    longest = {True: LONGEST_FILE, False: LONGEST_TEST_FILE}
    lines = {module: len(module.source.splitlines()) for module in modules()}
    assert {m.name: n for m, n in lines.items() if n > longest[m.ours]} == {}


def test_a_module_says_what_it_is() -> None:
    told = {m.name: (ast.get_docstring(m.tree) or "").strip() for m in modules() if m.ours}
    assert [name for name, words in told.items() if not words] == []


def test_a_function_fits_on_a_screen() -> None:
    long = {
        f"{module.name}:{node.name}": node.end_lineno - node.lineno + 1
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    }
    assert {name: n for name, n in long.items() if n > LONGEST_FUNCTION} == {}


def test_a_suppression_names_its_rule() -> None:
    assert lines_with(UNNAMED) == []


def test_nothing_is_left_for_later() -> None:
    assert lines_with(LATER) == []


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{module.name}: {line}"
        for module in modules()
        if pattern.search(module.source)
        for line in module.source.splitlines()
        if pattern.search(line)
    ]


def imported(folder: str) -> set[str]:
    """Give the top names of all that is imported below a folder, in functions too."""
    found: set[str] = set()
    for module in modules():
        for node in ast.walk(module.tree) if module.name.startswith(f"{folder}/") else ():
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add((node.module or "").partition(".")[0])
    return found


def required(extra: str = "") -> set[str]:
    """Give the names of the distributions that pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return {re.split(r"[<>=!~\[; ]", line, maxsplit=1)[0].lower() for line in lines}


def module_names(distributions: set[str]) -> set[str]:
    return {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in distributions}


def test_what_is_imported_is_required_and_what_is_required_is_imported() -> None:
    found = imported("opskit") - set(sys.stdlib_module_names) - {"opskit"}
    assert found == module_names(required() | required("postgres")) - NOT_IMPORTED


def test_what_tests_import_is_required_for_them() -> None:
    found = imported("tests") - set(sys.stdlib_module_names) - {"opskit", "tests"}
    assert found <= module_names(required() | required("test"))
