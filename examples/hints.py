from photochrom import Hint, colorize

hints = [Hint(120, 200, "#c81e1e", radius=8), Hint(300, 330, "crimson", radius=8)]
colorize("examples/coffee.jpg", hints=hints).save("coffee.red.jpg")
