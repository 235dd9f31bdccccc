"""Patterns of the members of classes, in the format of `pattern`; `$obj` is the variable that holds an instance."""

from __future__ import annotations

# Members of a class of entities with the fields $label, $num and $cat.
ENTITY = """\
? return a readable text
def __str__(self) -> str:
    return f"{self.$label} ({self.$num})"
|
def __str__(self) -> str:
    return f"{self.$label}: {self.$num}"
>> print($obj)
%%
? return a text for debugging
def __repr__(self) -> str:
    return f"$Item($label={self.$label!r}, $num={self.$num!r})"
>> print(repr($obj))
%%
? describe the $item
def describe(self) -> str:
    return f"{self.$label} has $num_words {self.$num}"
|
def describe(self) -> None:
    print(f"$Label: {self.$label}")
    print(f"$Num: {self.$num}")
>> print($obj.describe())
%%
? show the $item
def show(self) -> None:
    print(f"{self.$label} - {self.$num} - {self.$cat}")
|
def show(self) -> None:
    print(self.$label, self.$num, self.$cat)
>> $obj.show()
%%
? return the $item as a dictionary
def to_dict(self) -> dict:
    return {"$label": self.$label, "$num": self.$num, "$cat": self.$cat}
|
def to_dict(self) -> dict:
    return {
        "$label": self.$label,
        "$num": self.$num,
        "$cat": self.$cat,
    }
>> print($obj.to_dict())
%%
? build a $item from a dictionary
@classmethod
def from_dict(cls, data: dict) -> "$Item":
    return cls(data["$label"], data["$num"], data["$cat"])
>> data = {"$label": $label_value, "$num": $num_value, "$cat": $cat_value} ;; print($Item.from_dict(data).$label)
%%
? update the $num
def update_$num(self, $num: $ntype) -> None:
    if $num < 0:
        raise ValueError("$num must not be negative")
    self.$num = $num
|
def set_$num(self, $num: $ntype) -> None:
    self.$num = $num
%%
? increase the $num
def increase_$num(self, amount: $ntype) -> None:
    self.$num += amount
>> $obj.increase_$num($digit) ;; print($obj.$num)
%%
? change the $cat
def change_$cat(self, $cat: str) -> None:
    self.$cat = $cat
|
def change_$cat(self, new_$cat: str) -> None:
    self.$cat = new_$cat
>> $obj.change_$cat($cat_value) ;; print($obj.$cat)
%%
? check whether the $item has a given $cat
def has_$cat(self, $cat: str) -> bool:
    return self.$cat == $cat
>> print($obj.has_$cat($cat_value))
%%
? compare two $items by their $num
def __lt__(self, other: "$Item") -> bool:
    return self.$num < other.$num
>> print($obj < $Item($label_value, $num_value, $cat_value))
%%
? check whether two $items are equal
def __eq__(self, other: object) -> bool:
    return self.$label == other.$label and self.$num == other.$num
%%
? check whether the $num is above a limit
def is_above(self, limit: $ntype) -> bool:
    return self.$num > limit
>> if $obj.is_above($num_value): ;;     print("Above the limit")
"""

# Members of a class `$Box` that holds a list of entities in `self.$items`.
COLLECTION = """\
? add a $item
def add(self, $item: $type) -> None:
    self.$items.append($item)
|
def add_$item(self, $item: $type) -> None:
    self.$items.append($item)
%%
? remove a $item
def remove(self, $item: $type) -> None:
    self.$items.remove($item)
|
def remove(self, $label: str) -> None:
    self.$items = [$item for $item in self.$items if $i_label != $label]
%%
? find a $item by $label
def find(self, $label: str) -> $type | None:
    for $item in self.$items:
        if $i_label == $label:
            return $item
    return None
>> $item = $obj.find($label_value) ;; print($item)
>> print($obj.find("unknown"))
%%
? return the total $num
def total_$num(self) -> $ntype:
    return sum($i_num for $item in self.$items)
|
def total_$num(self) -> $ntype:
    total = 0
    for $item in self.$items:
        total += $i_num
    return total
>> print($obj.total_$num())
>> print(f"Total: {$obj.total_$num()}")
%%
? return the average $num
def average_$num(self) -> float:
    if not self.$items:
        return 0
    return sum($i_num for $item in self.$items) / len(self.$items)
>> print($obj.average_$num())
%%
? return the number of $items
def __len__(self) -> int:
    return len(self.$items)
>> print(len($obj))
%%
? iterate over the $items
def __iter__(self):
    return iter(self.$items)
>> for $item in $obj: ;;     print($i_label)
%%
? check whether it is empty
def is_empty(self) -> bool:
    return len(self.$items) == 0
|
def is_empty(self) -> bool:
    return not self.$items
>> print($obj.is_empty())
%%
? return the $items with a given $cat
def with_$cat(self, $cat: str) -> list[$type]:
    return [$item for $item in self.$items if $i_cat == $cat]
|
def with_$cat(self, $cat: str) -> list[$type]:
    result = []
    for $item in self.$items:
        if $i_cat == $cat:
            result.append($item)
    return result
>> print(len($obj.with_$cat($cat_value)))
%%
? return the $most $item
def $most(self) -> $type:
    return max(self.$items, key=lambda $item: $i_num)
>> print($obj.$most())
%%
? return the $labels
def $labels(self) -> list[str]:
    return [$i_label for $item in self.$items]
>> print(", ".join($obj.$labels()))
>> print($obj.$labels())
%%
? print all $items
def print_all(self) -> None:
    for $item in self.$items:
        print(f"{$f_label}: {$f_num}")
>> $obj.print_all()
%%
? count the $items by $cat
def count_by_$cat(self) -> dict[str, int]:
    counts = {}
    for $item in self.$items:
        counts[$i_cat] = counts.get($i_cat, 0) + 1
    return counts
>> print($obj.count_by_$cat())
%%
? remove all $items
def clear(self) -> None:
    self.$items.clear()
|
def clear(self) -> None:
    self.$items = []
"""
