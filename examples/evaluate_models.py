from photochrom import evaluate

scores = evaluate("photos", models=["photochrom-base", "photochrom-faces"], limit=100)
for method, figures in scores.items():  # pandas.DataFrame(scores) is the whole table
    print(f"{method}: PSNR {figures['psnr']:.2f} dB, CIEDE2000 {figures['ciede2000']:.2f}")
