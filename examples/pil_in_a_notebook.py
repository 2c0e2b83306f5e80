from PIL import Image

from photochrom import colorize

photo = Image.open("examples/cat.jpg")
colored = colorize(photo)
colored  # as the last line of a cell, it is shown
