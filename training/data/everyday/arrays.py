"""Notebooks of arrays: numpy, plots of arrays, statistics, and models trained with scikit-learn."""

from __future__ import annotations

import random

from training.data.everyday.cleaning import CLEAN
from training.data.everyday.column import labelled_scene, table_scene
from training.data.everyday.frames import LOAD
from training.data.everyday.model import (
    CLASS_SCORES,
    COLUMNS,
    FIT_CLASSES,
    FIT_REGRESSION,
    OTHER,
    REGRESSION_SCORES,
    SCALE,
    SPLIT,
    TOYS,
)
from training.data.everyday.plot import DRAW, XY
from training.data.everyday.program import Program, Writer
from training.data.everyday.query import EXPLORE
from training.data.everyday.recipe import Fields, Hand, Recipe, Scene
from training.data.everyday.words import COLORS, FRUIT, MATRICES, MEASURES

MAKE = (
    Recipe({"$v = np.array([$a, $b, $c, $d, $e])": "Create an array | Make an array of numbers"}, 8, gives="vector"),
    Recipe({"$list = [$a, $b, $c, $d, $e]": "Make a list", "$v = np.array($list)": "Turn the list into an array"}, 4,
           gives="vector", names={"list": "numbers_list | raw | items | readings"}),
    Recipe({"$v = np.arange(<$size|0, $size|0, $size, 2>)": "Make a range of numbers"}, 3, gives="vector"),
    Recipe({"$v = np.linspace(0, <1|10|100>, $size)": "Make $size evenly spaced values"}, 4, gives="vector"),
    Recipe({"$v = np.zeros($size)": "Make an array of zeros | Create $size zeros"}, 4, gives="vector"),
    Recipe({"$v = np.random.<rand|randn>($size)": "Draw $size random numbers | Create random data"}, 4, gives="vector"),
    Recipe({"$v = np.random.randint(0, <10|100|50>, size=$size)": "Draw random integers"}, 3, gives="vector"),
    Recipe({"np.random.seed($seed)": "Set the random seed", "$v = np.random.normal($a, $small, $size)":
            "Draw normal values"}, 3,
           gives="vector"),
    Recipe({"rng = np.random.default_rng($seed)": "Make a random generator", "$v = rng.normal(size=$size)":
            "Draw normal values"},
           3, gives="vector"),
    Recipe({"$v = np.zeros(($small, $small2))": "Make a matrix of zeros | Create a $small by $small2 array of zeros"},
            4, gives="matrix"),
    Recipe({"$v = np.ones(($small, $small2))": "Make a matrix of ones"}, 3, gives="matrix"),
    Recipe({"$v = np.arange($product).reshape($small, $small2)": "Make a matrix of counting numbers"}, 3,
            gives="matrix"),
    Recipe({"$v = np.array([[$a, $b], [$c, $d]])": "Create a matrix | Make a two by two matrix"}, 5,
            gives="matrix square"),
    Recipe({"$v = np.random.rand($small, $small2)": "Make a random matrix"}, 3, gives="matrix"),
    Recipe({"rows = $small\ncolumns = $small2": "Set the size", "$v = np.zeros((rows, columns))":
            "Make an empty matrix"}, 2,
           gives="matrix"),
)
USE = (
    Recipe({"$v.shape": "Show the shape"}, 5),
    Recipe({"print($v)": "Print the array"}, 4),
    Recipe({"print($v.shape)\nprint($v.dtype)\nprint($v.size)": "Print shape, type and size"}, 3),
    Recipe({"mean = np.mean($v)": "Compute the mean | Average $v", 'print(f"Mean: {mean:.2f}")': "Print the mean"}, 6),
    Recipe({"mean = np.mean($v)\nstd = np.std($v)": "Compute mean and standard deviation",
            "$normalized = ($v - mean) / std":
            "Standardise the values | Subtract the mean and divide by the standard deviation"}, 5,
           names={"normalized": "normalized | standardized | z | scaled"}),
    Recipe({"mean = $v.mean()\nmedian = np.median($v)\nstd = $v.std()": "Compute mean, median and standard deviation",
            "print(mean, median, std)": "Print them"}, 4),
    Recipe({"print(\"Min:\", $v.min())\nprint(\"Max:\", $v.max())\nprint(\"Mean:\", $v.mean())":
            "Print minimum, maximum and mean"}, 4),
    Recipe({"np.$total($v)": "Compute the $total of the array | Get the $total of $v"}, 4,
           names={"total": "mean | sum | max | min | std | median | var"}),
    Recipe({"total = np.sum($v)": "Sum the values", "print(total)": "Print the total"}, 4),
    Recipe({"$v[$v > $a]": "Select values above $a | Keep the large values"}, 3, "vector"),
    Recipe({"mask = $v > $v.mean()": "Mark values above the mean", "above = $v[mask]": "Select them",
            "print(len(above))": "Count them"}, 4),
    Recipe({"$v[<0|-1|:3|1:4|::2|::-1>]": "Pick elements by position"}, 3),
    Recipe({"doubled = $v * 2": "Double the values", "print(doubled)": "Print them"}, 3),
    Recipe({"$w = $v <+ 1|** 2|* 10|- 5|/ 2>": "Compute a new array from $v", "print($w)": "Print the new array"}, 4),
    Recipe({"squares = $v ** 2\ncubes = $v ** 3\nroots = np.sqrt(np.abs($v))": "Compute squares, cubes and roots"}, 3),
    Recipe({"np.sort($v)": "Sort the values"}, 2, "vector"),
    Recipe({"order = np.argsort($v)": "Get the sort order", "$v[order]": "Apply it"}, 2, "vector"),
    Recipe({"largest = np.argmax($v)\nsmallest = np.argmin($v)": "Find the largest and the smallest",
            "print(largest, smallest)": "Print where"}, 3),
    Recipe({"np.unique($v)": "List the different values"}, 2),
    Recipe({"values, counts = np.unique($v, return_counts=True)": "Count the different values",
            "for value, count in zip(values, counts):\n    print(value, count)": "Print the counts"}, 2),
    Recipe({"$w = np.where($v > $a, 1, 0)": "Mark values above $a by one"}, 3),
    Recipe({"np.cumsum($v)": "Compute the running sum"}, 2),
    Recipe({"np.percentile($v, [25, 50, 75])": "Compute the quartiles"}, 3),
    Recipe({"$w = np.<exp|log1p|abs|round|sin>($v)": "Transform the values"}, 2),
    Recipe({"np.concatenate([$v, $v])": "Put the array together with itself"}, 1, "vector"),
    Recipe({"$v.T": "Transpose the matrix"}, 3, "matrix"),
    Recipe({"$v.mean(axis=<0|1>)": "Average along an axis"}, 4, "matrix"),
    Recipe({"row_sums = $v.sum(axis=1)\ncolumn_sums = $v.sum(axis=0)": "Sum rows and columns",
            "print(row_sums)\nprint(column_sums)": "Print the sums"}, 4, "matrix"),
    Recipe({"$v.<flatten()|ravel()|reshape(-1)>": "Flatten the matrix"}, 2, "matrix"),
    Recipe({"$v[0, 1]\n$v[:, 0]\n$v[0, :]": ""}, 0.5, "matrix"),
    Recipe({"first_row = $v[0]\nfirst_column = $v[:, 0]": "Take the first row and column"}, 3, "matrix"),
    Recipe({"for row in $v:\n    print(row<|.sum()|.mean()>)": "Loop over the rows"}, 3, "matrix"),
    Recipe({"$w = $v @ $v.T": "Multiply the matrix by its transpose", "print($w)": "Print the product"}, 3, "matrix"),
    Recipe({"np.linalg.det($v)": "Compute the determinant"}, 2, "square"),
    Recipe({"inverse = np.linalg.inv($v)": "Invert the matrix", "print(inverse)": "Print the inverse"}, 2, "square"),
    Recipe({"vector = np.array([$c, $d])": "Make a vector", "$w = np.linalg.solve($v, vector)":
            "Solve the linear system"}, 3, "square"),
    Recipe({"for i, value in enumerate($v):\n    print(i, value)": "Print every value with its position"}, 3, "vector"),
    Recipe({"for value in $v:\n    if value > $a:\n        print(value)": "Print the values above $a"}, 2, "vector"),
    Recipe({'def normalize(values):\n    """Scale values to between 0 and 1."""\n'
            "    return (values - values.min()) / (values.max() - values.min())": "Write a function that scales values",
            "$w = normalize($v)": "Normalise $v"}, 4),
    Recipe({'def describe(values):\n    """Return mean and standard deviation."""\n    mean = np.mean(values)\n'
            "    std = np.std(values)\n    return mean, std":
            "Write a function that returns mean and standard deviation",
            "mean, std = describe($v)": "Describe $v"}, 3),
    Recipe({'def moving_average(values, window):\n    """Return the mean over a sliding window."""\n'
            '    return np.convolve(values, np.ones(window) / window, mode="valid")': "Write a moving average",
            "smooth = moving_average($v, 3)": "Smooth the values"}, 2, "vector"),
    Recipe({'np.save("$v.npy", $v)': "Save the array", '$w = np.load("$v.npy")': "Load it again"}, 1.5),
    Recipe({"plt.hist($v.ravel(), bins=10)\nplt.show()": "Plot a histogram"}, 2, "matrix"),
    Recipe({"plt.plot($v<|, color=\"$color\"|, marker=\"o\">)\nplt.show()": "Plot the values | Plot $v"}, 4, "vector"),
)
SAMPLES = (
    Recipe({"$g = [$a, $b, $c, $d, $e]\n$h = [$b, $d, $e, $a, $f]": "Define two groups | Enter the measurements"}, 5),
    Recipe({"rng = np.random.default_rng($seed)": "Make a random generator",
            "$g = rng.normal($a, 5, size=$size)\n$h = rng.normal($b, 5, size=$size)": "Draw two samples"}, 4),
    Recipe({"$g = np.random.normal($a, $small, $size)\n$h = np.random.normal($b, $small, $size)":
            "Simulate two groups"}, 4),
)
TESTS = (
    Recipe({"t_stat, p_value = stats.ttest_ind($g, $h)": "Run a t-test | Compare the two groups with a t-test",
            'print(f"t = {t_stat:.2f}, p = {p_value:.3f}")': "Print the result",
            'if p_value < <0.05|0.01>:\n    print("The difference is significant")\n'
            'else:\n    print("The difference is not significant")':
            "Say whether the difference is significant"}, 5),
    Recipe({"r, p = stats.pearsonr($g, $h)": "Compute the correlation | Correlate $g and $h", 'print(f"r = {r:.2f}")':
            "Print the correlation"}, 4),
    Recipe({"print(np.mean($g))\nprint(np.mean($h))": "Print both means"}, 5),
    Recipe({"mean_$g = np.mean($g)\nmean_$h = np.mean($h)": "Compute both means", "difference = mean_$g - mean_$h":
            "Subtract them",
            'print(f"Difference: {difference:.2f}")': "Print the difference"}, 5),
    Recipe({"plt.hist($g, alpha=0.5, label=\"$g\")\nplt.hist($h, alpha=0.5, label=\"$h\")\nplt.legend()\nplt.show()":
            "Plot both histograms | Compare the distributions in a plot"}, 4),
    Recipe({"plt.boxplot([$g, $h])\nplt.show()": "Draw box plots of both groups"}, 3),
    Recipe({"slope, intercept = np.polyfit($g, $h, 1)": "Fit a line", 'print(f"y = {slope:.2f}x + {intercept:.2f}")':
            "Print the line"}, 4),
    Recipe({"result = stats.linregress($g, $h)": "Run a linear regression",
            "print(result.slope, result.intercept)\nprint(result.rvalue ** 2)":
            "Print the fit"}, 3),
    Recipe({"n = len($g)\nmean = np.mean($g)\nstd = np.std($g, ddof=1)": "Summarise the first group",
            "error = std / np.sqrt(n)\nlow = mean - 1.96 * error\nhigh = mean + 1.96 * error":
            "Compute a confidence interval",
            'print(f"95% CI: {low:.2f} to {high:.2f}")': "Print the interval"}, 3),
    Recipe({"np.corrcoef($g, $h)<|[0, 1]>": "Compute the correlation coefficient"}, 3),
    Recipe({'for name, values in {"$g": $g, "$h": $h}.items():\n    print(name, np.mean(values), np.std(values))':
            "Print mean and standard deviation of each group"}, 3),
)


