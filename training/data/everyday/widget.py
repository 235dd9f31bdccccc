"""Recipes for cells of a marimo notebook, for charts with altair and for polars."""

from __future__ import annotations

from training.data.everyday.recipe import Recipe

WIDGETS = (
    Recipe({'mo.md("# $table_title")': "Write a heading | Add a title"}, 4),
    Recipe({'mo.md(\n    """\n    # $table_title\n\n    We look at $num_words by $cat_words.\n    """\n)':
            "Write an introduction"}, 3),
    Recipe({'slider = mo.ui.slider(1, <10|50|100>, value=<5|1>, label="<Rows|$num_title|n>")': "Make a slider",
            "slider": "Show the slider",
            "$df.head(slider.value)": "Show as many rows as the slider says"}, 6),
    Recipe({'dropdown = mo.ui.dropdown(options=["$num", "$num2"], value="$num")': "Make a dropdown for the column",
            "dropdown": "Show it",
            "$df[dropdown.value].describe()": "Describe the chosen column"}, 6),
    Recipe({'$cat_picker = mo.ui.dropdown($df["$cat"].unique().tolist(), label="$cat_title")':
            "Make a dropdown of the $cat_words values",
            '$df[$df["$cat"] == $cat_picker.value]': "Show the chosen rows"}, 4, names={"cat_picker":
            "picker | ${cat_name}_choice | choice"}),
    Recipe({'threshold = mo.ui.slider(start=0, stop=<100|1000>, step=<1|5|10>, label="Minimum $num_words")':
            "Make a slider for the threshold",
            'filtered = $df[$df["$num"] > threshold.value]': "Filter by the slider", "mo.md(f\"{len(filtered)} rows\")":
            "Say how many rows are left"}, 5),
    Recipe({"table = mo.ui.table($df)": "Make a table of the data", "table": "Show the table"}, 5),
    Recipe({'mean = $df["$num"].mean()': "Compute the mean $num_words",
            'mo.md(f"The mean $num_words is **{mean:.2f}**.")': "Write it as text"}, 5),
    Recipe({'checkbox = mo.ui.checkbox(label="<Show data|Sort|Show table>")': "Make a checkbox",
            "$df if checkbox.value else None": "Show the data if it is checked"}, 3),
    Recipe({'text = mo.ui.text(label="<Name|Search|$label_title>")': "Make a text field",
            '$df[$df["$label"].str.contains(text.value)]': "Search for the text"}, 3),
    Recipe({'button = mo.ui.button(label="<Run|Refresh|Start>")': "Make a button", "button": "Show it"}, 2),
    Recipe({"mo.hstack([<$df.head(), $df.describe()|mo.md(\"First rows\"), $df.head()>])":
            "Put two things side by side"}, 3),
)
ALTAIR = (
    Recipe({'chart = alt.Chart($df).mark_<point|circle>().encode(x="$num", y="$num2"<|, color="$cat">)':
            "Make a scatter chart", "chart": "Show it"}, 4),
    Recipe({'alt.Chart($df).mark_bar().encode(x="$cat", y="mean($num)")': "Draw a bar chart of the mean $num_words"},
            3),
    Recipe({'alt.Chart($df).mark_line().encode(x="$date:T", y="$num:Q")': "Draw $num_words over time"}, 3),
    Recipe({'chart = (\n    alt.Chart($df)\n    .mark_bar()\n'
            '    .encode(x="$cat", y="$num", tooltip=["$cat", "$num"])\n)': "Make a bar chart with tooltips",
            "chart": "Show the chart"}, 3),
)
POLARS = (
    Recipe({'$df = pl.read_csv("$path")': "Read the csv file with polars | Load $path"}, 5),
    Recipe({'$file = "$path"': "Name the file", "$df = pl.read_csv($file)":
            "Read the csv file with polars | Load the data"}, 5),
    Recipe({"$df.<head()|shape|describe()|columns|schema>": "Take a first look"}, 5),
    Recipe({'$df.filter(pl.col("$num") > $limit)': "Filter by $num_words | Keep rows with $num above $limit"}, 6),
    Recipe({'$df.filter(pl.col("$cat") == "$value")': "Keep the $value rows"}, 4),
    Recipe({'$df.select("$cat", "$num")': "Select two columns"}, 4),
    Recipe({'$df = $df.with_columns((pl.col("$left") $op pl.col("$right")).alias("$new"))':
            "Add the column $new | Compute $new_words"}, 5,
           adds="new_name"),
    Recipe({'$df.group_by("$cat").agg(pl.col("$num").<mean|sum|max>())': "Aggregate $num_words by $cat_words"}, 6),
    Recipe({'summary = $df.group_by("$cat").agg(\n    pl.col("$num").mean().alias("mean_$num_name"),\n'
            '    pl.len().alias("count"),\n)':
            "Summarise $num_words by $cat_words", 'summary.sort("count", descending=True)': "Sort the summary"}, 4),
    Recipe({'$df.sort("$num", descending=True)<|.head($n)>': "Sort by $num_words"}, 4),
    Recipe({"$df.null_count()": "Count missing values"}, 3),
    Recipe({'$df["$num"].mean()': "Average $num_words"}, 3),
    Recipe({'for row in $df.iter_rows(named=True):\n    print(row["$label"], row["$num"])': "Print every row"}, 3),
    Recipe({'$df.write_csv("$out.csv")': "Save the result"}, 2),
)
