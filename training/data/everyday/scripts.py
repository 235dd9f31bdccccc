"""Writers of whole scripts: command lines, files, logging, counting, simulations, tests, settings, and menus."""

from __future__ import annotations

import random
import re

from training.data.everyday.functions import NUMBER, SEQUENCE, TEXT, main_steps, patterns_of
from training.data.everyday.nouns import CATEGORIES, PEOPLE, WORDS, plural, sentence
from training.data.everyday.pattern import fill, some
from training.data.everyday.program import Program, Step, Writer
from training.data.everyday.scene import Scene, Series, number_words, text_words
from training.data.everyday.style import Style

# Options of a command line: name, type, default, help.
_OPTIONS: tuple[tuple[str, str, str, str], ...] = (
    ("output", "str", '"output.txt"', "Where to write the result"), ("count", "int", "10", "Number of lines to show"),
    ("limit", "int", "100", "Maximum number of rows"), ("name", "str", '"World"', "Name to greet"),
    ("seed", "int", "0", "Random seed"), ("width", "int", "80", "Width of the output"),
    ("delimiter", "str", '","', "Column delimiter"), ("encoding", "str", '"utf-8"', "Encoding of the file"),
    ("threshold", "float", "0.5", "Minimum score to keep"), ("port", "int", "8000", "Port to listen on"),
    ("host", "str", '"localhost"', "Host to connect to"), ("timeout", "float", "30.0", "Timeout in seconds"),
    ("retries", "int", "3", "Number of retries"), ("level", "str", '"info"', "Logging level"),
    ("pattern", "str", '"*.txt"', "Pattern of the file names"), ("rate", "float", "0.1", "Rate of change"),
    ("size", "int", "64", "Size of a batch"), ("steps", "int", "100", "Number of steps to run"),
)
_FLAGS: tuple[tuple[str, str], ...] = (
    ("verbose", "Print more details"), ("reverse", "Reverse the order"), ("force", "Overwrite existing files"),
    ("dry-run", "Only show what would be done"), ("quiet", "Print nothing"), ("recursive", "Include subdirectories"),
)

# What is done with a file: name of the function, result type, opening mode, body, and what it is in words.
_FILE_TASKS: tuple[tuple[str, str, str, str], ...] = (
    ("read_lines", "list[str]", "with open(path) as f:\n    return f.read().splitlines()", "read the lines of a file"),
    ("read_lines", "list[str]", "with open(path) as f:\n    return [line.strip() for line in f]",
     "return the stripped lines of a file"),
    ("read_text", "str", 'with open(path, encoding="utf-8") as f:\n    return f.read()', "read a text file"),
    ("count_lines", "int", "with open(path) as f:\n    return sum(1 for line in f)", "count the lines of a file"),
    ("count_lines", "int", "count = 0\nwith open(path) as f:\n    for line in f:\n        count += 1\nreturn count",
     "count the lines of a file"),
    ("count_words", "int", "with open(path) as f:\n    text = f.read()\nreturn len(text.split())",
     "count the words in a file"),
    ("load_json", "dict", "with open(path) as f:\n    return json.load(f)", "load a JSON file"),
    ("load_config", "dict", 'with open(path, encoding="utf-8") as f:\n    config = json.load(f)\nreturn config',
     "load the configuration from a JSON file"),
    ("read_rows", "list[dict]", "with open(path, newline=\"\") as f:\n    reader = csv.DictReader(f)\n    return list(reader)",
     "read the rows of a CSV file"),
    ("read_rows", "list[list[str]]",
     "rows = []\nwith open(path, newline=\"\") as f:\n    for row in csv.reader(f):\n        rows.append(row)\nreturn rows",
     "read the rows of a CSV file"),
    ("read_numbers", "list[float]",
     "numbers = []\nwith open(path) as f:\n    for line in f:\n        numbers.append(float(line))\nreturn numbers",
     "read one number from each line of a file"),
    ("find_errors", "list[str]",
     "errors = []\nwith open(path) as f:\n    for line in f:\n        if \"ERROR\" in line:\n            "
     "errors.append(line.strip())\nreturn errors", "return the lines of a log file that contain an error"),
    ("read_settings", "dict[str, str]",
     "settings = {}\nwith open(path) as f:\n    for line in f:\n        key, value = line.strip().split(\"=\")\n        "
     "settings[key] = value\nreturn settings", "read the settings from a file"),
)
_SAVE_TASKS: tuple[tuple[str, str, str, str], ...] = (
    ("write_lines", "lines: list[str]", "with open(path, \"w\") as f:\n    for line in lines:\n        f.write(line + \"\\n\")",
     "write the lines to a file"),
    ("save_json", "data: dict", "with open(path, \"w\") as f:\n    json.dump(data, f, indent=2)", "save the data as JSON"),
    ("append_line", "line: str", "with open(path, \"a\") as f:\n    f.write(line + \"\\n\")", "append a line to a file"),
    ("write_rows", "rows: list[list[str]]",
     "with open(path, \"w\", newline=\"\") as f:\n    writer = csv.writer(f)\n    writer.writerows(rows)",
     "write the rows to a CSV file"),
)
_STEMS = ("data", "input", "notes", "report", "log", "words", "names", "values", "items")


