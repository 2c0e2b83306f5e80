"""What is made for people without Python agrees with the package."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import pytest
import yaml
from fixtures.programs import load_program

import photochrom

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
QT_6_DOWNLOAD = ("accept", "downloadDirectory", "setDownloadDirectory", "setDownloadFileName",
                 "suggestedFileName")  # fmt: skip
OTHER_NAMES = {"opencv-python-headless": "py-opencv"}


def test_conda_s_recipe_asks_for_what_the_package_asks_for() -> None:
    recipe = yaml.safe_load((ROOT / "packaging/conda/meta.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.split("(?=>)", line, maxsplit=1) for line in project["dependencies"]]
    wanted = {f"{OTHER_NAMES.get(name, name)} {least}" for name, least in names}
    assert set(recipe["requirements"]["run"]) == {*wanted, "python >=3.10"}
    assert recipe["package"]["version"] == photochrom.__version__
    assert recipe["build"]["entry_points"] == ["photochrom = photochrom.cli:main"]


def test_the_window_finds_the_studio_by_what_it_prints() -> None:
    window = load_program("packaging/photochrom_window.py")
    said = "The studio is at http://localhost:43210/?token=abc-DEF_1."
    assert window.find_address(said) == "http://localhost:43210/?token=abc-DEF_1"
    assert window.find_address("Loading") is None
    assert window.command_line(["models"])[-3:] == ["-m", "photochrom", "models"]


def test_the_window_is_the_command_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    window = load_program("packaging/photochrom_window.py")
    for way in (["--photochrom"], ["-m", "photochrom"]):
        with pytest.raises(SystemExit) as ended:
            sys.exit(window.main([*way, "--version"]))
        assert not ended.value.code
        assert photochrom.__version__ in capsys.readouterr().out


def test_what_is_dragged_onto_the_icon_is_coloured_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    window = load_program("packaging/photochrom_window.py")
    says = [sys.executable, "-c", "import sys; print(*sys.argv[1:], '<b>'); sys.exit(3)"]
    monkeypatch.setattr(window, "command_line", lambda words: [*says, *words])
    pages: list[str] = []
    monkeypatch.setattr(window, "_show_window", lambda _title, **page: pages.append(page["html"]))
    photo = str(tmp_path / "a.jpg")
    assert window.main(["--no-window", photo]) == window.main([photo]) == 3
    assert capfd.readouterr().out.count(f"image {photo} --recursive <b>") == 2
    (page,) = pages
    assert f"image {photo} --recursive &lt;b&gt;" in page


def test_what_is_downloaded_in_qt_s_window_is_saved_where_it_is_wanted(tmp_path: Path) -> None:
    window = load_program("packaging/photochrom_window.py")
    asked: list[str] = []
    answers = iter([(str(tmp_path / "mine.jpg"), ""), ("", "")])

    class FileDialog:
        @staticmethod
        def getSaveFileName(_view: object, _title: str, path: str) -> tuple[str, str]:  # noqa: N802
            asked.append(path)
            return next(answers)

    qt = ModuleType("webview.platforms.qt")
    vars(qt).update(BrowserView=type("BrowserView", (), {}), QFileDialog=FileDialog)
    window.save_downloads(qt)
    view = vars(qt)["BrowserView"]()
    view.localization = {"global.saveFile": "Save file"}
    download = Mock(spec_set=QT_6_DOWNLOAD)
    download.downloadDirectory.return_value = str(tmp_path)
    download.suggestedFileName.return_value = "cat.color.jpg"
    for _ in range(2):  # once saved, once thought better of
        view.on_download_requested(download)
    assert asked == [str(tmp_path / "cat.color.jpg")] * 2
    download.setDownloadDirectory.assert_called_once_with(str(tmp_path))
    download.setDownloadFileName.assert_called_once_with("mine.jpg")
    download.accept.assert_called_once_with()


def test_the_bundle_leaves_to_the_system_what_the_systems_drivers_need() -> None:
    tree = ast.parse((ROOT / "packaging/photochrom.spec").read_text(encoding="utf-8"))
    wanted = {"QT_NEEDED", "OF_THE_SYSTEM", "is_needed"}
    parts = [
        part
        for part in tree.body
        if getattr(part, "name", None) in wanted
        or (isinstance(part, ast.Assign) and getattr(part.targets[0], "id", None) in wanted)
    ]
    spec: dict[str, Any] = {}
    exec(compile(ast.Module(parts, []), "photochrom.spec", "exec"), spec)
    for name, is_needed in {
        "libstdc++.so.6": False,
        "libgcc_s.so.1": False,
        "PySide6/Qt/lib/libQt6Core.so.6": True,
        "PySide6/Qt/lib/libQt6Pdf.so.6": False,
        "libnss3.so": True,
    }.items():
        assert spec["is_needed"]((name, f"/usr/lib/{name}", "BINARY")) is is_needed, name


@pytest.mark.skipif(not shutil.which("dpkg"), reason="needs dpkg")
def test_debian_s_package_asks_for_what_the_bundle_leaves_to_the_system(tmp_path: Path) -> None:
    bundle = tmp_path / "Photochrom"
    bundle.mkdir()
    (bundle / "Photochrom").write_text("#!/bin/sh\n")
    load_program("packaging/build_deb.py").lay_out(bundle, tmp_path / "root")
    control = (tmp_path / "root/DEBIAN/control").read_text(encoding="utf-8")
    fields = dict(line.split(": ", 1) for line in control.splitlines() if not line.startswith(" "))
    assert fields["Version"] == photochrom.__version__
    # PyInstaller leaves drivers, and what speaks with them, out of what it collects.
    assert {"libc6", "libstdc++6", "libegl1", "libgl1", "libxcb1", "libwayland-client0"} <= set(
        fields["Depends"].split(", ")
    )


@pytest.mark.skipif(sys.platform == "win32", reason="an AppImage starts by sh")
def test_an_appimage_is_a_runtime_and_a_folder_that_starts(tmp_path: Path) -> None:
    build = load_program("packaging/build_appimage.py")
    assert build.is_runtime(b"\x7fELF\x02\x01\x01\x00AI\x02" + bytes(64))
    assert not build.is_runtime(b"\x7fELF" + bytes(64))
    bundle = tmp_path / "Photochrom"
    bundle.mkdir()
    program = bundle / "Photochrom"
    program.write_text('#!/bin/sh\necho "coloured: $*"\n')
    program.chmod(0o755)
    folder = tmp_path / "AppDir"
    build.lay_out(bundle, folder)
    environment = {"APPDIR": str(folder), "PATH": "/usr/bin:/bin"}
    start = [str(folder / "AppRun"), "a b.jpg"]
    done = subprocess.run(start, env=environment, capture_output=True, text=True)
    assert done.stdout == "coloured: a b.jpg\n"
    assert "Exec=AppRun %F" in (folder / "photochrom.desktop").read_text()
    assert (folder / ".DirIcon").resolve() == folder / "photochrom.png"