def array_scene(rng: random.Random) -> Scene:
    """Return an empty scene around one array, two measures and a few numbers."""
    v, w = rng.sample(MATRICES, 2)
    x, y = rng.sample(MEASURES, 2)
    g, h = rng.choice((("control", "treatment"), ("before", "after"), ("group_a", "group_b"), ("a", "b"), ("x", "y"),
                       ("sample1", "sample2"), ("men", "women"), (x, y), ("old", "new")))
    p, q = rng.choice((("x", "y"), ("x", "y"), ("x", "y"), ("x", "y"), ("t", "signal"), ("xs", "ys"), (x, y)))
    scale = rng.choice((10, 10, 100, 100, 1000))

    def draw(scene: Scene) -> Fields:
        numbers = [str(scene.rng.randint(1, scale)) for _ in range(6)]
        small, small2 = scene.rng.randint(2, 5), scene.rng.randint(2, 6)
        f1, f2, f3 = scene.rng.sample(FRUIT, 3)
        return dict(zip("abcdef", numbers)) | {
            "v": v, "w": w, "x": x, "y": y, "g": g, "h": h, "p": p, "q": q, "y_title": y.capitalize(), "f1": f1, "f2":
            f2, "f3": f3,
            "small": str(small), "small2": str(small2), "product": str(small * small2),
            "size": scene.rng.choice(("5", "10", "20", "50", "100", "100", "200", "1000")),
            "seed": scene.rng.choice(("0", "1", "42", "42", "123", "7")), "color": scene.rng.choice(COLORS),
        }

    return Scene(rng, draw, Hand.draw(rng))