def command_line(rng: random.Random) -> Program:
    """A script that parses its arguments and prints what it was given."""
    style = Style.draw(rng)
    options, flags = rng.sample(_OPTIONS, rng.randint(1, 4)), rng.sample(_FLAGS, rng.randint(0, 2))
    positional = rng.choice(("path", "input", "filename", "name", ""))
    options = [option for option in options if option[0] != positional]
    title = rng.choice(("Process a file", "Count the words in a file", "Convert a table", "Print a report",
                        "Download the data", "Clean the input", "Run the simulation"))
    lines = [f'parser = argparse.ArgumentParser(description="{title}")']
    lines += [f'parser.add_argument("{positional}", help="{positional.capitalize()} to use")'] if positional else []
    for name, kind, default, text_ in options:
        typed = "" if kind == "str" else f"type={kind}, "
        lines.append(f'parser.add_argument("--{name}", {typed}default={default}, help="{text_}")')
    lines += [f'parser.add_argument("--{name}", action="store_true", help="{text_}")' for name, text_ in flags]
    shown = [f"print(args.{name})" for name in ([positional] if positional else []) + [row[0] for row in options]]
    shown += [f'if args.{name.replace("-", "_")}:\n    print("{text_}")' for name, text_ in flags]
    imports = ("import argparse",)
    if rng.random() < 0.5:
        body = "\n".join("    " + line for line in [*lines, "return parser.parse_args()"])
        parse_args = Step(f"def parse_args() -> argparse.Namespace:\n{body}",
                          some(rng, "Write a function that parses the command line"), imports)
        return style.program([parse_args, *main_steps(rng, style, [Step("args = parse_args()"), *map(Step, shown)])])
    first = Step("\n".join([*lines, "args = parser.parse_args()"]),
                 some(rng, f"Parse the command line with {', '.join(row[0] for row in options) or positional}"), imports)
    uses = Step("\n".join(shown) or "print(args)", some(rng, "Print the arguments"))
    return style.program(main_steps(rng, style, [first, uses]) if rng.random() < 0.5 else [first, uses])


def click_command(rng: random.Random) -> Program:
    """A click command with options."""
    style, options = Style.draw(rng), rng.sample(_OPTIONS, rng.randint(1, 4))
    name = rng.choice(("main", "main", "run", "process", "report"))
    decorators = "\n".join(
        f'@click.option("--{option}", default={default}, help="{text_}")' for option, _, default, text_ in options
    )
    parameters = ", ".join(f"{option}: {kind}" for option, kind, _, _ in options)
    lines = "\n".join(f'    click.echo(f"{option.capitalize()}: {{{option}}}")' for option, *_ in options)
    code = f"@click.command()\n{decorators}\ndef {name}({parameters}) -> None:\n{lines}"
    asked = f"Write a click command with {', '.join(option[0] for option in options)}"
    return style.program([Step(code, some(rng, asked), ("import click",)),
                          Step(f'if __name__ == "__main__":\n    {name}()', some(rng, "Run the command"))])


