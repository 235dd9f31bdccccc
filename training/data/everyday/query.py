"""Recipes that ask a data frame something: a first look, choosing of rows, groups and loops."""

from __future__ import annotations

from training.data.everyday.recipe import Recipe

EXPLORE = (
    Recipe({"$df.head()":
            "Show the first rows | Look at the first few rows | Preview the data | Display the first rows of $df"}, 14),
    Recipe({"$df.head($n)": "Show the first $n rows | Look at $n rows"}, 3),
    Recipe({"print($df.head())": "Print the first rows"}, 4),
    Recipe({"$df.tail()": "Show the last rows"}, 2),
    Recipe({"$df.sample(<5|10|3>)": "Show a few random rows | Sample some rows"}, 1.5),
    Recipe({"$df.shape": "Show the number of rows and columns | Check the shape | How large is it"}, 9),
    Recipe({"print($df.shape)": "Print the shape of the data"}, 3),
    Recipe({"$df.info()": "Show column types and missing values | Get info about $df | Summarise the columns"}, 9),
    Recipe({"$df.describe()": "Show summary statistics | Describe the data | Get basic statistics"}, 9),
    Recipe({'$df["$num"].describe()': "Describe $num_words | Show statistics of $num_words"}, 4),
    Recipe({"$df.columns": "List the columns | Show the column names"}, 5),
    Recipe({"$df.dtypes": "Show the column types | Check the data types"}, 4),
    Recipe({"$df.<isna|isnull>().sum()":
            "Count missing values | Count the missing values per column | Check for missing data"}, 9),
    Recipe({"$df.<isna|isnull>().mean()": "Show the share of missing values"}, 1.5),
    Recipe({"missing = $df.isna().sum()": "Count missing values per column",
            "print(missing[missing > 0])": "Print the columns with missing values"}, 2),
    Recipe({"$df.duplicated().sum()": "Count duplicate rows | Check for duplicates"}, 3),
    Recipe({"len($df)": "Count the rows"}, 2.5),
    Recipe({'$df["$cat"].value_counts()':
            "Count the values of $cat | Count $table by $cat_words | How many of each $cat_words"}, 9),
    Recipe({'$df["$cat"].value_counts(normalize=True)': "Show the share of each $cat_words"}, 2),
    Recipe({'$df["$cat"].unique()': "List the different $cat_words values | Show the unique values of $cat"}, 5),
    Recipe({'$df["$cat"].nunique()': "Count the different $cat_words values"}, 3),
    Recipe({"$df.corr(numeric_only=True)": "Compute the correlations"}, 2.5),
    Recipe({'$df[["$num", "$num2"]].corr()': "Correlate $num_words and $num2_words"}, 2.5),
    Recipe({'$df["$num"].$total()': "Get the $total of $num_words | Compute the $total $num_words"}, 5,
           names={"total": "mean | mean | max | min | median | sum | std"}),
    Recipe({'print($df["$num"].min(), $df["$num"].max())': "Print the range of $num_words"}, 2),
    Recipe({"rows, columns = $df.shape": "Get the number of rows and columns",
            'print(f"{rows} rows and {columns} columns")': "Print them"}, 3),
    Recipe({'print("Shape:", $df.shape)\nprint("Columns:", $df.columns.tolist())\n'
            'print("Missing:", $df.isna().sum().sum())':
            "Print an overview of the data"}, 3),
    Recipe({'print($df["$num"].mean())\nprint($df["$num2"].mean())\nprint($df["$num3"].mean())':
            "Print the means | Print the mean of $num, $num2 and $num3"}, 3),
    Recipe({'print($df["$cat"].unique())\nprint($df["$cat2"].unique())': "Print the values of the text columns"}, 2),
)

