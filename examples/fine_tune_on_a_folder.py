from photochrom import colorize, train

settings = {"budget_images": 64, "stages.0.crop": 96}  # a first look; without it, minutes
run = train("fine-tune", "photos", run="runs/mine", settings=settings, progress=True, report=print)
colorize("examples/cat.jpg", model=run.export("mine.onnx")).save("cat.mine.jpg")