def file_script(rng: random.Random) -> Program:
    """Functions that read and write files, and their use with error handling."""
    style = Style.draw(rng)
    name, kind, body, phrase = rng.choice(_FILE_TASKS)
    path = _path(rng, body)
    steps = [_path_function(rng, style, f"def {name}(path: str) -> {kind}:", body, phrase)]
    result = "count" if name.startswith("count") else "data" if name == "load_json" else name.split("_")[-1]
    used = f"{result} = {name}(path)\nprint({'len(' + result + ')' if kind.startswith('list') else result})"
    saver = rng.choice(_SAVE_TASKS) if rng.random() < 0.5 else None
    if saver:
        steps.append(_path_function(rng, style, f"def {saver[0]}(path: str, {saver[1]}) -> None:", saver[2], saver[3]))
    steps.append(Step(f'path = "{path}"', some(rng, "Set the path of the file")))
    if rng.random() < 0.4:
        indented = "\n".join("    " + line for line in used.split("\n"))
        used = f'try:\n{indented}\nexcept FileNotFoundError:\n    print(f"File not found: {{path}}")'
    steps.append(Step(used, some(rng, f"{phrase[0].upper()}{phrase[1:]} and print the result")))
    if kind.startswith("list") and rng.random() < 0.5 and not used.startswith("try"):
        one = {"lines": "line", "rows": "row", "numbers": "number", "errors": "error"}[result]
        loop = rng.choice((f"for {one} in {result}:\n    print({one})",
                           f"for i, {one} in enumerate({result}, start=1):\n    print(i, {one})"))
        steps.append(Step(loop, some(rng, f"Print each {one}")))
    if saver:
        argument = {"lines": '["first", "second"]', "data": '{"count": 1}', "line": '"done"', "rows": '[["a", "1"]]'}
        key = saver[1].split(":")[0]
        steps.append(Step(f"{key} = {argument[key]}\n{saver[0]}(\"{_path(rng, saver[2], 'output')}\", {key})",
                          some(rng, saver[3][0].upper() + saver[3][1:])))
    return style.program(steps)


def folder_script(rng: random.Random) -> Program:
    """A loop over the files of a folder."""
    style, suffix = Style.draw(rng), rng.choice(("txt", "csv", "json", "log", "md", "py", "jpg"))
    folder = rng.choice(("data", "input", "reports", "images", "logs", "."))
    action = rng.choice((
        "print(path.name)", "print(path.name, path.stat().st_size)", "text = path.read_text()\nprint(path.name, len(text))",
        "lines = path.read_text().splitlines()\nprint(f\"{path.name}: {len(lines)} lines\")",
        "total += path.stat().st_size", "names.append(path.stem)", "path.rename(path.with_suffix(\".bak\"))",
    ))
    start = "total = 0\n" if action.startswith("total") else "names = []\n" if action.startswith("names") else ""
    loop = f'{start}for path in sorted(folder.glob("*.{suffix}")):\n' + "\n".join("    " + row for row in action.split("\n"))
    end = "print(total)" if start.startswith("total") else "print(names)" if start else ""
    steps = [Step(f'folder = Path("{folder}")', some(rng, "Set the folder"), ("from pathlib import Path",)),
             Step(loop, some(rng, f"Loop over the {suffix} files in the folder"))]
    steps += [Step(end, some(rng, "Print the result"))] if end else []
    if rng.random() < 0.4:
        check = 'if not folder.exists():\n    raise SystemExit("The folder does not exist")'
        steps.insert(1, Step(check, some(rng, "Stop if the folder does not exist")))
    return style.program(main_steps(rng, style, steps) if rng.random() < 0.3 else steps)


