"""Mending films: what is measured of a film's damage, and frames without it, one after the other.

Dust is seen by comparison with the frames around, flicker by the light of what stays, scratches by
lines that stand for many frames. A film in which nothing is found comes out as it was.
"""
