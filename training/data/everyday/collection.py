"""Patterns of functions that sort and search lists, and that work on plain lists and dictionaries."""

from __future__ import annotations

PATTERNS = """\
? sort the $xs with bubble sort
def bubble_sort($xs: list[float]) -> list[float]:
    n = len($xs)
    for i in range(n):
        for j in range(n - i - 1):
            if $xs[j] > $xs[j + 1]:
                $xs[j], $xs[j + 1] = $xs[j + 1], $xs[j]
    return $xs
> bubble_sort($xs)
= assert bubble_sort([3, 1, 2]) == [1, 2, 3]
%%
? return the index of a target in the $xs or -1
def find_index($xs: list[float], target: float) -> int:
    for i, $x in enumerate($xs):
        if $x == target:
            return i
    return -1
|
def find_index($xs: list[float], target: float) -> int:
    for i in range(len($xs)):
        if $xs[i] == target:
            return i
    return -1
> find_index($xs, $limit)
= assert find_index([5, 6, 7], 6) == 1
= assert find_index([5, 6, 7], 9) == -1
%%
? search a sorted list with binary search
def binary_search(items: list[int], target: int) -> int:
    low = 0
    high = len(items) - 1
    while low <= high:
        middle = (low + high) // 2
        if items[middle] == target:
            return middle
        elif items[middle] < target:
            low = middle + 1
        else:
            high = middle - 1
    return -1
> binary_search([1, 3, 5, 7, 9, 11], $digit)
= assert binary_search([1, 3, 5, 7], 5) == 2
= assert binary_search([1, 3, 5, 7], 4) == -1
%%
? remove the duplicates from a list
def remove_duplicates(items: list) -> list:
    result = []
    for item in items:
        if item not in result:
            result.append(item)
    return result
|
def remove_duplicates(items: list) -> list:
    seen = set()
    unique = []
    for item in items:
        if item not in seen:
            seen.add(item)
            unique.append(item)
    return unique
|
def remove_duplicates(items: list) -> list:
    return list(dict.fromkeys(items))
> remove_duplicates($xs)
> remove_duplicates($ints)
= assert remove_duplicates([1, 2, 1, 3]) == [1, 2, 3]
%%
? flatten a list of lists
def flatten(lists: list[list]) -> list:
    return [item for sublist in lists for item in sublist]
|
def flatten(nested: list[list]) -> list:
    result = []
    for sublist in nested:
        for item in sublist:
            result.append(item)
    return result
|
def flatten(lists: list[list]) -> list:
    result = []
    for items in lists:
        result.extend(items)
    return result
> flatten([[1, 2], [3, $digit], [5]])
= assert flatten([[1, 2], [3]]) == [1, 2, 3]
= assert flatten([]) == []
%%
? split a list into chunks of a given size
def chunk(items: list, size: int) -> list[list]:
    return [items[i:i + size] for i in range(0, len(items), size)]
|
def chunk(items: list, size: int) -> list[list]:
    chunks = []
    for i in range(0, len(items), size):
        chunks.append(items[i:i + size])
    return chunks
> chunk($xs, 2)
= assert chunk([1, 2, 3], 2) == [[1, 2], [3]]
%%
? return the elements that two lists have in common
def common_items(first: list, second: list) -> list:
    return [item for item in first if item in second]
|
def common_items(a: list, b: list) -> list:
    return sorted(set(a) & set(b))
> common_items($ints, $ints_too)
= assert common_items([1, 2, 3], [2, 3, 4]) == [2, 3]
%%
? rotate a list by a number of positions
def rotate(items: list, count: int) -> list:
    return items[count:] + items[:count]
> rotate($xs, 1)
= assert rotate([1, 2, 3], 1) == [2, 3, 1]
%%
? merge two dictionaries
def merge_dicts(first: dict, second: dict) -> dict:
    result = first.copy()
    result.update(second)
    return result
|
def merge_dicts(first: dict, second: dict) -> dict:
    return {**first, **second}
> merge_dicts({"a": 1}, {"b": $digit})
= assert merge_dicts({"a": 1}, {"b": 2}) == {"a": 1, "b": 2}
%%
? swap the keys and values of a dictionary
def invert_dict(mapping: dict) -> dict:
    return {value: key for key, value in mapping.items()}
|
def invert_dict(data: dict) -> dict:
    result = {}
    for key, value in data.items():
        result[value] = key
    return result
> invert_dict({"a": 1, "b": $digit})
= assert invert_dict({"a": 1}) == {1: "a"}
%%
? build a dictionary from two lists
def make_dict(keys: list, values: list) -> dict:
    return dict(zip(keys, values))
|
def make_dict(keys: list, values: list) -> dict:
    result = {}
    for key, value in zip(keys, values):
        result[key] = value
    return result
> make_dict(["a", "b"], $xs)
= assert make_dict(["a", "b"], [1, 2]) == {"a": 1, "b": 2}
%%
? count how often each item occurs in a list
@ from collections import Counter
@ from collections import defaultdict
def count_items(items: list) -> dict:
    counts = {}
    for item in items:
        counts[item] = counts.get(item, 0) + 1
    return counts
|
def count_items(items: list) -> dict:
    counts = defaultdict(int)
    for item in items:
        counts[item] += 1
    return dict(counts)
|
def count_items(items: list) -> dict:
    return dict(Counter(items))
> count_items($xs)
= assert count_items(["a", "b", "a"]) == {"a": 2, "b": 1}
%%
? return the most common item of a list
@ from collections import Counter
def most_common(items: list) -> object:
    return max(set(items), key=items.count)
|
def most_common(items: list) -> object:
    counts = Counter(items)
    return counts.most_common(1)[0][0]
> most_common(["$word", "tea", "$word"])
= assert most_common([1, 2, 2]) == 2
%%
? transpose a matrix
def transpose(matrix: list[list[int]]) -> list[list[int]]:
    return [list(row) for row in zip(*matrix)]
|
def transpose(matrix: list[list[int]]) -> list[list[int]]:
    rows = len(matrix)
    cols = len(matrix[0])
    return [[matrix[i][j] for i in range(rows)] for j in range(cols)]
> transpose([[1, 2], [3, $digit]])
= assert transpose([[1, 2], [3, 4]]) == [[1, 3], [2, 4]]
%%
? return the sum of all cells of a matrix
def sum_matrix(matrix: list[list[int]]) -> int:
    total = 0
    for row in matrix:
        for value in row:
            total += value
    return total
|
def sum_matrix(matrix: list[list[int]]) -> int:
    return sum(sum(row) for row in matrix)
> sum_matrix([[1, 2], [3, $digit]])
= assert sum_matrix([[1, 2], [3, 4]]) == 10
%%
? return the dot product of two vectors
def dot_product(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b))
|
def dot_product(a: list[float], b: list[float]) -> float:
    total = 0
    for x, y in zip(a, b):
        total += x * y
    return total
> dot_product([1, 2, 3], [4, $digit, 6])
= assert dot_product([1, 2], [3, 4]) == 11
%%
? find two numbers that add up to a target
def find_pair(numbers: list[int], target: int) -> tuple[int, int] | None:
    for i in range(len(numbers)):
        for j in range(i + 1, len(numbers)):
            if numbers[i] + numbers[j] == target:
                return numbers[i], numbers[j]
    return None
|
def find_pair(numbers: list[int], target: int) -> tuple[int, int] | None:
    seen = set()
    for number in numbers:
        if target - number in seen:
            return target - number, number
        seen.add(number)
    return None
> find_pair($ints, 1$digit)
= assert find_pair([1, 4, 6], 10) == (4, 6)
= assert find_pair([1, 2], 10) is None
"""