def logging_script(rng: random.Random) -> Program:
    """A logger, and a loop that reports what it does."""
    style, scene = Style.draw(rng), Scene.draw(rng, "dict")
    item, items = scene.noun.singular, scene.noun.plural
    level = rng.choice(("INFO", "DEBUG", "INFO", "WARNING"))
    label, value = scene.read(item, scene.noun.label), scene.read(item, scene.number.name)
    verb = rng.choice(("process", "handle", "check", "import", "update"))
    setup = rng.choice((f"logging.basicConfig(level=logging.{level})\nlogger = logging.getLogger(__name__)",
                        f'logging.basicConfig(level=logging.{level}, format="%(asctime)s %(levelname)s %(message)s")\n'
                        "logger = logging.getLogger(__name__)"))
    function = (f"def {verb}_{item}({item}: dict) -> None:\n    logger.info(\"{verb.capitalize()} %s\", {label})\n"
                f"    if {value} < {scene.number.draw(rng)}:\n        logger.warning(\"Low {scene.number.name}: %s\", {value})")
    loop = (f"for {item} in {items}:\n    try:\n        {verb}_{item}({item})\n    except KeyError as error:\n"
            f"        logger.error(\"Missing key: %s\", error)")
    plain = f"for {item} in {items}:\n    {verb}_{item}({item})\nlogger.info(\"Done with %d {items}\", len({items}))"
    return style.program([
        Step(setup, some(rng, rng.choice(("Set up logging", "Configure the logger"))), ("import logging",)),
        Step(function, some(rng, f"Write a function to {verb} one {item} with logging")),
        Step(scene.data(), some(rng, f"Create sample {items}")),
        Step(rng.choice((loop, plain)), some(rng, f"{verb.capitalize()} all {items}")),
    ])


def counting_script(rng: random.Random) -> Program:
    """A text or a list of words, counted and shown."""
    style = Style.draw(rng)
    words = [rng.choice(WORDS) for _ in range(rng.randint(5, 8))]
    data = rng.choice((f'text = "{sentence(rng)}"\nwords = text.lower().split()', f'words = "{" ".join(words)}".split()'))
    counter, imports = rng.choice((
        ("counts = Counter(words)", ("from collections import Counter",)),
        ("counts = {}\nfor word in words:\n    counts[word] = counts.get(word, 0) + 1", ()),
        ("counts = {}\nfor word in words:\n    if word not in counts:\n        counts[word] = 0\n    counts[word] += 1", ()),
        ("counts = defaultdict(int)\nfor word in words:\n    counts[word] += 1", ("from collections import defaultdict",)),
    ))
    shows = [
        ("for word, count in counts.items():\n    print(f\"{word}: {count}\")", "Print each word with its count"),
        ("for word in sorted(counts):\n    print(word, counts[word])", "Print the words in alphabetical order"),
        ("most_common = max(counts, key=counts.get)\nprint(most_common)", "Print the most common word"),
        ("ordered = sorted(counts.items(), key=lambda pair: pair[1], reverse=True)\nfor word, count in ordered[:3]:\n"
         "    print(word, count)", "Show the three most common words"),
        ("longest = max(words, key=len)\nprint(f\"Longest word: {longest}\")", "Find the longest word"),
        ("unique = set(words)\nprint(len(unique))", "Count the unique words"),
        ("lengths = {word: len(word) for word in words}\nprint(lengths)", "Map each word to its length"),
        ("long_words = [word for word in words if len(word) > 4]\nprint(long_words)", "Keep the words with more than four letters"),
        ("by_letter = defaultdict(list)\nfor word in words:\n    by_letter[word[0]].append(word)\nprint(dict(by_letter))",
         "Group the words by their first letter"),
        ("capitalized = [word.capitalize() for word in words]\nprint(\", \".join(capitalized))", "Capitalize the words"),
        ("total = sum(counts.values())\nprint(f\"Total: {total}\")", "Print the total count"),
    ]
    steps = [Step(data, some(rng, "Split a text into words")), Step(counter, some(rng, "Count the words"), imports)]
    for code, asked in rng.sample(shows, rng.randint(1, 4)):
        needed = ("from collections import defaultdict",) if "defaultdict" in code else ()
        steps.append(Step(code, some(rng, asked), needed))
    return style.program(steps)


