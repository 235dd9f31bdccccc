"""Recipes for records that a file or a web service holds, for a database, for dates and for texts."""

from __future__ import annotations

from training.data.everyday.recipe import Recipe

FETCH = "Fetch the $table | Request the $table | Get the data from the url | Send a get request"
CHECK = "Raise an error if the request failed | Check the response"
DECODE = "Decode the json | Get the $table from the response | Parse the response"

REQUEST = (
    Recipe({'url = "https://$host/$table"': "Set the url | Define the url of the service",
            "response = requests.get(url)": FETCH,
            "response.raise_for_status()": CHECK, "$recs = response.json()": DECODE}, 9),
    Recipe({'url = "https://$host/$table"': "Set the url",
            "response = requests.get(url<|, timeout=10|, timeout=30>)\nresponse.raise_for_status()":
            FETCH, "$recs = response.json()": DECODE}, 6),
    Recipe({'response = requests.get("https://$host/$table")': FETCH, "print(response.status_code)":
            "Print the status code",
            "$recs = response.json()": DECODE}, 4),
    Recipe({'url = "https://$host/$table"\nparams = {"$cat_name": "$value", "limit": $n}':
            "Set the url and the parameters",
            "response = requests.get(url, params=params)": FETCH,
            "response.raise_for_status()\n$recs = response.json()": DECODE}, 5),
    Recipe({'def fetch_json(url):\n    """Return what the service at the url answers."""\n'
            '    response = requests.get(url<|, timeout=10>)\n'
            "    response.raise_for_status()\n    return response.json()": "Write a function that fetches json",
            '$recs = fetch_json("https://$host/$table")': FETCH}, 5),
    Recipe({'BASE_URL = "https://$host"': "Set the base url",
            'def get_$table(page=1):\n    """Return one page of $table."""\n'
            '    response = requests.get(f"{BASE_URL}/$table", params={"page": page})\n'
            "    response.raise_for_status()\n    return response.json()":
            "Write a function that fetches a page of $table",
            "$recs = get_$table()": FETCH}, 3),
    Recipe({'url = "https://$host/$table"\nheaders = {"Authorization": "Bearer token"}': "Set the url and the headers",
            "response = requests.get(url, headers=headers)": FETCH,
            'if response.status_code == 200:\n    $recs = response.json()\n'
            'else:\n    $recs = []\n    print("Request failed")': DECODE}, 3),
    Recipe({'url = "https://$host/$table"': "Set the url", "$recs = []\nfor page in range(1, 4):\n"
            '    response = requests.get(url, params={"page": page})\n    $recs.extend(response.json())':
            "Fetch the first three pages"}, 2),
    Recipe({'url = "https://$host/$table"': "Set the url", "try:\n    response = requests.get(url, timeout=5)\n"
            "    response.raise_for_status()\n"
            "except requests.RequestException as error:\n    print(f\"Request failed: {error}\")": FETCH,
            "$recs = response.json()": DECODE}, 2),
)
RECORDS = (
    Recipe({"print(len($recs))": "Print how many $table there are | Count the $table"}, 6),
    Recipe({"$recs[0]": "Look at the first $row | Show the first $row"}, 4),
    Recipe({"for $row in $recs:\n    print($row[\"$label\"])":
            "Print the $label_words of every $row | Loop over the $table"}, 7),
    Recipe({"for $row in $recs:\n    print(f\"{$row['$label']}: {$row['$num']}\")":
            "Print $label_words and $num_words"}, 6),
    Recipe({"for i, $row in enumerate($recs):\n    print(i, $row[\"$label\"])": "Print the $table with their position"},
            3),
    Recipe({'labels = [$row["$label"] for $row in $recs]': "Collect the $label_words values", "print(labels)":
            "Print them"}, 6),
    Recipe({'$num_values = [$row["$num"] for $row in $recs]': "Collect $num_words",
            "average = sum($num_values) / len($num_values)": "Average them",
            'print(f"Average $num_words: {average:.2f}")': "Print the average"},
           6, "typed", names={"num_values": "values | all_$num_name | ${num_name}_values"}),
    Recipe({'for $row in $recs:\n    $row["$num"] = float($row["$num"])': "Convert $num_words to numbers"}, 6,
            names={}),
    Recipe({'total = sum($row["$num"] for $row in $recs)': "Add up $num_words", "print(total)": "Print the total"}, 5,
            "typed"),
    Recipe({'total = 0\nfor $row in $recs:\n    total += float($row["$num"])': "Add up $num_words",
            'print(f"Total: {total:.2f}")': "Print the total"}, 5),
    Recipe({'selected = [$row for $row in $recs if $row["$cat"] == "$value"]':
            "Select the $table with $cat_words $value",
            "print(len(selected))": "Count them"}, 5),
    Recipe({'large = [$row for $row in $recs if $row["$num"] > $limit]': "Select $table with $num_words above $limit",
            "for $row in large:\n    print($row[\"$label\"], $row[\"$num\"])": "Print them"}, 5, "typed"),
    Recipe({'by_$key_name = {$row["$key"]: $row for $row in $recs}': "Index the $table by $key_words"}, 4),
    Recipe({'$cat_counts = Counter($row["$cat"] for $row in $recs)': "Count $table by $cat_words",
            "for value, count in $cat_counts.most_common():\n    print(value, count)": "Print the counts"}, 4,
           names={"cat_counts": "counts | counter | ${cat_name}_counts"}),
    Recipe({'groups = defaultdict(list)\nfor $row in $recs:\n    groups[$row["$cat"]].append($row)':
            "Group the $table by $cat_words",
            "for $cat_name, group in groups.items():\n    print($cat_name, len(group))": "Print the group sizes"}, 4),
    Recipe({'counts = {}\n'
            'for $row in $recs:\n    $cat_name = $row["$cat"]\n    counts[$cat_name] = counts.get($cat_name, 0) + 1':
            "Count by $cat_words", "print(counts)": "Print the counts"}, 4),
    Recipe({'best = max($recs, key=lambda $row: $row["$num"])': "Find the $row with the highest $num_words",
            'print(best["$label"], best["$num"])': "Print it"}, 4, "typed"),
    Recipe({'$recs.sort(key=lambda $row: $row["$num"]<|, reverse=True>)': "Sort the $table by $num_words"}, 3, "typed"),
    Recipe({'def get_$label_name($row):\n    """Return the $label_words of one $row."""\n'
            '    return $row["$label"].strip()':
            "Write a function that returns the $label_words", "labels = [get_$label_name($row) for $row in $recs]":
            "Use it on every $row"}, 3),
    Recipe({'def total_$num_name(rows):\n    """Return the sum of $num_words."""\n    total = 0\n    for row in rows:\n'
            '        total += float(row["$num"])\n    return total': "Write a function that adds up $num_words",
            "print(total_$num_name($recs))": "Print the total"}, 4),
    Recipe({'first = $recs[0]\n$label_name = first["$label"]\n$cat_name = first["$cat"]\n$num_name = first["$num"]':
            "Take the first $row apart",
            "print($label_name, $cat_name, $num_name)": "Print its parts"}, 4),
    Recipe({'$cat_values = sorted({$row["$cat"] for $row in $recs})': "List the different $cat_words values"}, 3,
           names={"cat_values": "unique | ${cat_name}_values"}),
)
DATABASE = (
    Recipe({'connection = sqlite3.connect("<$stem|$table|app|data>.db")': "Connect to the database | Open the database",
            "cursor = connection.cursor()": "Get a cursor"}),
    Recipe({'cursor.execute("SELECT * FROM $table")': "Select all $table", "rows = cursor.fetchall()": "Fetch the rows",
            "for row in rows:\n    print(row)": "Print the rows"}, 6),
    Recipe({'cursor.execute("SELECT $label_name, $num_name FROM $table WHERE $num_name > $limit")':
            "Select $table with large $num_words",
            "rows = cursor.fetchall()": "Fetch all rows", "print(len(rows))": "Count them"}, 5),
    Recipe({'query = "SELECT * FROM $table WHERE $cat_name = ?"': "Write the query",
            'rows = cursor.execute(query, ("$value",)).fetchall()': "Run the query for $value"}, 5),
    Recipe({'cursor.execute(\n'
            '    "CREATE TABLE IF NOT EXISTS $table ($key_name INTEGER, $cat_name TEXT, $num_name REAL)"\n)':
            "Create the table | Make a table for the $table"}, 4),
    Recipe({'cursor.execute("INSERT INTO $table VALUES (?, ?, ?)", (1, "$value", $limit))': "Insert a $row",
            "connection.commit()": "Commit the change"}, 4),
    Recipe({'cursor.execute("SELECT COUNT(*) FROM $table")': "Count the $table", "count = cursor.fetchone()[0]":
            "Fetch the count",
            'print(f"{count} rows")': "Print the count"}, 5),
    Recipe({'query = "SELECT $cat_name, AVG($num_name) FROM $table GROUP BY $cat_name"':
            "Write a query that averages $num_words by $cat_words",
            "for $cat_name, average in cursor.execute(query):\n    print($cat_name, average)":
            "Run it and print the averages"}, 5),
    Recipe({'query = "SELECT * FROM $table"': "Write a query", "df = pd.read_sql(query, connection)":
            "Read the result into a dataframe"}, 5),
    Recipe({'new_rows = [("$value", $low), ("$value2", $high)]': "Make some rows",
            'cursor.executemany("INSERT INTO $table ($cat_name, $num_name) VALUES (?, ?)", new_rows)\n'
            'connection.commit()': "Insert them"}, 4),
    Recipe({"connection.close()": "Close the connection | Close the database"}),
)
DATES = (
    Recipe({"now = datetime.now()": "Get the current time", 'print(now.strftime("$format"))': "Print it"}, 6),
    Recipe({"today = datetime.today()": "Get today",
            "tomorrow = today + timedelta(days=1)\nyesterday = today - timedelta(days=1)":
            "Compute tomorrow and yesterday"}, 5),
    Recipe({"start = datetime($year, $month, 1)\nend = datetime($year, 12, 31)": "Set start and end",
            "days = (end - start).days":
            "Count the days between them", 'print(f"{days} days")': "Print the number of days"}, 6),
    Recipe({'text = "$year-0$month-15"': "Write a date as text", 'day = datetime.strptime(text, "%Y-%m-%d")':
            "Parse the date",
            "print(day.year, day.month, day.day)": "Print its parts"}, 6),
    Recipe({'texts = ["$year-01-31", "$year-02-28", "$year-03-31"]': "List some dates",
            'days = [datetime.strptime(text, "%Y-%m-%d") for text in texts]': "Parse them all"}, 4),
    Recipe({'def days_between(first, second):\n    """Return the number of days between two dates."""\n'
            '    return abs((second - first).days)':
            "Write a function that counts the days between two dates",
            "print(days_between(datetime($year, $month, 1), datetime($year, $month, $n)))": "Try it"}, 4),
    Recipe({'def parse_date(text):\n    """Return the date that a text holds."""\n'
            '    return datetime.strptime(text, "%Y-%m-%d")':
            "Write a function that parses a date", 'print(parse_date("$year-0$month-01"))': "Try it"}, 4),
    Recipe({"week = [datetime($year, $month, 1) + timedelta(days=i) for i in range(7)]": "List the days of a week",
            'for day in week:\n    print(day.strftime("%A"))': "Print their names"}, 4),
    Recipe({"birthday = datetime($year, $month, $n)": "Set a birthday", "age = (datetime.now() - birthday).days // 365":
            "Compute the age",
            'print(f"Age: {age}")': "Print it"}, 4),
    Recipe({"started = time.time()": "Note the time", "elapsed = time.time() - started": "Compute how long it took",
            'print(f"{elapsed:.2f} seconds")': "Print the seconds"}, 4),
    Recipe({"deadline = datetime.now() + timedelta(<days|hours|weeks>=$n)": "Set a deadline",
            "remaining = deadline - datetime.now()": "Compute the time left", "print(remaining)": "Print it"}, 4),
    Recipe({'timestamp = datetime.now().strftime("%Y%m%d")': "Make a timestamp",
            'filename = f"${stem}_{timestamp}.csv"':
            "Make a file name with it", "print(filename)": "Print the name"}, 4),
    Recipe({'dates = pd.date_range("$year-01-01", periods=<10|30|12|365>, freq="<D|D|MS|W>")': "Make a range of dates",
            "print(dates[0], dates[-1])": "Print the first and the last"}, 4),
)
TEXT = (
    Recipe({"print(len(lines))": "Count the lines | Print the number of lines"}, 6),
    Recipe({"for line in lines:\n    print(line.strip())": "Print every line"}, 6),
    Recipe({"words = text.<lower().|>split()": "Split the text into words", "counts = Counter(words)":
            "Count the words",
            "for word, count in counts.most_common($n):\n    print(word, count)": "Print the most common words"}, 6),
    Recipe({"words = text.split()\nprint(f\"{len(words)} words\")": "Count the words"}, 4),
    Recipe({r'numbers = re.findall(r"\d+", text)': "Find all numbers in the text",
            "total = sum(int(number) for number in numbers)":
            "Add them up", "print(total)": "Print the total"}, 5),
    Recipe({r'emails = re.findall(r"[\w.]+@[\w.]+", text)': "Find the email addresses",
            "for email in emails:\n    print(email)": "Print them"}, 4),
    Recipe({r'pattern = re.compile(r"(\d{4})-(\d{2})-(\d{2})")': "Write a pattern for dates",
            "matches = pattern.findall(text)": "Find all matches",
            "for year, month, day in matches:\n    print(year, month, day)": "Print them"}, 4),
    Recipe({r'match = re.search(r"$cat_name: (\w+)", text)': "Search for the $cat_words",
            "if match:\n    print(match.group(1))": "Print what was found"}, 4),
    Recipe({r'clean = re.sub(r"<\s+|[^\w\s]|\d+>", " ", text)': "Clean the text", "print(clean[:100])":
            "Print its beginning"}, 4),
    Recipe({'for number, line in enumerate(lines, start=1):\n    if "$value" in line:\n        print(number, line)':
            "Print the lines that contain $value"}, 5),
    Recipe({'matching = [line for line in lines if "<error|$value|$cat_name|ERROR>" in line]':
            "Keep the matching lines", "print(len(matching))": "Count them"}, 5),
    Recipe({"lengths = [len(line) for line in lines]": "Get the length of every line", "longest = max(lengths)":
            "Find the longest",
            "print(longest)": "Print it"}, 4),
    Recipe({"stripped = [line.strip() for line in lines if line.strip()]": "Drop the empty lines"}, 5),
    Recipe({'pairs = {}\n'
            'for line in lines:\n    key, value = line.split("<=|:|,>", 1)\n    pairs[key.strip()] = value.strip()':
            "Parse the lines into a dictionary", "print(pairs)": "Print it"}, 4),
    Recipe({'def count_words(text):\n    """Return how often every word occurs."""\n    counts = {}\n'
            '    for word in text.split():\n'
            "        counts[word] = counts.get(word, 0) + 1\n    return counts": "Write a function that counts words",
            "counts = count_words(text)": "Count the words"}, 4),
    Recipe({'with open("$out.txt", "w") as f:\n    f.write(text.<upper|lower|strip>())':
            "Write the changed text to $out.txt"}, 4),
)