SELECT = (
    Recipe({'$df[$df["$num"] > $limit]': "Show rows where $num is above $limit | Filter by $num_words"}, 6),
    Recipe({'filtered = $df[$df["$num"] > $limit]':
            "Keep rows with $num_words above $limit | Filter rows where $num > $limit",
            "filtered.<head()|shape>": "Look at the result", }, 6),
    Recipe({'high_$num_name = $df[$df["$num"] > $high]\nlow_$num_name = $df[$df["$num"] < $low]':
            "Select $table with high and with low $num_words",
            "print(len(high_$num_name), len(low_$num_name))": "Print how many there are"}, 3),
    Recipe({'$df[$df["$cat"] == "$value"]': "Show rows where $cat is $value | Filter $cat_words $value"}, 6),
    Recipe({'$subset = $df[$df["$cat"] == "$value"]': "Select the rows with $cat_words $value | Keep only $value",
            '$subset["$num"].<mean|sum|max|describe>()': "Summarise their $num_words"}, 6,
           names={"subset": "subset | selected | filtered | ${table}_subset"}),
    Recipe({'$df[($df["$cat"] == "$value") & ($df["$num"] > $limit)]': "Filter by $cat_words and $num_words"}, 4),
    Recipe({'$df[($df["$num"] > $low) & ($df["$num"] <= $high)]': "Show rows with $num_words from $low to $high"}, 3),
    Recipe({'$df[$df["$num"].between($low, $high)]': "Show rows with $num_words between $low and $high"}, 2.5),
    Recipe({'$df[$df["$cat"].isin(["$value", "$value2"])]':
            "Keep $value and $value2 | Filter by several values of $cat"}, 3.5),
    Recipe({'wanted = ["$value", "$value2"]': "List the $cat_words values to keep",
            '$df[$df["$cat"].isin(wanted)]': "Filter by the wanted values"}, 2.5),
    Recipe({'$df[$df["$num"].isna()]': "Show rows without $num_words"}, 2),
    Recipe({'$df[["$cat", "$num"]]': "Select $cat and $num | Show only two columns"}, 4),
    Recipe({'columns = ["$cat", "$num", "$num2"]': "Name the columns of interest", "$df[columns].head()":
            "Show those columns"}, 3),
    Recipe({'$df.sort_values("$num", ascending=False)': "Sort by $num_words, largest first | Sort by $num descending"},
            6),
    Recipe({'$df.sort_values("$num", ascending=False).head($n)': "Show the $n rows with the highest $num_words"}, 5),
    Recipe({'$df = $df.sort_values("<$date|$num>")': "Sort the rows"}, 4),
    Recipe({'$df = $df.sort_values(["$cat", "$num"]<|, ascending=[True, False]>)': "Sort by $cat_words and $num_words"},
            2),
    Recipe({'$df.<nlargest|nsmallest>($n, "$num")': "Show the $n extreme rows by $num_words"}, 3),
    Recipe({'$top = $df.nlargest($n, "$num")': "Find the $n $table with the largest $num_words",
            'print($top[["$label", "$num"]])': "Print their $label_words and $num_words"}, 3.5,
           names={"top": "top | largest | best | top_$table"}),
    Recipe({'$df.loc[$df["$num"].idxmax()]': "Show the $row with the highest $num_words"}, 4),
    Recipe({'best = $df.loc[$df["$num"].idxmax()]': "Find the $row with the highest $num_words",
            "print(f\"{best['$label']}: {best['$num']}\")": "Print it | Print its $label_words and $num_words"}, 4),
    Recipe({'$df.loc[$df["$cat"] == "$value", "$num"]<.mean()|.sum()|>': "Get $num_words where $cat is $value"}, 3.5),
    Recipe({'$df.loc[$df["$num"] > $limit, ["$label", "$num"]]': "Show $label_words and $num_words above $limit"}, 2.5),
    Recipe({'$df.query("$num_name > $limit")': "Query rows with $num_words above $limit"}, 3, "snake"),
    Recipe({"$df.query(\"$cat_name == '$value' and $num_name < $limit\")": "Query $value with $num_words below $limit"},
            1.5,
           "snake"),
    Recipe({"$df.iloc[<0|:5|:10|-1|5:10|0:3>]": "Get rows by position"}, 3),
    Recipe({'threshold = $limit': "Set the threshold", 'above = $df[$df["$num"] > threshold]':
            "Select rows above the threshold",
            'print(f"{len(above)} of {len($df)} $table have $num_words above {threshold}")':
            "Print how many are above it"}, 4),
    Recipe({'threshold = $df["$num"].<mean()|median()|quantile(0.9)>':
            "Choose a threshold for $num_words",
            '$df[$df["$num"] > threshold].head()': "Show rows above it"}, 2),
    Recipe({'($df["$num"] > $limit).<sum|mean>()': "Count rows with $num_words above $limit"}, 2.5),
    Recipe({'mask = $df["$num"] > $limit': "Mark rows with large $num_words", "$df[mask].head()":
            "Show the marked rows",
            "print(mask.sum())": "Count them"}, 3),
    Recipe({'$df[$df["$date"] >= "$year-01-01"]': "Show rows since $year"}, 3, "dated"),
    Recipe({'recent = $df[$df["$date"].dt.year == $year]': "Select the rows of $year",
            'recent["$num"].<sum|mean>()': "Summarise their $num_words"}, 3, "dated"),
    Recipe({'$df[$df["$label"].str.contains("<a|son|New|an|st>"<|, case=False>)]': "Search in $label_words"}, 2),
    Recipe({'def filter_by_$cat_name(df, $cat_name):\n    """Return the rows of one $cat_words."""\n'
            '    return df[df["$cat"] == $cat_name]': "Write a function that filters by $cat_words",
            '$picked = filter_by_$cat_name($df, "$value")': "Filter for $value", "$picked.head()":
            "Look at the result"}, 3,
           names={"picked": "subset | filtered | result"}),
    Recipe({'def top_rows(df, column, n=$n):\n    """Return the n rows with the largest values."""\n'
            "    return df.sort_values(column, ascending=False).head(n)": "Write a function that returns the top rows",
            'top_rows($df, "$num")': "Show the top rows by $num_words"}, 2.5),
)

