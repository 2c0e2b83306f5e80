from photochrom import folder

for outcome in folder("examples", "colored", progress=True):
    print(outcome.job.target, outcome.status, outcome.message)
