"""Recipes for charts: of a data frame with matplotlib, pandas and seaborn, and of plain arrays."""

from __future__ import annotations

from training.data.everyday.recipe import Recipe

OVER_TIME = "Plot $num_words over time | Draw a line chart of $num_words | Plot $num against $date"
SPREAD = "Plot the distribution of $num_words | Draw a histogram of $num_words | Plot a histogram of $num"
SCATTER = "Plot $num2_words against $num_words | Make a scatter plot of $num and $num2 | Scatter $num and $num2"
BARS = "Plot the mean $num_words by $cat_words | Draw a bar chart of $num_words by $cat_words"

FRAME_PLOTS = (
    Recipe({'plt.plot($df["$date"], $df["$num"])\nplt.xlabel("$date")\nplt.ylabel("$num")\nplt.show()': OVER_TIME}, 7),
    Recipe({'plt.figure(figsize=(<10, 6|8, 5|12, 4>))\nplt.plot($df["$date"], $df["$num"])\n'
            'plt.title("$num_title over time")\nplt.xlabel("<Date|Time>")\nplt.ylabel("$num_title")\nplt.show()':
            OVER_TIME}, 5),
    Recipe({'plt.hist($df["$num"], bins=$bins)\nplt.xlabel("$num_title")\nplt.ylabel("<Count|Frequency>")\nplt.show()':
            SPREAD}, 6),
    Recipe({'plt.scatter($df["$num"], $df["$num2"]<|, alpha=0.5>)\nplt.xlabel("$num_title")\n'
            'plt.ylabel("$num2_title")\nplt.show()':
            SCATTER}, 6),
    Recipe({'$df["$num"].hist(<|bins=$bins>)\nplt.show()': SPREAD}, 3),
    Recipe({'$df["$num"].plot(<|kind="hist"|kind="box"|title="$num_title">)\nplt.show()': "Plot $num_words"}, 3),
    Recipe({'$df.plot(x="$date", y="$num"<|, figsize=(10, 5)>)': OVER_TIME}, 4),
    Recipe({'$df.plot.scatter(x="$num", y="$num2")': SCATTER}, 3),
    Recipe({'$df.groupby("$cat")["$num"].mean().plot(kind="<bar|barh>")\nplt.show()': BARS}, 5),
    Recipe({'means = $df.groupby("$cat")["$num"].mean()': "Average $num_words by $cat_words",
            'plt.bar(means.index, means.values)\nplt.ylabel("Mean $num_words")\nplt.show()': BARS}, 4),
    Recipe({'$df["$cat"].value_counts().plot(kind="<bar|pie>")': "Plot how many $table each $cat_words has"}, 4),
    Recipe({'counts = $df["$cat"].value_counts()': "Count the $cat_words values",
            'fig, ax = plt.subplots()\nax.bar(counts.index, counts.values)\n'
            'ax.set_title("Number of $table by $cat_words")\nplt.show()':
            "Draw a bar chart of the counts"}, 3),
    Recipe({'fig, ax = plt.subplots(<|figsize=(8, 5)|figsize=(10, 6)>)':
            "Make a figure | Create a figure with one axis",
            'ax.plot($df["$date"], $df["$num"])\nax.set_xlabel("$date_title")\nax.set_ylabel("$num_title")': OVER_TIME,
            'ax.set_title("$num_title over time")\nplt.show()': "Give the plot a title"}, 6),
    Recipe({'fig, ax = plt.subplots()\nax.scatter($df["$num"], $df["$num2"])\nax.set_xlabel("$num")\n'
            'ax.set_ylabel("$num2")\nplt.show()':
            SCATTER}, 4),
    Recipe({'fig, axes = plt.subplots(1, 3, figsize=(15, 4))': "Make three axes side by side",
            'axes[0].hist($df["$num"])\naxes[1].hist($df["$num2"])\naxes[2].hist($df["$num3"])':
            "Draw a histogram in each",
            'axes[0].set_title("$num")\naxes[1].set_title("$num2")\naxes[2].set_title("$num3")\nplt.show()':
            "Give each a title"}, 3),
    Recipe({'plt.plot($df["$date"], $df["$num"], label="$num")\nplt.plot($df["$date"], $df["$num2"], label="$num2")\n'
            'plt.plot($df["$date"], $df["$num3"], label="$num3")\nplt.legend()\nplt.show()':
            "Plot three columns over time"}, 3),
    Recipe({'for column in ["$num", "$num2"]:\n    plt.plot($df["$date"], $df[column], label=column)\nplt.legend()\n'
            'plt.show()':
            "Plot $num_words and $num2_words over time"}, 3),
    Recipe({'for $cat_name, group in $df.groupby("$cat"):\n'
            '    plt.plot(group["$date"], group["$num"], label=$cat_name)':
            "Plot one line for each $cat_words", "plt.legend()\nplt.show()": "Add a legend and show the plot"}, 3),
    Recipe({'sns.<scatterplot|lineplot|regplot>(data=$df, x="$num", y="$num2")\nplt.show()': SCATTER}, 3),
    Recipe({'sns.scatterplot(data=$df, x="$num", y="$num2", hue="$cat")': "Scatter $num and $num2, colored by $cat"},
            3),
    Recipe({'sns.<boxplot|violinplot|barplot>(data=$df, x="$cat", y="$num")\nplt.show()':
            "Compare $num_words between $cat_words groups"}, 4),
    Recipe({'sns.histplot($df["$num"]<|, kde=True|, bins=$bins>)\nplt.title("Distribution of $num_words")\nplt.show()':
            SPREAD}, 4),
    Recipe({'sns.countplot(data=$df, x="$cat")\nplt.show()': "Count the $cat_words values in a plot"}, 2.5),
    Recipe({'corr = $df.corr(numeric_only=True)': "Compute the correlation matrix",
            'sns.heatmap(corr, annot=True<|, cmap="coolwarm">)\nplt.show()': "Draw it as a heatmap"}, 3.5),
    Recipe({'sns.pairplot($df[["$num", "$num2", "$num3"]])': "Plot every pair of number columns"}, 1.5),
    Recipe({'$df.boxplot(column="$num", by="$cat")\nplt.show()': "Draw box plots of $num_words by $cat_words"}, 2),
    Recipe({'def plot_column(df, column):\n    """Draw a histogram of one column."""\n'
            '    plt.hist(df[column], bins=$bins)\n'
            "    plt.title(column)\n    plt.show()": "Write a function that plots a column",
            'plot_column($df, "$num")\nplot_column($df, "$num2")': "Plot $num and $num2"}, 3),
    Recipe({'plt.hist($df["$num"], bins=$bins)\nplt.title("$num_title")\nplt.savefig("$num_name.png")':
            "Save a histogram of $num_words"}, 3),
)

