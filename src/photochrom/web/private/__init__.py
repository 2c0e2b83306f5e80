"""The page that colours on the device: how its files become a site, and the studio's door to it.

The scripts here are its own; look, words and what it shares with the studio's picture page are the
studio's. `site` puts them into a folder together with the model and a runtime from npm.
"""
