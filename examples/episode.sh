#!/bin/sh
# From an episode in colour to its comparison, as docs/episode.md tells it:
#   sh examples/episode.sh EPISODE [RUN]
# What else `photochrom train` is to be told stands in TRAIN, such as TRAIN="--minutes 20".
set -eu
episode=$1
run=${2:-runs/episode}

# Ten frames of each second of each shot, at random; five epochs from the weights of photochrom-film.
photochrom train cartoon --run "$run" --data "$episode" ${TRAIN:---epochs 5}
photochrom export "$run/checkpoint.pt" "$run/episode.onnx" --overwrite

# The same film in grey, coloured: side by side, and whole, with its sound.
photochrom film "$episode" --model "$run/episode.onnx" --preview 20 -o "$run/preview.mp4" --overwrite
photochrom film "$episode" --model "$run/episode.onnx" -o "$run/episode.color.mp4" --overwrite

# In figures: frames that were held out, then the whole film, frame by frame and steadily.
photochrom compare "$run" photochrom-film --out "$run/comparison" --overwrite
for model in photochrom-film "$run/episode.onnx"; do
  photochrom evaluate --film "$episode" --model "$model"
done
