"""The project's own source as the tests of its shape read it: modules, imports, classes and what they hold."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("domain", "projections", "consumers", "api", "deploy")


@cache
def sources(*folders: str) -> tuple[tuple[str, ast.Module], ...]:
    """Every module of the folders, by its path from the root."""
    return tuple(
        (path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8")))
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    )


def module_name(path: str) -> str:
    """`domain/store/__init__.py` as `domain.store`."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported(tree: ast.Module, modules: Container[str] = ()) -> Iterator[str]:
    """What is imported anywhere in the file, inside functions and for types alone too.

    `from a.b import c` gives `a.b.c` where that is among the modules, else `a.b`.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in modules else node.module


def imports_within(folder: str) -> dict[str, set[str]]:
    """Which module of the folder imports which other ones of it."""
    trees = {module_name(path): tree for path, tree in sources(folder)}
    return {name: set(imported(tree, trees)) & trees.keys() - {name} for name, tree in trees.items()}


def circles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """The sets of modules that reach each other, those of one module left out."""
    reach = {name: _reached(graph, name) for name in graph}
    found: list[set[str]] = []
    for name in graph:
        circle = {other for other in reach[name] if name in reach[other]} | {name}
        if len(circle) > 1 and circle not in found:
            found.append(circle)
    return found


def _reached(graph: Mapping[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for other in graph[waiting.pop()] - seen:
            seen.add(other)
            waiting.append(other)
    return seen


@dataclass(frozen=True)
class Shape:
    """A class, or a module taken as one: what it is based on, as (module, name), and the names that it has of itself."""

    path: str
    name: str
    bases: tuple[tuple[str, str], ...]
    members: frozenset[str]

    @property
    def is_interface(self) -> bool:
        """Whether it is a Protocol or an abstract class: something to be kept by others."""
        return any(name in ("Protocol", "ABC") for _, name in self.bases)


@cache
def shapes(*folders: str) -> tuple[Shape, ...]:
    """Every class of the folders, and every module as if it were one."""
    found: list[Shape] = []
    for path, tree in sources(*folders):
        found.append(Shape(path, module_name(path), (), frozenset(_defined(tree.body))))
        comes_from = {
            alias.name: node.module or ""
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                named = [_last_name(base) for base in node.bases]
                bases = tuple((comes_from.get(base, module_name(path)), base) for base in named)
                found.append(Shape(path, node.name, bases, frozenset({*_defined(node.body), *_set_on_self(node)})))
    return tuple(found)


def members_of(shape: Shape, others: Sequence[Shape]) -> set[str]:
    """What it has of itself and from those of our classes that it is based on."""
    found = set(shape.members)
    for other in others:
        if (module_name(other.path), other.name) in shape.bases and other is not shape:
            found |= members_of(other, others)
    return found


def is_self(value: ast.expr) -> bool:
    """Whether it is the object or the class itself that is spoken of."""
    return isinstance(value, ast.Name) and value.id in ("self", "cls")


def _last_name(base: ast.expr) -> str:
    while isinstance(base, ast.Subscript):
        base = base.value
    return base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""


def _defined(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _set_on_self(of: ast.ClassDef) -> Iterator[str]:
    for node in ast.walk(of):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
            yield node.attr