GROUP = (
    Recipe({'$df.groupby("$cat")["$num"].mean()': "Get the mean $num_words per $cat_words | Average $num by $cat | "
            "Group by $cat and average $num_words"}, 12),
    Recipe({'$df.groupby("$cat")["$num"].$total()':
            "Get the $total of $num_words by $cat_words | Group by $cat and take the $total of $num"},
           8, names={"total": "sum | sum | max | min | median | count"}),
    Recipe({'by_$cat_name = $df.groupby("$cat")["$num"].sum()':
            "Sum $num_words by $cat_words | Group $table by $cat_words and sum",
            "<print(by_$cat_name)|by_$cat_name|by_$cat_name.sort_values(ascending=False)>": "Show the result"}, 7),
    Recipe({'$grouped = $df.groupby("$cat")["$num"].mean().reset_index()': "Average $num_words for each $cat_words",
            '$grouped = $grouped.sort_values("$num", ascending=False)': "Sort the result", "$grouped.head()":
            "Show it"}, 4,
           names={"grouped": "grouped | summary | ${cat_name}_means | result"}),
    Recipe({'$df.groupby("$cat")["$num"].mean().sort_values(ascending=False)': "Rank $cat_words by mean $num_words"},
            5),
    Recipe({'$df.groupby("$cat")["$num"].sum().sort_values(ascending=False).head($n)':
            "Show the top $n $cat_words by $num_words"}, 2),
    Recipe({'$df.groupby("$cat")[["$num", "$num2"]].<mean|sum>()': "Group $num_words and $num2_words by $cat_words"},
            4),
    Recipe({'$df.groupby("$cat")["$num"].agg(["mean", "min", "max"])':
            "Get mean, minimum and maximum $num_words by $cat_words"}, 4),
    Recipe({'summary = $df.groupby("$cat").agg({"$num": "mean", "$num2": "sum"})': "Aggregate $num and $num2 by $cat",
            "<summary|print(summary)>": "Show the summary"}, 3),
    Recipe({'summary = $df.groupby("$cat").agg(\n    mean_$num_name=("$num", "mean"),\n'
            '    max_$num_name=("$num", "max"),\n'
            '    count=("$num", "count"),\n)': "Summarise $num_words by $cat_words", "summary": "Show the summary"}, 3),
    Recipe({'$df.groupby(["$cat", "$cat2"])["$num"].<mean|sum>()': "Group by $cat_words and $cat2_words"}, 4),
    Recipe({'$df.groupby(["$cat", "$cat2"]).size()<|.unstack()>': "Count rows by $cat_words and $cat2_words"}, 2),
    Recipe({'$df.groupby("$cat").size()': "Count the rows of each $cat_words"}, 3),
    Recipe({'counts = $df["$cat"].value_counts()': "Count $table by $cat_words", "<counts.head()|print(counts)>":
            "Show the counts"}, 4),
    Recipe({'$df.pivot_table(index="$cat", columns="$cat2", values="$num", aggfunc="<mean|sum>")':
            "Pivot $num_words by $cat_words and $cat2_words"}, 3),
    Recipe({'pivot = $df.pivot_table(values="$num", index="$cat", columns="$cat2")': "Make a pivot table of $num_words",
            "pivot": "Show the pivot table"}, 2),
    Recipe({'pd.crosstab($df["$cat"], $df["$cat2"])': "Cross-tabulate $cat and $cat2"}, 2.5),
    Recipe({'monthly = $df.groupby("month")["$num"].<sum|mean>()': "Group $num_words by month", "monthly.plot()":
            "Plot it by month"},
           7, "monthly"),
    Recipe({'yearly = $df.groupby("year")["$num"].<sum|mean>()': "Group $num_words by year", "print(yearly)":
            "Print the years"},
           7, "yearly"),
    Recipe({'$df.groupby($df["$date"].dt.<year|month>)["$num"].mean()': "Average $num_words over time"}, 4, "dated"),
    Recipe({'daily = $df.set_index("$date")["$num"].resample("<D|W|MS>").<sum|mean>()': "Resample $num_words over time",
            "daily.<plot()|head()>": "Look at the result"}, 4, "dated"),
    Recipe({'top_$cat_name = $df.groupby("$cat")["$num"].sum().idxmax()':
            "Find the $cat_words with the most $num_words",
            'print(f"Top $cat_words: {top_$cat_name}")': "Print it"}, 3),
    Recipe({'def mean_by(df, group, column):\n    """Return the mean of a column in each group."""\n'
            "    result = df.groupby(group)[column].mean()\n    return result":
            "Write a function that averages a column by group",
            'mean_by($df, "$cat", "$num")': "Average $num_words by $cat_words"}, 3),
)

