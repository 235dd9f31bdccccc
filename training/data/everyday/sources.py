"""Small scripts around files and services, dates and texts, and cells of a marimo notebook."""

from __future__ import annotations

import random

from training.data.everyday.column import table_scene
from training.data.everyday.program import Program, Writer
from training.data.everyday.recipe import Recipe
from training.data.everyday.service import DATABASE, DATES, RECORDS, REQUEST, TEXT
from training.data.everyday.widget import ALTAIR, POLARS, WIDGETS

READ_JSON = "Load the json file | Read $stem.json | Read in a json file | Load the $table from a json file"
READ_ROWS = "Read the csv file | Read the rows of $stem.csv | Load the rows with the csv module"
READ_TEXT = "Read the file | Read the text of $stem.txt | Load the text"

JSON_FILES = (
    Recipe({'with open("$base.json") as f:\n    $recs = json.load(f)': READ_JSON}, 7),
    Recipe({'$file = "$base.json"': "Name the json file | Set the path",
            "with open($file) as f:\n    $recs = json.load(f)": READ_JSON}, 8),
    Recipe({'$file = Path("$base.json")': "Set the path", "$recs = json.loads($file.read_text())": READ_JSON}, 4),
    Recipe({'def load_json(path):\n    """Return the content of a json file."""\n    with open(path) as f:\n'
            '        return json.load(f)':
            "Write a function that loads a json file", '$recs = load_json("$base.json")': READ_JSON}, 4),
    Recipe({'with open("$base.json", encoding="utf-8") as file:\n    $recs = json.load(file)': READ_JSON}, 3),
    Recipe({'def load_$table(path):\n    """Return the $table in a json file."""\n    with open(path) as f:\n'
            '        data = json.load(f)\n'
            "    return data": "Write a function that loads the $table",
            '$file = "$base.json"\n$recs = load_$table($file)': READ_JSON}, 3),
)
CSV_FILES = (
    Recipe({'with open("$path", newline="") as f:\n    $recs = list(csv.DictReader(f))': READ_ROWS}, 5),
    Recipe({'$file = "$path"': "Name the csv file",
            'with open($file, newline="") as f:\n    $recs = list(csv.DictReader(f))': READ_ROWS}, 6),
    Recipe({'with open("$path") as f:\n    reader = csv.DictReader(f)\n    $recs = [row for row in reader]': READ_ROWS},
            4),
    Recipe({'$recs = []\n'
            'with open("$path", newline="") as f:\n    for row in csv.DictReader(f):\n        $recs.append(row)':
            READ_ROWS}, 4),
    Recipe({'def read_rows(path):\n    """Return the rows of a csv file as dictionaries."""\n'
            '    with open(path, newline="") as f:\n'
            "        return list(csv.DictReader(f))": "Write a function that reads a csv file",
            '$recs = read_rows("$path")': READ_ROWS}, 4),
    Recipe({'$file = Path("$path")': "Set the path", "with $file.open() as f:\n    $recs = list(csv.DictReader(f))":
            READ_ROWS}, 3),
)
LINES = (
    Recipe({'with open("$base.txt") as f:\n    text = f.read()': READ_TEXT,
            "lines = text.<splitlines()|split(\"\\n\")>": "Split it into lines"}, 4),
    Recipe({'with open("$base.txt") as f:\n    lines = f.readlines()': "Read all lines", "text = \"\".join(lines)":
            "Put them together"}, 3),
    Recipe({'$file = "$base.txt"': "Name the text file", "with open($file) as f:\n    text = f.read()": READ_TEXT,
            "lines = text.splitlines()": "Split the text into lines"}, 5),
    Recipe({'$file = Path("$base.txt")\ntext = $file.read_text()': READ_TEXT, "lines = text.splitlines()":
            "Split the text into lines"}, 5),
    Recipe({'def read_text(path):\n    """Return the text of a file."""\n    with open(path) as f:\n'
            '        text = f.read()\n    return text':
            "Write a function that reads a file", 'text = read_text("$base.txt")\nlines = text.splitlines()':
            READ_TEXT}, 3),
    Recipe({'lines = []\nwith open("$base.log") as f:\n    for line in f:\n        lines.append(line.strip())':
            "Read the lines of the log",
            'text = "\\n".join(lines)': "Join the lines"}, 3),
)
WRITE = (
    Recipe({'with open("$out.json", "w") as f:\n    json.dump($recs, f, indent=2)':
            "Save as json | Write the $table to $out.json"}, 7),
    Recipe({'output = "$out.json"': "Name the output file",
            'with open(output, "w") as f:\n    json.dump($recs, f<|, indent=2|, indent=4>)':
            "Write the $table to the output file"}, 4),
    Recipe({'Path("$out.json").write_text(json.dumps($recs, indent=2))': "Save as json"}, 2),
    Recipe({'with open("$out.csv", "w", newline="") as f:\n    writer = csv.DictWriter(f, fieldnames=$recs[0].keys())\n'
            "    writer.writeheader()\n    writer.writerows($recs)": "Write the rows to a csv file"}, 4),
    Recipe({"df = pd.DataFrame($recs)": "Make a dataframe | Turn the $table into a dataframe", "df.head()":
            "Look at it"}, 5),
    Recipe({'def save_json(data, path):\n    """Write data to a json file."""\n    with open(path, "w") as f:\n'
            "        json.dump(data, f, indent=2)": "Write a function that saves json", 'save_json($recs, "$out.json")':
            "Save the $table"}, 3),
    Recipe({'with open("$out.txt", "w") as f:\n    for $row in $recs:\n        f.write(f"{$row[\'$label\']}\\n")':
            "Write the $label_words lines"}, 3),
)
FOLDERS = (
    Recipe({'folder = Path("<data|logs|images|reports|input>")': "Set the folder | Choose the folder",
            'files = <sorted(folder.glob("*.csv"))|list(folder.glob("*.txt"))|list(folder.iterdir())>':
            "List the files | Find the files in the folder"}, 8),
    Recipe({'folder = Path(".")\nfiles = [path for path in folder.iterdir() if path.is_file()]': "List the files here"},
            4),
    Recipe({'folder = Path.cwd() / "<data|output|results>"': "Set the folder", 'files = list(folder.glob("*"))':
            "List its files"}, 3),
    Recipe({'folder = Path.home() / "<Downloads|Documents|projects>"\n'
            'files = sorted(folder.glob("*.<pdf|txt|csv|zip>"))': "Find the files"}, 3),
)
PATHS = (
    Recipe({"for path in files:\n    print(path.<name|stem|suffix>)":
            "Print the name of every file | Loop over the files"}, 7),
    Recipe({"for path in files:\n    size = path.stat().st_size\n    print(f\"{path.name}: {size} bytes\")":
            "Print the size of every file"}, 5),
    Recipe({"names = [path.<name|stem> for path in files]": "Collect the names", "print(names)": "Print them"}, 5),
    Recipe({'print(f"Found {len(files)} files")': "Print how many files there are"}, 5),
    Recipe({"total = sum(path.stat().st_size for path in files)": "Add up the sizes",
            'print(f"{total / 1024:.1f} kB")': "Print the total size"}, 4),
    Recipe({"counts = Counter(path.suffix for path in files)": "Count the file types",
            "for suffix, count in counts.most_common():\n    print(suffix, count)": "Print the counts"}, 4),
    Recipe({'output = folder / "<output|backup|old|processed>"\noutput.mkdir(exist_ok=True)': "Make an output folder",
            "for path in files:\n    shutil.copy(path, output / path.name)": "Copy the files there"}, 4),
    Recipe({"largest = max(files, key=lambda path: path.stat().st_size)": "Find the largest file",
            "print(largest.name)": "Print its name"}, 3),
    Recipe({"newest = max(files, key=lambda path: path.stat().st_mtime)": "Find the newest file",
            "modified = datetime.fromtimestamp(newest.stat().st_mtime)\nprint(newest.name, modified)":
            "Print it with its date"}, 3),
    Recipe({"texts = {path.name: path.read_text() for path in files}": "Read all files",
            "for name, text in texts.items():\n    print(name, len(text))": "Print their lengths"}, 4),
    Recipe({"total_lines = 0\nfor path in files:\n    with open(path) as f:\n        total_lines += len(f.readlines())":
            "Count the lines of all files",
            "print(total_lines)": "Print the count"}, 3),
    Recipe({'for path in files:\n    new_name = path.name.lower().replace(" ", "_")\n'
            '    path.rename(path.with_name(new_name))':
            "Rename the files to lower case"}, 3),
    Recipe({'if not folder.exists():\n    print(f"{folder} does not exist")': "Check that the folder exists"}, 3),
    Recipe({'def file_size(path):\n    """Return the size of a file in megabytes."""\n'
            '    return path.stat().st_size / 1_000_000':
            "Write a function that returns a file's size", "sizes = {path.name: file_size(path) for path in files}":
            "Get all sizes"}, 4),
    Recipe({"for root, folders, names in os.walk(folder):\n    for name in names:\n"
            "        print(os.path.join(root, name))": "Walk the folder tree"}, 3),
    Recipe({'user = os.environ.get("<USER|HOME|API_KEY>"<|, "">)': "Read an environment variable", "print(user)":
            "Print it"}, 1.5),
)


