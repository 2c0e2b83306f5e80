"""Errors sound like one person: clauses without a capital at their start or a full stop."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "photochrom"
FILES = sorted(PACKAGE.rglob("*.py"))
VALUE = "\0"
"""Stands for a value inside a message."""

BAD_START = re.compile(r"[A-Z][a-z]+(\s|$)")
BAD_END = re.compile(r"(?<!\.\.)\.\s*$")
BAD_MIDDLE = re.compile(r"[\w)\]'\"%\0]\. +[A-Z\0]")


def error_classes() -> set[str]:
    """The names of photochrom's errors: those of `photochrom.errors`, and what is made of them.

    Those of the web pages are left out: they are sentences of a page, which are translated.
    """
    names: set[str] = set()
    trees = [ast.parse((PACKAGE / "errors.py").read_text(encoding="utf-8"))]
    trees += [ast.parse(f.read_text(encoding="utf-8")) for f in FILES if "web" not in f.parts]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    while True:
        found = {
            node.name
            for node in classes
            if node.name == "PhotochromError"
            or names & {base.id for base in node.bases if isinstance(base, ast.Name)}
        }
        if found == names:
            return names
        names = found


ERRORS = error_classes() | {"ValueError", "TypeError", "RuntimeError"}
"""With those of Python that get into the messages of ours: "cannot read a.png: {error}"."""


class Messages(ast.NodeVisitor):
    """Collects what a module's errors say, as text in which `VALUE` stands for values."""

    def __init__(self, tree: ast.Module) -> None:
        self.functions = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        self.calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
        self.found: list[tuple[int, str]] = []
        self.within: list[ast.AST] = [tree]
        self.visit(tree)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.within.append(node)
        self.generic_visit(node)
        self.within.pop()

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in ERRORS and node.args:
            self.found += [(node.lineno, text) for text in self.texts(node.args[0], set())]
        self.generic_visit(node)

    def texts(self, node: ast.expr, seen: set[str]) -> Iterator[str]:
        """All that an expression may say, as far as the module itself tells."""
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.JoinedStr(values=parts):
                yield "".join(self.part(part) for part in parts)
            case ast.IfExp(body=one, orelse=other):
                yield from self.texts(one, seen)
                yield from self.texts(other, seen)
            case ast.BinOp(left=left, right=right):
                yield from (a + b for a in self.texts(left, seen) for b in self.texts(right, seen))
            case ast.Name(id=name) if name not in seen:
                for value in (*self.assigned(name), *self.passed(name)):
                    yield from self.texts(value, seen | {name})
            case ast.Call(func=ast.Name(id=name)) if name in self.functions and name not in seen:
                for child in ast.walk(self.functions[name]):
                    if isinstance(child, ast.Return) and child.value is not None:
                        yield from self.texts(child.value, seen | {name})

    def assigned(self, name: str) -> Iterator[ast.expr]:
        """The values that a name gets in the function around."""
        for node in ast.walk(self.within[-1]):
            if isinstance(node, ast.Assign) and name in map(ast.unparse, node.targets):
                yield node.value

    def passed(self, name: str) -> Iterator[ast.expr]:
        """What the module itself passes to the function around as this parameter."""
        function = self.within[-1]
        if not isinstance(function, ast.FunctionDef):
            return
        names = [a.arg for a in (*function.args.args, *function.args.kwonlyargs)]
        for call in self.calls:
            if isinstance(call.func, ast.Name) and call.func.id == function.name:
                given = dict(zip(names, call.args, strict=False))
                given |= {k.arg: k.value for k in call.keywords if k.arg is not None}
                if name in given:
                    yield given[name]

    def part(self, node: ast.expr) -> str:
        return str(node.value) if isinstance(node, ast.Constant) else VALUE


def messages(path: Path) -> list[tuple[int, str]]:
    """Line and text of what the errors of a module say."""
    return Messages(ast.parse(path.read_text(encoding="utf-8"))).found


def faults(text: str) -> list[str]:
    """What is not as the house rule has it."""
    found = []
    if BAD_START.match(text):
        found.append("starts with a capital")
    if BAD_END.search(text):
        found.append("ends with a full stop")
    if BAD_MIDDLE.search(text):
        found.append("has two sentences: join them by a semicolon")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_errors_are_clauses(path: Path) -> None:
    wrong = [
        f"{path.name}:{line}: {', '.join(faults(text))}: {text.replace(VALUE, '{}')}"
        for line, text in messages(path)
        if faults(text)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "The picture is empty",
        "the picture is empty.",
        "the picture is empty. Take another",
        f"there is no model {VALUE}. Shipped are {VALUE}",
        f"{VALUE} is damaged ({VALUE} bytes). Download it again",
    ],
)
def test_a_sentence_is_found(text: str) -> None:
    assert faults(text)


@pytest.mark.parametrize(
    "text",
    [
        "the picture is empty; take another",
        "JPEG holds no transparency; write one of .png, .tif",
        "OpenCV could not encode it as PNG",
        f"{VALUE}: a model needs its checksum; add #sha256=...",
        "cannot read a.png: No such file",
    ],
)
def test_a_clause_is_left_alone(text: str) -> None:
    assert not faults(text)


def test_messages_are_found_behind_names_functions_and_parameters() -> None:
    tree = ast.parse(
        """
def fail(why):
    raise InputError(why)

def words(name):
    return f"{name} is gone" if name else "All is gone"

def work(name):
    message = "a" + "b."
    fail("Call me")
    raise ModelError(words(name)) if name else OutputError(message)
"""
    )
    texts = {text for _, text in Messages(tree).found}
    assert texts == {"Call me", f"{VALUE} is gone", "All is gone", "ab."}