def simulation(rng: random.Random) -> Program:
    """A small random experiment."""
    style, sides, count = Style.draw(rng), rng.choice((6, 6, 8, 10, 12, 20)), rng.choice((10, 20, 50, 100, 200, 1000))
    draw, name, what = rng.choice((
        (f"return random.randint(1, {sides})", "roll_dice", "roll a die"),
        ("return random.choice([\"heads\", \"tails\"])", "flip_coin", "flip a coin"),
        (f"return random.choice({_quoted(rng.sample(WORDS, 4))})", "draw_card", "draw a card"),
    ))
    kind = "int" if name == "roll_dice" else "str"
    tally = rng.choice((
        f"counts = {{}}\nfor _ in range({count}):\n    result = {name}()\n    counts[result] = counts.get(result, 0) + 1",
        f"results = [{name}() for _ in range({count})]\ncounts = Counter(results)",
        f"counts = Counter()\nfor _ in range({count}):\n    counts[{name}()] += 1",
    ))
    imports = ("from collections import Counter",) if "Counter" in tally else ()
    steps = [Step(f"random.seed({rng.randint(0, 99)})", some(rng, "Set the random seed"), ("import random",))]
    steps = steps if rng.random() < 0.5 else []
    code = style.documented(f"def {name}() -> {kind}:\n    {draw}", what)
    steps += [Step(code, some(rng, f"Write a function to {what}"), ("import random",)),
              Step(tally, some(rng, f"{what.capitalize()} {count} times and count the results"), imports),
              Step("for result, count in sorted(counts.items()):\n    print(f\"{result}: {count}\")",
                   some(rng, "Print how often each result came up"))]
    if rng.random() < 0.6:
        steps.append(_walk(rng))
    return style.program(steps)


def unit_tests(rng: random.Random) -> Program:
    """Functions and the tests of them."""
    style = Style.draw(rng)
    tables, words = rng.choice((
        (NUMBER, number_words(rng)), (TEXT, text_words(rng, rng.choice(("text", "s", "sentence")))),
        (SEQUENCE, Series.draw(rng).words(rng)),
    ))
    patterns = rng.sample([pattern for pattern in patterns_of(*tables) if pattern.checks], rng.randint(1, 4))
    functions = [fill(rng, pattern, words, style) for pattern in patterns]
    steps = [function.step for function in functions]
    for function in functions:
        body = "\n".join(f"    {check}" for check in function.checks)
        steps.append(Step(f"def test_{function.name}() -> None:\n{body}",
                          some(rng, rng.choice((f"Test {function.name}", f"Add a test for {function.name}")))))
        if "raise ValueError" in function.step.code and function.name == "divide":
            raised = "def test_divide_by_zero() -> None:\n    with pytest.raises(ValueError):\n        divide(1, 0)"
            steps.append(Step(raised, some(rng, "Test that dividing by zero fails"), ("import pytest",)))
    return style.program(steps)


def settings_script(rng: random.Random) -> Program:
    """A dictionary of settings, and what reads and changes it."""
    style, options = Style.draw(rng), rng.sample(_OPTIONS, rng.randint(3, 6))
    name = rng.choice(("config", "config", "settings", "options", "defaults"))
    data = f"{name} = {{\n" + "".join(f'    "{key}": {value},\n' for key, _, value, _ in options) + "}"
    keys = [key for key, *_ in options]
    shows = [
        (f"for key, value in {name}.items():\n    print(f\"{{key}} = {{value}}\")", "Print all settings"),
        ("\n".join(f'{key} = {name}["{key}"]' for key in keys[:3]) + f"\nprint({', '.join(keys[:3])})", "Read the settings"),
        ("\n".join(f'print("{key.capitalize()}:", {name}["{key}"])' for key in keys), "Print every setting with its name"),
        (f'if "{keys[0]}" not in {name}:\n    raise KeyError("{keys[0]} is missing")', f"Check that {keys[0]} is set"),
        (f'{keys[1]} = {name}.get("{keys[1]}", {options[1][2]})\nprint({keys[1]})', f"Get the {keys[1]} with a default"),
        (f'{name}["{keys[2]}"] = {options[2][2]}\nprint({name}["{keys[2]}"])', f"Set the {keys[2]}"),
        (f"text = json.dumps({name}, indent=2)\nprint(text)", "Print the settings as JSON"),
        (f'{name}.update({{"{keys[0]}": {options[0][2]}, "debug": True}})\nprint({name})', "Update the settings"),
    ]
    steps = [Step(data, some(rng, f"Define a dictionary {name} with {', '.join(keys)}"))]
    for code, asked in rng.sample(shows, rng.randint(1, 4)):
        steps.append(Step(code, some(rng, asked), ("import json",) if "json." in code else ()))
    return style.program(steps)