def json_file(rng: random.Random) -> Program:
    """Load records from json, look at them and perhaps save them."""
    scene = table_scene(rng)
    scene.facts.add("typed")
    scene.pick(JSON_FILES)
    scene.pick(RECORDS, rng.randint(2, 4))
    scene.pick(WRITE, rng.randint(0, 1))
    return scene.program()


def csv_file(rng: random.Random) -> Program:
    """Read rows with the csv module and compute with them."""
    scene = table_scene(rng)
    scene.pick(CSV_FILES)
    scene.pick(RECORDS, rng.randint(2, 4))
    scene.pick(WRITE, rng.randint(0, 1))
    return scene.program()


def text_file(rng: random.Random) -> Program:
    """Read a text and search in it."""
    scene = table_scene(rng)
    scene.pick(LINES)
    scene.pick(TEXT, rng.randint(2, 4))
    return scene.program()


def folder(rng: random.Random) -> Program:
    """List files and do something with each."""
    scene = table_scene(rng)
    scene.pick(FOLDERS)
    scene.pick(PATHS, rng.randint(2, 4))
    return scene.program()


def service(rng: random.Random) -> Program:
    """Ask a web service for records."""
    scene = table_scene(rng)
    scene.facts.add("typed")
    scene.pick(REQUEST)
    scene.pick(RECORDS, rng.randint(1, 3))
    scene.pick(WRITE, rng.randint(0, 1))
    return scene.program()