def numbers(rng: random.Random) -> Program:
    """Make an array and compute with it."""
    scene = array_scene(rng)
    scene.pick(MAKE)
    scene.pick(USE, rng.randint(3, 5))
    return scene.program()


def curves(rng: random.Random) -> Program:
    """Make x and y values and draw them."""
    scene = array_scene(rng)
    scene.pick(XY)
    scene.pick(DRAW, rng.randint(2, 3))
    return scene.program()


def comparison(rng: random.Random) -> Program:
    """Compare two samples."""
    scene = array_scene(rng)
    scene.pick(SAMPLES)
    scene.pick(TESTS, rng.randint(2, 4))
    return scene.program()


def regression(rng: random.Random) -> Program:
    """Train a model that predicts a number column of a table."""
    scene = table_scene(rng)
    scene.pick(LOAD)
    scene.pick(EXPLORE, rng.randint(0, 1))
    scene.pick(CLEAN[:1], rng.randint(0, 1))
    scene.pick(COLUMNS)
    scene.pick(SPLIT)
    scene.pick(SCALE[:1], rng.randint(0, 1))
    scene.pick(FIT_REGRESSION)
    scene.pick(REGRESSION_SCORES, rng.randint(1, 2))
    return scene.program()


def classification(rng: random.Random) -> Program:
    """Train a model that predicts a class."""
    from_table = rng.random() < 0.6
    scene = labelled_scene(rng) if from_table else array_scene(rng)
    scene.facts.add("classes")
    scene.pick(LOAD if from_table else TOYS)
    if from_table:
        scene.pick(COLUMNS)
    scene.pick(SPLIT)
    scene.pick(SCALE[:1], rng.randint(0, 1))
    scene.pick(FIT_CLASSES)
    scene.pick(CLASS_SCORES, rng.randint(1, 2))
    return scene.program()


def clustering(rng: random.Random) -> Program:
    """Load a toy data set and try a few methods on it."""
    scene = array_scene(rng)
    scene.pick(TOYS)
    scene.pick(OTHER, rng.randint(1, 3))
    return scene.program()


WRITERS: tuple[Writer, ...] = (numbers, curves, comparison, regression, classification, clustering)
