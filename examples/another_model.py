from photochrom import colorize, models

for name, card in models().items():
    print(name, card.version, card.licence, card.training_data)
portrait = colorize("examples/astronaut.jpg", model="photochrom-faces", vividness=1.2)
portrait.save("astronaut.faces.jpg")
