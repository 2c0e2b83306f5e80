from PIL import Image

from photochrom import film

for seconds, rgb in film("old.mp4", end_s=10):
    Image.fromarray(rgb).save(f"frame-{seconds:06.3f}s.png")
