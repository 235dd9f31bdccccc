"""Recipes that change a data frame: cleaning of what was read and computing of new columns."""

from __future__ import annotations

from training.data.everyday.recipe import Recipe

PARSE_DATES = "Convert $date to datetime | Parse the dates | Turn the $date_words column into dates"

RENAME = "Rename $key_words | Give $key_words a shorter name"

CLEAN = (
    Recipe({"$df = $df.dropna()": "Drop missing values | Remove rows with missing values | Drop the NaN rows"}, 7,
            needs="!tidy", gives="tidy"),
    Recipe({'$df = $df.dropna(subset=["$num"])': "Drop rows without $num_words | Drop rows where $num is missing"}, 4),
    Recipe({'$df["$num"] = $df["$num"].fillna(0)':
            "Fill missing $num_words with zero | Replace missing $num_words by 0"}, 4, needs="!filled", gives="filled"),
    Recipe({'$df["$num"] = $df["$num"].fillna($df["$num"].<mean|median>())':
            "Fill missing $num_words | Impute the missing values of $num"}, 5, needs="!filled", gives="filled"),
    Recipe({'mean_$num_name = $df["$num"].mean()': "Compute the mean $num_words",
            '$df["$num"] = $df["$num"].fillna(mean_$num_name)': "Fill missing $num_words with the mean"}, 3,
            needs="!filled", gives="filled"),
    Recipe({'$df["$cat"] = $df["$cat"].fillna("<unknown|Unknown|other|missing>")': "Fill missing $cat_words"}, 3),
    Recipe({"$df = $df.fillna(0)": "Fill missing values with zero | Replace NaN with 0"}, 2, needs="!tidy",
            gives="tidy"),
    Recipe({"$df = $df.drop_duplicates()": "Drop duplicates | Remove duplicate rows | Remove the duplicates"}, 6,
            needs="!unique", gives="unique"),
    Recipe({'$df = $df.drop_duplicates(subset=["$label"]<|, keep="last">)': "Keep one row for each $label_words"}, 2),
    Recipe({"$df.<dropna|drop_duplicates>(inplace=True)": "Clean the data in place"}, 2, needs="!tidy", gives="tidy"),
    Recipe({'$df["$date"] = pd.to_datetime($df["$date"])': PARSE_DATES}, 8, needs="!dated", gives="dated"),
    Recipe({'$df["$date"] = pd.to_datetime($df["$date"], <format="%Y-%m-%d"|errors="coerce"|dayfirst=True>)':
            PARSE_DATES},
           2, needs="!dated", gives="dated"),
    Recipe({'$df["$num"] = $df["$num"].astype(<int|float|float>)': "Convert $num to a number | Make $num numeric"}, 4,
            needs="!numeric", gives="numeric"),
    Recipe({'$df["$num"] = pd.to_numeric($df["$num"], errors="coerce")': "Convert $num to numeric"}, 3,
            needs="!numeric", gives="numeric"),
    Recipe({'$df["$cat"] = $df["$cat"].astype("category")': "Make $cat a category | Convert $cat to categorical"}, 2.5),
    Recipe({'$df["$cat"] = $df["$cat"].astype("category")\n$df["$cat2"] = $df["$cat2"].astype("category")':
            "Convert $cat and $cat2 to categories"}, 2),
    Recipe({'$df["$num"] = $df["$num"].astype(float)\n$df["$num2"] = $df["$num2"].astype(float)\n'
            '$df["$num3"] = $df["$num3"].astype(float)': "Convert the number columns to float"}, 3, needs="!numeric",
            gives="numeric"),
    Recipe({'$df["$cat"] = $df["$cat"].str.strip()':
            "Strip whitespace from $cat | Remove spaces around the $cat_words"}, 4, needs="!stripped",
            gives="stripped"),
    Recipe({'$df["$cat"] = $df["$cat"].str.<lower|upper|title>()':
            "Normalise the case of $cat | Change the case of $cat"}, 3),
    Recipe({'$df["$cat"] = $df["$cat"].str.strip().str.lower()': "Clean up the $cat_words column"}, 2,
            needs="!stripped", gives="stripped"),
    Recipe({'$df["$cat"] = $df["$cat"].str.strip()\n$df["$cat2"] = $df["$cat2"].str.strip()': "Strip $cat and $cat2"},
            2, needs="!stripped", gives="stripped"),
    Recipe({'$df["$label"] = $df["$label"].str.<title|strip>()': "Tidy the $label_words column"}, 2),
    Recipe({'$df["$cat"] = $df["$cat"].replace("$value", "$value2")': "Replace $value with $value2 in $cat"}, 2.5),
    Recipe({'$df = $df.drop(columns=["$key"])': "Drop the $key_words column | Remove $key"}, 4, needs="!dropped",
            gives="dropped"),
    Recipe({'$df = $df.drop("$key", axis=1)': "Drop the $key_words column"}, 2, needs="!dropped", gives="dropped"),
    Recipe({'$df["$num"] = $df["$num"].clip(lower=<0|$low>)': "Clip negative $num_words | Limit $num from below"}, 1.5),
    Recipe({'$df["$num"] = $df["$num"].round(<1|2|2|0>)': "Round $num_words | Round the $num column"}, 2),
    Recipe({'$df = $df.rename(columns={"$key": "<key|code|number>"})': RENAME}, 4, needs="!dropped", gives="dropped"),
    Recipe({"$df = $df.reset_index(drop=True)": "Reset the index"}, 4),
    Recipe({'$df = $df.sort_values("$date").reset_index(drop=True)': "Sort by date and reset the index"}, 2,
            needs="dated"),
    Recipe({'$df.columns = $df.columns.str.lower()': "Make the column names lowercase | Lowercase the column names"}, 2,
           needs="snake"),
    Recipe({'$df.columns = [column.strip() for column in $df.columns]': "Strip the column names"}, 2),
    Recipe({'numeric_columns = ["$num", "$num2", "$num3"]': "List the numeric columns",
            'for column in numeric_columns:\n    $df[column] = pd.to_numeric($df[column], errors="coerce")':
            "Convert every numeric column",
            "$df[numeric_columns] = $df[numeric_columns].fillna(0)": "Fill their missing values with zero"}, 3,
            needs="!numeric", gives="numeric"),
    Recipe({'for column in ["$cat", "$cat2"]:\n    $df[column] = $df[column].str.strip().str.lower()':
            "Clean the text columns | Strip and lowercase $cat and $cat2"}, 3, needs="!stripped", gives="stripped"),
    Recipe({'def clean_data(df):\n    """Drop incomplete rows and duplicates."""\n    df = df.dropna()\n'
            "    df = df.drop_duplicates()\n    return df": "Write a function that cleans the data",
            "$df = clean_data($df)": "Clean the data"}, 3, needs="!tidy", gives="tidy"),
    Recipe({'def fill_missing(df, column):\n    """Fill missing values of a column with its median."""\n'
            "    median = df[column].median()\n    df[column] = df[column].fillna(median)\n    return df":
            "Write a function that fills missing values with the median",
            '$df = fill_missing($df, "$num")\n$df = fill_missing($df, "$num2")': "Fill $num and $num2"}, 2),
    Recipe({'def remove_outliers(df, column, limit=<3|2>):\n    """Drop rows far from the mean."""\n'
            "    z = (df[column] - df[column].mean()) / df[column].std()\n    return df[z.abs() < limit]":
            "Write a function that removes outliers", '$df = remove_outliers($df, "$num")':
            "Remove outliers of $num_words"}, 1.5, needs="!trimmed", gives="trimmed"),
    Recipe({'q1 = $df["$num"].quantile(0.25)\nq3 = $df["$num"].quantile(0.75)\niqr = q3 - q1':
            "Compute the quartiles of $num",
            '$df = $df[$df["$num"].between(q1 - 1.5 * iqr, q3 + 1.5 * iqr)]': "Remove the outliers"}, 2,
            needs="!trimmed", gives="trimmed"),
    Recipe({'before = len($df)\n$df = $df.<dropna|drop_duplicates>()\nafter = len($df)': "Clean and count the rows",
            'print(f"Removed {before - after} rows")': "Print how many rows were removed"}, 2.5, needs="!tidy",
            gives="tidy"),
    Recipe({'$df = $df[$df["$num"] > 0]': "Keep rows with positive $num_words"}, 2.5),
    Recipe({'$df = $df[$df["$num"].notna()]': "Keep rows that have $num_words"}, 2),
)

