from photochrom import Colorizer

L, ab, confidence = Colorizer().predict("examples/palace.jpg")
chroma = (ab**2).sum(axis=-1) ** 0.5
print(f"L {L.shape}, ab {ab.shape}, mean chroma {chroma.mean():.1f}")
row, column = divmod(int(confidence.argmin()), confidence.shape[1])
print(f"least sure in row {row}, column {column}: {confidence[row, column]:.2f}")
