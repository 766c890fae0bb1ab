"""Searches the ranges of a configuration's [tune] by repeated `mpirun eebench train`, with Optuna.

One trial is one training. The score is that by which `eebench train` itself chooses the best epoch: the accuracy on
the validation jets, averaged over the exits by `exit_weights`.
"""

import csv
import fcntl
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError
from .program import STOPPED_BY_A_SIGNAL, find_program, last_line, run, stopped_by_sigterm
from .progress import note


def tune(config, trials, folder, data_train, data_val, ranks=1, device="cpu"):
    """Trains until `folder` holds `trials` finished trials; leaves best.toml and trials.csv there."""
    try:
        import optuna
        import tomlkit
    except ImportError as error:
        raise InputError(f"tune needs {error.name}; pip install optuna tomlkit") from None

    folder = Path(folder)
    start, ranges = read_config(Path(config), tomlkit)
    find_program()
    for data in (data_train, data_val):
        if not Path(data).is_file():
            raise InputError(f"{data}: no such file; give jets in the layout eebench reads")
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mpirun", "-n", str(ranks), "eebench", "train", "--device", device]
    command += ["--data-train", str(data_train), "--data-val", str(data_val)]
    with alone(folder), stopped_by_sigterm():
        study = open_study(folder, [Path(config).read_text(), str(data_train), str(data_val)], optuna)
        while len(finished(study)) < trials:
            # A seed a trial: a call that goes on does not draw the first values again.
            study.sampler = optuna.samplers.TPESampler(seed=len(study.trials))
            run_trial(study, start, ranges, folder, command)
            write_results(study, list(ranges), folder)
        write_results(study, list(ranges), folder)
    if not any(trial.values for trial in finished(study)):
        last = finished(study)[-1]
        raise InputError(f"{folder}: all {trials} trials failed; the last, {last.number}: {last.user_attrs['error']}")
    note(f"{folder / 'best.toml'}: trial {study.best_trial.number}, score {study.best_value:.6f}")


