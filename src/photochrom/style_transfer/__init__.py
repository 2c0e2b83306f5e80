"""Style transfer by an optimised picture: what a network sees of one picture's colours and textures
is given to another.

Source: Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural Networks" (CVPR
2016). The only room beside ``nets/`` and ``training/`` that needs PyTorch; nothing that colours a
picture by a model reaches it.
"""