def menu_script(rng: random.Random) -> Program:
    """A list that is changed by commands, told apart by an `elif` chain."""
    style, scene = Style.draw(rng), Scene.draw(rng, "dict")
    item, items = scene.noun.singular, scene.noun.plural
    branches = rng.sample([
        ("add", f"{items}.append(argument)"), ("remove", f"{items}.remove(argument)"),
        ("list", f"for {item} in {items}:\n            print({item})"), ("count", f"print(len({items}))"),
        ("clear", f"{items}.clear()"), ("sort", f"{items}.sort()"), ("reverse", f"{items}.reverse()"),
        ("find", f"print(argument in {items})"),
    ], rng.randint(3, 5))
    # An empty list has nothing to remove.
    branches.sort(key=lambda branch: branch[0] == "clear")
    chain = "\n".join(f'    {"if" if i == 0 else "elif"} command == "{name}":\n        ' + body
                      for i, (name, body) in enumerate(branches))
    function = (f"def run_command({items}: list[str], command: str, argument: str = \"\") -> None:\n{chain}\n"
                f"    else:\n        print(f\"Unknown command: {{command}}\")")
    labels = ", ".join(row[0] for row in scene.rows)
    loop = (f"while True:\n    line = input(\"> \").strip()\n    if line == \"quit\":\n        break\n"
            f"    command, _, argument = line.partition(\" \")\n    run_command({items}, command, argument)")
    calls = "\n".join(f'run_command({items}, "{name}"{", " + scene.rows[0][0] if "argument" in body else ""})'
                      for name, body in branches)
    names = ", ".join(name for name, _ in branches)
    return style.program([
        Step(style.documented(function, f"Run one command on the {items}"),
             some(rng, f"Write a function that runs the commands {names}")),
        Step(f"{items} = [{labels}]", some(rng, f"Create a list of {items}")),
        Step(rng.choice((loop, calls)), some(rng, rng.choice(("Run some commands", "Read commands and run them")))),
    ])


def pair_script(rng: random.Random) -> Program:
    """Two parallel lists or a list of tuples, looped over in the usual ways."""
    style, scene = Style.draw(rng), Scene.draw(rng, "dict")
    label, number_ = scene.noun.label, scene.number.name
    labels, values = plural(label), plural(number_) if plural(number_) != number_ else f"{number_}_list"
    pairs = f"{scene.noun.plural} = [\n" + "".join(f"    ({row[0]}, {row[1]}),\n" for row in scene.rows) + "]"
    lists = f"{labels} = [{', '.join(row[0] for row in scene.rows)}]\n{values} = [{', '.join(row[1] for row in scene.rows)}]"
    zipped = rng.random() < 0.5
    source = f"zip({labels}, {values})" if zipped else scene.noun.plural
    shows = [
        (f"for {label}, {number_} in {source}:\n    print(f\"{{{label}}}: {{{number_}}}\")", f"Print each {label} with its {number_}"),
        (f"total = 0\nfor {label}, {number_} in {source}:\n    total += {number_}\nprint(total)", f"Add up the {number_}"),
        (f"{number_}_by_{label} = {{{label}: {number_} for {label}, {number_} in {source}}}\nprint({number_}_by_{label})",
         f"Build a dictionary from {label} to {number_}"),
        (f"ordered = sorted({source}, key=lambda pair: pair[1])\nprint(ordered)", f"Sort the pairs by {number_}"),
        (f"best = max({source}, key=lambda pair: pair[1])\nprint(best[0])", f"Find the {label} with the highest {number_}"),
        (f"for i, ({label}, {number_}) in enumerate({source}, start=1):\n    print(i, {label}, {number_})", "Print a numbered list"),
        (f"selected = [{label} for {label}, {number_} in {source} if {number_} > {scene.rows[0][1]}]\nprint(selected)",
         f"Keep the {labels} with a {number_} above {scene.rows[0][1]}"),
    ]
    steps = [Step(lists if zipped else pairs, some(rng, f"Create sample {scene.noun.plural}"))]
    shows = shows if scene.number.additive else [show for show in shows if not show[0].startswith("total")]
    steps += [Step(code, some(rng, asked)) for code, asked in rng.sample(shows, rng.randint(2, 4))]
    return style.program(main_steps(rng, style, steps) if rng.random() < 0.2 else steps)


