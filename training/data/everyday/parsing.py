"""Patterns of functions that take text apart, check it, or encode it."""

from __future__ import annotations

PATTERNS = """\
? split a full name into first and last name
def split_name(full_name: str) -> tuple[str, str]:
    first, last = full_name.split(" ")
    return first, last
|
def split_name(full_name: str) -> tuple[str, str]:
    parts = full_name.split()
    return parts[0], parts[-1]
>> first, last = split_name("$person Miller") ;; print(first) ;; print(last)
= assert split_name("Ada Lovelace") == ("Ada", "Lovelace")
%%
? parse a line with a key and a value
def parse_line(line: str) -> tuple[str, str]:
    key, value = line.split("=")
    return key.strip(), value.strip()
|
def parse_line(line: str) -> tuple[str, str]:
    key, _, value = line.partition("=")
    return key.strip(), value.strip()
>> key, value = parse_line("$word = $digit") ;; print(key, value)
> parse_line("$word=$digit")
= assert parse_line("name = Ada") == ("name", "Ada")
%%
? parse lines of settings into a dictionary
def parse_settings($s: str) -> dict[str, str]:
    settings = {}
    for line in $s.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        key, value = line.split("=", 1)
        settings[key.strip()] = value.strip()
    return settings
> parse_settings("$word=$digit")
= assert parse_settings("a = 1") == {"a": "1"}
%%
? check whether an email address is valid
def is_valid_email(email: str) -> bool:
    return "@" in email and "." in email
|
def is_valid_email(email: str) -> bool:
    if email.count("@") != 1:
        return False
    name, domain = email.split("@")
    return bool(name) and "." in domain
> is_valid_email("$word@example.com")
= assert is_valid_email("ann@example.com")
= assert not is_valid_email("ann.example")
%%
? check whether a password is strong
def is_strong_password(password: str) -> bool:
    if len(password) < 8:
        return False
    has_digit = any(char.isdigit() for char in password)
    has_upper = any(char.isupper() for char in password)
    return has_digit and has_upper
|
def is_strong_password(password: str) -> bool:
    if len(password) < 8:
        return False
    if not any(char.isdigit() for char in password):
        return False
    if not any(char.isupper() for char in password):
        return False
    return True
> is_strong_password("$word$digit")
= assert is_strong_password("Secret123")
= assert not is_strong_password("abc")
%%
? count the uppercase letters in the $s
def count_uppercase($s: str) -> int:
    return sum(1 for char in $s if char.isupper())
|
def count_uppercase($s: str) -> int:
    count = 0
    for char in $s:
        if char.isupper():
            count += 1
    return count
> count_uppercase($s)
= assert count_uppercase("AbC") == 2
%%
? convert a snake case name to camel case
def to_camel_case(name: str) -> str:
    parts = name.split("_")
    return parts[0] + "".join(part.capitalize() for part in parts[1:])
> to_camel_case("${word}_count")
= assert to_camel_case("first_name") == "firstName"
%%
? convert a camel case name to snake case
def to_snake_case(name: str) -> str:
    result = ""
    for char in name:
        if char.isupper():
            result += "_" + char.lower()
        else:
            result += char
    return result
> to_snake_case("${word}Count")
= assert to_snake_case("firstName") == "first_name"
%%
? extract the numbers from the $s
@ import re
def extract_numbers($s: str) -> list[int]:
    return [int(word) for word in $s.split() if word.isdigit()]
|
def extract_numbers($s: str) -> list[int]:
    numbers = []
    for word in $s.split():
        if word.isdigit():
            numbers.append(int(word))
    return numbers
|
def extract_numbers($s: str) -> list[int]:
    return [int(match) for match in re.findall(r"[0-9]+", $s)]
> extract_numbers("$word $digit and 1$digit")
= assert extract_numbers("3 cats and 12 dogs") == [3, 12]
%%
? encode the $s with a Caesar cipher
def caesar_cipher($s: str, shift: int) -> str:
    result = ""
    for char in $s:
        if char.isalpha():
            base = ord("A") if char.isupper() else ord("a")
            result += chr((ord(char) - base + shift) % 26 + base)
        else:
            result += char
    return result
> caesar_cipher($s, $digit)
= assert caesar_cipher("abc", 1) == "bcd"
= assert caesar_cipher("xyz", 3) == "abc"
%%
? return the unique words of the $s in alphabetical order
def ${get}unique_words($s: str) -> list[str]:
    return sorted(set($s.lower().split()))
|
def ${get}unique_words($s: str) -> list[str]:
    unique = set()
    for word in $s.split():
        unique.add(word)
    return sorted(unique)
> ${get}unique_words($s)
>> for word in ${get}unique_words($s): ;;     print(word)
= assert ${get}unique_words("b a b") == ["a", "b"]
%%
? return the words that start with a letter
def words_starting_with($s: str, letter: str) -> list[str]:
    return [word for word in $s.split() if word.startswith(letter)]
|
def words_starting_with($s: str, letter: str) -> list[str]:
    result = []
    for word in $s.split():
        if word.startswith(letter):
            result.append(word)
    return result
> words_starting_with($s, "$letter")
= assert words_starting_with("ant bee art", "a") == ["ant", "art"]
%%
? replace every word of a dictionary in the $s
def replace_words($s: str, replacements: dict[str, str]) -> str:
    for old, new in replacements.items():
        $s = $s.replace(old, new)
    return $s
> replace_words($s, {"the": "a"})
= assert replace_words("red car", {"red": "blue"}) == "blue car"
%%
? count the lines that are not empty
def count_lines($s: str) -> int:
    return len([line for line in $s.splitlines() if line.strip()])
|
def count_lines($s: str) -> int:
    count = 0
    for line in $s.split("\\n"):
        if line.strip():
            count += 1
    return count
> count_lines($s)
= assert count_lines("a") == 1
%%
? return a greeting for a name
def greet(name: str) -> str:
    return f"Hello, {name}!"
|
def greet(name: str, greeting: str = "Hello") -> str:
    return f"{greeting}, {name}!"
> greet("$person")
>> for name in ["$person", "Alex"]: ;;     print(greet(name))
= assert greet("Ann") == "Hello, Ann!"
%%
? compress the $s by counting repeated characters
def compress($s: str) -> str:
    result = ""
    i = 0
    while i < len($s):
        count = 1
        while i + count < len($s) and $s[i] == $s[i + count]:
            count += 1
        result += $s[i] + str(count)
        i += count
    return result
> compress($s)
= assert compress("aaab") == "a3b1"
"""
