from torch.utils.data import DataLoader

from photochrom import Colorizer

if __name__ == "__main__":  # spawned workers import this file
    photos = ["examples/cat.jpg", "examples/palace.jpg"]  # a data set: it has a length and items
    workers = {"num_workers": 2, "multiprocessing_context": "spawn"}
    for picture in DataLoader(photos, batch_size=None, collate_fn=Colorizer(), **workers):
        print(picture.pixels.shape)
