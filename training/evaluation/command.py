"""`python -m training evaluate | compare | leaderboard | sandbox`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tabtab_local.errors import ModelError, UsageError

if TYPE_CHECKING:
    from training.evaluation.mbpp_suite import Choice
    from training.evaluation.respondent.client import Prices
    from training.evaluation.respondent.reply import Respondent
    from training.evaluation.sandbox import Sandbox
    from training.evaluation.task import Suite

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_RESULTS = Path("runs/results")
_CACHE = Path("runs/cache")
_UNSAFE = click.option(
    "--unsafe",
    is_flag=True,
    help="Run programs of models with limits, but without walls around them. Not on your own machine.",
)


@click.command()
@click.option(
    "--suite",
    "suite_name",
    type=click.Choice(["mbpp", "tabtab-bench"]),
    default="mbpp",
    help="Which tasks: repair MBPP's solutions, or our own set.",
)
@click.option(
    "--split", type=click.Choice(["dev", "test"]), default="test", help="dev is to choose by, test to report."
)
@click.option("--model", default="tabtab-nano", help="Registry name, GGUF file, Hugging Face folder or id.")
@click.option("--label", help="Name in tables and of the result file. [default: the model's, with the options below]")
@click.option("--renamed", is_flag=True, help="MBPP with all names of the programs replaced; reports the drop as well.")
@click.option("--tasks", "count", type=click.IntRange(1), help="Ask only this many, drawn by seed. [default: all]")
@click.option("--seed", type=int, default=0, help="Seed of the pieces, the names and of --tasks.")
@click.option("--mbpp", type=_FILE, envvar="TABTAB_MBPP", help="The data set's mbpp.jsonl. [default: from the Hub]")
@click.option("--endpoint", help="URL of an OpenAI-compatible server (…/v1), whose --model is asked.")
@click.option(
    "--style",
    type=click.Choice(["auto", "completions", "chat"]),
    default="auto",
    help="How a model is asked: our format as plain text, or an instruction in a chat.",
)
@click.option("--concurrency", type=click.IntRange(1), default=4, help="Requests to an endpoint at once.")
@click.option("--max-tokens", type=click.IntRange(1), default=2048, help="Most tokens of a chat model's answer.")
@click.option("--price-in", type=click.FloatRange(0), help="US dollars for a million prompt tokens, for the estimate.")
@click.option("--price-out", type=click.FloatRange(0), help="US dollars for a million answer tokens.")
@click.option("--yes", is_flag=True, help="Do not ask after the estimate of time and cost.")
@click.option("--namer-endpoint", help="URL of an OpenAI-compatible server whose --namer-model proposes the new names.")
@click.option("--namer-model", help="The model that proposes names. [default: a seeded vocabulary]")
@click.option("--exact", is_flag=True, help="Decode answers to their end, without the runtime's early stop.")
@click.option("--rewrite-before", is_flag=True, help="Let answers change what stands before the cursor.")
@_UNSAFE
@click.option("--out", type=_FOLDER, default=_RESULTS, help="Folder of the result; an interrupted run goes on.")
@click.option("--cache", type=_FOLDER, default=_CACHE, help="Folder of built suites and of endpoints' answers.")
def evaluate(suite_name: str, model: str, out: Path, **options: Any) -> None:
    """Measure a model: the share of edits after which a program passes its tests.

    Writes one JSON file with a row for each task and prints its totals. Programs run in a sandbox.
    """
    from tabtab_local.config import Settings
    from training.evaluation import evaluate as stage
    from training.evaluation.report import report
    from training.evaluation.respondent.choose import choose
    from training.evaluation.respondent.estimate import actual

    _check(suite_name, options)
    settings = Settings(exact=options["exact"], rewrite_before=options["rewrite_before"])
    sandbox = _sandbox(options["unsafe"])
    # A model that is not there is noticed before the tasks are made, which takes minutes.
    respondent = choose(
        model,
        endpoint=options["endpoint"],
        style=options["style"],
        settings=settings,
        cache=options["cache"],
        concurrency=options["concurrency"],
        max_tokens=options["max_tokens"],
    )
    try:
        suite = _suite(suite_name, options, sandbox)
        prices = _confirm(respondent, suite, options)
        flags = "".join(f"+{flag}" for flag in ("exact", "rewrite_before") if options[flag])
        label = options["label"] or respondent.name + flags
        path = out / _file_name(suite, label, options)
        result = stage.evaluate(suite, respondent, sandbox, settings, path, label)
        if spent := getattr(respondent, "spent", None):
            click.echo(f"spent: {actual(spent, prices)}", err=True)
    finally:
        respondent.close()
    click.echo(f"wrote {path}", err=True)
    click.echo(report(result))
    if options["renamed"]:
        _print_drop(path, out / path.name.replace("-renamed", "", 1))


@click.command()
@click.argument("a", type=_FILE)
@click.argument("b", type=_FILE)
def compare(a: Path, b: Path) -> None:
    """Say whether result B is better than result A on the tasks that both were asked, or no difference can be told."""
    from training.evaluation import result

    first, second = result.read(a), result.read(b)
    difference = result.compare(first, second)
    for name, one in (("A", first), ("B", second)):
        click.echo(f"{name}: {one.model} on {one.suite}, {result.totals(one.rows).accuracy} % right")
    click.echo(f"B - A: {difference}")


@click.command()
@click.argument("results", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--out", type=_FOLDER, default=_RESULTS, help="Folder of leaderboard.md and leaderboard.html.")
def leaderboard(results: tuple[Path, ...], out: Path) -> None:
    """Print all RESULTS side by side, with published figures, and write them as Markdown and as a page.

    RESULTS are result files or folders of them; runs/results without any.
    """
    from training.evaluation import leaderboard as board

    entries = board.load(results or (_RESULTS,))
    click.echo(board.markdown(entries), nl=False)
    for path in board.write(entries, out):
        click.echo(f"wrote {path}", err=True)


@click.command()
@_UNSAFE
def sandbox(unsafe: bool) -> None:
    """Say what protects this machine from programs that models wrote, try to escape, and print what each attempt got.

    Fails where an attempt got out. With --unsafe nothing is attempted, as it would really happen.
    """
    from training.evaluation.sandbox import Limits, Sandbox
    from training.evaluation.sandbox.escape import ESCAPED, report

    # Attempts that run until they are stopped need not be waited for long.
    made = Sandbox(Limits(cpu_s=1, wall_s=3.0), unsafe=unsafe)
    click.echo("".join(f"- {protection}\n" for protection in made.protections))
    if not unsafe:
        table = report(made)
        click.echo(table)
        if ESCAPED in table:
            raise ModelError("an attempt got out of the sandbox: do not judge programs on this machine")


def _check(suite: str, options: dict[str, Any]) -> None:
    """Raise `UsageError` for options that do not go together."""
    if options["renamed"] and suite != "mbpp":
        raise UsageError("--renamed goes with --suite mbpp: the tasks of tabtab-bench are in no public set")
    if options["namer_model"] and not options["renamed"]:
        raise UsageError("--namer-model goes with --renamed: without it nothing gets a new name")
    if options["namer_endpoint"] and not options["namer_model"]:
        raise UsageError("--namer-endpoint needs --namer-model, the model that it serves")
    if (options["price_in"] is None) != (options["price_out"] is None):
        raise UsageError("--price-in and --price-out go together: give both or none")


def _file_name(suite: Suite, label: str, options: dict[str, Any]) -> str:
    """Return a name that another model, and another choice of tasks, does not share."""
    count, seed = options["count"], options["seed"]
    chosen = (f"-{count}tasks" if count else "") + (f"-seed{seed}" if seed else "")
    return f"{suite.name}-{suite.split}{chosen}-{label.replace('/', '--')}.json"


def _sandbox(unsafe: bool) -> Sandbox:
    from training.evaluation.sandbox import Sandbox

    made = Sandbox(unsafe=unsafe)
    for protection in made.protections:
        click.echo(f"sandbox: {protection}", err=True)
    return made


def _suite(name: str, options: dict[str, Any], sandbox: Sandbox) -> Suite:
    """Return the tasks that were asked for."""
    from training.evaluation import mbpp, mbpp_suite, tabtab_bench

    split = options["split"]
    if name == "tabtab-bench":
        suite = tabtab_bench.load(split)
    else:
        problems = mbpp.load(split, options["mbpp"])
        suite = mbpp_suite.build(problems, _choice(options), sandbox, options["cache"], os.cpu_count() or 1)
    return suite.drawn(options["count"], options["seed"]) if options["count"] else suite


def _choice(options: dict[str, Any]) -> Choice:
    """Return which MBPP tasks were asked for, and who names things in the renamed ones."""
    from training.evaluation import renaming
    from training.evaluation.mbpp_suite import Choice

    split, seed = options["split"], options["seed"]
    if not options["renamed"]:
        return Choice(split, seed)
    if not options["namer_model"]:
        return Choice(split, seed, renaming.Vocabulary(f"{seed}"), "vocabulary")
    from training.evaluation.respondent.client import asker

    ask = asker(options["namer_endpoint"], options["namer_model"], cache=options["cache"])
    namer = renaming.ModelNamer(ask, renaming.Vocabulary(f"{seed}"))
    return Choice(split, seed, namer, f"{options['namer_endpoint']} {options['namer_model']}")


def _confirm(respondent: Respondent, suite: Suite, options: dict[str, Any]) -> Prices | None:
    """Say what asking a server will take, and let a person at a terminal decide. Return the prices, if they are given.

    Raises `click.Abort` where the answer is no.
    """
    from training.evaluation.evaluate import question
    from training.evaluation.respondent.client import Prices
    from training.evaluation.respondent.endpoint import EndpointRespondent
    from training.evaluation.respondent.estimate import estimate

    price_in, price_out = options["price_in"], options["price_out"]
    if not isinstance(respondent, EndpointRespondent):
        return None
    prices = None if price_in is None else Prices(price_in, price_out)
    expected = estimate(respondent, map(question, suite), prices)
    click.echo(f"estimate: {expected}", err=True)
    if expected.requests and sys.stdin.isatty() and not options["yes"]:
        click.confirm("go on?", abort=True, err=True)
    return prices


def _print_drop(renamed: Path, plain: Path) -> None:
    from training.evaluation import result
    from training.evaluation.leaderboard import is_twin

    if not plain.exists():
        click.echo(f"\nno {plain} yet: run the same command without --renamed for the drop")
        return
    a, b = result.read(plain), result.read(renamed)
    if not is_twin(a, b):
        click.echo(f"\n{plain} is of another model or of other tasks: evaluate it again for the drop")
        return
    click.echo(f"\nas they are {result.totals(a.rows).accuracy} %, renamed {result.totals(b.rows).accuracy} %")
    click.echo(f"the drop (renamed - as they are): {result.compare(a, b)}")
