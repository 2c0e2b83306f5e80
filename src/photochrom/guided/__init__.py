"""What a person says of a picture's colours, beyond a point: strokes, areas, references, saved
colours, alternatives, tone. Each becomes hints for the network or a change of its chroma.
"""
