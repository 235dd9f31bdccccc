"""Notebooks around one data frame: it is loaded, looked at, cleaned, computed on, summarised and saved."""

from __future__ import annotations

import random

from training.data.everyday.cleaning import CLEAN, DERIVE
from training.data.everyday.column import table_scene
from training.data.everyday.plot import FRAME_PLOTS
from training.data.everyday.program import Program, Writer
from training.data.everyday.query import EXPLORE, GROUP, LOOP, SELECT
from training.data.everyday.recipe import Recipe

READ = (
    "Read in a csv file using pandas | Read $path into a dataframe | Load the csv file | Load the data | "
    "Read the $table data | Load $path with pandas | Read the csv file into $df"
)
NAME_FILE = (
    "Set the path of the data | Name the file to read | Define the <file name|path|input file> | The data is in $path"
)

LOAD = (
    Recipe({'$df = pd.read_csv("$path")': READ}, 14),
    Recipe({'$df = pd.read_csv("$path")\n$df.head()': READ + " | Load the data and show the first rows"}, 5),
    Recipe({'$df = pd.read_csv("$path")\nprint($df.<head()|shape>)': READ}, 3),
    Recipe({'$file = "$path"': NAME_FILE, "$df = pd.read_csv($file)": READ}, 12),
    Recipe({'$file = "$path"\n$df = pd.read_csv($file)': READ}, 6),
    Recipe({'$file = "$path"\n$df = pd.read_csv($file)\n$df.head()': READ}, 3),
    Recipe({'$file = Path("data") / "$stem.csv"': NAME_FILE, "$df = pd.read_csv($file)": READ}, 2),
    Recipe({'data_dir = Path("<data|input|../data>")': "Set the data folder",
            '$df = pd.read_csv(data_dir / "$stem.csv")': READ}, 2),
    Recipe({'url = "https://example.com/$stem.csv"': "Set the url of the data",
            "$df = pd.read_csv(url)": "Read the csv file from the url | Load the data from the url"}, 3),
    Recipe({'$df = pd.read_csv("$path", parse_dates=["$date"])': READ + " | Load the data and parse the dates"}, 3,
           gives="dated"),
    Recipe({'$file = "$path"': NAME_FILE, '$df = pd.read_csv($file, parse_dates=["$date"])': READ}, 2, gives="dated"),
    Recipe({'$df = pd.read_csv("$path", sep=";")': READ + " | Read the semicolon separated file"}, 1.5),
    Recipe({'$df = pd.read_csv("$path", <encoding="utf-8"|na_values=["NA", "?"]|dtype={"$key": str}|nrows=1000>)':
            READ}, 2),
    Recipe({'$df = pd.read_excel("$base.xlsx")':
            "Read the excel file | Load $stem.xlsx | Read in an excel file using pandas"}, 3),
    Recipe({'$file = "$base.xlsx"': "Name the excel file",
            '$df = pd.read_excel($file, sheet_name="<Sheet1|$table|data>")': "Read the excel file | Load the sheet"},
            1.5),
    Recipe({'$df = pd.read_json("$base.json")': "Read the json file into a dataframe | Load $stem.json with pandas"},
            2),
    Recipe({'$df = pd.read_parquet("$base.parquet")': "Read the parquet file | Load $stem.parquet"}, 1.5),
    Recipe({'def load_data($file):\n    """<Read|Load> the $table <data|table>."""\n    $df = pd.read_csv($file)\n'
            '    return $df':
            "Write a function that loads the data | Define load_data", '$df = load_data("$path")': "Load the data"}, 3),
    Recipe({'def load_$table(path):\n    """Return the $table as a dataframe."""\n    return pd.read_csv(path)':
            "Write a function that reads the $table", '$df = load_$table("$path")': "Load the $table"}, 2),
    Recipe({'def load_data(path):\n    """Read the file and parse the dates."""\n    df = pd.read_csv(path)\n'
            '    df["$date"] = pd.to_datetime(df["$date"])\n    return df':
            "Write a function that loads and cleans the data",
            '$file = "$path"\n$df = load_data($file)': "Load the data"}, 2, gives="dated"),
    Recipe({'files = glob.glob("<data|input|raw>/*.csv")': "Find all csv files | List the csv files",
            "frames = [pd.read_csv(file) for file in files]": "Read every file",
            "$df = pd.concat(frames, ignore_index=True)": "Combine the frames into one | Concatenate all frames"}, 2),
    Recipe({'files = <sorted(Path("data").glob("*.csv"))|list(Path("data").glob("$table*.csv"))>': "List the csv files",
            "frames = []\nfor file in files:\n    frames.append(pd.read_csv(file))":
            "Read every file into a list of frames",
            "$df = pd.concat(frames)": "Combine the frames into one | Concatenate the frames"}, 1.5),
)