def database(rng: random.Random) -> Program:
    """Open a database, work with one table and close it."""
    scene = table_scene(rng)
    scene.play(DATABASE[0])
    scene.pick(DATABASE[1:-1], rng.randint(2, 4))
    scene.play(DATABASE[-1])
    return scene.program()


def dates(rng: random.Random) -> Program:
    """Compute with dates and times."""
    scene = table_scene(rng)
    scene.pick(DATES, rng.randint(3, 5))
    return scene.program()


def widgets(rng: random.Random) -> Program:
    """Put widgets and text into a marimo notebook."""
    scene = table_scene(rng)
    scene.play(Recipe({'$df = pd.read_csv("$path")': "Load the data | Read $path | Read in a csv file using pandas"}))
    scene.pick(WIDGETS, rng.randint(2, 4))
    scene.pick(ALTAIR, rng.randint(0, 1))
    return scene.program()


def polars(rng: random.Random) -> Program:
    """Work with a polars data frame."""
    scene = table_scene(rng)
    scene.pick(POLARS[:2])
    scene.pick(POLARS[2:], rng.randint(3, 5))
    scene.pick(ALTAIR, rng.choice((0, 0, 1)))
    return scene.program()


WRITERS: tuple[Writer, ...] = (json_file, csv_file, text_file, folder, service, database, dates, widgets, polars)