def assignment_script(rng: random.Random) -> Program:
    """Blocks of assignments in which every line follows the pattern of the line above."""
    style = Style.draw(rng)
    category = rng.choice(list(CATEGORIES))
    values = [value for value in CATEGORIES[category] if re.fullmatch(r"\w+", value)][:rng.randint(3, 5)]
    names = [f"{value.lower()}_count" for value in values]
    people = rng.sample(PEOPLE, 3)
    data = ", ".join(f'"{rng.choice(values)}"' for _ in range(rng.randint(6, 9)))
    many = plural(category) if plural(category) != category else f"{category}_list"
    counts = "\n".join(f'{name} = {many}.count("{value}")' for name, value in zip(names, values))
    prints = "\n".join(f'print(f"{value.capitalize()}: {{{name}}}")' for name, value in zip(names, values))
    constants = "\n".join(f'{value.upper()} = {index}' for index, value in enumerate(values))
    greetings = "\n".join(f'{name.lower()}_email = "{name.lower()}@example.com"' for name in people)
    emails = ", ".join(f"{name.lower()}_email" for name in people)
    steps = [Step(f"{many} = [{data}]", some(rng, f"Create a list of {many}")),
             Step(counts, some(rng, f"Count each {category}")), Step(prints, some(rng, "Print the counts"))]
    if rng.random() < 0.4:
        steps.insert(0, Step(constants, some(rng, f"Define a constant for each {category}")))
    if rng.random() < 0.4:
        steps += [Step(greetings, some(rng, "Define an email address for each person")),
                  Step(f"emails = [{emails}]\nprint(emails)", some(rng, "Put the addresses into a list"))]
    return style.program([*steps, Step(f"total = {' + '.join(names)}\nprint(total)", some(rng, "Add up the counts"))])


def _walk(rng: random.Random) -> Step:
    steps = rng.choice((10, 50, 100))
    code = f"position = 0\nfor step in range({steps}):\n    position += random.choice([-1, 1])\nprint(position)"
    return Step(code, some(rng, f"Simulate a random walk with {steps} steps"), ("import random",))


def _quoted(words: list[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


def _path(rng: random.Random, body: str, stem: str = "") -> str:
    """Return a file name with the suffix that fits what is done with the file."""
    suffix = "json" if "json." in body else "csv" if "csv." in body else rng.choice(("txt", "txt", "log"))
    return f"{stem or rng.choice(_STEMS)}.{suffix}"


def _path_function(rng: random.Random, style: Style, signature: str, body: str, phrase: str) -> Step:
    code = signature + "\n" + "\n".join("    " + line for line in body.split("\n"))
    imports = tuple(f"import {module}" for module in ("json", "csv") if f"{module}." in code)
    asked = rng.choice((phrase[0].upper() + phrase[1:], f"Write a function to {phrase}", f"Add a function to {phrase}"))
    return Step(style.documented(code, phrase), some(rng, asked), imports)


WRITERS: tuple[Writer, ...] = (
    command_line, click_command, file_script, folder_script, logging_script, counting_script, simulation, unit_tests,
    settings_script, menu_script, pair_script, assignment_script,
)