LOOP = (
    Recipe({"for column in $df.columns:\n    print(column, $df[column].<nunique()|isna().sum()|dtype>)":
            "Loop over the columns"}, 5),
    Recipe({'columns = ["$num", "$num2", "$num3"]': "List the number columns",
            "for column in columns:\n    print(column, $df[column].<mean|max|sum|std>())":
            "Print one figure per column"}, 6),
    Recipe({'for column in ["$num", "$num2"]:\n    print(f"{column}: {$df[column].mean():.2f}")':
            "Print the mean of each column"}, 4),
    Recipe({"for index, row in $df.iterrows():\n    print(row[\"$label\"], row[\"$num\"])":
            "Print $label_words and $num_words of every row"
            " | Loop over the rows"}, 5),
    Recipe({"for _, row in $df.head($n).iterrows():\n    print(f\"{row['$label']}: {row['$num']}\")":
            "Print the first rows one by one"}, 4),
    Recipe({'for $cat_name, group in $df.groupby("$cat"):\n    print($cat_name, len(group), group["$num"].mean())':
            "Loop over the $cat_words groups | Print size and mean of every group"}, 5),
    Recipe({'for value in $df["$cat"].unique():\n    subset = $df[$df["$cat"] == value]\n'
            '    print(value, subset["$num"].mean())':
            "Print the mean $num_words for each $cat_words"}, 4),
    Recipe({'total = 0\nfor value in $df["$num"]:\n    total += value': "Add up $num_words", "print(total)":
            "Print the total"}, 3),
    Recipe({'high = []\n'
            'for index, row in $df.iterrows():\n    if row["$num"] > $limit:\n        high.append(row["$label"])':
            "Collect the $label_words of rows with large $num_words", "print(high)": "Print the list"}, 2.5),
    Recipe({'counts = {}\nfor value in $df["$cat"]:\n    counts[value] = counts.get(value, 0) + 1':
            "Count the $cat_words values",
            "for value, count in counts.items():\n    print(value, count)": "Print the counts"}, 3),
    Recipe({'$names = $df["$label"].tolist()': "Get the $label_words as a list",
            "for name in $names[:$n]:\n    print(name)": "Print the first ones"}, 3, names={"names":
            "names | labels | values"}),
    Recipe({'lookup = dict(zip($df["$label"], $df["$num"]))': "Map $label_words to $num_words",
            "for name, value in lookup.items():\n    print(name, value)": "Print every pair"}, 3),
    Recipe({'means = {column: $df[column].mean() for column in ["$num", "$num2", "$num3"]}':
            "Collect the means in a dictionary",
            "<print(means)|means>": "Show the means"}, 3),
    Recipe({'numeric = $df.select_dtypes(include="number").columns': "Find the numeric columns",
            "for column in numeric:\n    print(column, $df[column].min(), $df[column].max())":
            "Print the range of each"}, 3),
    Recipe({'results = []\n'
            'for $cat_name in $df["$cat"].unique():\n    mean = $df[$df["$cat"] == $cat_name]["$num"].mean()\n'
            '    results.append({"$cat": $cat_name, "mean": mean})': "Collect the mean $num_words for each $cat_words",
            "pd.DataFrame(results)": "Turn the results into a dataframe"}, 2.5),
)
