"""Runs Optuna's searches on the recorded grid: one JSON object on stdin says which, one line on stdout answers each.

Every search asks, reports and tells in one process. With several slots as many trials run side by side, an epoch of each
at a time.
"""

import json
import sys
import warnings

import optuna
from surrogate import Surrogate

PRUNERS = {
    "hyperband": lambda ask: optuna.pruners.HyperbandPruner(
        min_resource=ask["min"], max_resource=ask["max"], reduction_factor=ask["eta"]
    ),
    "none": lambda ask: optuna.pruners.NopPruner(),
}


def sampler(name, seed, slots):
    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    # What its documentation advises where trials run side by side.
    return optuna.samplers.TPESampler(seed=seed, constant_liar=slots > 1, multivariate=name == "tpe-multivariate")


def suggest(trial, parameters):
    point = {}
    for name, domain in sorted(parameters.items()):
        ((kind, values),) = domain.items()
        if kind == "choice":
            point[name] = trial.suggest_categorical(name, values)
        else:
            point[name] = trial.suggest_float(name, *values, log=kind == "log")
    return point


def search(ask, surrogate, slots, seed):
    """Points of its trials, and of every score how many epochs were spent, the trial's number and epoch, and the score."""
    study = optuna.create_study(
        direction="maximize", sampler=sampler(ask["sampler"], seed, slots), pruner=PRUNERS[ask["pruner"]](ask)
    )
    points, reports, running, spent = [], [], [], 0
    while spent < ask["epochs"]:
        while len(running) < slots:
            trial = study.ask()
            points.append(suggest(trial, ask["parameters"]))
            running.append((trial, enumerate(surrogate.curve(points[-1]).tolist(), 1)))
        spent += slots
        going = []
        for trial, curve in running:
            epoch, score = next(curve)
            reports.append([spent, trial.number, epoch, score])
            trial.report(score, epoch)
            if epoch == ask["max"]:
                study.tell(trial, score)
            elif trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            else:
                going.append((trial, curve))
        running = going
    return {"points": points, "reports": reports}


def main():
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    ask = json.load(sys.stdin)
    surrogate = Surrogate(ask["table"], ask["parameters"])
    curves = [surrogate.curve(point).tolist() for point in ask["probes"]]
    print(json.dumps({"version": optuna.__version__, "curves": curves}), flush=True)
    for slots in ask["slots"]:
        for seed in ask["seeds"]:
            print(json.dumps(search(ask, surrogate, slots, seed)), flush=True)


if __name__ == "__main__":
    main()