def read_config(path, tomlkit):
    """The configuration's text without [tune], and the ranges of [tune] by key."""
    try:
        config = tomlkit.parse(path.read_text())
    except (tomlkit.exceptions.TOMLKitError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not TOML ({error}); correct it") from None
    ranges = config.pop("tune", None)
    if not isinstance(ranges, dict) or not ranges:
        raise InputError(f'{path}: no table [tune]; add one with lines such as "train.lr" = {{low=1e-4, high=1e-2, log=true}}')
    if config.get("train", {}).get("best"):
        raise InputError(f"{path}: [train] best is a formula of epochs, trials are compared by accuracy; leave it out")
    ranges = ranges.unwrap()
    for key, what in ranges.items():
        check_range(key, what, config, f"{path}, [tune] {key}")
    return tomlkit.dumps(config), ranges


def place(config, key):
    """The table that `key`, such as network.k, stands in, and its name there."""
    *tables, name = key.split(".")
    for word in tables:
        config = config.get(word) if isinstance(config, dict) else None
    return config if isinstance(config, dict) else {}, name


def check_range(key, what, config, where):
    table, name = place(config, key)
    value = table.get(name)
    if not isinstance(what, dict) or isinstance(next(iter(what.values()), None), dict):
        raise InputError(f'{where}: not a range; write "table.key" = {{low=..., high=...}} or {{choices=[...]}}, quotes too')
    if value is None or isinstance(value, dict):
        raise InputError(f"{where}: the configuration has no {key}; correct it, or give {key} the value it would have")
    if key == "train.exit_weights":
        raise InputError(f"{where}: is what scores are averaged by; trials would not compare, leave it out")
    if set(what) == {"choices"}:
        if not isinstance(what["choices"], list) or not what["choices"]:
            raise InputError(f"{where}: choices must be a list of values, such as [8, 16]")
        return
    wrong = sorted(set(what) - {"low", "high", "log", "step"})
    if wrong:
        raise InputError(f"{where}: unknown {wrong[0]}; a range has low, high and either log or step, or choices alone")
    if not all(is_number(what.get(word)) for word in ("low", "high")) or not is_number(value):
        raise InputError(f"{where}: low, high and the value in the configuration must be numbers; else give choices")
    if not what["low"] < what["high"]:
        raise InputError(f"{where}: low = {what['low']} is not below high = {what['high']}")
    span = what["high"] - what["low"]
    log, step = what.get("log", False), what.get("step", span)
    if not isinstance(log, bool) or (log and ("step" in what or what["low"] <= 0)):
        raise InputError(f"{where}: log is true or false, and true only for a low above 0 and without a step")
    if not is_number(step) or not 0 < step <= span:
        raise InputError(f"{where}: step must be above 0 and at most high - low")


def is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def suggest(trial, key, what, value):
    """A value for `key`, a whole number where the configuration's own and all of the range are."""
    if "choices" in what:
        by_text = {str(choice): choice for choice in what["choices"]}
        return by_text[trial.suggest_categorical(key, list(by_text))]
    whole = all(isinstance(number, int) for number in (value, what["low"], what["high"], what.get("step", 1)))
    return (trial.suggest_int if whole else trial.suggest_float)(key, **what)


@contextmanager
def alone(folder):
    with open(folder / "study.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{folder}: another tune is at work there; wait for it or give another -o") from None
        yield


def open_study(folder, asked, optuna):
    """The study in `folder`, begun there if need be; trials that a kill left unfinished become failed ones."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=f"sqlite:///{folder / 'study.db'}", study_name="tune", direction="maximize", load_if_exists=True
    )
    if study.user_attrs.get("asked", asked) != asked:
        raise InputError(f"{folder}: holds the study of another configuration or other jets; give another -o")
    study.set_user_attr("asked", asked)
    for trial in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        note(f"trial {trial.number} was stopped before its end and does not count")
    return study


def finished(study):
    return [trial for trial in study.trials if counts(trial)]


def counts(trial):
    """Whether it came to an end: with a score, or by its own failure, which leaves an error."""
    return bool(trial.values) or "error" in trial.user_attrs


def run_trial(study, start, ranges, folder, command):
    import optuna
    import tomlkit

    trial = study.ask()
    config = tomlkit.parse(start)
    for key, what in ranges.items():
        table, name = place(config, key)
        table[name] = suggest(trial, key, what, table[name])
    output = folder / f"trial-{trial.number:04}"
    asked = output.with_suffix(".toml")
    asked.write_text(tomlkit.dumps(config))
    begin = time.monotonic()
    code = run([*command, "--config", str(asked), "-o", str(output)], output.with_suffix(".log"))
    if code == STOPPED_BY_A_SIGNAL:
        raise KeyboardInterrupt
    trial.set_user_attr("seconds", round(time.monotonic() - begin, 3))
    if code == 0:
        score = best_score(output, tomlkit)
        study.tell(trial, score)
        outcome = f"score {score:.6f}, best {study.best_value:.6f} of trial {study.best_trial.number}"
    else:
        log = output.with_suffix(".log")
        error = last_line(log) or f"exit code {code}, see {log}"
        trial.set_user_attr("error", error)
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        outcome = f"failed: {error}"
    note(f"trial {trial.number}: {', '.join(f'{key} {value}' for key, value in trial.params.items())}: {outcome}")


def best_score(output, tomlkit):
    """Of the epochs, the best mean accuracy of the exits by their weights, as train chooses its weights.h5 without `best`."""
    weights = tomlkit.parse((output / "config.toml").read_text())["train"]["exit_weights"]
    with open(output / "epochs.csv", newline="") as file:
        epochs = list(csv.DictReader(file))
    return max(
        sum(weight * float(epoch[f"accuracy_exit{k}"]) for k, weight in enumerate(weights) if weight > 0)
        / sum(weight for weight in weights if weight > 0)
        for epoch in epochs
    )


def write_results(study, keys, folder):
    with open(folder / "trials.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["trial", "score", *keys, "seconds", "error"])
        for trial in study.trials:
            values = [trial.params.get(key, "") for key in keys]
            error = trial.user_attrs.get("error", "" if counts(trial) else "stopped before its end")
            score = trial.values[0] if trial.values else ""
            rows.writerow([trial.number, score, *values, trial.user_attrs.get("seconds", ""), error])
    if any(trial.values for trial in study.trials):
        shutil.copyfile(folder / f"trial-{study.best_trial.number:04}.toml", folder / "best.toml")