DERIVE = (
    Recipe({'$df["$new"] = $df["$left"] $op $df["$right"]':
            "Compute $new_words | Add a column $new | Compute $new_words from $left_words and $right_words"}, 16,
            adds="new_name"),
    Recipe({'$df["$new"] = $df["$left"] $op $df["$right"]\n$df.head()': "Add a column $new and look at it"}, 4,
            adds="new_name"),
    Recipe({'def compute_$new_name(row):\n    """Return the $new_words of one $row."""\n'
            "    return row[\"$left\"] $op row[\"$right\"]": "Write a function for the $new_words of a row",
            '$df["$new"] = $df.apply(compute_$new_name, axis=1)': "Apply it to every row | Add the column $new"}, 3,
           adds="new_name"),
    Recipe({'def add_$new_name(df):\n    """Add the $new_words column."""\n'
            '    df["$new"] = df["$left"] $op df["$right"]\n'
            "    return df": "Write a function that adds the $new_words", "$df = add_$new_name($df)":
            "Add the $new_words"},
           3, adds="new_name"),
    Recipe({'$df = $df.assign($new_name=$df["$left"] $op $df["$right"])': "Add the column $new"}, 2, "snake",
            adds="new_name"),
    Recipe({'$df["year"] = $df["$date"].dt.year': "Extract the year | Add the year | Get the year from $date"}, 5,
            "dated",
           "yearly"),
    Recipe({'$df["year"] = $df["$date"].dt.year\n$df["month"] = $df["$date"].dt.month\n'
            '$df["day"] = $df["$date"].dt.day':
            "Split the date into year, month and day | Extract year, month and day from $date"}, 5, "dated",
            "yearly monthly"),
    Recipe({'$df["month"] = $df["$date"].dt.month': "Extract the month | Add a month column"}, 5, "dated", "monthly"),
    Recipe({'$df["weekday"] = $df["$date"].dt.<day_name()|dayofweek>': "Add the day of the week"}, 2, "dated"),
    Recipe({'$df["is_weekend"] = $df["$date"].dt.dayofweek >= 5': "Mark the weekends"}, 2, "dated"),
    Recipe({'$df["$num"] = $df["$num"] <*|/> $factor': "Scale $num_words | Rescale the $num column"}, 3),
    Recipe({'$df["<high|large|is_high>_$num_name"] = $df["$num"] > $limit': "Mark rows with high $num_words"}, 3),
    Recipe({'$df["$num_level"] = np.where($df["$num"] > $limit, "high", "low")': "Call $num_words above $limit high"},
            3,
           names={"num_level": "level | ${num_name}_level | group"}),
    Recipe({'$df["$level"] = pd.cut($df["$num"], bins=<3|4|5>)': "Bin $num_words | Cut $num into bins"}, 2,
           names={"level": "bin | ${num_name}_bin | ${num_name}_group"}),
    Recipe({'$df["$level"] = pd.qcut($df["$num"], 4, labels=["low", "medium", "high", "top"])':
            "Split $num into quartiles"}, 2,
           names={"level": "quartile | ${num_name}_quartile"}),
    Recipe({'def label(value):\n    """Return a word for how large a value is."""\n    if value > $high:\n'
            '        return "high"\n'
            '    if value > $low:\n        return "medium"\n    return "low"':
            "Write a function that names the size of $num_words",
            '$df["$level"] = $df["$num"].apply(label)': "Apply label to $num_words"}, 3,
           names={"level": "level | ${num_name}_level | category_$num_name"}),
    Recipe({'$df["$mean"] = $df["$num"].rolling(window=$window).mean()': "Compute a rolling mean of $num_words"}, 2.5,
           names={"mean": "rolling_mean | ${num_name}_rolling | moving_average"}),
    Recipe({'$df["<cumulative_$num_name|running_total>"] = $df["$num"].cumsum()':
            "Compute the running total of $num_words"}, 2.5),
    Recipe({'$df["$change"] = $df["$num"].<pct_change|diff>()': "Compute the change of $num_words"}, 2.5,
           names={"change": "${num_name}_change | growth | ${num_name}_diff"}),
    Recipe({'$df["previous_$num_name"] = $df["$num"].shift(1)': "Add the previous $num_words"}, 1.5),
    Recipe({'$df["rank"] = $df["$num"].rank(ascending=False)': "Rank by $num_words"}, 2),
    Recipe({'$df["${num_name}_log"] = np.log<|1p>($df["$num"])': "Take the log of $num_words"}, 2),
    Recipe({'$df["$scaled"] = ($df["$num"] - $df["$num"].mean()) / $df["$num"].std()':
            "Standardise $num_words | Compute the z-score of $num"}, 3, names={"scaled":
            "${num_name}_scaled | ${num_name}_z"}),
    Recipe({'$df["$scaled"] = ($df["$num"] - $df["$num"].min()) / ($df["$num"].max() - $df["$num"].min())':
            "Normalise $num_words to 0 and 1"}, 2, names={"scaled": "${num_name}_norm | ${num_name}_scaled"}),
    Recipe({'low = $df["$num"].min()\nhigh = $df["$num"].max()': "Get the range of $num_words",
            '$df["${num_name}_norm"] = ($df["$num"] - low) / (high - low)': "Normalise $num_words"}, 2),
    Recipe({'total = $df["$num"].sum()': "Compute the total $num_words",
            '$df["share"] = $df["$num"] / total': "Compute the share of the total | Divide $num_words by the total"},
            3),
    Recipe({'$df["<${label_name}_length|name_length>"] = $df["$label"].str.len()':
            "Compute the length of $label_words"}, 2),
    Recipe({'$codes = {"$value": 0, "$value2": 1}': "Make a mapping for $cat_words",
            '$df["${cat_name}_code"] = $df["$cat"].map($codes)': "Map $cat_words to numbers"}, 2.5,
           names={"codes": "mapping | codes | ${cat_name}_map"}),
    Recipe({'$df["${num_name}_$unit"] = $df["$num"].apply(lambda x: x <*|/> $factor)': "Convert $num_words"}, 2.5,
           names={"unit": "scaled | new | converted"}),
    Recipe({'$df["$average"] = $df.groupby("$cat")["$num"].transform("mean")':
            "Add the mean $num_words of each $cat_words"}, 2.5,
           names={"average": "mean_$num_name | ${cat_name}_mean | average_$num_name"}),
    Recipe({'dummies = pd.get_dummies($df["$cat"])': "Make dummy columns for $cat",
            "$df = pd.concat([$df, dummies], axis=1)": "Add the dummy columns to $df"}, 2),
)