HANDMADE = (
    Recipe({'$df = pd.DataFrame(\n    {\n        "$cat": [$cat_list],\n        "$cat2": [$cat2_list],\n'
            '        "$num": [$num_list],\n'
            '        "$num2": [$num2_list],\n        "$num3": [$num3_list],\n    }\n)':
            "Make a small dataframe | Create $df by hand"}, 5),
    Recipe({'data = {\n    "$cat": [$cat_list],\n    "$cat2": [$cat2_list],\n    "$num": [$num_list],\n'
            '    "$num2": [$num2_list],\n'
            '    "$num3": [$num3_list],\n}': "Enter some data", "$df = pd.DataFrame(data)":
            "Turn it into a dataframe | Make a dataframe"}, 5),
)

JOIN = (
    Recipe({'$other = pd.read_csv("$other.csv")': "Read the $other | Load $other.csv | Load the $other table",
            'merged = pd.merge($df, $other, on="$key")': "Merge $df with $other on $key | Join the two tables"}, 4,
            gives="merged"),
    Recipe({'$other = pd.read_csv("$other.csv")': "Read the $other | Load the $other table",
            '$df = pd.merge($df, $other, on="$key"<|, how="left">)': "Merge $df with $other | Join the $other to $df"},
            3),
    Recipe({'$other = pd.read_csv("$other.csv")': "Read the $other | Load $other.csv",
            'merged = $df.merge($other, on="$key", how="left")': "Merge the $other in | Left join $other on $key",
            "merged.<head()|shape|info()>": "Look at the result | Check the merged frame"}, 5, gives="merged"),
    Recipe({'left = $df[["$key", "$cat"]]\nright = $df[["$key", "$num"]]': "Split $df into two frames",
            'merged = pd.merge(left, right, on="$key"<|, how="inner"|, how="outer">)': "Merge left and right on $key"},
            2),
    Recipe({'first = $df[$df["$cat"] == "$value"]\nsecond = $df[$df["$cat"] == "$value2"]':
            "Take $value and $value2 apart",
            "combined = pd.concat([first, second]<|, ignore_index=True>)":
            "Put the two frames together | Stack first and second",
            "print(len(first), len(second), len(combined))": "Check the lengths"}, 2),
    Recipe({'$other = pd.read_<csv("$other.csv")|excel("$other.xlsx")>': "Read the $other",
            '$df = $df.join($other.set_index("$key"), on="$key"<|, rsuffix="_other">)': "Join the $other on $key"},
            1.5),
    Recipe({'totals = $df.groupby("$cat")["$num"].sum().reset_index(name="total_$num_name")':
            "Sum $num_words by $cat_words",
            '$df = $df.merge(totals, on="$cat"<|, how="left">)': "Add the totals to every row"}, 2),
)

