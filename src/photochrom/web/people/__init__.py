"""The people of an album: faces in a user's pictures, grouped and named; off until asked for."""
