"""Black-and-white photographs and films in colour, on your own machine."""

__version__ = "0.1.0"