SAVE = (
    Recipe({'$df.to_csv("$out.csv", index=False)':
            "Save to csv | Write the result to $out.csv | Save $df without the index"}, 8),
    Recipe({'output = "$out.csv"': "Name the output file", "$df.to_csv(output, index=False)":
            "Save the data to the output file"}, 3),
    Recipe({'output_path = "$out.csv"\n$df.to_csv(output_path, index=False)\n'
            'print(f"Saved {len($df)} rows to {output_path}")':
            "Save the data and say so"}, 2),
    Recipe({'$df.to_excel("$out.xlsx", index=False)': "Save to excel | Export $df as an excel file"}, 2),
    Recipe({'$df.to_<json("$out.json", orient="records")|parquet("$out.parquet")|pickle("$out.pkl")>': "Save the data"},
            2),
    Recipe({'print(f"<Rows|Number of rows|Total rows>: {len($df)}")': "Print the number of rows"}, 3),
    Recipe({"average = $df[\"$num\"].mean()": "Compute the average $num_words",
            'print(f"Average $num_words: {average:.2f}")': "Print the average"}, 4),
    Recipe({'total = $df["$num"].sum()\nprint(f"Total $num_words: {total<|:.2f|:,>}")': "Print the total $num_words"},
            3),
    Recipe({'print("Mean:", $df["$num"].mean())\nprint("Median:", $df["$num"].median())\n'
            'print("Std:", $df["$num"].std())':
            "Print mean, median and standard deviation of $num_words"}, 3),
)


def exploration(rng: random.Random) -> Program:
    """Load a table and look around in it."""
    scene = table_scene(rng)
    scene.pick(LOAD)
    scene.pick(EXPLORE, rng.randint(2, 4))
    scene.pick(rng.choice((SELECT, GROUP)), rng.randint(1, 2))
    scene.pick(rng.choice((GROUP, LOOP, FRAME_PLOTS)), rng.randint(0, 2))
    return scene.program()


def tidying(rng: random.Random) -> Program:
    """Load a table, clean it and save it."""
    scene = table_scene(rng)
    scene.pick(LOAD)
    scene.pick(EXPLORE, rng.randint(0, 2))
    scene.pick(CLEAN, rng.randint(2, 4))
    scene.pick(DERIVE, rng.randint(0, 2))
    scene.pick(SAVE, rng.randint(0, 1))
    return scene.program()


def analysis(rng: random.Random) -> Program:
    """Load a table, compute columns and summarise."""
    scene = table_scene(rng)
    scene.pick(LOAD)
    scene.pick(EXPLORE, rng.randint(0, 1))
    scene.pick(CLEAN, rng.randint(0, 1))
    scene.pick(DERIVE, rng.randint(1, 2))
    scene.pick(SELECT, rng.randint(0, 2))
    scene.pick(GROUP, rng.randint(1, 2))
    scene.pick(rng.choice((SAVE, LOOP, FRAME_PLOTS)), rng.randint(0, 1))
    return scene.program()


def selection(rng: random.Random) -> Program:
    """Load a table and ask it questions."""
    scene = table_scene(rng)
    scene.pick(LOAD)
    scene.pick(SELECT, rng.randint(2, 5))
    scene.pick(GROUP, rng.randint(0, 1))
    scene.pick(LOOP, rng.randint(0, 1))
    return scene.program()


def joining(rng: random.Random) -> Program:
    """Load a table and bring another one in."""
    scene = table_scene(rng)
    scene.pick(LOAD)
    scene.pick(EXPLORE, rng.randint(0, 2))
    scene.pick(JOIN)
    scene.pick(rng.choice((GROUP, SELECT, DERIVE)), rng.randint(1, 2))
    scene.pick(SAVE, rng.randint(0, 1))
    return scene.program()


def handmade(rng: random.Random) -> Program:
    """Type in a small table and summarise it."""
    scene = table_scene(rng, small=True)
    scene.pick(HANDMADE)
    scene.pick(EXPLORE, rng.randint(1, 2))
    scene.pick(GROUP, rng.randint(1, 3))
    return scene.program()


def charting(rng: random.Random) -> Program:
    """Load a table and plot it."""
    scene = table_scene(rng)
    scene.pick(LOAD)
    scene.pick(EXPLORE, rng.randint(0, 1))
    scene.pick(DERIVE, rng.randint(0, 1))
    scene.pick(FRAME_PLOTS, rng.randint(2, 3))
    return scene.program()


WRITERS: tuple[Writer, ...] = (exploration, tidying, analysis, selection, joining, charting, handmade)
