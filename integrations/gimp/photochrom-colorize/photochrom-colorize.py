#!/usr/bin/env python3
"""Colour the picture in GIMP 3, as a layer above it: its lightness stays the picture's own.

Copy the folder photochrom-colorize into GIMP's folder of plug-ins (Preferences, Folders,
Plug-ins), and see that the file may be executed. Needs the command photochrom
(pip install photochrom), wherever Python has put it.

A layer called "Hints", transparent but for what is painted, says colours of places.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, Gio, GLib, GObject  # noqa: E402

PROCEDURE = "plug-in-photochrom-colorize"
HINTS = "Hints"


class Photochrom(Gimp.PlugIn):
    """The plug-in, as GIMP asks it for its one procedure."""

    def do_set_i18n(self, _name):
        """English only."""
        return False

    def do_query_procedures(self):
        """What there is."""
        return [PROCEDURE]

    def do_create_procedure(self, name):
        """How it is called, where it stands in the menus, and what it asks for."""
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run, None)
        procedure.set_image_types("RGB*, GRAY*")
        procedure.set_sensitivity_mask(
            Gimp.ProcedureSensitivityMask.DRAWABLE
            | Gimp.ProcedureSensitivityMask.DRAWABLES
            | Gimp.ProcedureSensitivityMask.NO_DRAWABLES
        )
        procedure.set_menu_label("_Photochrom…")
        procedure.add_menu_path("<Image>/Colors/")
        procedure.set_documentation("Colour a black-and-white photograph", __doc__, name)
        procedure.set_attribution("photochrom", "Apache-2.0", "2026")
        flags = GObject.ParamFlags.READWRITE
        procedure.add_double_argument(
            "vividness", "_Vividness", "0 is grey, 1 as the model means it", 0.0, 3.0, 1.0, flags
        )
        procedure.add_string_argument(
            "model", "_Model", "A name of photochrom models", "photochrom-base", flags
        )
        procedure.add_string_argument(
            "program", "_Program", "The command, or its path", "photochrom", flags
        )
        return procedure


def run(procedure, mode, image, _drawables, config, _data):
    """Colour the image: one step to undo. Returns what GIMP wants to know."""
    if mode == Gimp.RunMode.INTERACTIVE:
        gi.require_version("GimpUi", "3.0")
        from gi.repository import GimpUi

        GimpUi.init("photochrom-colorize")
        dialog = GimpUi.ProcedureDialog.new(procedure, config, "Photochrom")
        dialog.fill(None)
        if not dialog.run():
            return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, None)
        dialog.destroy()
    image.undo_group_start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            colorize(image, config, Path(folder))
    except (OSError, RuntimeError, GLib.Error) as error:
        failure = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), str(error), 0)
        return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, failure)
    finally:
        image.undo_group_end()
    Gimp.displays_flush()
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)


def colorize(image, config, folder):
    """Add the colours as a layer. Raises RuntimeError with the program's own message."""
    grey, hints, color = folder / "grey.png", folder / "hints.png", folder / "color.png"
    command = [
        config.get_property("program"),
        "-q",
        "image",
        str(grey),
        "-o",
        str(color),
        "--force",
    ]
    command += ["--model", config.get_property("model")]
    command += ["--vividness", str(config.get_property("vividness"))]
    save(image, grey, lambda layer: layer.get_name() != HINTS)
    if any(layer.get_name() == HINTS for layer in image.get_layers()):
        save(image, hints, lambda layer: layer.get_name() == HINTS)
        command += ["--strokes", str(hints)]
    Gimp.progress_init("Photochrom")
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise RuntimeError(answer.stderr.strip() or f"{command[0]} ended with {answer.returncode}")
    if image.get_base_type() == Gimp.ImageBaseType.GRAY:
        image.convert_rgb()
    layer = Gimp.file_load_layer(
        Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(str(color))
    )
    layer.set_name("Photochrom")
    image.insert_layer(layer, None, 0)
    layer.set_mode(Gimp.LayerMode.LCH_COLOR)


def save(image, path, wanted):
    """Write what is seen of the wanted layers as a PNG of the image's size."""
    copy = image.duplicate()
    try:
        for layer in copy.get_layers():
            if not wanted(layer):
                copy.remove_layer(layer)
        if not copy.get_layers():
            raise RuntimeError("the image has no layer with a picture; open one first")
        merged = copy.merge_visible_layers(Gimp.MergeType.CLIP_TO_IMAGE)
        merged.resize_to_image_size()
        Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, copy, Gio.File.new_for_path(str(path)), None)
    finally:
        copy.delete()


if __name__ == "__main__":
    Gimp.main(Photochrom.__gtype__, sys.argv)