STYLE = "<|, color=\"$color\"|, linestyle=\"--\"|, marker=\"o\"|, linewidth=2>"
XY = (
    Recipe({"$p = np.linspace(<0, 10|0, 2 * np.pi|-5, 5|0, 1>, <100|50|200>)":
            "Make evenly spaced points | Create $p values",
            "$q = np.<sin|cos|exp|sqrt|tanh>($p)": "Compute $q from $p"}, 7),
    Recipe({"$p = np.arange($size)": "Make $p values", "$q = $p ** 2": "Square them | Compute $q as the square of $p"},
            3),
    Recipe({"$p = <[1, 2, 3, 4, 5]|list(range(1, 6))>\n$q = [$a, $b, $c, $d, $e]":
            "Make some $p and $q values | Define the data"}, 5),
    Recipe({"$p = np.random.rand($size)\n$q = <2|3|0.5> * $p + np.random.randn($size) * 0.1": "Make noisy linear data"},
            3),
    Recipe({"rng = np.random.default_rng($seed)": "Make a random number generator",
            "$p = rng.normal(size=$size)\n$q = <2|3|0.5> * $p + rng.normal(size=$size)": "Draw random data"}, 3),
)
DRAW = (
    Recipe({f"plt.plot($p, $q{STYLE})\nplt.xlabel(\"$x\")\nplt.ylabel(\"$y\")\nplt.show()":
            "Plot $q against $p | Plot the curve"}, 8),
    Recipe({f"plt.plot($p, $q{STYLE})": "Plot $q against $p | Draw the line", 'plt.xlabel("$x")\nplt.ylabel("$y")':
            "Label the axes",
            'plt.title("$y_title <against|by|over> $x")\nplt.show()': "Add a title and show the plot"}, 6),
    Recipe({"plt.scatter($p, $q<|, s=10|, alpha=0.6|, color=\"$color\">)\nplt.show()":
            "Make a scatter plot | Scatter $q against $p"}, 5),
    Recipe({"plt.figure(figsize=(<8, 5|10, 6|6, 4>))\nplt.plot($p, $q)\nplt.grid(True)\nplt.show()":
            "Plot $q with a grid"}, 4),
    Recipe({"fig, ax = plt.subplots()": "Make a figure | Create a figure and an axis", f"ax.plot($p, $q{STYLE})":
            "Plot $q against $p",
            'ax.set_xlabel("$x")\nax.set_ylabel("$y")\nax.set_title("$y_title")': "Label the axes and add a title",
            "plt.show()": "Show the plot"}, 7),
    Recipe({'plt.plot($p, $q, label="$y")\nplt.plot($p, np.cos($p), label="cosine")\nplt.legend()\nplt.show()':
            "Plot two curves"}, 2),
    Recipe({'labels = ["$f1", "$f2", "$f3"]\ncounts = [$a, $b, $c]': "Make labels and counts",
            'plt.<bar|barh>(labels, counts<|, color="$color">)\nplt.title("<Number of fruit|Counts>")\nplt.show()':
            "Draw a bar chart"}, 4),
    Recipe({'months = ["Jan", "Feb", "Mar", "Apr"]\nmonthly_$y = [$a, $b, $c, $d]': "List the months and their $y",
            'plt.plot(months, monthly_$y, marker="o")\nplt.ylabel("$y")\nplt.show()': "Plot $y by month"}, 4),
    Recipe({"fig, axes = plt.subplots(2, 2, figsize=(10, 8))": "Make four axes",
            'axes[0, 0].plot($p, $q)\naxes[0, 1].scatter($p, $q)\naxes[1, 0].hist($q)\naxes[1, 1].boxplot($q)':
            "Draw in each of them",
            'axes[0, 0].set_title("Line")\naxes[0, 1].set_title("Scatter")\naxes[1, 0].set_title("Histogram")\n'
            'axes[1, 1].set_title("Box")': "Give each a title", "plt.tight_layout()\nplt.show()": "Show the figure"},
            3),
    Recipe({"plt.hist($q, bins=<10|20|30>)\nplt.show()": "Plot a histogram of $q"}, 3),
    Recipe({'def plot_line(x, y, title):\n    """Plot y against x."""\n    plt.plot(x, y)\n    plt.title(title)\n'
            '    plt.show()':
            "Write a function that plots a line", 'plot_line($p, $q, "$y_title")': "Plot $q against $p"}, 3),
    Recipe({'plt.plot($p, $q)\nplt.axhline(0, color="gray")\nplt.savefig("<plot|figure|$y>.png")':
            "Plot $q and save the figure"}, 3),
    Recipe({'sns.set_theme()\nsns.<lineplot|scatterplot>(x=$p, y=$q)\nplt.show()': "Plot y against x with seaborn"}, 2),
)
