"""What `import photochrom` offers: these names, cheaply, whatever else was imported before."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import photochrom

PUBLIC = [
    "Area",
    "Colorizer",
    "Hint",
    "Picture",
    "Stroke",
    "WhiteBalance",
    "colorize",
    "errors",
    "evaluate",
    "film",
    "folder",
    "models",
    "read",
    "restore",
    "restore_film",
    "style",
    "train",
    "write",
]
RUN_WHEN_IMPORTED = ("photochrom.__main__", "photochrom.web.migrations.env")
"""The command line, and what alembic runs."""


def printed_by(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_public_names_are_these() -> None:
    assert photochrom.__all__ == PUBLIC
    assert dir(photochrom) == sorted([*PUBLIC, "__version__"])
    for name in PUBLIC:
        assert getattr(photochrom, name).__doc__, name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'photochrom' has no attribute 'colorise'"):
        photochrom.colorise  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'colorise'"):
        exec("from photochrom import colorise")


def test_importing_photochrom_imports_nothing_else() -> None:
    new = printed_by(
        "import sys, importlib, typing, __future__; before = set(sys.modules)\n"
        "import photochrom; dir(photochrom); photochrom.__version__\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    assert new.split() == ["photochrom"]


@pytest.mark.slow
def test_the_names_are_themselves_after_every_module_was_imported() -> None:
    photo = Path(__file__).parents[2] / "examples" / "cat.jpg"
    printed_by(
        "import importlib, pkgutil, photochrom\n"
        "for module in pkgutil.walk_packages(photochrom.__path__, 'photochrom.'):\n"
        f"    if module.name not in {RUN_WHEN_IMPORTED}:\n"
        "        importlib.import_module(module.name)\n"
        f"assert all(callable(getattr(photochrom, n)) for n in {PUBLIC} if n != 'errors')\n"
        "from photochrom import colorize, models\n"
        f"assert colorize({str(photo)!r}).pixels.ndim == 3\n"
        "assert 'photochrom-base' in models()\n"
        "assert photochrom.errors.InputError.__name__ == 'InputError'"
    )


def test_no_module_is_called_as_a_public_name() -> None:
    modules = {module.name for module in pkgutil.iter_modules(photochrom.__path__)}
    assert modules & set(photochrom.__all__) == {"errors"}, "which is that module"


def test_type_checkers_see_the_names_that_are_handed_out() -> None:
    text = Path(photochrom.__file__).read_text(encoding="utf-8")
    block = text.partition("if TYPE_CHECKING:\n")[2].partition("\n\n")[0]
    seen: dict[str, object] = {}
    exec("\n".join(line.strip() for line in block.splitlines()), seen)
    del seen["__builtins__"]
    assert sorted(seen) == photochrom.__all__
    assert all(seen[name] is getattr(photochrom, name) for name in seen)
