"""The integrations in the programs that they are for: each is skipped where its program is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.integrations import EXAMPLES, INTEGRATIONS, load_integration

from photochrom import Colorizer, read
from photochrom.imageio import write

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.filterwarnings("ignore"),  # of these programs' own packages
]


CAT = EXAMPLES / "cat.jpg"
PHOTOCHROM = (sys.executable, "-m", "photochrom")


def run(command: list[str], **environment: str) -> str:
    """What a program prints; it must succeed."""
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


def need(*names: str) -> str:
    """The first of these programs that is installed; the test is skipped without any."""
    for name in names:
        if (found := shutil.which(name)) is not None:
            return found
    pytest.skip(f"{' or '.join(names)} is not installed here")


def program(folder: Path) -> Path:
    """The command photochrom, of this Python, as one file."""
    path = folder / "photochrom"
    sources = os.pathsep.join(sys.path)
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{sources}" exec {sys.executable} -m photochrom "$@"\n')
    path.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def colored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cat as the command line colours it."""
    target = tmp_path_factory.mktemp("cat") / "cat.png"
    picture = Colorizer(keep_colors=False)(CAT)
    write(target, picture)
    return target


def difference(path: Path, other: Path) -> tuple[float, int]:
    """Mean and maximum of the absolute difference of two pictures, codes of 8 bits."""
    both = [read(p).pixels[..., :3].astype(int) for p in (path, other)]
    apart = np.abs(both[0] - both[1])
    return float(apart.mean()), int(apart.max())


def test_ffmpeg_pipes_a_film_through_and_gets_what_photochrom_film_makes(tmp_path: Path) -> None:
    ffmpeg = need("ffmpeg")
    old, own, piped = tmp_path / "old.mkv", tmp_path / "own.mkv", tmp_path / "piped.mkv"
    drawn = ["-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=1.6"]
    grey = ["-vf", "format=gray,format=yuv420p", "-c:v", "ffv1"]
    run([ffmpeg, "-v", "error", *drawn, *grey, str(old)])
    run([*PHOTOCHROM, "film", str(old), "-o", str(own), "--codec", "ffv1"])
    script = INTEGRATIONS / "ffmpeg" / "photochrom_y4m.py"
    shell = (
        f"{ffmpeg} -v error -i {old} -f yuv4mpegpipe - | {sys.executable} {script}"
        f" | {ffmpeg} -v error -i - -c:v ffv1 {piped}"
    )
    run(["sh", "-c", shell])
    compare = [ffmpeg, "-i", str(own), "-i", str(piped), "-lavfi", "psnr", "-f", "null", "-"]
    lines = [line for line in run(compare).splitlines() if "PSNR" in line]
    values = dict(word.split(":") for word in lines[0].split() if ":" in word)
    assert min(float(values[plane]) for plane in "yuv") > 60.0, lines
    assert values["y"] == "inf", "the luma is the film's own"


