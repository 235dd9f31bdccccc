"""Patterns of functions over a list of entities, whose attributes are read through `$i_...` (e.g. `order.price`).

`$i_` reads from `$item`, `$b_` from `best`, and `$f_` is the form that fits into a double-quoted f-string.
"""

from __future__ import annotations

PATTERNS = """\
? return the total $num of the $items
? calculate the total $num of all $items
? add up the $num of the $items
def ${calc}total_$num($items: list[$type]) -> $ntype:
    total = 0
    for $item in $items:
        total += $i_num
    return total
|
def ${calc}total_$num($items: list[$type]) -> $ntype:
    return sum($i_num for $item in $items)
> ${calc}total_$num($items)
%%
? return the average $num of the $items
? calculate the average $num
def ${calc}average_$num($items: list[$type]) -> float:
    if not $items:
        return 0
    return sum($i_num for $item in $items) / len($items)
|
def ${calc}average_$num($items: list[$type]) -> float:
    total = sum($i_num for $item in $items)
    return total / len($items)
|
def ${calc}average_$num($items: list[$type]) -> float:
    total = 0
    for $item in $items:
        total += $i_num
    return total / len($items)
> ${calc}average_$num($items)
%%
? return the highest $num of the $items
def max_$num($items: list[$type]) -> $ntype:
    return max($i_num for $item in $items)
|
def max_$num($items: list[$type]) -> $ntype:
    highest = 0
    for $item in $items:
        if $i_num > highest:
            highest = $i_num
    return highest
> max_$num($items)
%%
? return the lowest $num of the $items
def min_$num($items: list[$type]) -> $ntype:
    return min($i_num for $item in $items)
> min_$num($items)
%%
? find the $most $item
? return the $item with the highest $num
def ${get}${most}_$item($items: list[$type]) -> $type:
    return max($items, key=lambda $item: $i_num)
|
def ${get}${most}_$item($items: list[$type]) -> $type:
    best = $items[0]
    for $item in $items:
        if $i_num > $b_num:
            best = $item
    return best
|
def ${get}${most}_$item($items: list[$type]) -> $type | None:
    best = None
    for $item in $items:
        if best is None or $i_num > $b_num:
            best = $item
    return best
>> best = ${get}${most}_$item($items) ;; print($b_label)
>> best = ${get}${most}_$item($items) ;; print($b_label, $b_num)
%%
? find the $least $item
? return the $item with the lowest $num
def ${get}${least}_$item($items: list[$type]) -> $type:
    return min($items, key=lambda $item: $i_num)
|
def ${get}${least}_$item($items: list[$type]) -> $type:
    ordered = sorted($items, key=lambda $item: $i_num)
    return ordered[0]
>> $item = ${get}${least}_$item($items) ;; print($i_label)
%%
? count the $items by $cat
? return the number of $items for each $cat
@ from collections import Counter
@ from collections import defaultdict
def count_by_$cat($items: list[$type]) -> dict[str, int]:
    counts = {}
    for $item in $items:
        $cat = $i_cat
        counts[$cat] = counts.get($cat, 0) + 1
    return counts
|
def count_by_$cat($items: list[$type]) -> dict[str, int]:
    counts = defaultdict(int)
    for $item in $items:
        counts[$i_cat] += 1
    return counts
|
def count_by_$cat($items: list[$type]) -> dict[str, int]:
    return Counter($i_cat for $item in $items)
> count_by_$cat($items)
>> for $cat, count in count_by_$cat($items).items(): ;;     print(f"{$cat}: {count}")
>> counts = count_by_$cat($items) ;; for $cat, count in counts.items(): ;;     print($cat, count)
%%
? group the $items by $cat
? return a dictionary with the $items of each $cat
@ from collections import defaultdict
def group_by_$cat($items: list[$type]) -> dict[str, list[$type]]:
    groups = {}
    for $item in $items:
        groups.setdefault($i_cat, []).append($item)
    return groups
|
def group_by_$cat($items: list[$type]) -> dict[str, list[$type]]:
    groups = defaultdict(list)
    for $item in $items:
        groups[$i_cat].append($item)
    return groups
|
def group_by_$cat($items: list[$type]) -> dict[str, list[$type]]:
    groups = {}
    for $item in $items:
        $cat = $i_cat
        if $cat not in groups:
            groups[$cat] = []
        groups[$cat].append($item)
    return groups
>> for $cat, group in group_by_$cat($items).items(): ;;     print($cat, len(group))
>> groups = group_by_$cat($items) ;; for $cat in sorted(groups): ;;     print(f"{$cat}: {len(groups[$cat])}")
%%
? filter the $items by $cat
? return the $items with a given $cat
def filter_by_$cat($items: list[$type], $cat: str) -> list[$type]:
    return [$item for $item in $items if $i_cat == $cat]
|
def filter_by_$cat($items: list[$type], $cat: str) -> list[$type]:
    result = []
    for $item in $items:
        if $i_cat == $cat:
            result.append($item)
    return result
> len(filter_by_$cat($items, $cat_value))
>> for $item in filter_by_$cat($items, $cat_value): ;;     print($i_label)
>> filtered = filter_by_$cat($items, $cat_value) ;; print(len(filtered))
%%
? return the $items with at least a given $num
def filter_by_min_$num($items: list[$type], min_$num: $ntype) -> list[$type]:
    return [$item for $item in $items if $i_num >= min_$num]
|
def filter_by_min_$num($items: list[$type], min_$num: $ntype = $num_value) -> list[$type]:
    result = []
    for $item in $items:
        if $i_num >= min_$num:
            result.append($item)
    return result
> len(filter_by_min_$num($items, $num_value))
>> for $item in filter_by_min_$num($items, $num_value): ;;     print($i_label)
%%
? find a $item by $label
? return the $item with the given $label
def find_$item($items: list[$type], $label: str) -> $type | None:
    for $item in $items:
        if $i_label == $label:
            return $item
    return None
|
def find_$item($items: list[$type], $label: str) -> $type | None:
    return next(($item for $item in $items if $i_label == $label), None)
|
def find_$item($items: list[$type], $label: str) -> $type:
    for $item in $items:
        if $i_label == $label:
            return $item
    raise ValueError(f"$Item {$label} not found")
>> $item = find_$item($items, $label_value) ;; print($i_num)
>> $item = find_$item($items, $label_value) ;; if $item is not None: ;;     print($i_num)
>> $item = find_$item($items, $label_value) ;; print(f"{$f_label}: {$f_num}")
%%
? sort the $items by $num
? return the $items sorted by $num
def sort_by_$num($items: list[$type]) -> list[$type]:
    return sorted($items, key=lambda $item: $i_num)
|
def sort_by_$num($items: list[$type], reverse: bool = False) -> list[$type]:
    return sorted($items, key=lambda $item: $i_num, reverse=reverse)
>> for $item in sort_by_$num($items): ;;     print($i_label, $i_num)
>> for $item in sort_by_$num($items): ;;     print(f"{$f_label}: {$f_num}")
%%
? return the $labels of the $items
? list the $labels of all $items
def get_$labels($items: list[$type]) -> list[str]:
    return [$i_label for $item in $items]
|
def get_$labels($items: list[$type]) -> list[str]:
    $labels = []
    for $item in $items:
        $labels.append($i_label)
    return $labels
> get_$labels($items)
> ", ".join(get_$labels($items))
%%
? map each $label to its $num
? return a dictionary from $label to $num
def ${num}_by_$label($items: list[$type]) -> dict[str, $ntype]:
    return {$i_label: $i_num for $item in $items}
|
def ${num}_by_$label($items: list[$type]) -> dict[str, $ntype]:
    result = {}
    for $item in $items:
        result[$i_label] = $i_num
    return result
> ${num}_by_$label($items)
>> for $label, $num in ${num}_by_$label($items).items(): ;;     print(f"{$label}: {$num}")
%%
? count the $items with a given $cat
def count_$cat($items: list[$type], $cat: str) -> int:
    count = 0
    for $item in $items:
        if $i_cat == $cat:
            count += 1
    return count
|
def count_$cat($items: list[$type], $cat: str) -> int:
    return sum(1 for $item in $items if $i_cat == $cat)
> count_$cat($items, $cat_value)
%%
? format a $item as text
? return a line that describes a $item
def ${shape}_$item($item: $type) -> str:
    return f"{$f_label}: {$f_num}"
|
def ${shape}_$item($item: $type) -> str:
    return f"{$f_label} ({$f_cat})"
|
def ${shape}_$item($item: $type) -> str:
    return f"{$f_label} has $num_words {$f_num}"
> ${shape}_$item($items[0])
>> for $item in $items: ;;     print(${shape}_$item($item))
%%
? print the $items
? print each $item with its $num
def print_$items($items: list[$type]) -> None:
    for $item in $items:
        print(f"{$f_label}: {$f_num}")
|
def print_$items($items: list[$type]) -> None:
    for i, $item in enumerate($items, start=1):
        print(f"{i}. {$f_label} ({$f_num})")
|
def print_$items($items: list[$type]) -> None:
    for $item in $items:
        print($i_label, $i_num)
>> print_$items($items)
"""
