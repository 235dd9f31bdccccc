"""Patterns of functions that check, rank, change, and summarize a list of entities (words as in `entity`)."""

from __future__ import annotations

PATTERNS = """\
? check whether any $item has a $num above the limit
def any_${num}_above($items: list[$type], limit: $ntype) -> bool:
    return any($i_num > limit for $item in $items)
|
def any_${num}_above($items: list[$type], limit: $ntype) -> bool:
    for $item in $items:
        if $i_num > limit:
            return True
    return False
> any_${num}_above($items, $num_value)
%%
? check whether all $items have a given $cat
def all_have_$cat($items: list[$type], $cat: str) -> bool:
    return all($i_cat == $cat for $item in $items)
|
def all_have_$cat($items: list[$type], $cat: str) -> bool:
    for $item in $items:
        if $i_cat != $cat:
            return False
    return True
> all_have_$cat($items, $cat_value)
%%
? return the top $items by $num
def top_$items($items: list[$type], count: int = 3) -> list[$type]:
    ordered = sorted($items, key=lambda $item: $i_num, reverse=True)
    return ordered[:count]
|
def top_$items($items: list[$type], n: int) -> list[$type]:
    return sorted($items, key=lambda $item: $i_num, reverse=True)[:n]
>> for $item in top_$items($items, 2): ;;     print($i_label)
>> for i, $item in enumerate(top_$items($items, 3), start=1): ;;     print(i, $i_label, $i_num)
%%
? return the total $num for each $cat
? add up the $num by $cat
@ from collections import defaultdict
def ${num}_by_$cat($items: list[$type]) -> dict[str, $ntype]:
    totals = {}
    for $item in $items:
        $cat = $i_cat
        totals[$cat] = totals.get($cat, 0) + $i_num
    return totals
|
def ${num}_by_$cat($items: list[$type]) -> dict[str, $ntype]:
    totals = defaultdict($ntype)
    for $item in $items:
        totals[$i_cat] += $i_num
    return dict(totals)
> ${num}_by_$cat($items)
>> totals = ${num}_by_$cat($items) ;; for $cat, total in totals.items(): ;;     print(f"{$cat}: {total}")
%%
? return the average $num for each $cat
@ from collections import defaultdict
def average_${num}_by_$cat($items: list[$type]) -> dict[str, float]:
    groups = defaultdict(list)
    for $item in $items:
        groups[$i_cat].append($i_num)
    return {$cat: sum(values) / len(values) for $cat, values in groups.items()}
|
def average_${num}_by_$cat($items: list[$type]) -> dict[str, float]:
    totals = {}
    counts = {}
    for $item in $items:
        $cat = $i_cat
        totals[$cat] = totals.get($cat, 0) + $i_num
        counts[$cat] = counts.get($cat, 0) + 1
    return {$cat: totals[$cat] / counts[$cat] for $cat in totals}
> average_${num}_by_$cat($items)
%%
? return the different $cats of the $items
? list the unique $cats in alphabetical order
def unique_$cats($items: list[$type]) -> list[str]:
    return sorted({$i_cat for $item in $items})
|
def unique_$cats($items: list[$type]) -> list[str]:
    $cats = set()
    for $item in $items:
        $cats.add($i_cat)
    return sorted($cats)
|
def unique_$cats($items: list[$type]) -> list[str]:
    $cats = []
    for $item in $items:
        if $i_cat not in $cats:
            $cats.append($i_cat)
    return $cats
> unique_$cats($items)
%%
? increase the $num of every $item by a percentage
def increase_$num($items: list[$type], percent: float) -> None:
    for $item in $items:
        $i_num *= 1 + percent / 100
|
def increase_$num($items: list[$type], percent: float) -> None:
    for $item in $items:
        $i_num += $i_num * percent / 100
>> increase_$num($items, 1$digit) ;; print($first_num)
%%
? update the $cat of a $item
def update_$cat($item: $type, $cat: str) -> None:
    $i_cat = $cat
>> update_$cat($items[0], $cat_value) ;; print($first_cat)
%%
? split the $items into two lists by $num
def split_by_$num($items: list[$type], limit: $ntype) -> tuple[list, list]:
    low = []
    high = []
    for $item in $items:
        if $i_num < limit:
            low.append($item)
        else:
            high.append($item)
    return low, high
>> low, high = split_by_$num($items, $num_value) ;; print(len(low), len(high))
%%
? return the $items with a $num above the average
def above_average($items: list[$type]) -> list[$type]:
    average = sum($i_num for $item in $items) / len($items)
    return [$item for $item in $items if $i_num > average]
>> for $item in above_average($items): ;;     print($i_label)
> len(above_average($items))
%%
? remove a $item by $label
def remove_$item($items: list[$type], $label: str) -> list[$type]:
    return [$item for $item in $items if $i_label != $label]
|
def remove_$item($items: list[$type], $label: str) -> bool:
    for $item in $items:
        if $i_label == $label:
            $items.remove($item)
            return True
    return False
>> remove_$item($items, "unknown") ;; print(len($items))
%%
? check that a $item is valid
? validate a $item and raise an error if it is not valid
def validate_$item($item: $type) -> None:
    if not $i_label:
        raise ValueError("$label is required")
    if $i_num < 0:
        raise ValueError("$num must not be negative")
|
def validate_$item($item: $type) -> bool:
    if not $i_label:
        return False
    if $i_num < 0:
        return False
    return True
>> for $item in $items: ;;     validate_$item($item)
%%
? index the $items by $label
def index_by_$label($items: list[$type]) -> dict[str, $type]:
    return {$i_label: $item for $item in $items}
|
def index_by_$label($items: list[$type]) -> dict[str, $type]:
    index = {}
    for $item in $items:
        index[$i_label] = $item
    return index
>> index = index_by_$label($items) ;; print(index[$label_value])
>> index = index_by_$label($items) ;; print(len(index))
%%
? return the $items as lines of comma-separated values
def to_csv($items: list[$type]) -> str:
    lines = ["$label,$num"]
    for $item in $items:
        lines.append(f"{$f_label},{$f_num}")
    return "\\n".join(lines)
> to_csv($items)
%%
? return the longest $label of the $items
def longest_$label($items: list[$type]) -> str:
    return max(($i_label for $item in $items), key=len)
|
def longest_$label($items: list[$type]) -> str:
    longest = ""
    for $item in $items:
        if len($i_label) > len(longest):
            longest = $i_label
    return longest
> longest_$label($items)
%%
? rate the $num of a $item as low, medium or high
def rate_$num($item: $type) -> str:
    if $i_num < $num_value:
        return "low"
    elif $i_num < 2 * $num_value:
        return "medium"
    else:
        return "high"
>> for $item in $items: ;;     print($i_label, rate_$num($item))
%%
? print a summary of the $items
def print_summary($items: list[$type]) -> None:
    total = sum($i_num for $item in $items)
    print(f"Number of $items: {len($items)}")
    print(f"Total $num_words: {total}")
    print(f"Average $num_words: {total / len($items):.2f}")
>> print_summary($items)
"""