def test_vapoursynth_asks_for_frames_in_any_order() -> None:
    vs = pytest.importorskip("vapoursynth")
    module = load_integration("vapoursynth/photochrom_vs.py")
    from photochrom.video.luma_stream import LumaFormat, color_luma

    y, x = np.mgrid[0:96, 0:128]

    def draw(n: int, f: Any) -> Any:
        frame = f.copy()
        checks = ((x + 2 * n) // 16 + y // 16) % 5 * 40 + 30
        np.copyto(np.asarray(frame[0]), checks.astype(np.uint8))
        return frame

    core = vs.core
    blank = core.std.BlankClip(width=128, height=96, format=vs.GRAY8, length=50)
    clip = core.std.ModifyFrame(blank, blank, draw)
    form = LumaFormat(96, 128)
    expected = list(color_luma([np.array(f[0]) for f in clip.frames()], form, steady=0.8))
    colored = module.colorize(clip, steady=0.8)
    assert (colored.format.id, colored.num_frames) == (vs.YUV420P8, 50)
    for frame, (luma, chroma) in zip(colored.frames(), expected, strict=True):
        np.testing.assert_array_equal(np.array(frame[0]), luma)
        np.testing.assert_array_equal(np.stack([frame[1], frame[2]], axis=-1), chroma)
    late = module.colorize(clip, steady=0.8)
    jumped = [np.array(late.get_frame(n)[1]) for n in (30, 31, 4, 49)]
    assert all(plane.std() > 0.5 for plane in jumped)
    single = module.colorize(clip, steady=0).get_frame(7)
    assert np.array(single[2]).std() > 0.5
    for wrong in (vs.RGB24, vs.GRAYS):
        with pytest.raises(vs.Error, match="it takes grey and YUV of 8 or 10 bits"):
            module.colorize(core.std.BlankClip(format=wrong))


def test_gimp_2_lays_the_colours_of_a_file_over_the_picture(colored: Path, tmp_path: Path) -> None:
    gimp = need("gimp-console-2.10", "gimp-2.10")
    scripts = tmp_path / ".config" / "GIMP" / "2.10" / "scripts"
    scripts.mkdir(parents=True)
    shutil.copy(INTEGRATIONS / "gimp" / "photochrom.scm", scripts)
    target = tmp_path / "gimp.png"
    scheme = (
        f'(let* ((image (car (gimp-file-load RUN-NONINTERACTIVE "{CAT}" "cat"))))'
        "(define image-layer (car (gimp-image-get-active-drawable image)))"
        f'(script-fu-photochrom-colors image image-layer "{colored}")'
        "(define flat (car (gimp-image-flatten image)))"
        f'(file-png-save-defaults RUN-NONINTERACTIVE image flat "{target}" "{target}"))'
    )
    run([gimp, "-i", "-d", "-f", "-s", "-b", scheme, "-b", "(gimp-quit 1)"], HOME=str(tmp_path))
    mean, most = difference(target, colored)
    assert mean < 1.0
    assert most <= 12


def test_gimp_3_colours_by_its_plug_in(colored: Path, tmp_path: Path) -> None:
    gimp = need("gimp-console-3.0", "gimp-console-3.2", "gimp-console-3")
    plug_ins = tmp_path / "gimp" / "plug-ins"
    shutil.copytree(INTEGRATIONS / "gimp" / "photochrom-colorize", plug_ins / "photochrom-colorize")
    target = tmp_path / "gimp.png"
    script = f"""
from gi.repository import Gimp, Gio
image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path("{CAT}"))
procedure = Gimp.get_pdb().lookup_procedure("plug-in-photochrom-colorize")
config = procedure.create_config()
config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
config.set_property("image", image)
config.set_core_object_array("drawables", image.get_layers())
config.set_property("program", "{program(tmp_path)}")
result = procedure.run(config)
assert result.index(0) == Gimp.PDBStatusType.SUCCESS, result.index(1)
assert [layer.get_name() for layer in image.get_layers()][0] == "Photochrom"
config.set_property("program", "/nowhere/photochrom")
assert procedure.run(config).index(0) == Gimp.PDBStatusType.EXECUTION_ERROR
image.flatten()
Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path("{target}"), None)
"""
    batch = ["--batch-interpreter=python-fu-eval", "-b", script]
    run([gimp, "-i", "--quit", *batch], HOME=str(tmp_path), GIMP3_DIRECTORY=str(tmp_path / "gimp"))
    mean, most = difference(target, colored)
    assert mean < 1.0
    assert most <= 12


DARKTABLE = """
local preferences = { program = %q, model = "photochrom-base", vividness = 1.0 }
local imported, registered = {}, {}
package.preload["darktable"] = function()
  return {
    preferences = {
      register = function(_, name) assert(preferences[name] ~= nil, name) end,
      read = function(_, name) return preferences[name] end,
    },
    register_storage = function(name, label, store, finalize)
      registered = { name = name, label = label, store = store, finalize = finalize }
    end,
    database = { import = function(path) imported[#imported + 1] = path end },
    print = function() end, print_error = function() end,
  }
end
local module = dofile(%q)
assert(registered.name == "photochrom" and type(registered.store) == "function")
local image = { filename = "cat.jpg", path = %q }
registered.store(nil, image, nil, %q, 1, 1)
assert(registered.finalize(nil, { [image] = %q }) == 0)
print(imported[1])
assert(registered.finalize(nil, { [image] = "/nowhere/cat.jpg" }) == 1 and #imported == 1)
assert(module.quote("it's", false) == "'it'\\\\''s'" and module.quote("a b", true) == '"a b"')
"""


def test_darktable_s_script_colours_what_was_exported_and_imports_it(tmp_path: Path) -> None:
    lua = need("lua5.4", "lua5.3", "lua")
    exported = tmp_path / "export" / "cat's.jpg"
    exported.parent.mkdir()
    shutil.copy(CAT, exported)
    album = tmp_path / "album"
    album.mkdir()
    (album / "cat's.color.jpg").write_bytes(b"another")
    script = INTEGRATIONS / "darktable" / "photochrom.lua"
    values = (program(tmp_path), script, album, exported, exported)
    text = DARKTABLE
    for value in values:
        text = text.replace("%q", '"' + str(value) + '"', 1)
    test = tmp_path / "test.lua"
    test.write_text(text, encoding="utf-8")
    assert run([lua, str(test)]).splitlines()[0] == str(album / "cat's.color.2.jpg")
    assert not exported.exists()
    pixels = read(album / "cat's.color.2.jpg").pixels.astype(int)
    assert np.abs(pixels[..., 0] - pixels[..., 2]).mean() > 5.0


def test_napari_s_widget_colours_a_layer_with_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    layers = pytest.importorskip("napari.layers")
    module = load_integration("napari/photochrom_napari.py")
    image = layers.Image(np.tile(np.linspace(0.0, 4000.0, 96), (64, 1)), contrast_limits=(0, 4000))
    points = layers.Points([[32.0, 48.0]], face_color="red", size=8)
    widget = module.colorize()
    assert widget.call_button.text == "Colour"
    picture, options, kind = widget(image=image, hints=points, vividness=1.0)
    assert (picture.shape, picture.dtype, kind) == ((64, 96, 3), np.uint8, "image")
    assert options["rgb"]
    assert picture[32, 48, 0] > picture[32, 48, 2] + 30, "the hint"


def test_gradio_s_demo_answers_its_client() -> None:
    if find_spec("gradio") is None:
        pytest.skip("without Gradio")
    module = load_integration("gradio/app.py")
    assert not module.demo.analytics_enabled
    client_module = pytest.importorskip("gradio_client")
    _, address, _ = module.demo.launch(
        prevent_thread_lock=True, quiet=True, server_name="127.0.0.1"
    )
    try:
        client = client_module.Client(address, verbose=False)
        file = client_module.handle_file(str(CAT))
        table = {"headers": ["x", "y", "colour"], "data": [[200, 150, "#b01c2e"]], "metadata": None}
        plain = client.predict(file, 1.0, {**table, "data": [["", "", ""]]}, api_name="/colorize")
        hinted = client.predict(file, 1.0, table, api_name="/colorize")
        assert read(plain).pixels.shape == (*read(CAT).pixels.shape[:2], 3)
        assert difference(Path(plain), Path(hinted))[0] > 0.1
        with pytest.raises(Exception, match="is no colour"):
            client.predict(
                file, 1.0, {**table, "data": [[1, 1, "purpleish"]]}, api_name="/colorize"
            )
    finally:
        module.demo.close()


def test_the_widget_for_notebooks_colours_where_it_is_touched(
    chromium: Any, tmp_path: Path
) -> None:
    pytest.importorskip("anywidget")
    module = load_integration("jupyter/photochrom_widget.py")
    widget = module.ColorWidget(CAT)
    state = {name: getattr(widget, name) for name in ("shown", "problem", "hints", "size")}
    before = widget.result.pixels.copy()
    (tmp_path / "widget.js").write_text(module.SCRIPT, encoding="utf-8")
    with chromium.new_context() as context:
        page = context.new_page()
        page.set_content("<main></main>")
        page.evaluate(
            """async ([script, state]) => {
              const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
              const heard = {};
              window.state = { vividness: 1, ...state };
              const model = {
                get: (name) => window.state[name],
                set: (name, value) => { window.state[name] = value; },
                save_changes: () => Object.values(heard).forEach((call) => call()),
                on: (event, call) => { heard[event] = call; },
              };
              const widget = (await import(url)).default;
              widget.render({ model, el: document.querySelector("main") });
            }""",
            [module.SCRIPT, state],
        )
        picture = page.locator("img")
        picture.evaluate("image => image.decode()")
        box = picture.bounding_box()
        assert box is not None
        picture.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
        hints = page.evaluate("window.state.hints")
        page.get_by_role("button", name="Undo").click()
        assert page.evaluate("window.state.hints") == []
    width, height = widget.size
    assert hints[0][2] == "#b01c2e"
    assert abs(hints[0][0] - width / 2) <= 2
    assert abs(hints[0][1] - height / 2) <= 2
    widget.hints = hints
    assert np.abs(widget.result.pixels.astype(int) - before).max() > 20
    widget.hints = [[width + 5, 0, "#b01c2e"]]
    assert "outside the picture" in widget.problem


def test_home_assistant_s_command_brings_a_picture_in_colour(tmp_path: Path) -> None:
    import shlex

    import yaml
    from fixtures.server import (
        PHOTOCHROM,
        STUDIO_SAYS,
        launched,
        new_token,
        settings_for,
        signed_up,
    )

    need("curl")
    file = INTEGRATIONS / "home_assistant" / "photochrom.yaml"
    command = yaml.safe_load(file.read_text(encoding="utf-8"))["photochrom_colorize"]
    target, token = tmp_path / "cat.color.jpg", tmp_path / "token"
    serve = [*PHOTOCHROM, "serve", "--port", "0"]
    settings = settings_for(tmp_path / "studio", "photochrom-base")
    with launched(serve, settings, STUDIO_SAYS) as studio, signed_up(studio) as person:
        token.write_text(f"Authorization: Bearer {new_token(person)}\n")
        for name, value in {
            "source": str(CAT),
            "target": str(target),
            "studio": studio,
            "vividness | default(1.0)": "1.2",
        }.items():
            command = command.replace("{{ " + name + " }}", value)
        command = command.replace("/config/photochrom.token", str(token))
        run(shlex.split(command))
        assert read(target).pixels.shape[:2] == read(CAT).pixels.shape[:2]
        token.write_text("Authorization: Bearer wrong\n")
        target.unlink()
        refused = subprocess.run(shlex.split(command), capture_output=True, text=True)
        assert refused.returncode != 0
        assert "401" in refused.stderr
        assert not target.exists()
