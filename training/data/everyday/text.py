"""Patterns of functions over text: counting, searching, and rewriting strings."""

from __future__ import annotations

PATTERNS = """\
? count the vowels in the $s
? return the number of vowels in a string
def count_vowels($s: str) -> int:
    count = 0
    for char in $s:
        if char in "aeiou":
            count += 1
    return count
|
def count_vowels($s: str) -> int:
    return sum(1 for char in $s.lower() if char in "aeiou")
|
def count_vowels($s: str) -> int:
    vowels = "aeiouAEIOU"
    return sum(char in vowels for char in $s)
> count_vowels($s)
= assert count_vowels("hello") == 2
= assert count_vowels("xyz") == 0
%%
? reverse a string
? return the $s reversed
def reverse_string($s: str) -> str:
    return $s[::-1]
|
def reverse_string($s: str) -> str:
    result = ""
    for char in $s:
        result = char + result
    return result
|
def reverse_string($s: str) -> str:
    return "".join(reversed($s))
> reverse_string($s)
= assert reverse_string("abc") == "cba"
= assert reverse_string("") == ""
%%
? check whether the $s is a palindrome
def is_palindrome($s: str) -> bool:
    return $s == $s[::-1]
|
def is_palindrome($s: str) -> bool:
    cleaned = $s.lower().replace(" ", "")
    return cleaned == cleaned[::-1]
|
def is_palindrome($s: str) -> bool:
    left = 0
    right = len($s) - 1
    while left < right:
        if $s[left] != $s[right]:
            return False
        left += 1
        right -= 1
    return True
> is_palindrome("$word")
> is_palindrome($s)
= assert is_palindrome("level")
= assert not is_palindrome("hello")
%%
? count the words in the $s
? return the number of words in a string
def count_words($s: str) -> int:
    return len($s.split())
|
def count_words($s: str) -> int:
    words = $s.split()
    return len(words)
> count_words($s)
= assert count_words("one two three") == 3
= assert count_words("") == 0
%%
? count how often each word occurs in the $s
? return a dictionary with the count of each word
@ from collections import Counter
@ from collections import defaultdict
def word_counts($s: str) -> dict[str, int]:
    counts = {}
    for word in $s.lower().split():
        counts[word] = counts.get(word, 0) + 1
    return counts
|
def word_counts($s: str) -> dict[str, int]:
    counts = {}
    for word in $s.split():
        if word in counts:
            counts[word] += 1
        else:
            counts[word] = 1
    return counts
|
def word_counts($s: str) -> dict[str, int]:
    return Counter($s.lower().split())
|
def word_counts($s: str) -> dict[str, int]:
    counts = defaultdict(int)
    for word in $s.split():
        counts[word] += 1
    return counts
> word_counts($s)
>> for word, count in word_counts($s).items(): ;;     print(f"{word}: {count}")
>> counts = word_counts($s) ;; for word in sorted(counts): ;;     print(word, counts[word])
= assert word_counts("a b a") == {"a": 2, "b": 1}
%%
? count how often each character occurs in the $s
@ from collections import Counter
def count_letters($s: str) -> dict[str, int]:
    counts = {}
    for char in $s:
        counts[char] = counts.get(char, 0) + 1
    return counts
|
def count_letters($s: str) -> dict[str, int]:
    return Counter(char for char in $s.lower() if char.isalpha())
|
def count_letters($s: str) -> dict[str, int]:
    counts = {}
    for char in $s:
        if char not in counts:
            counts[char] = 0
        counts[char] += 1
    return counts
> count_letters($s)
= assert count_letters("aab") == {"a": 2, "b": 1}
%%
? find the longest word in the $s
def ${get}longest_word($s: str) -> str:
    return max($s.split(), key=len)
|
def ${get}longest_word($s: str) -> str:
    longest = ""
    for word in $s.split():
        if len(word) > len(longest):
            longest = word
    return longest
|
def ${get}longest_word($s: str) -> str:
    words = $s.split()
    return max(words, key=len)
> ${get}longest_word($s)
= assert ${get}longest_word("a long sentence") == "sentence"
%%
? find the shortest word in the $s
def ${get}shortest_word($s: str) -> str:
    return min($s.split(), key=len)
|
def ${get}shortest_word($s: str) -> str:
    words = $s.split()
    shortest = words[0]
    for word in words:
        if len(word) < len(shortest):
            shortest = word
    return shortest
> ${get}shortest_word($s)
= assert ${get}shortest_word("the sun is up today") == "is"
%%
? capitalize every word of the $s
def capitalize_words($s: str) -> str:
    return " ".join(word.capitalize() for word in $s.split())
|
def capitalize_words($s: str) -> str:
    words = []
    for word in $s.split():
        words.append(word.capitalize())
    return " ".join(words)
> capitalize_words($s)
= assert capitalize_words("hello world") == "Hello World"
%%
? count how often a character occurs in the $s
def count_char($s: str, char: str) -> int:
    count = 0
    for c in $s:
        if c == char:
            count += 1
    return count
|
def count_char($s: str, char: str) -> int:
    return $s.count(char)
> count_char($s, "$letter")
= assert count_char("banana", "a") == 3
%%
? remove the vowels from the $s
def remove_vowels($s: str) -> str:
    return "".join(char for char in $s if char.lower() not in "aeiou")
|
def remove_vowels($s: str) -> str:
    result = ""
    for char in $s:
        if char not in "aeiouAEIOU":
            result += char
    return result
> remove_vowels($s)
= assert remove_vowels("hello") == "hll"
%%
? remove the punctuation from the $s
@ from string import punctuation
def remove_punctuation($s: str) -> str:
    for char in ".,!?;:":
        $s = $s.replace(char, "")
    return $s
|
def remove_punctuation($s: str) -> str:
    return "".join(char for char in $s if char not in punctuation)
> remove_punctuation($s)
= assert remove_punctuation("Hi, there!") == "Hi there"
%%
? return the length of each word in the $s
def word_lengths($s: str) -> list[int]:
    return [len(word) for word in $s.split()]
|
def word_lengths($s: str) -> list[int]:
    lengths = []
    for word in $s.split():
        lengths.append(len(word))
    return lengths
> word_lengths($s)
= assert word_lengths("a bc def") == [1, 2, 3]
%%
? return the initials of a name
def ${get}initials(name: str) -> str:
    return "".join(part[0].upper() for part in name.split())
|
def ${get}initials(name: str) -> str:
    parts = name.split()
    return "".join(part[0] for part in parts).upper()
|
def ${get}initials(name: str) -> str:
    initials = ""
    for part in name.split():
        initials += part[0].upper()
    return initials
> ${get}initials("$person Smith")
= assert ${get}initials("ada lovelace") == "AL"
%%
? turn a title into a slug
def slugify(title: str) -> str:
    return title.strip().lower().replace(" ", "-")
|
def slugify(title: str) -> str:
    words = title.lower().split()
    return "-".join(words)
> slugify($s)
= assert slugify("Hello World") == "hello-world"
%%
? shorten the $s to a maximum length
def truncate($s: str, max_length: int = 20) -> str:
    if len($s) <= max_length:
        return $s
    return $s[:max_length - 3] + "..."
|
def truncate($s: str, length: int) -> str:
    if len($s) <= length:
        return $s
    return $s[:length] + "..."
> truncate($s, 1$digit)
= assert truncate("short", 10) == "short"
%%
? check whether two words are anagrams
@ from collections import Counter
def is_anagram(first: str, second: str) -> bool:
    return sorted(first) == sorted(second)
|
def is_anagram(a: str, b: str) -> bool:
    return sorted(a.lower()) == sorted(b.lower())
|
def is_anagram(first: str, second: str) -> bool:
    return Counter(first) == Counter(second)
> is_anagram("$word", "listen")
= assert is_anagram("listen", "silent")
= assert not is_anagram("cat", "dog")
%%
? remove extra spaces from the $s
def normalize_spaces($s: str) -> str:
    return " ".join($s.split())
|
def normalize_spaces($s: str) -> str:
    words = [word.strip() for word in $s.split(" ")]
    return " ".join(word for word in words if word)
> normalize_spaces($s)
= assert normalize_spaces("  a   b ") == "a b"
"""
