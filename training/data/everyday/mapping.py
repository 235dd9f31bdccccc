"""Patterns of functions over a dictionary `$table` that maps a label to a number."""

from __future__ import annotations

PATTERNS = """\
? return the total $num
def ${sum_}$table($table: dict[str, $ntype]) -> $ntype:
    return sum($table.values())
|
def ${sum_}$table($table: dict[str, $ntype]) -> $ntype:
    total = 0
    for $num in $table.values():
        total += $num
    return total
|
def ${sum_}$table($table: dict[str, $ntype]) -> $ntype:
    total = 0
    for $label in $table:
        total += $table[$label]
    return total
> ${sum_}$table($table)
%%
? find the $item with the highest $num
def ${get}$most($table: dict[str, $ntype]) -> str:
    return max($table, key=$table.get)
|
def ${get}$most($table: dict[str, $ntype]) -> str:
    return max($table, key=lambda $label: $table[$label])
|
def ${get}$most($table: dict[str, $ntype]) -> str:
    best = None
    for $label, $num in $table.items():
        if best is None or $num > $table[best]:
            best = $label
    return best
> ${get}$most($table)
%%
? print the $num of each $item
def print_$table($table: dict[str, $ntype]) -> None:
    for $label, $num in $table.items():
        print(f"{$label}: {$num}")
|
def print_$table($table: dict[str, $ntype]) -> None:
    for $label in sorted($table):
        print($label, $table[$label])
>> print_$table($table)
%%
? return the entries with a $num above the limit
def filter_above($table: dict[str, $ntype], limit: $ntype) -> dict[str, $ntype]:
    return {$label: $num for $label, $num in $table.items() if $num > limit}
|
def filter_above($table: dict[str, $ntype], limit: $ntype) -> dict[str, $ntype]:
    result = {}
    for $label, $num in $table.items():
        if $num > limit:
            result[$label] = $num
    return result
> filter_above($table, $num_value)
%%
? sort the entries by $num
def sort_by_$num($table: dict[str, $ntype]) -> list[tuple[str, $ntype]]:
    return sorted($table.items(), key=lambda pair: pair[1], reverse=True)
|
def sort_by_$num($table: dict[str, $ntype]) -> list[tuple[str, $ntype]]:
    return sorted($table.items(), key=lambda item: item[1])
>> for $label, $num in sort_by_$num($table): ;;     print($label, $num)
%%
? look up the $num of a $item
def get_$num($table: dict[str, $ntype], $label: str) -> $ntype | None:
    return $table.get($label)
|
def get_$num($table: dict[str, $ntype], $label: str) -> $ntype:
    if $label not in $table:
        raise KeyError($label)
    return $table[$label]
|
def get_$num($table: dict[str, $ntype], $label: str, default: $ntype = 0) -> $ntype:
    try:
        return $table[$label]
    except KeyError:
        return default
> get_$num($table, $label_value)
%%
? return the average $num
def average_$num($table: dict[str, $ntype]) -> float:
    return sum($table.values()) / len($table)
|
def average_$num($table: dict[str, $ntype]) -> float:
    total = 0
    for $num in $table.values():
        total += $num
    return total / len($table)
> average_$num($table)
%%
? set the $num of a $item
def update_$num($table: dict[str, $ntype], $label: str, $num: $ntype) -> None:
    $table[$label] = $num
|
def update_$num($table: dict[str, $ntype], $label: str, $num: $ntype) -> None:
    if $num < 0:
        raise ValueError("$num must not be negative")
    $table[$label] = $num
>> update_$num($table, $label_value, $num_value) ;; print($table)
"""
