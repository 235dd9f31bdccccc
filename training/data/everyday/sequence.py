"""Patterns of functions over a list of plain numbers ($xs, with one $x)."""

from __future__ import annotations

PATTERNS = """\
? return the sum of the $xs
? add up the $xs
def ${sum_}$xs($xs: list[float]) -> float:
    total = 0
    for $x in $xs:
        total += $x
    return total
|
def ${sum_}$xs($xs: list[float]) -> float:
    return sum($xs)
> ${sum_}$xs($xs)
= assert ${sum_}$xs([1, 2, 3]) == 6
= assert ${sum_}$xs([]) == 0
%%
? return the average of the $xs
? calculate the mean of the $xs
def ${calc}average($xs: list[float]) -> float:
    return sum($xs) / len($xs)
|
def ${calc}average($xs: list[float]) -> float:
    if not $xs:
        return 0
    return sum($xs) / len($xs)
|
def ${calc}average($xs: list[float]) -> float:
    total = 0
    for $x in $xs:
        total += $x
    return total / len($xs)
|
def ${calc}average($xs: list[float]) -> float:
    if len($xs) == 0:
        raise ValueError("$xs must not be empty")
    return sum($xs) / len($xs)
> ${calc}average($xs)
= assert ${calc}average([2, 4, 6]) == 4
%%
? return the median of the $xs
def ${calc}median($xs: list[float]) -> float:
    ordered = sorted($xs)
    middle = len(ordered) // 2
    if len(ordered) % 2 == 0:
        return (ordered[middle - 1] + ordered[middle]) / 2
    return ordered[middle]
> ${calc}median($xs)
= assert ${calc}median([3, 1, 2]) == 2
= assert ${calc}median([1, 2, 3, 4]) == 2.5
%%
? return the largest of the $xs
? find the maximum of the $xs
def find_max($xs: list[float]) -> float:
    largest = $xs[0]
    for $x in $xs:
        if $x > largest:
            largest = $x
    return largest
|
def find_max($xs: list[float]) -> float:
    return max($xs)
|
def find_max($xs: list[float]) -> float:
    maximum = $xs[0]
    for $x in $xs[1:]:
        if $x > maximum:
            maximum = $x
    return maximum
> find_max($xs)
= assert find_max([3, 9, 4]) == 9
= assert find_max([-5, -2]) == -2
%%
? return the smallest of the $xs
? find the minimum of the $xs
def find_min($xs: list[float]) -> float:
    smallest = $xs[0]
    for $x in $xs:
        if $x < smallest:
            smallest = $x
    return smallest
|
def find_min($xs: list[float]) -> float:
    return min($xs)
> find_min($xs)
= assert find_min([3, 9, 4]) == 3
%%
? return the lowest and the highest of the $xs
def min_and_max($xs: list[float]) -> tuple[float, float]:
    return min($xs), max($xs)
>> low, high = min_and_max($xs) ;; print(f"From {low} to {high}")
>> lowest, highest = min_and_max($xs) ;; print(lowest, highest)
= assert min_and_max([4, 1, 7]) == (1, 7)
%%
? return the even numbers of a list
def ${get}even_numbers(numbers: list[int]) -> list[int]:
    return [number for number in numbers if number % 2 == 0]
|
def ${get}even_numbers(numbers: list[int]) -> list[int]:
    result = []
    for number in numbers:
        if number % 2 == 0:
            result.append(number)
    return result
> ${get}even_numbers($ints)
= assert ${get}even_numbers([1, 2, 3, 4]) == [2, 4]
%%
? count the $xs above a limit
def count_above($xs: list[float], limit: float) -> int:
    count = 0
    for $x in $xs:
        if $x > limit:
            count += 1
    return count
|
def count_above($xs: list[float], limit: float) -> int:
    return sum(1 for $x in $xs if $x > limit)
|
def count_above($xs: list[float], threshold: float) -> int:
    return len([$x for $x in $xs if $x > threshold])
> count_above($xs, $limit)
= assert count_above([1, 5, 9], 4) == 2
%%
? return the $xs below a limit
def filter_below($xs: list[float], limit: float) -> list[float]:
    return [$x for $x in $xs if $x < limit]
|
def filter_below($xs: list[float], limit: float) -> list[float]:
    result = []
    for $x in $xs:
        if $x < limit:
            result.append($x)
    return result
> filter_below($xs, $limit)
= assert filter_below([1, 5, 9], 6) == [1, 5]
%%
? return the squares of the $xs
def square_all($xs: list[float]) -> list[float]:
    return [$x ** 2 for $x in $xs]
|
def square_all($xs: list[float]) -> list[float]:
    squares = []
    for $x in $xs:
        squares.append($x ** 2)
    return squares
> square_all($xs)
= assert square_all([1, 2, 3]) == [1, 4, 9]
%%
? multiply the $xs by a factor
def scale($xs: list[float], factor: float) -> list[float]:
    return [$x * factor for $x in $xs]
|
def scale($xs: list[float], factor: float = 2) -> list[float]:
    result = []
    for $x in $xs:
        result.append($x * factor)
    return result
> scale($xs, $digit)
= assert scale([1, 2], 3) == [3, 6]
%%
? return the product of the $xs
def product($xs: list[float]) -> float:
    result = 1
    for $x in $xs:
        result *= $x
    return result
> product($xs)
= assert product([2, 3, 4]) == 24
%%
? return the running total of the $xs
def running_total($xs: list[float]) -> list[float]:
    total = 0
    result = []
    for $x in $xs:
        total += $x
        result.append(total)
    return result
> running_total($xs)
= assert running_total([1, 2, 3]) == [1, 3, 6]
%%
? return the differences between neighboring $xs
def differences($xs: list[float]) -> list[float]:
    return [b - a for a, b in zip($xs, $xs[1:])]
|
def differences($xs: list[float]) -> list[float]:
    result = []
    for i in range(1, len($xs)):
        result.append($xs[i] - $xs[i - 1])
    return result
> differences($xs)
= assert differences([1, 4, 9]) == [3, 5]
%%
? return the moving average of the $xs
def moving_average($xs: list[float], window: int) -> list[float]:
    averages = []
    for i in range(len($xs) - window + 1):
        chunk = $xs[i:i + window]
        averages.append(sum(chunk) / window)
    return averages
|
def moving_average($xs: list[float], size: int = 3) -> list[float]:
    return [sum($xs[i:i + size]) / size for i in range(len($xs) - size + 1)]
> moving_average($xs, 2)
= assert moving_average([1, 3, 5], 2) == [2, 4]
%%
? check whether the $xs are sorted
def is_sorted($xs: list[float]) -> bool:
    for i in range(len($xs) - 1):
        if $xs[i] > $xs[i + 1]:
            return False
    return True
|
def is_sorted($xs: list[float]) -> bool:
    return all(a <= b for a, b in zip($xs, $xs[1:]))
|
def is_sorted($xs: list[float]) -> bool:
    return $xs == sorted($xs)
> is_sorted($xs)
= assert is_sorted([1, 2, 2])
= assert not is_sorted([3, 1])
%%
? return the second largest of the $xs
def second_largest($xs: list[float]) -> float:
    return sorted($xs)[-2]
|
def second_largest($xs: list[float]) -> float:
    unique = sorted(set($xs), reverse=True)
    return unique[1]
> second_largest($xs)
= assert second_largest([4, 8, 6]) == 6
%%
? scale the $xs to the range from 0 to 1
def normalize($xs: list[float]) -> list[float]:
    low = min($xs)
    high = max($xs)
    return [($x - low) / (high - low) for $x in $xs]
> normalize($xs)
= assert normalize([0, 5, 10]) == [0, 0.5, 1]
%%
? return the variance of the $xs
def variance($xs: list[float]) -> float:
    mean = sum($xs) / len($xs)
    return sum(($x - mean) ** 2 for $x in $xs) / len($xs)
> variance($xs)
= assert variance([1, 3]) == 1
%%
? print the $xs with their position
def print_$xs($xs: list[float]) -> None:
    for i, $x in enumerate($xs, start=1):
        print(f"{i}. {$x}")
|
def print_$xs($xs: list[float]) -> None:
    for i, $x in enumerate($xs):
        print(i, $x)
|
def print_$xs($xs: list[float]) -> None:
    for $x in $xs:
        print($x)
>> print_$xs($xs)
"""
